#include <algorithm>

#include <descent/base/nearest.h>
#include <descent/optim/optimizer/registry.h>

namespace descent {
namespace {

std::vector<const engine::RuleTable*>& known_rules() {
  static std::vector<const engine::RuleTable*> rules = engine::library_rules();
  return rules;
}

std::vector<const engine::RuleTable*> by_name(bool sparse) {
  std::vector<const engine::RuleTable*> rules = known_rules();
  std::erase_if(rules, [&](const engine::RuleTable* rule) { return rule->sparse_only != sparse; });
  std::sort(rules.begin(), rules.end(), [](const engine::RuleTable* a, const engine::RuleTable* b) {
    return std::string_view(a->about.key) < b->about.key;
  });
  return rules;
}

}  // namespace

bool engine::register_rule(const RuleTable& table) {
  auto& rules = known_rules();
  if (std::find(rules.begin(), rules.end(), &table) == rules.end()) rules.push_back(&table);
  return true;
}

std::vector<const engine::RuleTable*> optimizers() { return by_name(false); }
std::vector<const engine::RuleTable*> sparse_optimizers() { return by_name(true); }

const engine::RuleTable& find_rule(std::string_view name) {
  std::vector<std::string> names;
  const engine::RuleTable* found = nullptr;
  for (const engine::RuleTable* rule : known_rules()) {
    names.emplace_back(rule->about.key);
    if (!same_word(name, rule->about.key)) continue;
    TORCH_CHECK(found == nullptr, "two optimizers are called ", name);
    found = rule;
  }
  TORCH_CHECK(found != nullptr || !same_word(name, "lbfgs"),
              "lbfgs is no optimizer of one gradient a step, must be made as descent::LBFGS: it "
              "calls the closure as often as its search needs");
  TORCH_CHECK(found != nullptr, "no optimizer is called ", name, did_you_mean(name, names));
  return *found;
}

MadeOptimizer make_optimizer(const engine::RuleTable& rule,
                             const std::vector<torch::optim::OptimizerParamGroup>& groups,
                             const torch::optim::OptimizerOptions& defaults) {
  return engine::holders_of(rule).make_optimizer(rule, groups, defaults);
}

MadeOptimizer make_optimizer(std::string_view name, std::vector<at::Tensor> params,
                             const OptionValues& options) {
  const engine::RuleTable& rule = find_rule(name);
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(std::move(params));
  return make_optimizer(rule, groups, *make_group_options(rule, options));
}

}  // namespace descent

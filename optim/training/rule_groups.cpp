#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/instancenorm.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/rnn.h>

#include <descent/optim/optimizer/optimizer.h>
#include <descent/optim/training/rule_groups.h>

namespace descent {
namespace {

/// A parameter at one of the places where a module holds it.
struct Place {
  const torch::nn::Module* owner;
  std::string name;  ///< from the top: "layers.0.weight"
  std::string last;  ///< in its owner: "weight"
  at::Tensor parameter;
};

void add_places(const torch::nn::Module& module, const std::string& prefix,
                std::vector<Place>& places) {
  for (const auto& item : module.named_parameters(/*recurse=*/false))
    if (item.value().requires_grad())
      places.push_back({&module, prefix + item.key(), item.key(), item.value()});
  for (const auto& child : module.named_children())
    add_places(*child.value(), prefix + child.key() + ".", places);
}

template <class... Modules>
bool is_one_of(const torch::nn::Module* module) {
  return ((dynamic_cast<const Modules*>(module) != nullptr) || ...);
}

bool is_norm(const torch::nn::Module* module) {
  using namespace torch::nn;
  return is_one_of<BatchNorm1dImpl, BatchNorm2dImpl, BatchNorm3dImpl, InstanceNorm1dImpl,
                   InstanceNorm2dImpl, InstanceNorm3dImpl, LayerNormImpl, GroupNormImpl>(module);
}

template <class Words>
bool contains_any(std::string_view text, const Words& words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return text.find(word) != std::string_view::npos;
  });
}

using Words = std::initializer_list<std::string_view>;

NamedGroup mini_group(const Place& place, int64_t heads, int64_t kv_heads) {
  const auto of_heads = [](const char* name, int64_t count) {
    return NamedGroup{name, {}, {}, {{"block", "heads"}, {"heads", count}}};
  };
  if (contains_any(place.last, Words{"bias"}))
    return {"biases", {}, {}, {{"block", "element"}, {"weight_decay", 0.0}}};
  if (is_norm(place.owner) || contains_any(place.name, Words{"norm", "ln"}))
    return {"norms", {}, {}, {{"block", "tensor"}, {"weight_decay", 0.0}}};
  if (contains_any(place.name, Words{"q_proj", "wq", "query"})) return of_heads("queries", heads);
  if (contains_any(place.name, Words{"k_proj", "wk", "key"})) return of_heads("keys", kv_heads);
  if (is_one_of<torch::nn::EmbeddingImpl, torch::nn::LinearImpl>(place.owner))
    return {"rows", {}, {}, {{"block", "row"}}};
  return {"tensors", {}, {}, {{"block", "tensor"}}};
}

/// Puts a parameter into the group of that name, which is made like `group` if it is new.
void put(std::vector<NamedGroup>& groups, const NamedGroup& group, const Place& place) {
  auto found = std::find_if(groups.begin(), groups.end(),
                            [&](const NamedGroup& g) { return g.name == group.name; });
  if (found == groups.end()) found = groups.insert(groups.end(), group);
  found->param_names.push_back(place.name);
  found->params.push_back(place.parameter);
}

void check_heads(const char* name, int64_t heads) {
  TORCH_CHECK(heads >= 1, "adam_mini_groups: ", name, " = ", heads, ", must be >= 1");
}

}  // namespace

std::vector<NamedGroup> adam_mini_groups(const torch::nn::Module& module, int64_t heads,
                                         std::optional<int64_t> kv_heads) {
  check_heads("heads", heads);
  check_heads("kv_heads", kv_heads.value_or(heads));
  std::vector<Place> places;
  add_places(module, "", places);
  std::vector<NamedGroup> groups;
  std::unordered_set<const void*> taken;
  for (const Place& place : places)
    if (taken.insert(place.parameter.unsafeGetTensorImpl()).second)
      put(groups, mini_group(place, heads, kv_heads.value_or(heads)), place);
  return groups;
}

std::vector<NamedGroup> muon_groups(const torch::nn::Module& module, const MuonGroups& settings) {
  const std::string problem = fields::problem(settings);
  TORCH_CHECK(problem.empty(), "MuonGroups: ", problem);
  std::vector<Place> places;
  add_places(module, "", places);
  const auto is_matrix = [&](const Place& place) {
    using namespace torch::nn;
    return place.parameter.dim() >= 2 && !contains_any(place.name, settings.heads_named) &&
           is_one_of<LinearImpl, Conv1dImpl, Conv2dImpl, Conv3dImpl, LSTMImpl>(place.owner);
  };
  std::unordered_map<const void*, bool> matrices;
  for (const Place& place : places) {
    const auto [entry, is_new] =
        matrices.emplace(place.parameter.unsafeGetTensorImpl(), is_matrix(place));
    if (!is_new) entry->second = entry->second && is_matrix(place);
  }
  const NamedGroup muon{
      "muon",
      {},
      {},
      {{"lr", settings.lr}, {"weight_decay", settings.weight_decay}, {"flatten_conv", true}}};
  const NamedGroup adamw{"adamw",
                         {},
                         {},
                         {{"lr", settings.adamw_lr},
                          {"weight_decay", settings.adamw_weight_decay},
                          {"algorithm", "adamw"}}};
  std::vector<NamedGroup> groups;
  std::unordered_set<const void*> taken;
  for (const Place& place : places) {
    const void* const parameter = place.parameter.unsafeGetTensorImpl();
    if (taken.insert(parameter).second) put(groups, matrices.at(parameter) ? muon : adamw, place);
  }
  return groups;
}

namespace {

struct Start {
  at::Tensor parameter, value;
};

void add_start(const at::Tensor& p, const std::string& name, const rules::Scion::Options& options,
               std::vector<Start>& starts) {
  const std::string problem = rules::Scion::block_problem(options, {&p, 1, p.numel()});
  TORCH_CHECK(problem.empty(), "scion_init: ", name, " ", problem);
  starts.push_back({p, rules::Scion::start(options, p)});
}

void set(const std::vector<Start>& starts) {
  const at::NoGradGuard no_grad;
  for (const auto& [parameter, value] : starts) parameter.copy_(value);
}

}  // namespace

void scion_init(torch::nn::Module& module, const rules::Scion::Options& options) {
  const std::string problem = fields::problem(options);
  TORCH_CHECK(problem.empty(), "scion_init: ", problem);
  std::vector<Place> places;
  add_places(module, "", places);
  std::unordered_set<const void*> taken;
  std::vector<Start> starts;
  for (const Place& place : places)
    if (taken.insert(place.parameter.unsafeGetTensorImpl()).second)
      add_start(place.parameter, place.name, options, starts);
  set(starts);
}

void scion_init(const Scion& optimizer) {
  std::vector<Start> starts;
  for (size_t g = 0; g < optimizer.param_groups().size(); ++g)
    for (const at::Tensor& p : optimizer.param_groups()[g].params())
      if (p.requires_grad())
        add_start(p, c10::str("a parameter of group ", g),
                  *static_cast<const rules::Scion::Options*>(optimizer.group_options(g).value()),
                  starts);
  set(starts);
}

}  // namespace descent

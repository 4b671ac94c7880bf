#include <algorithm>
#include <cmath>
#include <string_view>
#include <type_traits>
#include <unordered_set>

#include <torch/nn/module.h>

#include <descent/optim/optimizer/libtorch_options.h>
#include <descent/optim/training/groups.h>
#include <descent/optim/wrappers/wrapper.h>

namespace descent {
namespace {

/// Whether the whole text fits the pattern: * any text, ? any character.
bool matches(std::string_view text, std::string_view pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*')
    return matches(text, pattern.substr(1)) || (!text.empty() && matches(text.substr(1), pattern));
  return !text.empty() && (pattern.front() == '?' || pattern.front() == text.front()) &&
         matches(text.substr(1), pattern.substr(1));
}

bool decays(const std::string& name, const at::Tensor& p, const NoDecay& which) {
  return p.dim() > which.max_dim &&
         std::none_of(which.names.begin(), which.names.end(),
                      [&](const std::string& pattern) { return matches(name, pattern); });
}

/// Calls f(name, parameter) for each one that belongs into a group, once.
template <class F>
void for_each_param(const torch::nn::Module& module, const NoDecay& which, F f) {
  std::unordered_set<const void*> taken;
  for (const auto& item : module.named_parameters()) {
    const at::Tensor& p = item.value();
    if ((p.requires_grad() || which.frozen) && taken.insert(p.unsafeGetTensorImpl()).second)
      f(item.key(), p);
  }
}

/// Puts the parameter into the group of that name, which is made with these changes if it is new.
void put(std::vector<NamedGroup>& groups, const std::string& group, const std::string& name,
         const at::Tensor& p, const OptionValues& changes) {
  auto found = std::find_if(groups.begin(), groups.end(),
                            [&](const NamedGroup& g) { return g.name == group; });
  if (found == groups.end()) found = groups.insert(groups.end(), {group, {}, {}, changes});
  found->param_names.push_back(name);
  found->params.push_back(p);
}

const char* decay_name(bool decay) { return decay ? "decay" : "no_decay"; }

void change_libtorchs(torch::optim::OptimizerOptions& options, const std::string& group,
                      const OptionValues& changes) {
  for (const auto& [name, value] : changes) {
    const auto* const number = std::get_if<double>(&value);
    bool done = false;
    if (number != nullptr && name == "lr") {
      options.set_lr(*number);  // all classes have it
      done = true;
    } else if (number != nullptr && name == "weight_decay") {
      engine::for_each_libtorch_option(options, [&]<class T>(std::string_view option, T& place) {
        if constexpr (std::is_same_v<T, double>) {
          if (option != "weight_decay") return;
          place = *number;
          done = true;
        }
      });
    }
    TORCH_CHECK(done, "param_groups: group ", group, " has ", name, " = ", to_text(value),
                ", must be a number lr or weight_decay that ",
                c10::demangle(typeid(options).name()), " has");
  }
}

void check_lr(double lr) {
  TORCH_CHECK(domains::non_negative.holds(lr), "set_lr: lr = ", to_text(lr), ", must be ",
              domains::non_negative.text);
}

void set_requires_grad(const std::vector<at::Tensor>& params, bool on) {
  for (const auto& p : params) {
    p.requires_grad_(on);
    p.mutable_grad() = at::Tensor();
  }
}

}  // namespace

std::vector<NamedGroup> no_decay_groups(const torch::nn::Module& module, double weight_decay,
                                        const NoDecay& which) {
  TORCH_CHECK(domains::non_negative.holds(weight_decay),
              "no_decay_groups: weight_decay = ", to_text(weight_decay), ", must be ",
              domains::non_negative.text);
  std::vector<NamedGroup> groups;
  for_each_param(module, which, [&](const std::string& name, const at::Tensor& p) {
    const bool decay = decays(name, p, which);
    put(groups, decay_name(decay), name, p, {{"weight_decay", decay ? weight_decay : 0.0}});
  });
  return groups;
}

std::vector<NamedGroup> layer_decay_groups(
    const torch::nn::Module& module, const LayerDecay& settings, const NoDecay& which,
    const std::function<int64_t(const std::string& name)>& layer_of) {
  const std::string problem = fields::problem(settings);
  TORCH_CHECK(problem.empty(), "LayerDecay: ", problem);
  std::vector<std::string> children;
  for (const auto& child : module.named_children()) children.push_back(child.key());
  const auto child_of = [&](const std::string& name) -> int64_t {
    for (size_t i = 0; i < children.size(); ++i)
      if (name.starts_with(children[i] + ".")) return static_cast<int64_t>(i);
    return 0;
  };
  std::vector<int64_t> layers;
  for_each_param(module, which, [&](const std::string& name, const at::Tensor&) {
    layers.push_back(layer_of ? layer_of(name) : child_of(name));
    TORCH_CHECK(layers.back() >= 0, "LayerDecay: the layer of ", name, " = ", layers.back(),
                ", must be >= 0");
  });
  int64_t last = layer_of ? 0 : static_cast<int64_t>(children.size()) - 1;
  for (const int64_t layer : layers) last = std::max(last, layer);

  std::vector<NamedGroup> groups;
  auto layer = layers.begin();
  for_each_param(module, which, [&](const std::string& name, const at::Tensor& p) {
    const bool decay = decays(name, p, which);
    const double scale =
        std::max(settings.min_scale, std::pow(settings.decay, static_cast<double>(last - *layer)));
    put(groups, "layer_" + std::to_string(*layer) + "_" + decay_name(decay), name, p,
        {{"lr", settings.lr * scale}, {"weight_decay", decay ? settings.weight_decay : 0.0}});
    ++layer;
  });
  return groups;
}

std::vector<torch::optim::OptimizerParamGroup> param_groups(
    const std::vector<NamedGroup>& groups, const torch::optim::OptimizerOptions& defaults) {
  std::vector<torch::optim::OptimizerParamGroup> list;
  for (const auto& group : groups) {
    auto options = defaults.clone();
    if (auto* ours = dynamic_cast<GroupOptions*>(options.get()))
      ours->set(group.changes);
    else
      change_libtorchs(*options, group.name, group.changes);
    list.emplace_back(group.params, std::move(options));
  }
  return list;
}

void set_lr(torch::optim::Optimizer& optimizer, double lr) {
  check_lr(lr);
  for (auto& group : innermost(optimizer).param_groups()) group.options().set_lr(lr);
}

void set_lr(torch::optim::Optimizer& optimizer, double lr, size_t group) {
  check_lr(lr);
  auto& groups = innermost(optimizer).param_groups();
  TORCH_CHECK(group < groups.size(), "set_lr: group ", group, " does not exist, must be < ",
              groups.size());
  groups[group].options().set_lr(lr);
}

void freeze(const std::vector<at::Tensor>& params) { set_requires_grad(params, false); }
void freeze(torch::nn::Module& module) { freeze(module.parameters()); }
void unfreeze(const std::vector<at::Tensor>& params) { set_requires_grad(params, true); }
void unfreeze(torch::nn::Module& module) { unfreeze(module.parameters()); }

}  // namespace descent

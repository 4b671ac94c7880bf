#pragma once
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/base/fields.h>

namespace torch::nn {
class Module;
}

namespace descent {

/// Some of a module's parameters, and in what their options differ from an optimizer's defaults.
struct NamedGroup {
  std::string name;
  std::vector<std::string> param_names;  ///< as module.named_parameters() calls them
  std::vector<at::Tensor> params;
  OptionValues changes;  ///< {{"weight_decay", 0.0}}
};

struct NoDecay {
  /// Parameters of at most so many dimensions do not decay: biases and the weights of norms. -1:
  /// dimensions do not count.
  int64_t max_dim = 1;
  /// Nor do these, by name; * stands for any text, ? for any character: "*.bias", "pos_embed".
  std::vector<std::string> names{};
  /// Takes parameters with requires_grad off, too, which are otherwise left out.
  bool frozen = false;
};

/// A module's parameters in up to two groups: "no_decay", with weight_decay 0, and "decay". A
/// parameter that the module holds twice is taken once, under its first name. As timm's
/// param_groups_weight_decay.
///
///   const auto groups = descent::no_decay_groups(*net, 0.05, {.names = {"pos_embed"}});
///   auto opt = descent::with_groups<descent::AdamW>(groups, {.lr = 1e-3});
std::vector<NamedGroup> no_decay_groups(const torch::nn::Module& module, double weight_decay,
                                        const NoDecay& which = {});

struct LayerDecay {
  double lr = 1e-3;  ///< of the last layer
  double weight_decay = 0;
  double decay = 0.75;   ///< each layer's rate over that of the one after it
  double min_scale = 0;  ///< the least part of lr that a layer gets
  DESCENT_OPTIONS((lr, non_negative), (weight_decay, non_negative), (decay, closed_unit),
                  (min_scale, closed_unit))
};

/// A module's parameters in groups by layer, and by whether they decay:
///   lr max(min_scale, decay^(last - layer))
/// `layer_of` gives a parameter's layer 0, 1, ... by its name; without it the module's children
/// count, in their order, and the module's own parameters belong to the first. Clark et al. 2020,
/// arXiv:2003.10555; as timm's param_groups_layer_decay.
std::vector<NamedGroup> layer_decay_groups(
    const torch::nn::Module& module, const LayerDecay& settings, const NoDecay& which = {},
    const std::function<int64_t(const std::string& name)>& layer_of = nullptr);

/// LibTorch's groups, each with a copy of `defaults` to which the group's changes are made. They
/// may be options of this library, or "lr" and "weight_decay" of LibTorch's own; c10::Error for
/// others.
std::vector<torch::optim::OptimizerParamGroup> param_groups(
    const std::vector<NamedGroup>& groups, const torch::optim::OptimizerOptions& defaults);

/// An optimizer of these groups, ours or LibTorch's:
///
///   with_groups<torch::optim::SGD>(groups, torch::optim::SGDOptions(0.1).weight_decay(0.05))
///
/// Every group's options are exactly its defaults and changes. (LibTorch's constructors since 2.12
/// take an option that equals its class's default for one that is not set: a weight decay of 0
/// would become 0.05 again.)
template <class Optimizer>
requires requires { typename Optimizer::GroupOptions; }
Optimizer with_groups(const std::vector<NamedGroup>& groups,
                      const typename Optimizer::Options& defaults = {}) {
  return Optimizer(param_groups(groups, typename Optimizer::GroupOptions(defaults)), defaults);
}
template <class Optimizer, class Options>
requires std::is_base_of_v<torch::optim::OptimizerOptions, Options> Optimizer
with_groups(const std::vector<NamedGroup>& groups, const Options& defaults) {
  auto made = param_groups(groups, defaults);
  Optimizer optimizer(made, defaults);
  for (size_t g = 0; g < made.size(); ++g)
    optimizer.param_groups()[g].set_options(
        static_cast<const torch::optim::OptimizerOptions&>(made[g].options()).clone());
  return optimizer;
}

/// Sets the learning rate of all groups, or of one, of any optimizer, through wrappers. Throws
/// c10::Error unless lr is finite and >= 0 and the group exists.
void set_lr(torch::optim::Optimizer& optimizer, double lr);
void set_lr(torch::optim::Optimizer& optimizer, double lr, size_t group);

/// Turns requires_grad off and drops the gradients: optimizers then leave the parameters alone,
/// decay included, and keep their state.
void freeze(const std::vector<at::Tensor>& params);
void freeze(torch::nn::Module& module);
/// Turns requires_grad on, without gradients at first.
void unfreeze(const std::vector<at::Tensor>& params);
void unfreeze(torch::nn::Module& module);

}  // namespace descent

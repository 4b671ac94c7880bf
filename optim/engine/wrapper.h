#pragma once
#include <memory>
#include <type_traits>
#include <utility>

#include <torch/optim/optimizer.h>

#include <descent/optim/engine/optimizer.h>

namespace descent {

/// An optimizer around another one, ours or LibTorch's. It shows the inner optimizer's groups as
/// its own: zero_grad, get_lr and set_lr, and therefore schedulers, reach through to them.
class Wrapper : public torch::optim::Optimizer {
 public:
  torch::optim::Optimizer& inner() { return *inner_; }
  const torch::optim::Optimizer& inner() const { return *inner_; }

  /// Adds the group to the inner optimizer.
  void add_param_group(const torch::optim::OptimizerParamGroup& group);

 protected:
  /// Refers to an optimizer that must outlive the wrapper.
  explicit Wrapper(torch::optim::Optimizer& inner);
  /// Owns it.
  explicit Wrapper(std::unique_ptr<torch::optim::Optimizer> inner);

  /// Shows groups and parameters that the inner optimizer got since; called at the start of every
  /// step.
  void mirror_groups();

 private:
  std::unique_ptr<torch::optim::Optimizer> owned_;
  torch::optim::Optimizer* inner_;
};

/// An optimizer given by value, to be owned.
template <class T>
concept OptimizerValue = std::is_base_of_v<torch::optim::Optimizer, T> && !std::is_abstract_v<T> &&
                         !std::is_reference_v<T>;

}  // namespace descent

#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <descent/optim/wrappers/wrapper.h>
#include <descent/tensors/record.h>

namespace descent {

/// What a wrapper remembers of a parameter: a tensor of its sizes.
struct Companion final : torch::optim::OptimizerCloneableParamState<Companion> {
  at::Tensor tensor;
  /// Keeps the parameter's address from being given to another tensor.
  c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> parameter;

  Companion(at::Tensor values, const at::Tensor& p)
      : tensor(std::move(values)), parameter(p.getIntrusivePtr()) {}
};

/// The companions of a wrapper's parameters, in its state(). `wrapper` and `what`, "slow weights", are
/// for messages.
class Companions {
 public:
  using Slots = std::decay_t<decltype(std::declval<torch::optim::Optimizer>().state())>;
  using Groups = std::vector<torch::optim::OptimizerParamGroup>;

  Companions(const char* wrapper, const char* what, Slots& slots)
      : wrapper_(wrapper), what_(what), slots_(slots) {}

  /// Null where there is none.
  at::Tensor* find(const at::Tensor& p) const;
  /// Begins as a copy of the parameter where there is none.
  at::Tensor& get(const at::Tensor& p);
  void forget(const at::Tensor& p) { slots_.erase(p.unsafeGetTensorImpl()); }

  /// Refuses parameters that no longer have the sizes of their companions.
  void check(const Groups& groups) const;
  /// By the parameters' positions.
  tensors::NamedTensors named(const Groups& groups) const;
  /// Such as named() gave; c10::Error unless all belong to parameters of their sizes.
  std::shared_ptr<Slots> read(const tensors::NamedTensors& named, const Groups& groups) const;
  /// What gives `to` the companion of `from`, through `map`; c10::Error if the sizes do not fit.
  std::function<void()> replacement(const at::Tensor& from, const at::Tensor& to,
                                    const std::function<at::Tensor(const at::Tensor&)>& map) const;

 private:
  const char* wrapper_;
  const char* what_;
  Slots& slots_;
};

}  // namespace descent

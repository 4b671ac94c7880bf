#pragma once
#include <memory>

#include <torch/optim/optimizer.h>

namespace descent {

/// What attach_to_backward() gives: steps inside of backward() as long as this lives.
class BackwardSteps {
 public:
  ~BackwardSteps();
  BackwardSteps(BackwardSteps&&) noexcept;
  BackwardSteps& operator=(BackwardSteps&&) noexcept;

  /// From now on step() steps again. Gradients of a later backward() stay.
  void detach();
  bool is_attached() const { return attached_ != nullptr; }

 private:
  friend BackwardSteps attach_to_backward(torch::optim::Optimizer& optimizer);
  struct Attached;
  explicit BackwardSteps(std::shared_ptr<Attached> attached);

  std::shared_ptr<Attached> attached_;
};

/// Every parameter takes its step as soon as its gradient is complete, inside of backward(), and its
/// gradient is released: there are never all gradients at a time, which saves as many bytes as the
/// parameters have. Lv et al. 2023, arXiv:2306.09782.
///
///   const auto steps = descent::attach_to_backward(opt);
///   for (...) {
///     loss(net).backward();  // neither step() nor zero_grad()
///     schedule.step();
///   }
///
/// The same bits as backward(), step() and zero_grad(), by the options that a parameter's group has
/// at that moment. step() by hand is refused until detach(). The optimizer must stay where it is and
/// outlive this; parameters that are added later have their steps only when it is attached anew.
///
/// Throws c10::Error, with nothing changed: for wrappers and LibTorch's own optimizers; for rules
/// that read more than one parameter (sums, norms of all gradients, a group as one), need closures,
/// count the optimizer's steps or estimate the Hessian; for a parameter that has a gradient already
/// or a hook of its own for what is done here. So does a backward() whose options have become such.
/// A gradient over several backward() cannot be: each takes a step.
[[nodiscard]] BackwardSteps attach_to_backward(torch::optim::Optimizer& optimizer);

}  // namespace descent

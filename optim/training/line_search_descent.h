#pragma once
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/optim/training/line_search.h>

namespace descent {

constexpr const char* kLineSearch = "line_search";  ///< its name in races

/// Steepest descent: each step goes along the negative gradient as far as line_search() says; a
/// search that fails leaves the parameters where they are. One group, without state.
class LineSearchDescent final : public torch::optim::Optimizer {
 public:
  /// `options.apply` is taken as true. Throws c10::Error for options out of range.
  explicit LineSearchDescent(std::vector<at::Tensor> params, LineSearchOptions options = {});

  /// Needs a closure that computes loss and gradients; returns the loss ahead of the step.
  at::Tensor step(LossClosure closure = nullptr) override;

 private:
  LineSearchOptions options_;
};

}  // namespace descent

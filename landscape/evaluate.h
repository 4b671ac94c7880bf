#pragma once
#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include <torch/nn/module.h>

#include <descent/grid/grid.h>
#include <descent/landscape/plane.h>

namespace descent {

/// What the loss is measured on: the whole data in one batch, sample by sample along the first
/// dimension.
struct Data {
  torch::Tensor input;
  torch::Tensor target;
};

/// Mean squared error over samples and outputs. Prediction and target must have the same shape: a
/// silent broadcast of (n, 1) against (n) would average n * n differences. Usable in training as
/// well.
struct Mse {
  torch::Tensor operator()(const torch::Tensor& prediction, const torch::Tensor& target) const;
};
inline constexpr Mse mse{};

enum class Path {
  Auto,   ///< Fused where it applies and agrees with Loop on the self-check, else Loop
  Loop,   ///< any module: a clone for each thread takes the weights of one point after the other
  Fused,  ///< chains of Linear and activations under mse, on the CPU, in float32 or float64
};

struct EvaluateOptions {
  Path path = Path::Auto;
  int threads = 0;  ///< 0: at::get_num_threads(). The values do not depend on it.

  /// Called on the calling thread with the finished fraction; false stops the work, and the points
  /// that were not reached stay NaN (Grid::notes says "stopped").
  std::function<bool(double)> on_progress = {};
};

namespace landscape {

struct Problem {
  const torch::nn::Module& module;
  std::function<torch::Tensor(torch::nn::Module&, const torch::Tensor&)> forward;
  std::function<torch::Tensor(const torch::Tensor&, const torch::Tensor&)> loss;
  bool loss_is_mse;
  const Data& data;
  const Plane& plane;
};

Grid evaluate(const Problem& problem, const Axis& x, const Axis& y, const EvaluateOptions& options);

}  // namespace landscape

/// The loss over a plane through the weights of `module`:
///   values[i * x.n + j] = loss(module with weights center + x.at(j) * u + y.at(i) * v)
///
/// `module` is a torch::nn::Sequential or any other type derived from torch::nn::Cloneable with
/// forward(Tensor) -> Tensor; it is cloned and never changed, also when an exception passes. It is
/// evaluated in eval mode, without gradients; only parameters move, buffers stay as they are.
/// `loss` is descent::mse or a callable (prediction, target) -> Tensor with one element. It is
/// called from several threads at once unless options.threads is 1.
///
/// Losses under mse are averaged in double. On the fused path they differ from the loop's by
/// rounding only (about 1e-6 of the squared scale of predictions and targets in float32, 1e-14 in
/// float64), which is checked on three points; the grid's notes say which path ran and why. The
/// environment variable DESCENT_PASS = baseline | v3 | v4 chooses the instruction set of the fused
/// path, tensor forbids it.
///
/// Throws std::invalid_argument before any work for an axis without points or with ends that are
/// not finite, a plane that does not fit the module, empty data, shapes of prediction and target
/// that differ (mse), a loss of more than one element, and for Path::Fused where it does not apply,
/// with the reason.
template <class M, class Loss>
Grid evaluate(const M& module, Loss loss, const Data& data, const Plane& plane, const Axis& x,
              const Axis& y, const EvaluateOptions& options = {}) {
  static_assert(std::is_base_of_v<torch::nn::Module, M>,
                "evaluate() takes the module itself: *net, not the holder or a pointer to it");
  static_assert(
      requires(M & m, const torch::Tensor& input) {
        { m.forward(input) } -> std::convertible_to<torch::Tensor>;
      },
      "evaluate() needs the concrete type of the module, with forward(Tensor) -> Tensor");
  static_assert(
      std::is_invocable_r_v<torch::Tensor, Loss&, const torch::Tensor&, const torch::Tensor&>,
      "the loss is descent::mse or a callable (prediction, target) -> Tensor");
  const auto forward = [](torch::nn::Module& clone, const torch::Tensor& input) -> torch::Tensor {
    return dynamic_cast<M&>(clone).forward(input);
  };
  return landscape::evaluate(
      {module, forward, std::move(loss), std::is_same_v<Loss, Mse>, data, plane}, x, y, options);
}

}  // namespace descent

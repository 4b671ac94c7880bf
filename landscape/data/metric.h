#pragma once
#include <concepts>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include <ATen/core/Tensor.h>

namespace descent {

/// Mean squared error over samples and outputs. Prediction and target must have the same shape: a
/// silent broadcast of (n, 1) against (n) would average n * n differences. Usable in training as
/// well, as the other metrics are.
struct Mse {
  at::Tensor operator()(const at::Tensor& prediction, const at::Tensor& target) const;
};
inline constexpr Mse mse{};

/// Mean cross entropy of logits (n, classes, ...) against class indices (n, ...) of type int64 or
/// probabilities (n, classes, ...).
struct CrossEntropy {
  at::Tensor operator()(const at::Tensor& prediction, const at::Tensor& target) const;
};
inline constexpr CrossEntropy cross_entropy{};

/// Mean negative log-likelihood of log-probabilities (n, classes, ...) against class indices.
struct Nll {
  at::Tensor operator()(const at::Tensor& prediction, const at::Tensor& target) const;
};
inline constexpr Nll nll{};

/// Share of the samples (n, classes, ...) whose largest prediction is that of the target's class.
struct Accuracy {
  at::Tensor operator()(const at::Tensor& prediction, const at::Tensor& target) const;
};
inline constexpr Accuracy accuracy{};

/// What is measured at each point of a landscape: a mean over samples. mse, cross_entropy, nll,
/// accuracy, or a callable (prediction, target) -> Tensor with one element. Over several batches it
/// is the mean of the batches' values, weighted by their numbers of samples.
struct Metric {
  enum class Kind { Custom, Mse, CrossEntropy, Nll, Accuracy };

  std::string name;
  std::function<at::Tensor(const at::Tensor&, const at::Tensor&)> value;
  Kind kind = Kind::Custom;  ///< the known ones are averaged in double and may take a fast path

  Metric(Mse) : name("mse"), value(mse), kind(Kind::Mse) {}  // NOLINT(google-explicit-constructor)
  Metric(CrossEntropy)                                       // NOLINT(google-explicit-constructor)
      : name("cross_entropy"), value(cross_entropy), kind(Kind::CrossEntropy) {}
  Metric(Nll) : name("nll"), value(nll), kind(Kind::Nll) {}  // NOLINT(google-explicit-constructor)
  Metric(Accuracy)                                           // NOLINT(google-explicit-constructor)
      : name("accuracy"), value(accuracy), kind(Kind::Accuracy) {}
  template <class F>
  requires std::is_invocable_r_v<at::Tensor, F&, const at::Tensor&, const at::Tensor&> Metric(F f)
      : name("loss"), value(std::move(f)) {}  // NOLINT(google-explicit-constructor)
  template <class F>
  requires std::is_invocable_r_v<at::Tensor, F&, const at::Tensor&, const at::Tensor&> Metric(
      std::string its_name, F f)
      : name(std::move(its_name)), value(std::move(f)) {}
};

/// The metric that is called `name`: mse, cross_entropy, nll or accuracy. std::invalid_argument
/// names the nearest for others.
Metric find_metric(const std::string& name);

}  // namespace descent

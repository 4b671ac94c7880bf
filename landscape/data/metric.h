#pragma once
#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace descent {

/// What a metric is, beside its formula. A metric of your own may have traits, too.
struct MetricTraits {
  bool higher_is_better = false;  ///< as of an accuracy: its best value is the greatest
  bool is_loss = false;       ///< what a training minimises; a grid of it alone is called "loss"
  bool in_double = false;     ///< gets predictions and floating targets converted to double
  bool equal_shapes = false;  ///< takes targets of the predictions' shape only
  /// How far rounding moves it: a mean of squares is compared by its root, and a share of right
  /// choices by whole choices.
  bool squares = false, choices = false;
  /// Which sum the fused path's kernels compute for it.
  enum class Kernel { None, Squares, Entropies, Choices };
  Kernel kernel = Kernel::None;
};

namespace landscape {

/// How many targets of a batch count for a metric: all numbers; class indices that are not ignored
/// and else distributions over the classes; samples.
double count_numbers(const at::Tensor& target);
double count_choices(const at::Tensor& target);
double count_samples(const at::Tensor& target);

}  // namespace landscape

// Each of these is a mean over the targets of a batch that count, and is usable in training too.
// count() is their number. Class indices of -100 are ignored, as in LibTorch: they count nowhere.

/// Mean squared error over samples and outputs. Prediction and target must have the same shape: a
/// silent broadcast of (n, 1) against (n) would average n * n differences.
struct Mse {
  static constexpr const char* name = "mse";
  static constexpr MetricTraits traits{.is_loss = true,
                                       .in_double = true,
                                       .equal_shapes = true,
                                       .squares = true,
                                       .kernel = MetricTraits::Kernel::Squares};
  static constexpr auto count = landscape::count_numbers;
  at::Tensor operator()(const at::Tensor& prediction, const at::Tensor& target) const;
};
inline constexpr Mse mse{};

/// Mean absolute error, of the same shapes.
struct L1 {
  static constexpr const char* name = "l1";
  static constexpr MetricTraits traits{.is_loss = true, .in_double = true, .equal_shapes = true};
  static constexpr auto count = landscape::count_numbers;
  at::Tensor operator()(const at::Tensor& prediction, const at::Tensor& target) const;
};
inline constexpr L1 l1{};

/// Mean cross entropy of logits (n, classes, ...) against class indices (n, ...) of type int64 or
/// probabilities (n, classes, ...).
struct CrossEntropy {
  static constexpr const char* name = "cross_entropy";
  static constexpr MetricTraits traits{
      .is_loss = true, .in_double = true, .kernel = MetricTraits::Kernel::Entropies};
  static constexpr auto count = landscape::count_choices;
  at::Tensor operator()(const at::Tensor& prediction, const at::Tensor& target) const;
};
inline constexpr CrossEntropy cross_entropy{};

/// Mean negative log-likelihood of log-probabilities (n, classes, ...) against class indices.
struct Nll {
  static constexpr const char* name = "nll";
  static constexpr MetricTraits traits{.is_loss = true, .in_double = true};
  static constexpr auto count = landscape::count_choices;
  at::Tensor operator()(const at::Tensor& prediction, const at::Tensor& target) const;
};
inline constexpr Nll nll{};

/// Mean binary cross entropy of probabilities in [0, 1] against targets in [0, 1] of their shape.
struct BinaryCrossEntropy {
  static constexpr const char* name = "binary_cross_entropy";
  static constexpr MetricTraits traits{.is_loss = true, .in_double = true, .equal_shapes = true};
  static constexpr auto count = landscape::count_numbers;
  at::Tensor operator()(const at::Tensor& prediction, const at::Tensor& target) const;
};
inline constexpr BinaryCrossEntropy binary_cross_entropy{};

/// The same of logits instead of probabilities.
struct BinaryCrossEntropyWithLogits {
  static constexpr const char* name = "binary_cross_entropy_with_logits";
  static constexpr MetricTraits traits{.is_loss = true, .in_double = true, .equal_shapes = true};
  static constexpr auto count = landscape::count_numbers;
  at::Tensor operator()(const at::Tensor& prediction, const at::Tensor& target) const;
};
inline constexpr BinaryCrossEntropyWithLogits binary_cross_entropy_with_logits{};

/// The output of a network that computes its own loss, as those of transformers do that are given
/// labels: one number. Batches weigh as much as they have samples.
struct OutputLoss {
  static constexpr const char* name = "output";
  static constexpr MetricTraits traits{.is_loss = true};
  static constexpr auto count = landscape::count_samples;
  at::Tensor operator()(const at::Tensor& prediction, const at::Tensor& target) const;
};
inline constexpr OutputLoss output_loss{};

/// Share of the samples (n, classes, ...) whose largest prediction is that of the target's class.
struct Accuracy {
  static constexpr const char* name = "accuracy";
  static constexpr MetricTraits traits{
      .higher_is_better = true, .choices = true, .kernel = MetricTraits::Kernel::Choices};
  static constexpr auto count = landscape::count_choices;
  at::Tensor operator()(const at::Tensor& prediction, const at::Tensor& target) const;
};
inline constexpr Accuracy accuracy{};

/// A struct that is written as those above are, of yours or of ours.
template <class M>
concept NamedMetric = std::same_as<std::remove_cv_t<decltype(M::traits)>, MetricTraits>;

/// What is measured at each point of a landscape: one of those above, or a callable
/// (prediction, target) -> Tensor with one element. Over several batches it is the mean of the
/// batches' values, each weighted by its targets that count; a batch of which nothing counts is
/// passed over.
struct Metric {
  std::string name;
  std::function<at::Tensor(const at::Tensor&, const at::Tensor&)> value;
  MetricTraits traits{};
  /// How many targets of a batch count; without it, the batch's samples.
  std::function<double(const at::Tensor& target)> count{};

  template <NamedMetric M>
  Metric(M known)  // NOLINT(google-explicit-constructor)
      : name(M::name), value(known), traits(M::traits), count(M::count) {}
  template <class F>
  requires(!NamedMetric<F> &&
           std::is_invocable_r_v<at::Tensor, F&, const at::Tensor&, const at::Tensor&>) Metric(F f)
      : name("loss"), value(std::move(f)) {}  // NOLINT(google-explicit-constructor)
  template <class F>
  requires std::is_invocable_r_v<at::Tensor, F&, const at::Tensor&, const at::Tensor&> Metric(
      std::string its_name, F f, MetricTraits its_traits = {})
      : name(std::move(its_name)), value(std::move(f)), traits(its_traits) {}
};

/// Those that stand above.
const std::vector<Metric>& known_metrics();

/// The metric that is called `name`, as above or as LibTorch calls it ("mse_loss").
/// std::invalid_argument names the nearest for others.
Metric find_metric(const std::string& name);

namespace landscape {

/// The class index that LibTorch's losses ignore.
inline constexpr int64_t kIgnoredClass = -100;

/// The value of a metric of one batch, in double where its traits say so. The result has one
/// element; under vmap it is one for each network.
at::Tensor metric_value(const Metric& metric, const at::Tensor& prediction,
                        const at::Tensor& target);

}  // namespace landscape
}  // namespace descent

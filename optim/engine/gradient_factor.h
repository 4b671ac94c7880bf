#pragma once
// Private to what stands around optimizers.
#include <optional>

#include <ATen/core/Tensor.h>

namespace descent {
class OptimizerBase;
}

namespace descent::engine {

/// As long as this lives, each step that an optimizer of this library makes on this thread
/// multiplies every gradient by the factor ahead of all else, in its own pass: no gradient is
/// written. Wrappers that look at gradients by themselves see them as they are.
class GradientFactor {
 public:
  explicit GradientFactor(double factor);
  ~GradientFactor();
  GradientFactor(const GradientFactor&) = delete;
  GradientFactor& operator=(const GradientFactor&) = delete;

  /// Of the steps of this thread now; 1: there is none.
  static double now();

 private:
  double before_;
};

/// As long as this lives, a step that an optimizer of this library makes on this thread happens only if
/// no infinity was found, with gradients times a factor. Both are numbers on a device: kernels take them
/// there, everything else waits for them.
class Finding {
 public:
  /// Each one float: not 0 where an infinity was found; undefined where the factor is 1.
  Finding(at::Tensor found_inf, at::Tensor factor);
  ~Finding();
  Finding(const Finding&) = delete;
  Finding& operator=(const Finding&) = delete;

  /// Null: there is none.
  static const Finding* now();

  const at::Tensor& found_inf() const { return found_inf_; }
  const at::Tensor& factor() const { return factor_; }
  /// The factor, or none where an infinity was found. Waits for the device.
  std::optional<double> read() const;

 private:
  at::Tensor found_inf_, factor_;
  const Finding* before_;
};

/// The sum of the squares of all gradients that an optimizer would step by now, as its rule sums them
/// that scales gradients by their joint norm; 0 where none does.
double gradient_squares(OptimizerBase& optimizer);

/// As long as this lives, such a rule takes this sum in each step that it makes on this thread, in the
/// place of that of the gradients that it is shown.
class KnownSquares {
 public:
  explicit KnownSquares(double sum);
  ~KnownSquares();
  KnownSquares(const KnownSquares&) = delete;
  KnownSquares& operator=(const KnownSquares&) = delete;

  /// Null: there is none.
  static const double* now();

 private:
  double sum_;
  const double* before_;
};

}  // namespace descent::engine

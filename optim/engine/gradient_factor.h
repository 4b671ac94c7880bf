#pragma once
// Private to what stands around optimizers.

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

}  // namespace descent::engine

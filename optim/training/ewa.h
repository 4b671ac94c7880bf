#pragma once
#include <cmath>

#include <c10/util/Exception.h>

#include <descent/base/fields.h>

namespace descent {

/// An exponentially weighted average, of numbers or, EWA<at::Tensor>, of tensors.
///   v_t = b v_{t-1} + (1 - b) x_t,  v_0 = 0;   value = v_t / (1 - b^t)
/// The division makes it an average from the first x on. A value's weight falls to 1/e after about
/// 1 / (1 - b) updates.
template <class T = double>
class EWA {
 public:
  /// Throws c10::Error unless b is in [0, 1).
  explicit EWA(double b) : b_(b) {
    TORCH_CHECK(domains::unit.holds(b), "EWA: b = ", b, ", must be ", domains::unit.text);
  }

  /// Takes in x and returns the new value.
  T update(const T& x) {
    v_ = t_ == 0 ? T((1 - b_) * x) : T(b_ * v_ + (1 - b_) * x);
    ++t_;
    return value();
  }

  /// c10::Error before the first update.
  T value() const {
    TORCH_CHECK(t_ > 0, "EWA: t = 0, must be at least 1 for a value");
    return v_ / (1 - std::pow(b_, static_cast<double>(t_)));
  }

  /// Updates so far.
  int64_t t() const { return t_; }

 private:
  double b_;
  T v_{};
  int64_t t_ = 0;
};

}  // namespace descent

#pragma once
// A whole tensor as a rule's number type: the reference pass, any device and dtype. Every operation
// is one elementwise ATen operation whose result is correctly rounded, in the order the rule writes
// them. at::sqrt is not (1 ulp off in 16 % of float32 values on the CPU), and add(alpha), lerp and
// addcmul fuse: none of them is used here. LibTorch stays out of this header so that rules compile
// without it.
#include <memory>

#include <descent/base/math.h>

namespace at {
class Tensor;
}

namespace descent::engine {

class Array {
 public:
  Array() = default;
  explicit Array(const at::Tensor& tensor);
  const at::Tensor& tensor() const { return *tensor_; }

 private:
  std::shared_ptr<const at::Tensor> tensor_;
};

Array operator+(const Array& a, const Array& b);
Array operator-(const Array& a, const Array& b);
Array operator*(const Array& a, const Array& b);
Array operator/(const Array& a, const Array& b);
Array operator+(const Array& a, double b);
Array operator+(double a, const Array& b);
Array operator-(const Array& a, double b);
Array operator-(double a, const Array& b);
Array operator*(const Array& a, double b);
Array operator*(double a, const Array& b);
Array operator/(const Array& a, double b);
Array operator/(double a, const Array& b);
Array operator-(const Array& a);
/// 1 where it holds, else 0.
Array operator<(const Array& a, const Array& b);
Array operator<(const Array& a, double b);
Array operator<(double a, const Array& b);
Array select(const Array& which, const Array& a, const Array& b);
Array sqrt(const Array& x);
Array abs(const Array& x);
Array sign(const Array& x);
Array is_positive(const Array& x);
Array by_sign(const Array& x, double if_negative, double if_zero, double if_positive);
Array clamp(const Array& x, double low, double high);
Array pow(const Array& x, double e);
Array filled(const Array& like, double value);

}  // namespace descent::engine

namespace descent::math {
using engine::abs;
using engine::by_sign;
using engine::clamp;
using engine::filled;
using engine::is_positive;
using engine::pow;
using engine::select;
using engine::sign;
using engine::sqrt;
}  // namespace descent::math

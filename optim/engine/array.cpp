#include <cmath>

#include <ATen/core/Tensor.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/div.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/where.h>

#include <descent/optim/engine/array.h>

namespace descent {
namespace {

/// The correctly rounded root, which at::sqrt on the CPU is not.
template <class Number>
at::Tensor exact_sqrt(const at::Tensor& x) {
  at::Tensor root = x.contiguous().clone();
  Number* const values = root.data_ptr<Number>();
  const int64_t n = root.numel();
  for (int64_t i = 0; i < n; ++i) values[i] = std::sqrt(values[i]);
  return root;
}

}  // namespace

Array::Array(const at::Tensor& tensor) : tensor_(std::make_shared<const at::Tensor>(tensor)) {}

Array operator+(const Array& a, const Array& b) { return Array(at::add(a.tensor(), b.tensor())); }
Array operator-(const Array& a, const Array& b) { return Array(at::sub(a.tensor(), b.tensor())); }
Array operator*(const Array& a, const Array& b) { return Array(at::mul(a.tensor(), b.tensor())); }
Array operator/(const Array& a, const Array& b) { return Array(at::div(a.tensor(), b.tensor())); }
Array operator+(const Array& a, double b) { return Array(at::add(a.tensor(), b)); }
Array operator+(double a, const Array& b) { return b + a; }
Array operator-(const Array& a, double b) { return Array(at::sub(a.tensor(), b)); }
Array operator-(double a, const Array& b) { return Array(at::rsub(b.tensor(), a)); }
Array operator*(const Array& a, double b) { return Array(at::mul(a.tensor(), b)); }
Array operator*(double a, const Array& b) { return b * a; }
Array operator/(const Array& a, double b) {
  return Array(at::div(a.tensor(), at::full_like(a.tensor(), b)));  // not a product with 1 / b
}
Array operator/(double a, const Array& b) {
  return Array(at::div(at::full_like(b.tensor(), a), b.tensor()));
}
Array operator-(const Array& a) { return Array(at::neg(a.tensor())); }
Array operator<(const Array& a, const Array& b) { return Array(at::lt(a.tensor(), b.tensor())); }
Array operator<(const Array& a, double b) { return Array(at::lt(a.tensor(), b)); }
Array operator<(double a, const Array& b) { return Array(at::gt(b.tensor(), a)); }
Array select(const Array& which, const Array& a, const Array& b) {
  return Array(at::where(which.tensor(), a.tensor(), b.tensor()));
}
Array sqrt(const Array& x) {
  const at::Tensor& t = x.tensor();
  if (t.device().is_cpu() && t.scalar_type() == at::kFloat) return Array(exact_sqrt<float>(t));
  if (t.device().is_cpu() && t.scalar_type() == at::kDouble) return Array(exact_sqrt<double>(t));
  return Array(at::sqrt(t));
}
Array abs(const Array& x) { return Array(at::abs(x.tensor())); }
Array sign(const Array& x) {
  const at::Tensor& t = x.tensor();
  return Array(at::sub(at::gt(t, 0).to(t.scalar_type()), at::lt(t, 0).to(t.scalar_type())));
}

}  // namespace descent

#include <cmath>

#include <ATen/core/Tensor.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/add.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/div.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <descent/optim/engine/array.h>

namespace descent::engine {
namespace {

/// f of every number, as the loops compute it: at::sqrt and at::pow on the CPU give other bits.
template <class Number, class F>
at::Tensor mapped(const at::Tensor& x, F f) {
  at::Tensor result = x.contiguous().clone();
  Number* const values = result.data_ptr<Number>();
  const int64_t n = result.numel();
  for (int64_t i = 0; i < n; ++i) values[i] = f(values[i]);
  return result;
}

bool on_cpu(const at::Tensor& t, at::ScalarType type) {
  return t.device().is_cpu() && t.scalar_type() == type;
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
  const auto root = [](auto value) { return math::sqrt(value); };
  if (on_cpu(t, at::kFloat)) return Array(mapped<float>(t, root));
  if (on_cpu(t, at::kDouble)) return Array(mapped<double>(t, root));
  return Array(at::sqrt(t));
}
Array cbrt(const Array& x) {
  const at::Tensor& t = x.tensor();
  const auto root = [](auto value) { return math::cbrt(value); };
  if (on_cpu(t, at::kFloat)) return Array(mapped<float>(t, root));
  if (on_cpu(t, at::kDouble)) return Array(mapped<double>(t, root));
  return Array(at::pow(t, 1.0 / 3));
}
Array abs(const Array& x) { return Array(at::abs(x.tensor())); }
Array sign(const Array& x) {
  const at::Tensor& t = x.tensor();
  return Array(at::sub(at::gt(t, 0).to(t.scalar_type()), at::lt(t, 0).to(t.scalar_type())));
}
Array is_positive(const Array& x) {
  return Array(at::gt(x.tensor(), 0).to(x.tensor().scalar_type()));
}
Array by_sign(const Array& x, double if_negative, double if_zero, double if_positive) {
  return select(0 < x, filled(x, if_positive),
                select(x < 0, filled(x, if_negative), filled(x, if_zero)));
}
Array clamp(const Array& x, double low, double high) {
  return Array(at::clamp(x.tensor(), low, high));
}
Array pow(const Array& x, double e) {
  const at::Tensor& t = x.tensor();
  if (on_cpu(t, at::kFloat))
    return Array(
        mapped<float>(t, [e](float value) { return math::pow(value, static_cast<float>(e)); }));
  if (on_cpu(t, at::kDouble))
    return Array(mapped<double>(t, [e](double value) { return math::pow(value, e); }));
  return Array(at::pow(t, e));
}
Array filled(const Array& like, double value) { return Array(at::full_like(like.tensor(), value)); }
Array one_in(const Array& like, int64_t n) {
  at::Tensor result = at::zeros(like.tensor().sizes(), like.tensor().options());
  result.view({-1}).slice(0, 0, std::nullopt, n).fill_(1);
  return Array(result);
}

}  // namespace descent::engine

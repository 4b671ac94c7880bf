#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/diag.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <descent/landscape/curvature/lanczos.h>

namespace descent::landscape {
namespace {

using at::Tensor;

double length(const Tensor& vector) { return vector.norm(2, at::kDouble).item<double>(); }

double epsilon(const Tensor& vector) {
  return vector.scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon()
                                             : std::numeric_limits<float>::epsilon();
}

}  // namespace

Krylov::Krylov(int64_t capacity, int64_t n, const at::TensorOptions& options)
    : basis_(at::empty({capacity, n}, options)),
      coefficients_(at::zeros({capacity, capacity}, at::kDouble)) {}

double Krylov::orthogonalise(Tensor vector, Tensor& coefficients) {
  const Tensor basis = basis_.narrow(0, 0, size_);
  const double before = length(vector);
  double left = before;
  // What cancels leaves rounding behind, so it is done again until nothing cancels any more, which
  // is twice as a rule (Daniel, Gragg, Kaufman and Stewart 1976).
  for (double previous = std::numeric_limits<double>::infinity();
       left > epsilon(vector) * before && left < 0.7 * previous;) {
    const Tensor part = basis.mv(vector);
    vector.sub_(basis.t().mv(part));
    coefficients.add_(part.to(coefficients.options()));
    previous = left;
    left = length(vector);
  }
  if (size_ == basis_.size(0) || left <= epsilon(vector) * before) return 0;
  basis_[size_++].copy_(vector.div_(left));
  return left;
}

bool Krylov::add(Tensor vector) {
  Tensor unused = at::zeros({size_}, at::kDouble);
  return orthogonalise(vector.to(basis_.options(), false, /*copy=*/true), unused) > 0;
}

void Krylov::expand(const Product& product) {
  const int64_t j = multiplied_++;
  Tensor column = coefficients_.select(1, j);
  Tensor known = column.narrow(0, 0, size_);
  const double left = orthogonalise(product(basis_[j]), known);
  if (left > 0) column[size_ - 1] = left;
}

Ritz Krylov::ritz() const {
  const Tensor columns = coefficients_.narrow(1, 0, multiplied_);
  const Tensor projected = columns.narrow(0, 0, multiplied_);
  const auto [values, vectors] = at::linalg_eigh((projected + projected.t()) / 2);
  const Tensor outside = columns.narrow(0, multiplied_, size_ - multiplied_).mm(vectors);
  return {values, vectors, outside.square().sum(0).sqrt()};
}

void Krylov::restart(const Ritz& ritz, const std::vector<int64_t>& kept) {
  const auto count = static_cast<int64_t>(kept.size());
  const int64_t waiting = size_ - multiplied_;
  const Tensor which = at::tensor(kept);
  const Tensor chosen = ritz.coefficients.index_select(1, which);
  const Tensor coupling =
      coefficients_.narrow(0, multiplied_, waiting).narrow(1, 0, multiplied_).mm(chosen);
  const Tensor to = chosen.t().to(basis_.options());
  constexpr int64_t kColumns = 1 << 16;  // at a time, so that it takes little memory
  for (int64_t first = 0; first < basis_.size(1); first += kColumns) {
    const Tensor columns = basis_.narrow(1, first, std::min(kColumns, basis_.size(1) - first));
    columns.narrow(0, 0, count).copy_(to.mm(columns.narrow(0, 0, multiplied_)));
  }
  for (int64_t k = 0; k < waiting; ++k) basis_[count + k].copy_(basis_[multiplied_ + k]);
  coefficients_.zero_();
  coefficients_.narrow(0, 0, count)
      .narrow(1, 0, count)
      .copy_(at::diag(ritz.values.index_select(0, which)));
  coefficients_.narrow(0, count, waiting).narrow(1, 0, count).copy_(coupling);
  multiplied_ = count;
  size_ = count + waiting;
}

Tensor Krylov::vector(const Ritz& ritz, int64_t i) const {
  const Tensor coefficients = ritz.coefficients.select(1, i).to(basis_.options());
  Tensor result = basis_.narrow(0, 0, multiplied_).t().mv(coefficients);
  return result.div_(length(result));
}

}  // namespace descent::landscape

#include <cmath>
#include <tuple>

#include <ATen/core/Tensor.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/linalg_eigh.h>

#include <descent/optim/pieces/axes.h>

namespace descent::rules {

AxisMatrices::AxisMatrices(at::IntArrayRef sizes, int64_t longest) {
  for (size_t axis = 0; axis < sizes.size(); ++axis)
    if (sizes[axis] <= longest) {
      axes_.push_back(static_cast<int64_t>(axis));
      lengths_.push_back(sizes[axis]);
    }
}

int64_t AxisMatrices::numel() const {
  int64_t sum = 0;
  for (const int64_t n : lengths_) sum += n * n;
  return sum;
}

std::vector<at::Tensor> AxisMatrices::in(const at::Tensor& buffer) const {
  std::vector<at::Tensor> list;
  int64_t first = 0;
  for (const int64_t n : lengths_) {
    list.push_back(buffer.narrow(0, first, n * n).view({n, n}));
    first += n * n;
  }
  return list;
}

at::Tensor outer_along(const at::Tensor& x, int64_t axis) {
  const at::Tensor rows = x.transpose(0, axis).reshape({x.size(axis), -1});
  return rows.mm(rows.t());
}

at::Tensor times_along(const at::Tensor& x, const at::Tensor& matrix, int64_t axis) {
  return x.transpose(axis, -1).matmul(matrix).transpose(axis, -1);
}

Eigen eigen(const at::Tensor& symmetric) {
  if (!symmetric.isfinite().all().item<bool>())
    return {at::full_like(symmetric.select(1, 0), NAN), at::full_like(symmetric, NAN)};
  auto [values, vectors] = at::linalg_eigh(symmetric);
  return {std::move(values), std::move(vectors)};
}

}  // namespace descent::rules

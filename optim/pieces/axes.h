#pragma once
#include <vector>

#include <ATen/core/Tensor.h>

namespace descent::rules {

/// Matrices along the axes of a tensor, one for each axis that is kept, one after another in one
/// flat buffer.
class AxisMatrices {
 public:
  /// All axes of a tensor of these sizes that are at most `longest` long.
  AxisMatrices(at::IntArrayRef sizes, int64_t longest);

  const std::vector<int64_t>& axes() const { return axes_; }
  /// Numbers in a buffer that holds a matrix for each axis.
  int64_t numel() const;
  /// The matrices in such a buffer: views of it.
  std::vector<at::Tensor> in(const at::Tensor& buffer) const;

 private:
  std::vector<int64_t> axes_, lengths_;
};

/// The sum of outer products of all of x's columns along an axis: X X^T with that axis as rows.
at::Tensor outer_along(const at::Tensor& x, int64_t axis);

/// x with an axis multiplied by a matrix: sum_j x[.. j ..] matrix[j, i] stands at [.. i ..].
at::Tensor times_along(const at::Tensor& x, const at::Tensor& matrix, int64_t axis);

/// Eigenvalues, ascending, and eigenvectors of a symmetric matrix; all NaN if it has numbers that are
/// not finite, where LAPACK would give up.
struct Eigen {
  at::Tensor values, vectors;
};
Eigen eigen(const at::Tensor& symmetric);

}  // namespace descent::rules

#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

namespace descent::landscape {

/// The product of a symmetric matrix with a vector.
using Product = std::function<at::Tensor(const at::Tensor&)>;

/// Eigenvalues and vectors of a symmetric matrix on the subspace of a Krylov basis.
struct Ritz {
  at::Tensor values;        ///< (m), ascending, double on the CPU
  at::Tensor coefficients;  ///< (m, m): column i holds vector i in terms of the basis
  at::Tensor residuals;     ///< (m): ||A y - value y||
};

/// An orthonormal basis that grows by the products of its own vectors with a symmetric matrix A.
/// Each product is orthogonalised against the whole basis, and the coefficients are kept: on what
/// has been multiplied, A is known. Vectors that wait for their product are the block of a block
/// Lanczos method; with a single one it is Lanczos' own.
class Krylov {
 public:
  /// Of at most `capacity` vectors of n entries, of `options`' floating type and device.
  Krylov(int64_t capacity, int64_t n, const at::TensorOptions& options);

  int64_t size() const { return size_; }
  int64_t multiplied() const { return multiplied_; }  ///< the first ones
  bool waiting() const { return multiplied_ < size_; }
  /// Whether there is no room for another vector although the space has one.
  bool full() const { return size_ == basis_.size(0) && size_ < basis_.size(1); }

  /// Adds a vector's part that is orthogonal to the basis; false if nothing is left of it.
  bool add(at::Tensor vector);

  /// Multiplies the next vector that waits.
  void expand(const Product& product);

  Ritz ritz() const;

  /// Replaces the vectors that were multiplied by these of `ritz` (Wu and Simon 2000).
  void restart(const Ritz& ritz, const std::vector<int64_t>& kept);

  /// Vector i of `ritz`, of length 1.
  at::Tensor vector(const Ritz& ritz, int64_t i) const;

 private:
  /// Takes the basis' part out of `vector` and adds its coefficients to `coefficients`. What is left
  /// becomes a basis vector, and its length, or 0 if nothing is left, is returned.
  double orthogonalise(at::Tensor vector, at::Tensor& coefficients);

  at::Tensor basis_;         // (capacity, n)
  at::Tensor coefficients_;  // (capacity, capacity): column j holds A v_j in terms of the basis
  int64_t size_ = 0, multiplied_ = 0;
};

}  // namespace descent::landscape

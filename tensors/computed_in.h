#pragma once
#include <ATen/core/Tensor.h>

namespace descent::tensors {

/// The type in which numbers of a tensor are computed and summed: its own, but float for 16 bits.
inline at::ScalarType computed_in(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble || x.is_complex() ? x.scalar_type() : at::kFloat;
}

/// A copy in that type, of which autograd knows nothing.
inline at::Tensor widened(const at::Tensor& x) {
  return x.detach().to(computed_in(x), /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace descent::tensors

#pragma once
#include <ATen/core/Tensor.h>

namespace descent::tensors {

/// The type in which numbers of a tensor are computed and summed: its own, but float for 16 bits.
inline at::ScalarType computed_in(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace descent::tensors

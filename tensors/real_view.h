#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/ops/view_as_real.h>

namespace descent::tensors {

/// The numbers of a complex tensor with one more axis, of the two parts; they share its memory where
/// it is no conjugated view. Any other tensor is returned as it is.
inline at::Tensor real_view(const at::Tensor& x) {
  return x.is_complex() ? at::view_as_real(x.detach().resolve_conj()) : x;
}

}  // namespace descent::tensors

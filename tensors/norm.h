#pragma once
#include <ATen/core/Tensor.h>

namespace descent::tensors {

/// The norm of a tensor's numbers, or of those along `axes`, which stay with size 1 if `keep`; as
/// float64. Of a complex tensor the real view is taken. Numbers of up to 32 bits are summed in float, and in double where float cannot hold
/// their powers: so the norm of finite numbers is neither infinite nor zero but where it is. Waits
/// for no device.
at::Tensor norm(const at::Tensor& numbers, double order = 2, at::IntArrayRef axes = {},
                bool keep = false);

}  // namespace descent::tensors

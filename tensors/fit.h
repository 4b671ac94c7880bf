#pragma once
#include <string>

#include <ATen/core/Tensor.h>

namespace descent::tensors {

/// Whether the memory of a dense or strided tensor reaches as far as its last element. It does not
/// where somebody has shrunk or freed the storage behind it.
bool has_its_memory(const at::Tensor& x);

/// What keeps somebody from writing values of these sizes into `x`, or "": other sizes, several
/// elements at one place in memory (as expand() leaves them), or less memory than elements.
std::string misfit(const at::Tensor& x, at::IntArrayRef sizes);

}  // namespace descent::tensors

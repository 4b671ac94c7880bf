#pragma once
#include <string_view>

#include <ATen/core/Tensor.h>

namespace descent::landscape {

/// The array of a .npy file, in its own memory. Throws std::runtime_error with what is wrong, without
/// the path: another type than numbers of a tensor, big-endian ones, a damaged file.
at::Tensor tensor_of_npy(std::string_view bytes);

}  // namespace descent::landscape

#pragma once
#include <c10/core/Device.h>

namespace descent::tensors {

/// Whether a graph captures the device's current stream. LibTorch before 2.13 does not say.
bool is_captured(c10::Device device);

}  // namespace descent::tensors

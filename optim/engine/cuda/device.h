#pragma once
// What a step asks of CUDA itself. Tests have another device in its place.
#include <c10/core/Device.h>

namespace descent::engine::cuda {

/// Of the devices that kernels run on.
c10::DeviceType device_type();

/// The current stream of the current device, a cudaStream_t.
void* current_stream();

/// Whether a graph captures it.
bool is_captured();

}  // namespace descent::engine::cuda

#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

namespace descent::tensors {

/// The most bytes that tensors on that device, made by `work` on this thread, took at one time.
int64_t peak_bytes(const std::function<void()>& work, at::Device device = at::kCPU);

int64_t bytes_of(const std::vector<at::Tensor>& tensors);

}  // namespace descent::tensors

#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

namespace descent::tensors {

/// What a closure of step() returns, called with gradients as LibTorch's optimizers call theirs.
/// Undefined without a closure.
template <class Closure>
at::Tensor loss_of(const Closure& closure) {
  if (!closure) return {};
  const at::AutoGradMode with_gradients(true);
  return closure();
}

}  // namespace descent::tensors

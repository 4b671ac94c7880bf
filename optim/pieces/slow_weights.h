#pragma once
#include <ATen/core/Tensor.h>

#include <descent/tensors/real_view.h>

namespace descent {

/// Lookahead's synchronisation: slow <- slow + alpha (p - slow);  p <- slow. Zhang et al. 2019,
/// arXiv:1907.08610, Algorithm 1. Slow weights that are undefined start as p, which then stays.
/// Gradients must be disabled.
inline void synchronize(at::Tensor& slow, const at::Tensor& p, double alpha) {
  if (!slow.defined()) {
    slow = p.detach().clone();
    return;
  }
  tensors::real_view(slow).lerp_(tensors::real_view(p), alpha);
  p.copy_(slow);
}

}  // namespace descent

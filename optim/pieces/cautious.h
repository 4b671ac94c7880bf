#pragma once
#include <algorithm>

#include <descent/optim/engine/rule.h>

namespace descent {

DESCENT_ENUM(Cautious, Off, MeanClamp, NumelOverSum)

namespace rules {

/// Cautious updates: a step moves only those elements whose direction agrees in sign with the
/// gradient, and moves them further by as much as others rest.
/// Liang et al. 2024, arXiv:2411.16085:
///   K = [direction * g > 0]
///   MeanClamp:     K / max(mean K, 1e-3)      as in timm
///   NumelOverSum:  K n / (sum K + 1)          as in the authors' code
/// Here is the factor of K; sums.first is the sum of K over the tensor. Decay is never masked.
DESCENT_FN double cautious_scale(Cautious mode, const Sums& sums) {
  const auto n = static_cast<double>(sums.n);
  if (mode == Cautious::NumelOverSum) return n / (sums.first + 1);
  return 1 / std::max(sums.first / n, 1e-3);
}

}  // namespace rules
}  // namespace descent

#pragma once
#include <array>

#include <descent/optim/engine/rule.h>

namespace descent {

DESCENT_ENUM(NsPreset, Original, Dion, PolarExpress)
DESCENT_ENUM(NsDtype, BFloat16, Float32, Same)

namespace rules {

/// Newton-Schulz: from a matrix one of the same singular vectors whose singular values are near 1.
/// Bernstein & Newhouse 2024, arXiv:2409.20325; Jordan et al. 2024:
///   X <- M / max(f ||M||, eps), transposed if it is higher than wide
///   `steps` times:  S = X X^T;   X <- a X + (b S + c S S) X
/// With Original (f = 1) a, b and c are those given; Dion (f = 1) and PolarExpress (Amsel et al. 2025,
/// arXiv:2505.16932; f = 1.02) have others in each step, of which the last goes on.
struct NewtonSchulz {
  NsPreset preset = NsPreset::Original;
  std::array<double, 3> coefficients{3.4445, -4.7750, 2.0315};  ///< of Original
  int64_t steps = 5;
  double eps = 1e-7;
  bool adds_eps = false;              ///< divides by f ||M|| + eps
  NsDtype dtype = NsDtype::BFloat16;  ///< what the products are made in

  /// Of a matrix, in its own type.
  at::Tensor operator()(const at::Tensor& matrix) const;
};

}  // namespace rules
}  // namespace descent

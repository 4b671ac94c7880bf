#pragma once
#include <array>
#include <cmath>

#include <descent/optim/engine/rule.h>

namespace descent {

namespace rules {

/// The rectification of Adam's rate while few gradients have been seen.
/// Liu et al. 2020, arXiv:1908.03265, Algorithm 2:
///   rho_inf = 2/(1 - b2) - 1;   rho = rho_inf - 2 t b2^t / (1 - b2^t)
///   r = sqrt( (rho - 4)(rho - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho) )
/// (Misprinted elsewhere with b2^2 in place of b2^t.)
struct Rectification {
  std::array<double, 2> betas;
  double t;
  double c1 = 1 - std::pow(betas[0], t), c2 = 1 - std::pow(betas[1], t);
  double rho_inf = 2 / (1 - betas[1]) - 1;
  double rho = rho_inf - 2 * t * std::pow(betas[1], t) / c2;

  DESCENT_FN double r() const {
    return std::sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho));
  }

  /// Adam's direction with the bias of both moments corrected, size m / (sqrt(v) scale + eps):
  /// r sqrt(c2)/c1 m / (sqrt(v) + eps) where the branch is open, m/c1 where it is not.
  struct Branch {
    bool open;
    double size, scale, eps;
  };
  DESCENT_FN Branch branch(bool open, double eps) const {
    if (open) return {true, r() * std::sqrt(c2) / c1, 1, eps};
    return {false, 1 / c1, 0, 1};
  }
};

}  // namespace rules
}  // namespace descent

#pragma once
#include <cmath>

#include <descent/optim/engine/rule.h>

namespace descent {

/// A threshold below which the variance of RAdam's rate is not defined.
inline constexpr Domain at_least_four{"finite and >= 4",
                                      [](double x) { return x >= 4 && x < kInfinity; }};

namespace rules {

/// The rectification of Adam's rate while few gradients have been seen.
/// Liu et al. 2020, arXiv:1908.03265, Algorithm 2:
///   rho_inf = 2/(1 - b2) - 1;   rho = rho_inf - 2 t b2^t / (1 - b2^t)
///   r = sqrt( (rho - 4)(rho - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho) )
/// (Misprinted elsewhere with b2^2 in place of b2^t.)
struct Rectification {
  double b2, t;
  double rho_inf = 2 / (1 - b2) - 1;
  double rho = rho_inf - 2 * t * std::pow(b2, t) / (1 - std::pow(b2, t));

  double r() const {
    return std::sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho));
  }
};

}  // namespace rules
}  // namespace descent

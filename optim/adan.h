#pragma once
#include <algorithm>

#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// Adan: Adam with Nesterov's momentum, estimated from the change of the gradient.
/// Xie et al. 2022, arXiv:2208.06677, Algorithm 1; as the authors' code:
///   max_grad_norm > 0:  g <- g min(1, max_grad_norm / (G + eps)),  G = norm of all gradients
///   D = g - g of the step before, at first 0
///   m <- b1 m + (1 - b1) g;   e <- b2 e + (1 - b2) D;   n <- b3 n + (1 - b3)(g + b2 D)^2
///   d = sqrt(n)/sqrt(1 - b3^t) + eps;   U = lr/(1 - b1^t) m/d + lr b2/(1 - b2^t) e/d
///   p <- (p - U) / (1 + lr wd),  or with no_prox  p <- p (1 - lr wd) - U
/// optax multiplies e by 1 - b2 where this has b2, with the same betas: another rule.
struct Adan {
  static constexpr About about{"Adan", "adan", "Xie et al. 2022, arXiv:2208.06677", "sail-sg/Adan"};

  struct Options {
    double lr = 1e-3;                               ///< step size
    std::array<double, 3> betas{0.98, 0.92, 0.99};  ///< decay of m, of e and of n
    double eps = 1e-8;                              ///< keeps the denominator off zero
    double weight_decay = 0;                        ///< wd
    bool no_prox = false;                           ///< decays before the step, not after it
    double max_grad_norm = 0;                       ///< clips all gradients together; 0: off
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (no_prox), (max_grad_norm, non_negative),
                    (maximize))
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_diff, exp_avg_sq, pre_grad;  // m, e, n, the gradient before
    DESCENT_BUFFERS(exp_avg, exp_avg_diff, exp_avg_sq, pre_grad)
  };

  template <class T>
  struct Coefficients {
    T b1, w1, b2, w2, b3, w3, change, of_average, of_change, scale, eps, keep, shrink;
  };

  static bool needs_gradient_norm(const Options& o) { return o.max_grad_norm > 0; }
  static double gradient_scale(const Options& o, double norm) {
    return std::min(o.max_grad_norm / (norm + o.eps), 1.0);
  }

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const auto t = static_cast<double>(at.step);
    const auto [b1, b2, b3] = o.betas;
    const double decay = o.lr * o.weight_decay;
    return {.b1 = b1,
            .w1 = 1 - b1,
            .b2 = b2,
            .w2 = 1 - b2,
            .b3 = b3,
            .w3 = 1 - b3,
            .change = at.step == 1 ? 0.0 : 1.0,
            .of_average = o.lr / (1 - std::pow(b1, t)),
            .of_change = o.lr * b2 / (1 - std::pow(b2, t)),
            .scale = 1 / std::sqrt(1 - std::pow(b3, t)),
            .eps = o.eps,
            .keep = o.no_prox ? 1 - decay : 1,
            .shrink = o.no_prox ? 1 : 1 / (1 + decay)};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    const T change = k.change * (g - s.pre_grad);
    const T ahead = g + k.b2 * change;
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    s.exp_avg_diff = k.b2 * s.exp_avg_diff + k.w2 * change;
    s.exp_avg_sq = k.b3 * s.exp_avg_sq + k.w3 * (ahead * ahead);
    s.pre_grad = g;
    const T d = sqrt(s.exp_avg_sq) * k.scale + k.eps;
    p = k.shrink * (k.keep * p - (k.of_average * s.exp_avg + k.of_change * s.exp_avg_diff) / d);
  }
};

}  // namespace rules

using Adan = OptimizerOf<rules::Adan>;

}  // namespace descent

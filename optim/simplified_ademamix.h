#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// Simplified AdEMAMix: the gradient itself beside one slow sum of gradients.
/// Morwani, Vyas, Zhang & Kakade 2025, arXiv:2502.02431:
///   m <- b1 m + g, a sum;   v <- b2 v + (1 - b2) g^2
///   p <- p - lr ((alpha g + m)/(sqrt(v/c2) + eps) + wd p),   c2 = 1 - b2^t
/// As optax; kozistr's code averages m.
struct SimplifiedAdEMAMix {
  static constexpr About about{"SimplifiedAdEMAMix", "simplified_ademamix",
                               "Morwani, Vyas, Zhang & Kakade 2025, arXiv:2502.02431",
                               "optax simplified_ademamix"};

  struct Options {
    double lr = 1e-5;                         ///< step size; about 1 - b1 of AdamW's
    std::array<double, 2> betas{0.99, 0.95};  ///< decay of m and of v
    double alpha = 0;                         ///< how much the gradient counts beside m
    double eps = 1e-8;                        ///< keeps the denominator off zero
    double weight_decay = 0;                  ///< wd
    bool maximize = false;                    ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (alpha, non_negative), (eps, non_negative),
                    (weight_decay, non_negative), (maximize))
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq;  // m, v
    DESCENT_BUFFERS(exp_avg, exp_avg_sq)
  };

  static constexpr bool decays_in_update = true;

  template <class T>
  struct Coefficients {
    T b1, b2, w2, alpha, scale, eps, lr, decay;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const auto t = static_cast<double>(at.step);
    return {.b1 = o.betas[0],
            .b2 = o.betas[1],
            .w2 = 1 - o.betas[1],
            .alpha = o.alpha,
            .scale = 1 / std::sqrt(1 - std::pow(o.betas[1], t)),
            .eps = o.eps,
            .lr = o.lr,
            .decay = o.weight_decay};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg = k.b1 * s.exp_avg + g;
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    const T u = (k.alpha * g + s.exp_avg) / (sqrt(s.exp_avg_sq) * k.scale + k.eps);
    p = p - k.lr * (u + k.decay * p);
  }
};

}  // namespace rules

using SimplifiedAdEMAMix = OptimizerOf<rules::SimplifiedAdEMAMix>;

}  // namespace descent

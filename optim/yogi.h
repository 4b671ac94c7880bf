#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// Yogi: Adam whose second moment changes by a bounded amount, so that the rate grows slowly.
/// Zaheer et al. 2018, NeurIPS, Algorithm 2:
///   m <- b1 m + (1 - b1) g;   v <- v - (1 - b2) sign(v - g^2) g^2
///   p <- p - lr (m/c1) / (sqrt(v/c2) + eps),   c1 = 1 - b1^t,  c2 = 1 - b2^t
/// m and v both start as initial_accumulator_value, as in optax.
struct Yogi {
  static constexpr About about{"Yogi", "yogi", "Zaheer et al. 2018, NeurIPS",
                               "optax yogi; kozistr/pytorch_optimizer"};

  struct Options {
    double lr = 1e-2;                         ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m, and 1 - the pace of v
    double eps = 1e-3;                        ///< keeps the denominator off zero
    double initial_accumulator_value = 1e-6;  ///< what m and v start with
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Decoupled;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (initial_accumulator_value, non_negative), (weight_decay, non_negative),
                    (decay_mode), (maximize))
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq;  // m, v
    DESCENT_BUFFERS(exp_avg, exp_avg_sq)
  };
  template <class T>
  static State<T> initial(const Options& o, const T& p) {
    const T first = filled(p, o.initial_accumulator_value);
    return {first, first};
  }

  template <class T>
  struct Coefficients {
    T b1, w1, w2, rate, scale, eps;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const auto t = static_cast<double>(at.step);
    return {.b1 = o.betas[0],
            .w1 = 1 - o.betas[0],
            .w2 = 1 - o.betas[1],
            .rate = o.lr / (1 - std::pow(o.betas[0], t)),
            .scale = 1 / std::sqrt(1 - std::pow(o.betas[1], t)),
            .eps = o.eps};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    const T square = g * g;
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    s.exp_avg_sq = s.exp_avg_sq - k.w2 * (sign(s.exp_avg_sq - square) * square);
    p = p - (k.rate * s.exp_avg) / (sqrt(s.exp_avg_sq) * k.scale + k.eps);
  }
};

}  // namespace rules

using Yogi = OptimizerOf<rules::Yogi>;

}  // namespace descent

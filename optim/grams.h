#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// Grams: Adam's step in size, the gradient's in direction.
/// Cao, Li & Song 2024, arXiv:2412.17107, Algorithm 1:
///   m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) g^2;   c1 = 1 - b1^t,  c2 = 1 - b2^t
///   p <- p - lr sign(g) |m/c1| / (sqrt(v)/sqrt(c2) + eps)
struct Grams {
  static constexpr About about{"Grams", "grams", "Cao, Li & Song 2024, arXiv:2412.17107",
                               "kozistr/pytorch_optimizer"};

  struct Options {
    double lr = 1e-3;                         ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of v
    double eps = 1e-6;                        ///< keeps the denominator off zero
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Decoupled;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (decay_mode), (maximize))
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq;  // m, v
    DESCENT_BUFFERS(exp_avg, exp_avg_sq)
  };

  template <class T>
  struct Coefficients {
    T b1, w1, b2, w2, rate, scale, eps;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const auto t = static_cast<double>(at.step);
    return {.b1 = o.betas[0],
            .w1 = 1 - o.betas[0],
            .b2 = o.betas[1],
            .w2 = 1 - o.betas[1],
            .rate = o.lr / (1 - std::pow(o.betas[0], t)),
            .scale = 1 / std::sqrt(1 - std::pow(o.betas[1], t)),
            .eps = o.eps};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    const T size = (k.rate * abs(s.exp_avg)) / (sqrt(s.exp_avg_sq) * k.scale + k.eps);
    p = p - sign(g) * size;
  }
};

}  // namespace rules

using Grams = OptimizerOf<rules::Grams>;

}  // namespace descent

#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// LaProp: divides each gradient by the root of the second moment first, and averages then.
/// Ziyin, Wang & Ueda 2020, arXiv:2002.04839, Algorithm 1; as the authors' code:
///   v <- b2 v + (1 - b2) g^2;   y = v;   c1 = 1 - b1^t,  c2 = 1 - b2^t
///   centered:  a <- b2 a + (1 - b2) g;   from the 11th step on  y = v - a^2
///   amsgrad:   x <- max(x, y),  y = x;   with centered from the 11th step on
///   u = g / (sqrt(y/c2) + eps)
///   lr_in_average:  m <- b1 m + (1 - b1) lr u;   L <- b1 L + (1 - b1) lr;   p <- p - (lr/L) m
///   otherwise:      m <- b1 m + (1 - b1) u;      p <- p - lr m/c1
/// With a constant rate both are the same; p rests while L = 0. Nothing keeps v - a^2 from rounding
/// below 0, as in the authors' code, whose decay, by wd after the step, is not followed.
struct LaProp {
  static constexpr About about{"LaProp", "laprop", "Ziyin, Wang & Ueda 2020, arXiv:2002.04839",
                               "Z-T-WANG/LaProp-Optimizer; timm laprop"};

  struct Options {
    double lr = 4e-4;                         ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of v
    double eps = 1e-15;                       ///< keeps the denominator off zero
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Decoupled;
    bool lr_in_average = true;  ///< averages steps, not directions, see above
    bool amsgrad = false;       ///< divides by the largest y so far
    bool centered = false;      ///< divides by the standard deviation instead
    bool maximize = false;      ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (decay_mode), (lr_in_average), (amsgrad),
                    (centered), (maximize))
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq, exp_mean_avg_beta2, max_exp_avg_sq;  // m, v, a, x
    DESCENT_BUFFERS(exp_avg, exp_avg_sq, exp_mean_avg_beta2, max_exp_avg_sq)
  };

  struct Scalars {
    double exp_avg_lr_1 = 0;  // L
    DESCENT_BUFFERS(exp_avg_lr_1)
  };

  struct Form {
    bool amsgrad, centered;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {{false, false}, {true, false}, {false, true}, {true, true}};
  static Form form(const Options& o) { return {o.amsgrad, o.centered}; }
  static constexpr std::array<bool, 4> buffers(Form f) {
    return {true, true, f.centered, f.amsgrad};
  }

  /// centered and of_max are 1, or 0 in the first ten steps of centered.
  template <class T>
  struct Coefficients {
    T b1, w1, b2, w2, unbias, eps, rate, centered, of_max, of_now;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at, Scalars& s) {
    const auto t = static_cast<double>(at.step);
    const auto [b1, b2] = o.betas;
    const bool waits = o.centered && at.step <= 10;
    Coefficients<double> k{.b1 = b1,
                           .w1 = 1 - b1,
                           .b2 = b2,
                           .w2 = 1 - b2,
                           .unbias = 1 / (1 - std::pow(b2, t)),
                           .eps = o.eps,
                           .rate = o.lr / (1 - std::pow(b1, t)),
                           .centered = waits ? 0.0 : 1.0,
                           .of_max = waits ? 0.0 : 1.0,
                           .of_now = waits ? 1.0 : 0.0};
    if (!o.lr_in_average) return k;
    s.exp_avg_lr_1 = b1 * s.exp_avg_lr_1 + (1 - b1) * o.lr;
    k.w1 *= o.lr;
    k.rate = s.exp_avg_lr_1 == 0 ? 0 : o.lr / s.exp_avg_lr_1;
    return k;
  }

  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    T y = s.exp_avg_sq;
    if constexpr (F.centered) {
      s.exp_mean_avg_beta2 = k.b2 * s.exp_mean_avg_beta2 + k.w2 * g;
      y = y - k.centered * (s.exp_mean_avg_beta2 * s.exp_mean_avg_beta2);
    }
    if constexpr (F.amsgrad) {
      s.max_exp_avg_sq = max(s.max_exp_avg_sq, k.of_max * y);
      y = k.of_max * s.max_exp_avg_sq + k.of_now * y;
    }
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * (g / (sqrt(k.unbias * y) + k.eps));
    p = p - k.rate * s.exp_avg;
  }
};

}  // namespace rules

using LaProp = OptimizerOf<rules::LaProp>;

}  // namespace descent

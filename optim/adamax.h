#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {

DESCENT_ENUM(EpsPlace, InMax, AfterMax)

namespace rules {

/// AdaMax: Adam with the infinity norm in place of the root mean square.
/// Kingma & Ba 2015, arXiv:1412.6980, Algorithm 2:
///   m <- b1 m + (1 - b1) g;   c1 = 1 - b1^t
///   InMax:     u <- max(b2 u, |g| + eps);   p <- p - lr/c1 m / u             as torch.optim.Adamax
///   AfterMax:  u <- max(b2 u, |g|);         p <- p - lr/c1 m / (u + eps)     as Keras
struct Adamax {
  static constexpr About about{"Adamax", "adamax", "Kingma & Ba 2015, arXiv:1412.6980",
                               "torch.optim.Adamax; Keras Adamax"};

  struct Options {
    double lr = 2e-3;                         ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of u
    double eps = 1e-8;                        ///< keeps the denominator off zero
    EpsPlace eps_place = EpsPlace::InMax;     ///< where eps stands, see above
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Coupled;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative), (eps_place),
                    (weight_decay, non_negative), (decay_mode), (maximize))

    /// The settings of keras.optimizers.Adamax.
    static Options keras() {
      return {.lr = 1e-3,
              .eps = 1e-7,
              .eps_place = EpsPlace::AfterMax,
              .decay_mode = DecayMode::Decoupled};
    }
  };

  template <class T>
  struct State {
    T exp_avg, exp_inf;  // m, u
    DESCENT_BUFFERS(exp_avg, exp_inf)
  };

  template <class T>
  struct Coefficients {
    T b1, w1, b2, rate, in_max, after_max;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const double c1 = 1 - std::pow(o.betas[0], static_cast<double>(at.step));
    const bool in_max = o.eps_place == EpsPlace::InMax;
    return {o.betas[0], 1 - o.betas[0],     o.betas[1],
            o.lr / c1,  in_max ? o.eps : 0, in_max ? 0 : o.eps};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    s.exp_inf = max(k.b2 * s.exp_inf, abs(g) + k.in_max);
    p = p - (k.rate * s.exp_avg) / (s.exp_inf + k.after_max);
  }
};

}  // namespace rules

using Adamax = OptimizerOf<rules::Adamax>;

}  // namespace descent

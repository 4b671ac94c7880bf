#pragma once
#include <algorithm>

#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// NovoGrad: one second moment for each tensor, that of its gradient's norm.
/// Ginsburg et al. 2019, arXiv:1905.11286, Algorithm 1:
///   n = ||g||^2;   v <- n where v is 0, else b2 v + (1 - b2) n
///   y = v,  or with amsgrad  x <- max(x, v),  y = x
///   u = g / (sqrt(y) + eps);   InUpdate: u <- u + wd p      Decoupled: p <- p (1 - lr wd)
///   m <- b1 m + u,  or with grad_averaging  b1 m + (1 - b1) u;   p <- p - lr m
/// There is no bias correction.
struct NovoGrad {
  static constexpr About about{"NovoGrad", "novograd", "Ginsburg et al. 2019, arXiv:1905.11286",
                               "timm nvnovograd; optax novograd"};

  struct Options {
    double lr = 1e-3;                               ///< step size
    std::array<double, 2> betas{0.95, 0.98};        ///< decay of m and of v
    double eps = 1e-8;                              ///< keeps the denominator off zero
    double weight_decay = 0;                        ///< wd
    DecayPlace decay_place = DecayPlace::InUpdate;  ///< where wd enters, see above
    bool grad_averaging = false;                    ///< makes m an average, see above
    bool amsgrad = false;                           ///< divides by the largest v so far
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (decay_place), (grad_averaging), (amsgrad),
                    (maximize))

    /// The settings of optax.novograd.
    static Options optax() { return {.betas = {0.9, 0.25}, .eps = 1e-6}; }
  };

  template <class T>
  struct State {
    T exp_avg;  // m
    DESCENT_BUFFERS(exp_avg)
  };

  struct Scalars {
    double exp_avg_sq = 0, max_exp_avg_sq = 0;  // v, x
    DESCENT_BUFFERS(exp_avg_sq, max_exp_avg_sq)
  };

  static constexpr bool measures_gradients = true;

  static std::optional<double> decay_ahead(const Options& o) {
    if (o.decay_place == DecayPlace::Decoupled) return o.weight_decay;
    return {};
  }

  template <class T>
  struct Coefficients {
    T b1, w1, in_update, lr;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo&, Scalars&) {
    return {.b1 = o.betas[0],
            .w1 = o.grad_averaging ? 1 - o.betas[0] : 1,
            .in_update = o.decay_place == DecayPlace::InUpdate ? o.weight_decay : 0,
            .lr = o.lr};
  }

  template <class T, class S>
  DESCENT_FN static Pair<T> measure(const T&, const T& g, const State<T>&, const Coefficients<S>&) {
    return {g, g};
  }

  static double trust(const Options& o, const Sums& sums, const StepInfo&, Scalars& s) {
    const double n = sums.first;
    s.exp_avg_sq = s.exp_avg_sq == 0 ? n : o.betas[1] * s.exp_avg_sq + (1 - o.betas[1]) * n;
    if (o.amsgrad) s.max_exp_avg_sq = std::max(s.exp_avg_sq, s.max_exp_avg_sq);
    return 1 / (std::sqrt(o.amsgrad ? s.max_exp_avg_sq : s.exp_avg_sq) + o.eps);
  }

  template <class T, class S>
  DESCENT_FN static void apply(T& p, const T& g, State<T>& s, const Coefficients<S>& k,
                               const S& trust) {
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * (trust * g + k.in_update * p);
    p = p - k.lr * s.exp_avg;
  }
};

}  // namespace rules

using NovoGrad = OptimizerOf<rules::NovoGrad>;

}  // namespace descent

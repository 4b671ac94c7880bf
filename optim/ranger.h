#pragma once
#include <descent/optim/pieces/rectified.h>

namespace descent {
namespace rules {

/// Ranger: RAdamW inside Lookahead, optionally with centralized gradients.
/// Wright 2019, github.com/lessw2020/Ranger-Deep-Learning-Optimizer; Liu et al. 2020,
/// arXiv:1908.03265; Zhang et al. 2019, arXiv:1907.08610; Yong et al. 2020, arXiv:2004.01461:
///   gc:  g <- g - mean of g over all dimensions but the first, from two dimensions on (four with
///        gc_conv_only)
///   p <- p (1 - lr wd);   one step of RAdam (unrectified = Momentum)
///   every k steps of the optimizer:  slow <- slow + alpha (p - slow);   p <- slow
/// The slow weights start as p ahead of its first step (Initial), or at the first synchronisation
/// (Lazy). Lookahead around RAdamW gives the same path.
struct Ranger {
  static constexpr About about{"Ranger", "ranger",
                               "Wright 2019, lessw2020/Ranger-Deep-Learning-Optimizer",
                               "lessw2020 ranger"};

  struct Options {
    double lr = 1e-3;                          ///< step size
    std::array<double, 2> betas{0.95, 0.999};  ///< decay of m and of v
    double eps = 1e-5;                         ///< keeps the denominator off zero
    double weight_decay = 0;                   ///< decoupled
    bool maximize = false;                     ///< maximizes the loss: flips the gradient's sign
    double alpha = 0.5;                        ///< how far slow weights follow
    int64_t k = 6;                             ///< steps between synchronisations
    SlowInit slow_init = SlowInit::Initial;
    double rho_threshold = 5;   ///< rectifies where rho exceeds it
    bool gc = false;            ///< centralizes gradients
    bool gc_conv_only = false;  ///< those of four dimensions or more only
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (maximize), (alpha, closed_unit),
                    (k, at_least_one), (slow_init), (rho_threshold, at_least_four), (gc),
                    (gc_conv_only))
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq, slow;  // m, v
    DESCENT_BUFFERS(exp_avg, exp_avg_sq, slow)
  };

  template <class T>
  struct Coefficients {
    T b1, w1, b2, w2, rate, scale, eps;
  };

  static std::optional<double> decay_ahead(const Options& o) { return o.weight_decay; }
  static SlowPull pull(const Options& o) { return {o.k, o.alpha, o.slow_init}; }
  static bool centralizes(const Options& o, int64_t dim) {
    return o.gc && dim > (o.gc_conv_only ? 3 : 1);
  }

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const Rectification rectification{o.betas, static_cast<double>(at.step)};
    const auto branch = rectification.branch(rectification.rho > o.rho_threshold, o.eps);
    return {.b1 = o.betas[0],
            .w1 = 1 - o.betas[0],
            .b2 = o.betas[1],
            .w2 = 1 - o.betas[1],
            .rate = o.lr * branch.size,
            .scale = branch.scale,
            .eps = branch.eps};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    p = p - (k.rate * s.exp_avg) / (sqrt(s.exp_avg_sq) * k.scale + k.eps);
  }
};

}  // namespace rules

using Ranger = OptimizerOf<rules::Ranger>;

}  // namespace descent

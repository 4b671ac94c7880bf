#pragma once
#include <descent/optim/pieces/rectified.h>

namespace descent {
namespace rules {

/// AdaBelief: Adam whose denominator measures how far gradients are from their average.
/// Zhuang et al. 2020, arXiv:2010.07468, Algorithm 2; r and rho in rectified.h; as the authors'
/// adabelief_pytorch 0.2.1:
///   m <- b1 m + (1 - b1) g;   s <- b2 s + (1 - b2)(g - m)^2 + eps;   c1 = 1 - b1^t,  c2 = 1 - b2^t
///   y = s,  or with amsgrad  x <- max(x, s),  y = x
///   without rectify:    p <- p - lr/c1 m / (sqrt(y)/sqrt(c2) + eps)
///   rectify, rho >= 5:  p <- p - lr r sqrt(c2)/c1 m / (sqrt(s) + eps),  of s with amsgrad too
///   rectify, below:     p <- p - lr m/c1,  or without degenerate_to_sgd no step
/// eps is added to the s that is kept, in every step. Decay: p <- p (1 - lr wd), or p (1 - wd) with
/// fixed_decay.
struct AdaBelief {
  static constexpr About about{"AdaBelief", "adabelief", "Zhuang et al. 2020, arXiv:2010.07468",
                               "juntang-zhuang/Adabelief-Optimizer"};

  struct Options {
    double lr = 1e-3;                         ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of s
    double eps = 1e-16;                       ///< keeps s and the denominator off zero
    double weight_decay = 0;                  ///< wd
    DecayMode decay_mode = DecayMode::Decoupled;
    bool fixed_decay = false;       ///< decoupled decay by wd, whatever the rate
    bool rectify = true;            ///< RAdam's rectification of the rate
    bool degenerate_to_sgd = true;  ///< steps by m while the rectification is not known
    bool amsgrad = false;           ///< divides by the largest s so far
    bool maximize = false;          ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (decay_mode), (fixed_decay), (rectify),
                    (degenerate_to_sgd), (amsgrad), (maximize))

    std::optional<Conflict> conflict() const {
      if (fixed_decay && decay_mode == DecayMode::Coupled)
        return Conflict{"fixed_decay", "false unless decay_mode = decoupled"};
      return {};
    }
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_var, max_exp_avg_var;  // m, s, x
    DESCENT_BUFFERS(exp_avg, exp_avg_var, max_exp_avg_var)
  };

  struct Form {
    bool amsgrad, rectify;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {{false, false}, {true, false}, {true, true}};
  static Form form(const Options& o) { return {o.amsgrad, o.amsgrad && o.rectify}; }
  static constexpr std::array<bool, 3> buffers(Form f) { return {true, true, f.amsgrad}; }

  static bool decays(const Options& o, const StepInfo&) { return !o.fixed_decay; }
  static bool takes_decay(const Options& o) {
    return o.decay_mode == DecayMode::Decoupled && !o.fixed_decay;
  }

  /// p <- p keep - rate m / (sqrt(y) scale + eps)
  template <class T>
  struct Coefficients {
    T b1, w1, b2, w2, added, keep, rate, scale, eps;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const Rectification now{o.betas, static_cast<double>(at.step)};
    Coefficients<double> k{.b1 = o.betas[0],
                           .w1 = 1 - o.betas[0],
                           .b2 = o.betas[1],
                           .w2 = 1 - o.betas[1],
                           .added = o.eps,
                           .keep = o.fixed_decay ? 1 - o.weight_decay : 1,
                           .rate = o.lr / now.c1,
                           .scale = 1 / std::sqrt(now.c2),
                           .eps = o.eps};
    if (!o.rectify) return k;
    const auto [open, size, scale, eps] = now.branch(now.rho >= 5, o.eps);
    k.rate = open || o.degenerate_to_sgd ? o.lr * size : 0;
    k.scale = scale, k.eps = eps;
    return k;
  }

  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    const T apart = g - s.exp_avg;
    s.exp_avg_var = (k.b2 * s.exp_avg_var + k.w2 * (apart * apart)) + k.added;
    if constexpr (F.amsgrad) s.max_exp_avg_var = max(s.max_exp_avg_var, s.exp_avg_var);
    const T& y = F.amsgrad && !F.rectify ? s.max_exp_avg_var : s.exp_avg_var;
    p = k.keep * p - (k.rate * s.exp_avg) / (sqrt(y) * k.scale + k.eps);
  }
};

}  // namespace rules

using AdaBelief = OptimizerOf<rules::AdaBelief>;

}  // namespace descent

#pragma once
#include <algorithm>

#include <descent/optim/engine/rule.h>

namespace descent {

DESCENT_ENUM(MarsType, AdamW, Lion)

namespace rules {

/// MARS: AdamW or Lion on gradients whose variance is reduced by those of the step before.
/// Yuan et al. 2024, arXiv:2411.10438, Algorithm 2, its approximate form; as the authors' code.
/// Parameters of two dimensions, or all with optimize_1d:
///   c = g + gamma b1/(1 - b1) (g - q),  q = g of the step before, at first 0
///   c <- c / max(||c||, 1);   m <- b1 m + (1 - b1) c;   v <- b2 v + (1 - b2) c^2
///   y = v,  or with amsgrad  x <- max(x, v),  y = x
///   AdamW:  p <- p - lr ((m/c1)/(sqrt(y)/sqrt(c2) + eps) + wd p)
///   Lion:   p <- p - lr (sign(m) + wd p)
/// Others: AdamW's step, without amsgrad, on g itself with lr lr_1d_factor, betas_1d and
/// weight_decay_1d.
/// The first c is amplified, because q is 0; timm begins with c = g.
struct MARS {
  static constexpr About about{"MARS", "mars", "Yuan et al. 2024, arXiv:2411.10438",
                               "AGI-Arena/MARS"};

  struct Options {
    double lr = 3e-3;                         ///< step size
    std::array<double, 2> betas{0.95, 0.99};  ///< decay of m and of v
    double eps = 1e-8;                        ///< keeps the denominator off zero
    double weight_decay = 0;                  ///< wd
    double gamma = 0.025;                     ///< how much the change of the gradient counts
    MarsType type = MarsType::AdamW;          ///< the rule for c, see above
    bool amsgrad = false;                     ///< divides by the largest v so far
    bool optimize_1d = false;                 ///< treats all parameters as those of two dimensions
    double lr_1d_factor = 1;                  ///< rate of the others, in units of lr
    std::array<double, 2> betas_1d{0.9, 0.95};  ///< decay of m and of v of the others
    double weight_decay_1d = 0.1;               ///< wd of the others
    bool maximize = false;                      ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (gamma, non_negative), (type), (amsgrad),
                    (optimize_1d), (lr_1d_factor, non_negative), (betas_1d, unit),
                    (weight_decay_1d, non_negative), (maximize))
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq, max_exp_avg_sq, last_grad;  // m, v, x, q
    DESCENT_BUFFERS(exp_avg, exp_avg_sq, max_exp_avg_sq, last_grad)
  };

  struct Form {
    bool amsgrad;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {{false}, {true}};
  static Form form(const Options& o) { return {o.amsgrad}; }
  static constexpr std::array<bool, 4> buffers(Form f) { return {true, true, f.amsgrad, true}; }
  static constexpr bool reads_twice(Form) { return true; }
  static constexpr bool decays_in_update = true;

  DESCENT_FN static bool is_reduced(const Options& o, const StepInfo& at) {
    return at.dim == 2 || o.optimize_1d;
  }

  /// of_sign, of_max and of_now choose by factors of 0 and 1: a form has parameters of both kinds.
  template <class T>
  struct Coefficients {
    T change, b1, w1, b2, w2, of_max, of_now, scale, eps, of_ratio, of_sign, lr, decay;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const auto t = static_cast<double>(at.step);
    const bool reduced = is_reduced(o, at), lion = reduced && o.type == MarsType::Lion;
    const auto [b1, b2] = reduced ? o.betas : o.betas_1d;
    return {.change = reduced ? o.gamma * b1 / (1 - b1) : 0,
            .b1 = b1,
            .w1 = 1 - b1,
            .b2 = b2,
            .w2 = 1 - b2,
            .of_max = reduced ? 1.0 : 0.0,
            .of_now = reduced ? 0.0 : 1.0,
            .scale = 1 / std::sqrt(1 - std::pow(b2, t)),
            .eps = lion ? 1 : o.eps,
            .of_ratio = lion ? 0 : 1 / (1 - std::pow(b1, t)),
            .of_sign = lion ? 1.0 : 0.0,
            .lr = reduced ? o.lr : o.lr * o.lr_1d_factor,
            .decay = reduced ? o.weight_decay : o.weight_decay_1d};
  }

  /// c
  template <class T, class S>
  DESCENT_FN static T reduced(const T& g, const State<T>& s, const Coefficients<S>& k) {
    return g + k.change * (g - s.last_grad);
  }

  template <Form F, class T, class S>
  DESCENT_FN static Pair<T> measure(const T&, const T& g, const State<T>& s,
                                    const Coefficients<S>& k) {
    const T c = reduced(g, s, k);
    return {c, c};
  }
  DESCENT_FN static double trust(const Options& o, const Sums& sums, const StepInfo& at) {
    return is_reduced(o, at) ? 1 / std::max(std::sqrt(sums.first), 1.0) : 1;
  }
  template <Form F, class T, class S>
  DESCENT_FN static void apply(T& p, const T& g, State<T>& s, const Coefficients<S>& k,
                               const S& trust) {
    const T c = trust * reduced(g, s, k);
    s.last_grad = g;
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * c;
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (c * c);
    T y = s.exp_avg_sq;
    if constexpr (F.amsgrad) {
      s.max_exp_avg_sq = max(s.max_exp_avg_sq, s.exp_avg_sq);
      y = k.of_max * s.max_exp_avg_sq + k.of_now * y;
    }
    const T ratio = (k.of_ratio * s.exp_avg) / (sqrt(y) * k.scale + k.eps);
    p = p - k.lr * (k.decay * p + (ratio + k.of_sign * sign(s.exp_avg)));
  }
};

}  // namespace rules

using MARS = OptimizerOf<rules::MARS>;

}  // namespace descent

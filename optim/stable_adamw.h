#pragma once
#include <algorithm>

#include <descent/optim/pieces/decay_scale.h>

namespace descent {
namespace rules {

/// StableAdamW: AdamW whose rate falls, tensor by tensor, where gradients outgrow their moment.
/// Wortsman et al. 2023, arXiv:2304.13013, Algorithm 2; as optimi's code:
///   h = (b^t - b)/(b^t - 1) of b1 and of b2, at first 0
///   m <- h1 m + (1 - h1) g;   v <- h2 v + (1 - h2) g^2
///   R = max(1, sqrt(mean(g^2 / max(v, eps^2)))),  the mean over the tensor;   l = lr/R
///   p <- p (1 - l wd),  or with decay_scale = independent  p (1 - l/max_lr wd)
///   p <- p - l m / (sqrt(v) + eps)
/// m and v are averages without a bias, unlike Adam's. max_lr is the rate of the group when it was
/// added, unless it is given.
struct StableAdamW {
  static constexpr About about{"StableAdamW", "stable_adamw",
                               "Wortsman et al. 2023, arXiv:2304.13013", "optimi stableadamw"};

  struct Options {
    double lr = 1e-3;                         ///< step size
    std::array<double, 2> betas{0.9, 0.99};   ///< decay of m and of v
    double eps = 1e-6;                        ///< keeps the denominators off zero
    double weight_decay = 1e-2;               ///< wd
    DecayScale decay_scale = DecayScale::Lr;  ///< lr or independent, see above
    std::optional<double> max_lr{};           ///< none: the group's rate when it is added
    bool maximize = false;                    ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (decay_scale), (max_lr, positive), (maximize))

    std::optional<Conflict> conflict() const {
      if (decay_scale == DecayScale::Corrected || decay_scale == DecayScale::Stable)
        return Conflict{"decay_scale", "lr or independent for this rule"};
      return decay_scale_conflict(*this, lr);
    }
  };
  static void settle(Options& o) { settle_max_lr(o, o.lr); }

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq;  // m, v
    DESCENT_BUFFERS(exp_avg, exp_avg_sq)
  };

  template <class T>
  struct Coefficients {
    T h1, w1, h2, w2, floor, eps, decay;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const auto t = static_cast<double>(at.step);
    const auto h = [&](double b) { return (std::pow(b, t) - b) / (std::pow(b, t) - 1); };
    const double h1 = h(o.betas[0]), h2 = h(o.betas[1]);
    const bool independent = o.decay_scale == DecayScale::Independent;
    return {.h1 = h1,
            .w1 = 1 - h1,
            .h2 = h2,
            .w2 = 1 - h2,
            .floor = o.eps * o.eps,
            .eps = o.eps,
            .decay = independent ? o.weight_decay / *o.max_lr : o.weight_decay};
  }

  template <class T, class S>
  DESCENT_FN static Pair<T> measure(const T&, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg = k.h1 * s.exp_avg + k.w1 * g;
    s.exp_avg_sq = k.h2 * s.exp_avg_sq + k.w2 * (g * g);
    const T ratio = g / sqrt(max(s.exp_avg_sq, filled(g, k.floor)));
    return {ratio, ratio};
  }

  /// l
  DESCENT_FN static double trust(const Options& o, const Sums& sums, const StepInfo&) {
    if (sums.n == 0) return o.lr;
    return o.lr / std::max(1.0, std::sqrt(sums.first / static_cast<double>(sums.n)));
  }

  template <class T, class S>
  DESCENT_FN static void apply(T& p, const T&, const State<T>& s, const Coefficients<S>& k,
                               const S& l) {
    p = (p - (l * k.decay) * p) - (l * s.exp_avg) / (sqrt(s.exp_avg_sq) + k.eps);
  }
};

}  // namespace rules

using StableAdamW = OptimizerOf<rules::StableAdamW>;

}  // namespace descent

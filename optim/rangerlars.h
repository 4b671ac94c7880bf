#pragma once
#include <algorithm>

#include <descent/optim/pieces/rectified.h>

namespace descent {

DESCENT_ENUM(TrustNorm, Step, UpdatedWeights)
DESCENT_ENUM(TrustClamp, WeightNorm, Paratrooper)

namespace rules {

/// RangerLARS ("Over9000") and Paratrooper: RAdamW with LARS's ratio, inside Lookahead.
/// Grankin 2019, github.com/mgrankin/over9000; r and rho of Liu et al. 2020 in rectified.h:
///   m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) g^2;   p <- p (1 - lr wd)
///   rho >= 5:  D = r B m / (sqrt(v) + eps),  B = sqrt(c2)/c1;    else  D = m/c1
///   w = ||p||, within [norm_min, norm_max] unless Paratrooper
///   q = ||D||  (trust_norm = Step)   or   ||p - lr D||  (UpdatedWeights: the published code)
///   R = w/q where both are > 0, else 1
///   Paratrooper:  R <- max(1, min(1/(r B), R)) where rho >= 5, else 1
///   p <- p - lr R D;   then Lookahead as in ranger.h
/// Paratrooper's bounds close as t grows, and the rule becomes Ranger.
struct RangerLARS {
  static constexpr About about{"RangerLARS", "rangerlars", "Grankin 2019, mgrankin/over9000",
                               "mgrankin/over9000"};

  struct Options {
    double lr = 1e-3;                         ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of v
    double eps = 1e-8;                        ///< keeps the denominator off zero
    double weight_decay = 0;                  ///< decoupled
    bool maximize = false;                    ///< maximizes the loss: flips the gradient's sign
    double alpha = 0.5;                       ///< how far slow weights follow
    int64_t k = 6;                            ///< steps between synchronisations
    SlowInit slow_init = SlowInit::Initial;
    TrustNorm trust_norm = TrustNorm::Step;     ///< what q is the norm of, see above
    double norm_min = 0;                        ///< least ||p|| in the ratio
    double norm_max = 10;                       ///< largest ||p|| in the ratio
    TrustClamp clamp = TrustClamp::WeightNorm;  ///< what bounds the ratio, see above
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (maximize), (alpha, closed_unit),
                    (k, at_least_one), (slow_init), (trust_norm), (norm_min, non_negative),
                    (norm_max, non_negative_or_infinite), (clamp))

    std::optional<Conflict> conflict() const {
      if (norm_min > norm_max) return Conflict{"norm_min", "<= norm_max"};
      return {};
    }

    /// The settings of mgrankin/over9000's RangerLars, whose ratio is near 1.
    static Options over9000() {
      return {.slow_init = SlowInit::Lazy, .trust_norm = TrustNorm::UpdatedWeights};
    }
    static Options paratrooper() { return {.clamp = TrustClamp::Paratrooper}; }
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq, slow;  // m, v
    DESCENT_BUFFERS(exp_avg, exp_avg_sq, slow)
  };

  static SlowPull pull(const Options& o) { return {o.k, o.alpha, o.slow_init}; }

  DESCENT_FN static Rectification::Branch branch(const Options& o, const StepInfo& at) {
    const Rectification rectification{o.betas, static_cast<double>(at.step)};
    return rectification.branch(rectification.rho >= 5, o.eps);
  }

  /// Both branches are one formula, D = size m / (sqrt(v) scale + eps), and both norms another,
  /// of_p p + of_d D.
  template <class T>
  struct Coefficients {
    T b1, w1, b2, w2, keep, size, scale, eps, of_p, of_d, lr;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const Rectification::Branch b = branch(o, at);
    const bool updated = o.trust_norm == TrustNorm::UpdatedWeights;
    return {.b1 = o.betas[0],
            .w1 = 1 - o.betas[0],
            .b2 = o.betas[1],
            .w2 = 1 - o.betas[1],
            .keep = 1 - o.lr * o.weight_decay,
            .size = b.size,
            .scale = b.scale,
            .eps = b.eps,
            .of_p = updated ? 1.0 : 0.0,
            .of_d = updated ? -o.lr : 1,
            .lr = o.lr};
  }

  /// D
  template <class T, class S>
  DESCENT_FN static T direction(const State<T>& s, const Coefficients<S>& k) {
    return (k.size * s.exp_avg) / (sqrt(s.exp_avg_sq) * k.scale + k.eps);
  }

  template <class T, class S>
  DESCENT_FN static Pair<T> measure(const T& parameter, const T& g, State<T>& s,
                                    const Coefficients<S>& k) {
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    const T p = k.keep * parameter;
    return {p, k.of_p * p + k.of_d * direction(s, k)};
  }

  DESCENT_FN static double trust(const Options& o, const Sums& sums, const StepInfo& at) {
    const bool paratrooper = o.clamp == TrustClamp::Paratrooper;
    double w = std::sqrt(sums.first);
    if (!paratrooper) w = std::clamp(w, o.norm_min, o.norm_max);
    const double q = std::sqrt(sums.second);
    const double ratio = w == 0 || q == 0 ? 1 : w / q;
    if (!paratrooper) return ratio;
    const Rectification::Branch b = branch(o, at);
    return b.open ? std::max(1.0, std::min(1 / b.size, ratio)) : 1;
  }

  template <class T, class S>
  DESCENT_FN static void apply(T& p, const T&, const State<T>& s, const Coefficients<S>& k,
                               const S& trust) {
    p = k.keep * p - (k.lr * trust) * direction(s, k);
  }
};

}  // namespace rules

using RangerLARS = OptimizerOf<rules::RangerLARS>;

}  // namespace descent

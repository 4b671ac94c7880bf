#pragma once
#include <algorithm>

#include <descent/optim/engine/rule.h>

namespace descent {
DESCENT_ENUM(LambNorm, Joint, Separate)

namespace rules {

/// LAMB: Adam's direction, per tensor as long as the tensor itself.
/// You et al. 2020, arXiv:1904.00962, Algorithm 2:
///   max_grad_norm > 0:  g <- g / max(G / max_grad_norm, 1),  G = norm of all gradients together
///   m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) g^2;   u = (m/c1) / (sqrt(v)/sqrt(c2) + eps)
///   InUpdate:  u' = u + wd p          Decoupled:  p <- p (1 - lr wd),  u' = u
///   w = clamp(||p||, phi_min, phi_max);   q = ||u'||,  or ||u|| + wd ||p|| with norm = Separate
///   r = w/q where both are > 0, else 1;   p <- p - lr r u'
/// c1 = 1 - b1^t, c2 = 1 - b2^t, or 1 without bias_correction (the paper's third version). The
/// ratio applies with wd = 0 too; timm's default does not.
struct LAMB {
  static constexpr About about{"LAMB", "lamb", "You et al. 2020, arXiv:1904.00962",
                               "timm lamb; over9000; Keras Lamb"};

  struct Options {
    double lr = 1e-3;                         ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of v
    double eps = 1e-6;                        ///< keeps the denominator off zero
    double weight_decay = 0;                  ///< wd
    bool maximize = false;                    ///< maximizes the loss: flips the gradient's sign
    bool bias_correction = true;              ///< divides m and v by c1 and c2
    double phi_min = 0;                       ///< least norm of p in the ratio
    double phi_max = kInfinity;               ///< largest norm of p in the ratio
    LambNorm norm = LambNorm::Joint;          ///< how q is measured, see above
    DecayPlace decay_place = DecayPlace::InUpdate;  ///< where wd enters, see above
    bool trust_clip = false;                        ///< never lets the ratio exceed 1
    bool grad_averaging = true;                     ///< false: m <- b1 m + g
    double max_grad_norm = 0;                       ///< clips all gradients together; 0: off
    bool adapt_1d = true;  ///< false: ratio 1 for parameters of 0 or 1 dimensions
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (maximize), (bias_correction),
                    (phi_min, non_negative), (phi_max, non_negative_or_infinite), (norm),
                    (decay_place), (trust_clip), (grad_averaging), (max_grad_norm, non_negative),
                    (adapt_1d))

    std::optional<Conflict> conflict() const {
      if (phi_min > phi_max) return Conflict{"phi_min", "<= phi_max"};
      return {};
    }

    /// The settings of keras.optimizers.Lamb.
    static Options keras() { return {.eps = 1e-7, .decay_place = DecayPlace::Decoupled}; }
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq;  // m, v
    DESCENT_BUFFERS(exp_avg, exp_avg_sq)
  };

  template <class T>
  struct Coefficients {
    T b1, w1, b2, w2, unbias, scale, eps, keep, in_norm, in_update, lr;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const auto t = static_cast<double>(at.step);
    const double c1 = o.bias_correction ? 1 - std::pow(o.betas[0], t) : 1;
    const double c2 = o.bias_correction ? 1 - std::pow(o.betas[1], t) : 1;
    const bool decoupled = o.decay_place == DecayPlace::Decoupled;
    const double decay = decoupled ? 0 : o.weight_decay;
    return {.b1 = o.betas[0],
            .w1 = o.grad_averaging ? 1 - o.betas[0] : 1,
            .b2 = o.betas[1],
            .w2 = 1 - o.betas[1],
            .unbias = 1 / c1,
            .scale = 1 / std::sqrt(c2),
            .eps = o.eps,
            .keep = decoupled ? 1 - o.lr * o.weight_decay : 1,
            .in_norm = o.norm == LambNorm::Joint ? decay : 0,
            .in_update = decay,
            .lr = o.lr};
  }

  static bool needs_gradient_norm(const Options& o) { return o.max_grad_norm > 0; }
  static double gradient_scale(const Options& o, double norm) {
    return 1 / std::max(norm / o.max_grad_norm, 1.0);
  }

  /// u
  template <class T, class S>
  DESCENT_FN static T direction(const State<T>& s, const Coefficients<S>& k) {
    return (k.unbias * s.exp_avg) / (sqrt(s.exp_avg_sq) * k.scale + k.eps);
  }

  template <class T, class S>
  DESCENT_FN static Pair<T> measure(const T& parameter, const T& g, State<T>& s,
                                    const Coefficients<S>& k) {
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    const T p = k.keep * parameter;
    return {p, direction(s, k) + k.in_norm * p};
  }

  DESCENT_FN static double trust(const Options& o, const Sums& sums, const StepInfo& at) {
    if (!o.adapt_1d && at.dim <= 1) return 1;
    const double p = std::sqrt(sums.first), u = std::sqrt(sums.second);
    const double w = std::clamp(p, o.phi_min, o.phi_max);
    const double q = o.norm == LambNorm::Separate ? u + o.weight_decay * p : u;
    const double r = w > 0 && q > 0 ? w / q : 1;
    return o.trust_clip ? std::min(r, 1.0) : r;
  }

  template <class T, class S>
  DESCENT_FN static void apply(T& p, const T&, const State<T>& s, const Coefficients<S>& k,
                               const S& trust) {
    p = k.keep * p;
    p = p - (k.lr * trust) * (direction(s, k) + k.in_update * p);
  }
};

}  // namespace rules

using LAMB = OptimizerOf<rules::LAMB>;

}  // namespace descent

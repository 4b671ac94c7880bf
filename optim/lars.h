#pragma once
#include <algorithm>

#include <descent/optim/engine/rule.h>

namespace descent {

DESCENT_ENUM(LarsVelocity, Gradient, Step, Ema)

namespace rules {

/// LARS: momentum SGD whose gradient is, per tensor, as long as a fraction of the tensor itself.
/// You, Gitman & Ginsburg 2017, arXiv:1708.03888, Algorithm 1 (velocity = Step there):
///   w = ||p||,  q = ||g||;   r = tc w / (q + wd w + eps) where both are > 0, else 1
///   trust_clip: r <- min(r / lr, 1)                                         (NVIDIA's LARC)
///   Gradient:  h = r (g + wd p);   b <- mu b + (1 - tau) h, at first h;   p <- p - lr b
///   Step:      b <- mu b + lr (1 - tau) h;   p <- p - b
///   Ema:       b <- mu b + (1 - mu)(g + wd p);   p <- p - lr r b
/// with nesterov p <- p - lr (h + mu b), or p <- p - (mu b + lr h). tc = trust_coefficient,
/// mu = momentum, tau = dampening. As timm with always_adapt; optax divides by ||g + wd p||.
struct LARS {
  static constexpr About about{"LARS", "lars", "You, Gitman & Ginsburg 2017, arXiv:1708.03888",
                               "timm lars"};

  struct Options {
    double lr = 1.0;                  ///< step size
    double momentum = 0;              ///< mu
    double dampening = 0;             ///< tau
    double weight_decay = 0;          ///< wd, in the ratio and in the direction
    bool nesterov = false;            ///< looks one momentum step ahead, approximately
    bool maximize = false;            ///< maximizes the loss: flips the gradient's sign
    double trust_coefficient = 1e-3;  ///< tc
    double eps = 1e-8;                ///< keeps the ratio's denominator off zero
    LarsVelocity velocity = LarsVelocity::Gradient;  ///< what the buffer holds, see above
    bool trust_clip = false;                         ///< never steps further than SGD would
    bool adapt_1d = true;  ///< false: ratio 1 for parameters of 0 or 1 dimensions
    bool decay_1d = true;  ///< false: no decay for them
    DESCENT_OPTIONS((lr, non_negative), (momentum, non_negative), (dampening, finite),
                    (weight_decay, non_negative), (nesterov), (maximize),
                    (trust_coefficient, positive), (eps, non_negative), (velocity), (trust_clip),
                    (adapt_1d), (decay_1d))

    std::optional<Conflict> conflict() const {
      if (nesterov && (momentum <= 0 || dampening != 0 || velocity == LarsVelocity::Ema))
        return Conflict{"nesterov",
                        "false unless momentum > 0, dampening = 0 and velocity not ema"};
      if (velocity == LarsVelocity::Ema && dampening != 0)
        return Conflict{"dampening", "0 with velocity = ema"};
      return {};
    }
  };

  template <class T>
  struct State {
    T momentum_buffer;  // b
    DESCENT_BUFFERS(momentum_buffer)
  };

  struct Form {
    bool momentum, nesterov, ema;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {
      {false, false, false}, {true, false, false}, {true, true, false}, {true, false, true}};
  static Form form(const Options& o) {
    if (o.momentum == 0) return forms[0];
    return {true, o.nesterov, o.velocity == LarsVelocity::Ema};
  }
  static constexpr std::array<bool, 1> buffers(Form f) { return {f.momentum}; }

  /// Gradient and Step are one formula: b <- mu b + take h, p <- p - rate b.
  template <class T>
  struct Coefficients {
    T wd, mu, take, rate, ahead;
  };

  DESCENT_FN static double decay(const Options& o, const StepInfo& at) {
    return at.dim > 1 || o.decay_1d ? o.weight_decay : 0;
  }

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const bool steps = o.velocity == LarsVelocity::Step;
    const bool first = at.fresh && o.velocity == LarsVelocity::Gradient;
    double take = first ? 1 : 1 - o.dampening;
    if (steps) take *= o.lr;
    if (o.velocity == LarsVelocity::Ema) take = 1 - o.momentum;
    return {decay(o, at), o.momentum, take, steps ? 1 : o.lr, o.lr};
  }

  template <Form F, class T, class S>
  DESCENT_FN static Pair<T> measure(const T& p, const T& g, const State<T>&,
                                    const Coefficients<S>&) {
    return {p, g};
  }

  DESCENT_FN static double trust(const Options& o, const Sums& sums, const StepInfo& at) {
    if (!o.adapt_1d && at.dim <= 1) return 1;
    const double w = std::sqrt(sums.first), q = std::sqrt(sums.second);
    const double r = w > 0 && q > 0 ? o.trust_coefficient * w / (q + decay(o, at) * w + o.eps) : 1;
    return o.trust_clip ? std::min(r / o.lr, 1.0) : r;
  }

  template <Form F, class T, class S>
  DESCENT_FN static void apply(T& p, const T& g, State<T>& s, const Coefficients<S>& k,
                               const S& trust) {
    T h = g + k.wd * p;
    if constexpr (F.ema) {
      s.momentum_buffer = k.mu * s.momentum_buffer + k.take * h;
      p = p - (k.rate * trust) * s.momentum_buffer;
      return;
    }
    h = trust * h;
    if constexpr (F.momentum) {
      s.momentum_buffer = k.mu * s.momentum_buffer + k.take * h;
      if constexpr (F.nesterov)
        p = p - (k.ahead * h + (k.rate * k.mu) * s.momentum_buffer);
      else
        p = p - k.rate * s.momentum_buffer;
    } else {
      p = p - k.ahead * h;
    }
  }
};

}  // namespace rules

using LARS = OptimizerOf<rules::LARS>;

}  // namespace descent

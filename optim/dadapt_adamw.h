#pragma once
#include <algorithm>

#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// D-Adaptation's AdamW: its rate d is a lower bound of how far the solution is.
/// Defazio & Mishchenko 2023, arXiv:2301.07733, Algorithm 5; as the authors' dadaptation. Sums run over
/// all parameters, d begins as d0, B = sqrt(b2), q = layer_scale:
///   a = d lr, with bias_correction times sqrt(1 - b2^k)/(1 - b1^k)
///   x = sum q a g s/(sqrt(v) + eps),  s and v from before
///   m <- b1 m + q a (1 - b1) g;   v <- b2 v + (1 - b2) g^2;   s <- B s + a (1 - B) g
///   n <- B n + (1 - B) x;   e = n / ((1 - B) sum q |s|);   d <- max(d, min(e, d growth_rate))
///   p <- p (1 - a wd) - m / (sqrt(v) + eps)
/// a holds the d from before. Where all s are 0 nothing moves.
struct DAdaptAdamW {
  static constexpr About about{"DAdaptAdamW", "dadapt_adamw",
                               "Defazio & Mishchenko 2023, arXiv:2301.07733",
                               "facebookresearch/dadaptation; optax dadapt_adamw"};

  struct Options {
    double lr = 1;  ///< a factor of the rate that is found; the same in all groups, or 0: rests
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of v
    double eps = 1e-8;                        ///< keeps the denominator off zero
    double weight_decay = 0;                  ///< wd
    DecayMode decay_mode = DecayMode::Decoupled;
    bool bias_correction = false;    ///< corrects the rate as Adam's
    double d0 = 1e-6;                ///< the first d
    double growth_rate = kInfinity;  ///< how much d may grow in a step
    double layer_scale = 1;          ///< q, a factor of this group's rate
    bool maximize = false;           ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, positive),
                    (weight_decay, non_negative), (decay_mode), (bias_correction), (d0, positive),
                    (growth_rate, above_one_or_infinite), (layer_scale, positive), (maximize))
  };

  template <class T>
  struct State {
    T s, exp_avg_sq, exp_avg;  // s, v, m
    DESCENT_BUFFERS(s, exp_avg_sq, exp_avg)
  };
  /// d is 0 ahead of the first step.
  struct Shared {
    double d = 0, numerator_weighted = 0, k = 0;
    DESCENT_BUFFERS(d, numerator_weighted, k)
  };
  static constexpr std::array own{"lr", "weight_decay", "layer_scale"};
  static constexpr bool rests_at_zero = true;
  static constexpr bool decays_itself = true;
  static constexpr bool adds_values = true;

  static double d_of(const Options& o, const Shared& s) { return s.k == 0 ? o.d0 : s.d; }

  template <class T>
  struct Coefficients {
    T of_x, eps, b1, w1, b2, w2, b3, w3, q, keep;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo&, const Shared& s) {
    const auto [b1, b2] = o.betas;
    const double k = s.k + 1, b3 = std::sqrt(b2), q = o.layer_scale;
    const double correction =
        o.bias_correction ? std::sqrt(1 - std::pow(b2, k)) / (1 - std::pow(b1, k)) : 1;
    const double a = d_of(o, s) * o.lr * correction;
    const bool decoupled = o.decay_mode == DecayMode::Decoupled;
    return {.of_x = q * a,
            .eps = o.eps,
            .b1 = b1,
            .w1 = q * a * (1 - b1),
            .b2 = b2,
            .w2 = 1 - b2,
            .b3 = b3,
            .w3 = a * (1 - b3),
            .q = q,
            .keep = decoupled ? 1 - a * o.weight_decay : 1};
  }

  template <class T, class S>
  DESCENT_FN static Pair<T> measure(const T&, const T& g, State<T>& s, const Coefficients<S>& k) {
    const T x = (k.of_x * g) * (s.s / (sqrt(s.exp_avg_sq) + k.eps));
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    s.s = k.b3 * s.s + k.w3 * g;
    return {x, k.q * abs(s.s)};
  }

  static std::optional<double> weigh(const Options& o, const Totals& totals, Shared& s) {
    if (totals.second == 0) return {};
    const double d = d_of(o, s), b3 = std::sqrt(o.betas[1]);
    s.numerator_weighted = b3 * s.numerator_weighted + (1 - b3) * totals.first;
    const double found = s.numerator_weighted / ((1 - b3) * totals.second);
    s.d = std::max(d, std::min(found, d * o.growth_rate));
    s.k += 1;
    return 1;
  }

  template <class T, class S>
  DESCENT_FN static void apply(T& p, const T&, const State<T>& s, const Coefficients<S>& k,
                               const S&) {
    p = k.keep * p - s.exp_avg / (sqrt(s.exp_avg_sq) + k.eps);
  }
};

}  // namespace rules

using DAdaptAdamW = OptimizerOf<rules::DAdaptAdamW>;

}  // namespace descent

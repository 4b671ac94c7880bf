#pragma once
#include <algorithm>

#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// Prodigy: AdamW whose rate d is found from how far the weights have come.
/// Mishchenko & Defazio 2023, arXiv:2306.06101, Algorithm 4; as the authors' prodigyopt. p0 is p at its
/// first step, sums run over all parameters, d begins as d0:
///   a = d lr, with bias_correction times sqrt(1 - b2^k)/(1 - b1^k);   b3 = beta3 or sqrt(b2)
///   n <- b3 n + sum (d/d0) a g (p0 - p);   m <- b1 m + d (1 - b1) g;   v <- b2 v + d^2 (1 - b2) g^2
///   s <- b3 s + (d/d0) a g,  with safeguard_warmup d in the place of a
///   e = d_coef n / sum |s|;   d <- max(d, e) while d = d0;   d_max <- max(d_max, e)
///   d <- min(d_max, d growth_rate);   p <- p (1 - a wd) - a m / (sqrt(v) + d eps)
/// a holds the d from before. With b1 = 0 m is d g of the new d. Where all s are 0 nothing moves.
struct Prodigy {
  static constexpr About about{"Prodigy", "prodigy", "Mishchenko & Defazio 2023, arXiv:2306.06101",
                               "konstmish/prodigy"};

  struct Options {
    double lr = 1;  ///< a factor of the rate that is found; the same in all groups, or 0: rests
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of v
    std::optional<double> beta3{};            ///< decay of n and of s; none: sqrt(b2)
    double eps = 1e-8;                        ///< keeps the denominator off zero
    double weight_decay = 0;                  ///< wd
    DecayMode decay_mode = DecayMode::Decoupled;
    bool bias_correction = false;    ///< corrects the rate as Adam's
    bool safeguard_warmup = false;   ///< leaves lr out of s, for schedules that begin low
    double d0 = 1e-6;                ///< the first d
    double d_coef = 1;               ///< a factor of the estimates of d
    double growth_rate = kInfinity;  ///< how much d may grow in a step
    int64_t slice_p = 1;             ///< only every slice_p-th entry counts in the sums
    bool maximize = false;           ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (beta3, unit), (eps, positive),
                    (weight_decay, non_negative), (decay_mode), (bias_correction),
                    (safeguard_warmup), (d0, positive), (d_coef, positive),
                    (growth_rate, above_one_or_infinite), (slice_p, at_least_one), (maximize))
  };

  template <class T>
  struct State {
    T p0, s, exp_avg_sq, exp_avg, counts;  // p0, s, v, m, 1 where an entry counts and 0 elsewhere
    DESCENT_BUFFERS(p0, s, exp_avg_sq, exp_avg, counts)
  };
  /// d is 0 ahead of the first step.
  struct Shared {
    double d = 0, d_max = 0, d_numerator = 0, k = 0;
    DESCENT_BUFFERS(d, d_max, d_numerator, k)
  };
  static constexpr std::array own{"lr", "weight_decay"};
  static constexpr bool rests_at_zero = true;
  static constexpr bool divides_by_lr = true;  // e is a quotient of sums in proportion to it
  static constexpr bool decays_itself = true;
  static constexpr bool adds_values = true;
  static constexpr bool beyond_half = true;  // squares times d^2, which begins with 1e-12

  struct Form {
    bool momentum, slices;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {{false, false}, {false, true}, {true, false}, {true, true}};
  static Form form(const Options& o) { return {o.betas[0] > 0, o.slice_p > 1}; }
  static constexpr std::array<bool, 5> buffers(Form f) {
    return {true, true, true, f.momentum, f.slices};
  }

  template <class T>
  static State<T> initial(const Options& o, const T& p) {
    return {p, filled(p, 0), filled(p, 0), filled(p, 0), one_in(p, o.slice_p)};
  }

  static double d_of(const Options& o, const Shared& s) { return s.k == 0 ? o.d0 : s.d; }
  static double b3(const Options& o) { return o.beta3.value_or(std::sqrt(o.betas[1])); }

  template <class T>
  struct Coefficients {
    T of_n, b1, w1, b2, w2, b3, of_s, keep, rate, eps;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo&, const Shared& s) {
    const auto [b1, b2] = o.betas;
    const double d = d_of(o, s), k = s.k + 1;
    const double correction =
        o.bias_correction ? std::sqrt(1 - std::pow(b2, k)) / (1 - std::pow(b1, k)) : 1;
    const double a = d * o.lr * correction;
    const bool decoupled = o.decay_mode == DecayMode::Decoupled;
    return {.of_n = d / o.d0 * a,
            .b1 = b1,
            .w1 = d * (1 - b1),
            .b2 = b2,
            .w2 = d * d * (1 - b2),
            .b3 = b3(o),
            .of_s = d / o.d0 * (o.safeguard_warmup ? d : a),
            .keep = decoupled ? 1 - a * o.weight_decay : 1,
            .rate = a,
            .eps = o.eps};
  }

  template <Form F, class T, class S>
  DESCENT_FN static Pair<T> measure(const T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    if constexpr (F.momentum) s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    T counted = g;
    if constexpr (F.slices) counted = s.counts * g;
    s.s = k.b3 * s.s + k.of_s * counted;
    return {(k.of_n * counted) * (s.p0 - p), abs(s.s)};
  }

  static std::optional<double> weigh(const Options& o, const Totals& totals, Shared& s) {
    if (totals.second == 0) return {};
    double d = d_of(o, s);
    s.d_numerator = b3(o) * s.d_numerator + totals.first;
    const double found = o.d_coef * s.d_numerator / totals.second;
    if (d == o.d0) d = std::max(d, found);
    s.d_max = std::max(s.k == 0 ? o.d0 : s.d_max, found);
    s.d = std::min(s.d_max, d * o.growth_rate);
    s.k += 1;
    return s.d;
  }

  template <Form F, class T, class S>
  DESCENT_FN static void apply(T& p, const T& g, const State<T>& s, const Coefficients<S>& k,
                               const S& d) {
    T m = d * g;
    if constexpr (F.momentum) m = s.exp_avg;
    p = k.keep * p - (k.rate * m) / (sqrt(s.exp_avg_sq) + d * k.eps);
  }
};

}  // namespace rules

using Prodigy = OptimizerOf<rules::Prodigy>;

}  // namespace descent

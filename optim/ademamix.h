#pragma once
#include <algorithm>

#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// AdEMAMix: AdamW with a second, much slower average of the gradient beside the first.
/// Pagliardini, Ablin & Grangier 2024, arXiv:2409.03137, Algorithm 1:
///   A = alpha min(t/alpha_warmup, 1)
///   B = 0.5^(1/(h + 1)) for t < beta3_warmup, else b3,  with  s = t/beta3_warmup,
///       h = (1 - s) f(b1) + s f(b3),  f(x) = ln 0.5/ln(x + 1e-8) - 1
///   m <- b1 m + (1 - b1) g;   w <- B w + (1 - B) g;   v <- b2 v + (1 - b2) g^2
///   p <- p - lr ((m/c1 + A w)/(sqrt(v)/sqrt(c2) + eps) + wd p),   c1 = 1 - b1^t,  c2 = 1 - b2^t
/// f is the half-life of an average, which goes from that of b1 to that of b3. The slow average w
/// has no bias correction. With b1 = 0 the fast one is g and is not kept.
struct AdEMAMix {
  static constexpr About about{"AdEMAMix", "ademamix",
                               "Pagliardini, Ablin & Grangier 2024, arXiv:2409.03137",
                               "apple/ml-ademamix"};

  struct Options {
    double lr = 1e-3;                                 ///< step size
    std::array<double, 3> betas{0.9, 0.999, 0.9999};  ///< decay of m, of v and of w
    double alpha = 2;                                 ///< how much w counts beside m
    std::optional<double> alpha_warmup{};             ///< steps until alpha counts in full
    std::optional<double> beta3_warmup{};             ///< steps until w decays as slowly as b3
    double eps = 1e-8;                                ///< keeps the denominator off zero
    double weight_decay = 0;                          ///< wd
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (alpha, non_negative),
                    (alpha_warmup, at_least_one), (beta3_warmup, at_least_one), (eps, non_negative),
                    (weight_decay, non_negative), (maximize))
  };

  template <class T>
  struct State {
    T exp_avg_fast, exp_avg_slow, exp_avg_sq;  // m, w, v
    DESCENT_BUFFERS(exp_avg_fast, exp_avg_slow, exp_avg_sq)
  };

  struct Form {
    bool fast;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {{true}, {false}};
  static constexpr bool decays_in_update = true;
  static Form form(const Options& o) { return {o.betas[0] > 0}; }
  static constexpr std::array<bool, 3> buffers(Form f) { return {f.fast, true, true}; }

  template <class T>
  struct Coefficients {
    T b1, w1, b2, w2, b3, w3, unbias, alpha, scale, eps, lr, decay;
  };

  /// B of step t
  static double slow_decay(const Options& o, double t) {
    if (!o.beta3_warmup || t >= *o.beta3_warmup) return o.betas[2];
    const auto half_life = [](double b) { return std::log(0.5) / std::log(b + 1e-8) - 1; };
    const double s = t / *o.beta3_warmup;
    return std::pow(0.5, 1 / ((1 - s) * half_life(o.betas[0]) + s * half_life(o.betas[2]) + 1));
  }

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const auto t = static_cast<double>(at.step);
    const double b3 = slow_decay(o, t);
    return {.b1 = o.betas[0],
            .w1 = 1 - o.betas[0],
            .b2 = o.betas[1],
            .w2 = 1 - o.betas[1],
            .b3 = b3,
            .w3 = 1 - b3,
            .unbias = 1 / (1 - std::pow(o.betas[0], t)),
            .alpha = o.alpha_warmup ? o.alpha * std::min(t / *o.alpha_warmup, 1.0) : o.alpha,
            .scale = 1 / std::sqrt(1 - std::pow(o.betas[1], t)),
            .eps = o.eps,
            .lr = o.lr,
            .decay = o.weight_decay};
  }

  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    if constexpr (F.fast) s.exp_avg_fast = k.b1 * s.exp_avg_fast + k.w1 * g;
    s.exp_avg_slow = k.b3 * s.exp_avg_slow + k.w3 * g;
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    const T mix = k.unbias * (F.fast ? s.exp_avg_fast : g) + k.alpha * s.exp_avg_slow;
    p = p - k.lr * (mix / (sqrt(s.exp_avg_sq) * k.scale + k.eps) + k.decay * p);
  }
};

}  // namespace rules

using AdEMAMix = OptimizerOf<rules::AdEMAMix>;

}  // namespace descent

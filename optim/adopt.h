#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// ADOPT: divides each gradient by the root of the second moment of those before it, and averages
/// then. Taniguchi et al. 2024, arXiv:2411.02853, Algorithm 2, with the clipping of its version 3:
///   first step:  v = g^2, and nothing else, no decoupled decay either
///   then:        n = g / max(sqrt(v), eps), between -c and c,  c = (t - 1)^clip_exponent
///                m <- b1 m + (1 - b1) n;   p <- p - lr m;   v <- b2 v + (1 - b2) g^2
struct ADOPT {
  static constexpr About about{"ADOPT", "adopt", "Taniguchi et al. 2024, arXiv:2411.02853",
                               "iShohei220/adopt; timm adopt"};

  struct Options {
    double lr = 1e-3;                            ///< step size
    std::array<double, 2> betas{0.9, 0.9999};    ///< decay of m and of v
    double eps = 1e-6;                           ///< the least denominator
    std::optional<double> clip_exponent = 0.25;  ///< how fast the bound c grows; none: no bound
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Coupled;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (clip_exponent, non_negative), (weight_decay, non_negative), (decay_mode),
                    (maximize))
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq;  // m, v
    DESCENT_BUFFERS(exp_avg, exp_avg_sq)
  };

  static bool decays(const Options&, const StepInfo& at) { return at.step > 1; }

  template <class T>
  struct Coefficients {
    T b1, w1, b2, w2, lr, eps, low, high;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    // The first gradient is divided by at least 1 and counts nothing, so that m and p stay.
    if (at.step == 1)
      return {.b1 = 1, .w1 = 0, .b2 = 0, .w2 = 1, .lr = 0, .eps = 1, .low = 0, .high = 0};
    const double bound =
        o.clip_exponent ? std::pow(static_cast<double>(at.step - 1), *o.clip_exponent) : kInfinity;
    return {.b1 = o.betas[0],
            .w1 = 1 - o.betas[0],
            .b2 = o.betas[1],
            .w2 = 1 - o.betas[1],
            .lr = o.lr,
            .eps = o.eps,
            .low = -bound,
            .high = bound};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    const T root = sqrt(s.exp_avg_sq);
    const T n = clamp(g / max(root, filled(root, k.eps)), k.low, k.high);
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * n;
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    p = p - k.lr * s.exp_avg;
  }
};

}  // namespace rules

using ADOPT = OptimizerOf<rules::ADOPT>;

}  // namespace descent

#pragma once
#include <descent/optim/pieces/rectified.h>

namespace descent {

DESCENT_ENUM(Unrectified, Momentum, Skip)

namespace rules {

/// RAdam and RAdamW: Adam whose rate waits until the variance of its denominator is known.
/// Liu et al. 2020, arXiv:1908.03265, Algorithm 2; r and rho in rectified.h:
///   m <- b1 m + (1 - b1) g;   v <- b2 v + (1 - b2) g^2;   c1 = 1 - b1^t,  c2 = 1 - b2^t
///   rho > rho_threshold:  p <- p - lr r (m/c1) sqrt(c2) / (sqrt(v) + eps)
///   otherwise:  Momentum: p <- p - lr m/c1   (torch)      Skip: p rests, undecayed (the authors)
/// torch.optim.RAdam opens the branch at rho > 5, the authors' code at rho >= 5, the paper at 4.
/// With b2 <= 0.6 it never opens.
template <DecayMode Mode>
struct RAdamFamily {
  static constexpr About about =
      Mode == DecayMode::Coupled
          ? About{"RAdam", "radam", "Liu et al. 2020, arXiv:1908.03265", "torch.optim.RAdam"}
          : About{"RAdamW", "radamw",
                  "Liu et al. 2020, arXiv:1908.03265; Loshchilov & Hutter 2019, arXiv:1711.05101",
                  "torch.optim.RAdam; LiyuanLucasLiu/RAdam"};

  struct Options {
    double lr = 1e-3;                         ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of v
    double eps = 1e-8;                        ///< keeps the denominator off zero
    double weight_decay = 0;
    DecayMode decay_mode = Mode;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    Unrectified unrectified = Unrectified::Momentum;  ///< what happens before the branch opens
    double rho_threshold = 5;                         ///< opens it
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (eps, non_negative),
                    (weight_decay, non_negative), (decay_mode), (maximize), (unrectified),
                    (rho_threshold, at_least_four))
  };

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq;  // m, v
    DESCENT_BUFFERS(exp_avg, exp_avg_sq)
  };

  /// p <- p - rate m / (sqrt(v) scale + eps) in both branches
  template <class T>
  struct Coefficients {
    T b1, w1, b2, w2, rate, scale, eps;
  };

  static Rectification::Branch branch(const Options& o, const StepInfo& at) {
    const Rectification rectification{o.betas, static_cast<double>(at.step)};
    return rectification.branch(rectification.rho > o.rho_threshold, o.eps);
  }
  static bool moves(const Options& o, bool open) {
    return open || o.unrectified == Unrectified::Momentum;
  }
  static bool decays(const Options& o, const StepInfo& at) { return moves(o, branch(o, at).open); }

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const auto [open, size, scale, eps] = branch(o, at);
    const double rate = moves(o, open) ? o.lr * size : 0;
    return {o.betas[0], 1 - o.betas[0], o.betas[1], 1 - o.betas[1], rate, scale, eps};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    p = p - (k.rate * s.exp_avg) / (sqrt(s.exp_avg_sq) * k.scale + k.eps);
  }
};

using RAdam = RAdamFamily<DecayMode::Coupled>;
using RAdamW = RAdamFamily<DecayMode::Decoupled>;

}  // namespace rules

using RAdam = OptimizerOf<rules::RAdam>;
using RAdamW = OptimizerOf<rules::RAdamW>;

}  // namespace descent

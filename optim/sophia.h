#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// Sophia-G: divides the momentum by an estimate of the Hessian's diagonal, and clips.
/// Liu et al. 2023, arXiv:2305.14342, Algorithm 3 with the estimator of Algorithm 2:
///   p <- p (1 - lr wd);   m <- b1 m + (1 - b1) g
///   p <- p - lr sign(m) min(|m| / (rho bs h + 1e-15), 1)
///   update_hessian():  h <- b2 h + (1 - b2) g^2
/// whose gradients should be those of labels that are drawn from the model's own output, every 10
/// steps or so. While h = 0 a step is lr sign(m). There is no bias correction.
struct Sophia {
  static constexpr About about{"Sophia", "sophia", "Liu et al. 2023, arXiv:2305.14342",
                               "Liuhong99/Sophia"};

  struct Options {
    double lr = 1e-4;                          ///< step size; no number moves further
    std::array<double, 2> betas{0.965, 0.99};  ///< decay of m and of h
    double rho = 0.04;                         ///< where the clipping begins: less clips more
    double weight_decay = 0.1;                 ///< wd
    DecayMode decay_mode = DecayMode::Decoupled;
    double bs = 1;          ///< examples, or tokens, of a batch
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (rho, non_negative),
                    (weight_decay, non_negative), (decay_mode), (bs, positive), (maximize))
  };

  template <class T>
  struct State {
    T exp_avg, hessian;  // m, h
    DESCENT_BUFFERS(exp_avg, hessian)
  };
  static constexpr const char* hessian = "hessian";
  static double hessian_beta(const Options& o) { return o.betas[1]; }

  template <class T>
  struct Coefficients {
    T b1, w1, curvature, eps, lr;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo&) {
    return {o.betas[0], 1 - o.betas[0], o.rho * o.bs, 1e-15, o.lr};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg = k.b1 * s.exp_avg + k.w1 * g;
    p = p - k.lr * clamp(s.exp_avg / (k.curvature * s.hessian + k.eps), -1, 1);
  }
};

}  // namespace rules

using Sophia = OptimizerOf<rules::Sophia>;

}  // namespace descent

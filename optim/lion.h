#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// Lion: steps by the sign of an interpolated momentum.
/// Chen et al. 2023, arXiv:2302.06675, Algorithm 2:
///   p <- p (1 - lr wd);   p <- p - lr sign(b1 m + (1 - b1) g);   m <- b2 m + (1 - b2) g
struct Lion {
  static constexpr About about{"Lion", "lion", "Chen et al. 2023, arXiv:2302.06675"};

  struct Options {
    double lr = 1e-4;                        ///< step size; wants 3-10 times less than AdamW's
    std::array<double, 2> betas{0.9, 0.99};  ///< b1: momentum in the step, b2: its decay
    double weight_decay = 0;                 ///< wd
    DecayMode decay_mode = DecayMode::Decoupled;
    bool maximize = false;  ///< ascends instead
    DESCENT_OPTIONS((lr, non_negative), (betas, unit), (weight_decay, non_negative), (decay_mode),
                    (maximize))
  };

  template <class T>
  struct State {
    T exp_avg;  // m
    DESCENT_BUFFERS(exp_avg)
  };

  template <class T>
  struct Step {
    T lr, b1, w1, b2, w2;
  };

  static Step<double> begin(const Options& o, const Moment&) {
    return {o.lr, o.betas[0], 1 - o.betas[0], o.betas[1], 1 - o.betas[1]};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Step<S>& k) {
    p = p - k.lr * sign(k.b1 * s.exp_avg + k.w1 * g);
    s.exp_avg = k.b2 * s.exp_avg + k.w2 * g;
  }
};

}  // namespace rules

using Lion = Optimizer<rules::Lion>;

}  // namespace descent

DESCENT_RULE(descent::rules::Lion)

#pragma once
#include <descent/optim/engine/rule.h>

/// A rule as a user of the library writes it: the sign of a momentum.
/// Bernstein et al. 2018, arXiv:1802.04434:   m <- mu m + (1 - mu) g;   p <- p - lr sign(m)
struct SignMomentumRule {
  static constexpr descent::About about{"SignMomentum", "sign_momentum", "Bernstein et al. 2018"};

  struct Options {
    double lr = 1e-3;
    double momentum = 0.9;
    double weight_decay = 0;
    descent::DecayMode decay_mode = descent::DecayMode::Decoupled;
    bool maximize = false;
    DESCENT_OPTIONS((lr, non_negative), (momentum, unit), (weight_decay, non_negative),
                    (decay_mode), (maximize))
  };

  template <class T>
  struct State {
    T momentum_buffer;
    DESCENT_BUFFERS(momentum_buffer)
  };

  template <class T>
  struct Coefficients {
    T lr, mu, w;
  };

  static Coefficients<double> begin(const Options& o, const descent::StepInfo&) {
    return {o.lr, o.momentum, 1 - o.momentum};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.momentum_buffer = k.mu * s.momentum_buffer + k.w * g;
    p = p - k.lr * descent::math::sign(s.momentum_buffer);
  }
};

using SignMomentum = descent::OptimizerOf<SignMomentumRule>;

#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// Signum and SignSGD: steps by the sign of the momentum, or without momentum of the gradient.
/// Bernstein et al. 2018, arXiv:1802.04434, Algorithms 1 and 2:
///   b <- mu b + (1 - mu) g;   p <- p - lr sign(b),  or with momentum 0  p <- p - lr sign(g)
/// Lion with both betas mu takes the same steps.
struct Signum {
  static constexpr About about{"Signum", "signum", "Bernstein et al. 2018, arXiv:1802.04434",
                               "optax sign_sgd; kozistr/pytorch_optimizer SignSGD"};

  struct Options {
    double lr = 1e-3;       ///< step size
    double momentum = 0.9;  ///< mu
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Decoupled;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (momentum, unit), (weight_decay, non_negative),
                    (decay_mode), (maximize))
  };

  template <class T>
  struct State {
    T momentum_buffer;  // b
    DESCENT_BUFFERS(momentum_buffer)
  };

  struct Form {
    bool momentum;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {{false}, {true}};
  static Form form(const Options& o) { return {o.momentum > 0}; }
  static constexpr std::array<bool, 1> buffers(Form f) { return {f.momentum}; }

  template <class T>
  struct Coefficients {
    T lr, mu, w;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo&) {
    return {o.lr, o.momentum, 1 - o.momentum};
  }

  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    if constexpr (F.momentum) s.momentum_buffer = k.mu * s.momentum_buffer + k.w * g;
    p = p - k.lr * sign(F.momentum ? s.momentum_buffer : g);
  }
};

}  // namespace rules

using Signum = OptimizerOf<rules::Signum>;

}  // namespace descent

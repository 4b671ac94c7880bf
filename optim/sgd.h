#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {
DESCENT_ENUM(FirstBuffer, FirstGrad, Zero)

namespace rules {

/// Stochastic gradient descent, with momentum in all its usual forms.
/// Polyak 1964; Nesterov 1983; as in torch.optim.SGD and, velocity = Step, keras.optimizers.SGD:
///   momentum 0:  p <- p - lr g
///   Gradient:    b <- mu b + (1 - tau) g;  first b = g, or (1 - tau) g with first_buffer = Zero
///                p <- p - lr b,  or  p <- p - lr (g + mu b)  with nesterov
///   Step:        b <- mu b - lr (1 - tau) g
///                p <- p + b,     or  p <- p + mu b - lr g    with nesterov
/// mu = momentum, tau = dampening. With a constant lr and tau = 0 both velocities give the same
/// path; under a schedule they do not. An exponential average of gradients is Gradient, tau = mu,
/// Zero.
/// lookahead is Nesterov's method as he wrote it: the closure, which step() then needs, is called
/// with the parameters at q = p - lr mu b (Gradient) or p + mu b (Step), and g is the gradient
/// there, coupled decay included; the loss returned is that at q.
struct SGD {
  static constexpr About about{"SGD", "sgd", "Robbins & Monro 1951; Polyak 1964; Nesterov 1983",
                               "torch.optim.SGD; Keras SGD; timm sgdw"};

  struct Options {
    double lr = 1e-3;         ///< step size
    double momentum = 0;      ///< mu
    double dampening = 0;     ///< tau
    double weight_decay = 0;  ///< wd
    DecayMode decay_mode = DecayMode::Coupled;
    bool nesterov = false;  ///< looks one momentum step ahead, approximately
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    FirstBuffer first_buffer = FirstBuffer::FirstGrad;  ///< what b is after the first step
    Velocity velocity = Velocity::Gradient;  ///< Step: the buffer holds steps, lr included
    bool lookahead = false;                  ///< takes the gradient one momentum step ahead
    DESCENT_OPTIONS((lr, non_negative), (momentum, non_negative), (dampening, finite),
                    (weight_decay, non_negative), (decay_mode), (nesterov), (maximize),
                    (first_buffer), (velocity), (lookahead))

    std::optional<Conflict> conflict() const {
      if (nesterov && (momentum <= 0 || dampening != 0))
        return Conflict{"nesterov", "false unless momentum > 0 and dampening = 0"};
      if (lookahead && (momentum == 0 || nesterov))
        return Conflict{"lookahead", "false unless momentum > 0 and nesterov = false"};
      return {};
    }

    /// The settings of keras.optimizers.SGD.
    static Options keras() {
      return {.lr = 1e-2, .decay_mode = DecayMode::Decoupled, .velocity = Velocity::Step};
    }
  };

  template <class T>
  struct State {
    T momentum_buffer;  // b
    DESCENT_BUFFERS(momentum_buffer)
  };

  struct Form {
    bool momentum, nesterov, velocity_step, lookahead;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {{false, false, false, false}, {true, false, false, false},
                                   {true, true, false, false},   {true, false, true, false},
                                   {true, true, true, false},    {true, false, false, true},
                                   {true, false, true, true}};
  /// Rows that were seen once go on moving by their momentum.
  static Sparse takes_sparse(const Options& o) {
    return o.momentum == 0 ? Sparse::Present : Sparse::Filled;
  }
  static Form form(const Options& o) {
    if (o.momentum == 0) return forms[0];
    return {true, o.nesterov, o.velocity == Velocity::Step, o.lookahead};
  }
  static constexpr std::array<bool, 1> buffers(Form f) { return {f.momentum}; }

  template <class T>
  struct Coefficients {
    T lr, mu, take, ahead;
  };

  /// Where the gradient is wanted: at p + look_ahead b.
  static double look_ahead(const Options& o) {
    if (!o.lookahead) return 0;
    return o.velocity == Velocity::Step ? o.momentum : -o.lr * o.momentum;
  }

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const double take = 1 - o.dampening;
    const double ahead = o.decay_mode == DecayMode::Coupled ? o.weight_decay * look_ahead(o) : 0;
    if (o.velocity == Velocity::Step) return {o.lr, o.momentum, o.lr * take, ahead};
    // The buffer starts at zero, so weighing the first gradient by 1 makes it the buffer.
    const bool first = at.fresh && o.first_buffer == FirstBuffer::FirstGrad;
    return {o.lr, o.momentum, first ? 1 : take, ahead};
  }

  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& gradient, State<T>& s, const Coefficients<S>& k) {
    T g = gradient;
    if constexpr (F.lookahead) g = g + k.ahead * s.momentum_buffer;  // wd q instead of wd p
    if constexpr (!F.momentum) {
      p = p - k.lr * g;
    } else if constexpr (F.velocity_step) {
      s.momentum_buffer = k.mu * s.momentum_buffer - k.take * g;
      if constexpr (F.nesterov)
        p = p + (k.mu * s.momentum_buffer - k.lr * g);
      else
        p = p + s.momentum_buffer;
    } else {
      s.momentum_buffer = k.mu * s.momentum_buffer + k.take * g;
      if constexpr (F.nesterov)
        p = p - k.lr * (g + k.mu * s.momentum_buffer);
      else
        p = p - k.lr * s.momentum_buffer;
    }
  }
};

}  // namespace rules

using SGD = OptimizerOf<rules::SGD>;

}  // namespace descent

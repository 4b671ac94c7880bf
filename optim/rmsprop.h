#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {

DESCENT_ENUM(RMSpropInit, Zero, FirstGradSquared)

namespace rules {

/// RMSprop: divides by a running root mean square of the gradient.
/// Tieleman & Hinton 2012, Coursera lecture 6.5; Graves 2013, arXiv:1308.0850 (centered):
///   v <- alpha v + (1 - alpha) g^2;       v_0 = 0, or g^2 of the first step (FirstGradSquared)
///   x = v, or with centered  a <- alpha a + (1 - alpha) g,  x = v - a^2
///   u = g / (sqrt(x) + eps)  (Outside: torch)   or  g / sqrt(x + eps)  (Inside: Keras)
///   sign_gain: k <- k gain_up where g and the gradient before agree in sign, k gain_down where
///     they do not, within [gain_min, gain_max];  u <- k u        (Tieleman & Hinton, slide 26)
///   momentum 0:  p <- p - lr u
///   Gradient:    b <- mu b + u;      p <- p - lr b
///   Step:        b <- mu b + lr u;   p <- p - b
/// As in torch nothing keeps v - a^2 from rounding below 0.
struct RMSprop {
  static constexpr About about{"RMSprop", "rmsprop",
                               "Tieleman & Hinton 2012; Graves 2013, arXiv:1308.0850",
                               "torch.optim.RMSprop; Keras RMSprop"};

  struct Options {
    double lr = 1e-2;                     ///< step size
    double alpha = 0.99;                  ///< decay of both averages
    double eps = 1e-8;                    ///< keeps the denominator off zero
    RootEps eps_mode = RootEps::Outside;  ///< where eps stands, see above
    double momentum = 0;                  ///< mu
    bool centered = false;                ///< divides by the standard deviation instead
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Coupled;
    bool maximize = false;                   ///< maximizes the loss: flips the gradient's sign
    RMSpropInit init = RMSpropInit::Zero;    ///< what v is ahead of the first step, see above
    Velocity velocity = Velocity::Gradient;  ///< Step: the buffer holds steps, lr included
    bool sign_gain = false;                  ///< a rate of its own for every element
    double gain_up = 1.2;                    ///< its growth while gradients agree
    double gain_down = 0.5;                  ///< its fall when they do not
    double gain_min = 1e-6;                  ///< the least rate of an element
    double gain_max = 50;                    ///< its largest
    DESCENT_OPTIONS((lr, non_negative), (alpha, unit), (eps, non_negative), (eps_mode),
                    (momentum, non_negative), (centered), (weight_decay, non_negative),
                    (decay_mode), (maximize), (init), (velocity), (sign_gain), (gain_up, above_one),
                    (gain_down, open_unit), (gain_min, positive), (gain_max, positive))

    std::optional<Conflict> conflict() const {
      if (gain_min > gain_max) return Conflict{"gain_min", "<= gain_max"};
      return {};
    }

    /// The settings of keras.optimizers.RMSprop.
    static Options keras() {
      return {.lr = 1e-3,
              .alpha = 0.9,
              .eps = 1e-7,
              .eps_mode = RootEps::Inside,
              .decay_mode = DecayMode::Decoupled,
              .velocity = Velocity::Step};
    }
  };

  template <class T>
  struct State {
    T square_avg, grad_avg, momentum_buffer, prev_grad, gain;  // v, a, b, the gradient before, k
    DESCENT_BUFFERS(square_avg, grad_avg, momentum_buffer, prev_grad, gain)
  };
  template <class T>
  static State<T> initial(const Options&, const T& p) {
    const T zero = filled(p, 0);
    return {zero, zero, zero, zero, filled(p, 1)};
  }

  struct Form {
    bool centered, momentum, sign_gain;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {
      {false, false, false}, {true, false, false}, {false, true, false}, {true, true, false},
      {false, false, true},  {true, false, true},  {false, true, true},  {true, true, true}};
  static Form form(const Options& o) { return {o.centered, o.momentum > 0, o.sign_gain}; }
  static constexpr std::array<bool, 5> buffers(Form f) {
    return {true, f.centered, f.momentum, f.sign_gain, f.sign_gain};
  }

  template <class T>
  struct Coefficients {
    T alpha, w, first_alpha, first_w, inside, outside, mu, take, rate, up, down, low, high;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    // The first square has the weight 1 where it is to be v itself.
    const bool whole = o.init == RMSpropInit::FirstGradSquared && at.step == 1;
    const bool inside = o.eps_mode == RootEps::Inside;
    const bool steps = o.velocity == Velocity::Step;
    return {.alpha = o.alpha,
            .w = 1 - o.alpha,
            .first_alpha = whole ? 0 : o.alpha,
            .first_w = whole ? 1 : 1 - o.alpha,
            .inside = inside ? o.eps : 0,
            .outside = inside ? 0 : o.eps,
            .mu = o.momentum,
            .take = steps ? o.lr : 1,
            .rate = steps ? 1 : o.lr,
            .up = o.gain_up,
            .down = o.gain_down,
            .low = o.gain_min,
            .high = o.gain_max};
  }

  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.square_avg = k.first_alpha * s.square_avg + k.first_w * (g * g);
    T x = s.square_avg;
    if constexpr (F.centered) {
      s.grad_avg = k.alpha * s.grad_avg + k.w * g;
      x = x - s.grad_avg * s.grad_avg;
    }
    T u = g / (sqrt(x + k.inside) + k.outside);
    if constexpr (F.sign_gain) {
      s.gain = clamp(s.gain * by_sign(g * s.prev_grad, k.down, S(1), k.up), k.low, k.high);
      s.prev_grad = g;
      u = s.gain * u;
    }
    if constexpr (F.momentum) {
      s.momentum_buffer = k.mu * s.momentum_buffer + k.take * u;
      p = p - k.rate * s.momentum_buffer;
    } else {
      p = p - (k.take * k.rate) * u;
    }
  }
};

}  // namespace rules

using RMSprop = OptimizerOf<rules::RMSprop>;

}  // namespace descent

#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// MADGRAD: dual averaging with momentum, divided by a cube root.
/// Defazio & Jelassi 2021, arXiv:2101.11075, Algorithm 1; as the authors' code:
///   l = lr + eps, or 0 at rate 0;   k = l sqrt(t)
///   v <- v + k g^2;   s <- s + k g;   z = x0 - s / (cbrt(v) + eps)
///   p' = mu p + (1 - mu) z;   p <- p',  or with decoupled decay  p' - l wd p
/// x0 is p ahead of the first step. With mu = 0 it is not kept: it is p + s / (cbrt(v) + eps) of the
/// old s and v. A denominator of 0 makes the quotient 0.
struct MADGRAD {
  static constexpr About about{"MADGRAD", "madgrad", "Defazio & Jelassi 2021, arXiv:2101.11075",
                               "facebookresearch/madgrad"};

  struct Options {
    double lr = 1e-2;       ///< step size
    double momentum = 0.9;  ///< mu
    double eps = 1e-6;      ///< keeps the denominator off zero
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Coupled;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (momentum, unit), (eps, non_negative),
                    (weight_decay, non_negative), (decay_mode), (maximize))
  };

  template <class T>
  struct State {
    T grad_sum_sq, s, x0;  // v, s, x0
    DESCENT_BUFFERS(grad_sum_sq, s, x0)
  };
  template <class T>
  static State<T> initial(const Options&, const T& p) {
    const T zero = filled(p, 0);
    return {zero, zero, p};
  }

  struct Form {
    bool momentum;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {{true}, {false}};
  static Form form(const Options& o) { return {o.momentum > 0}; }
  static constexpr std::array<bool, 3> buffers(Form f) { return {true, true, f.momentum}; }

  static constexpr bool decays_itself = true;  // by l, and after the step

  template <class T>
  struct Coefficients {
    T weight, eps, pull, decay;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const double l = o.lr == 0 ? 0 : o.lr + o.eps;
    return {.weight = l * std::sqrt(static_cast<double>(at.step)),
            .eps = o.eps,
            .pull = 1 - o.momentum,
            .decay = o.decay_mode == DecayMode::Decoupled ? l * o.weight_decay : 0};
  }

  /// s / (cbrt(v) + eps)
  template <class T, class S>
  DESCENT_FN static T way(const State<T>& s, const Coefficients<S>& k) {
    const T d = cbrt(s.grad_sum_sq) + k.eps;
    return select(d < S(0x1p-126), filled(d, 0), s.s / d);
  }

  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    T start = s.x0;
    if constexpr (!F.momentum) start = p + way(s, k);
    s.grad_sum_sq = s.grad_sum_sq + k.weight * (g * g);
    s.s = s.s + k.weight * g;
    const T z = start - way(s, k);
    p = (p + k.pull * (z - p)) - k.decay * p;
  }
};

}  // namespace rules

using MADGRAD = OptimizerOf<rules::MADGRAD>;

}  // namespace descent

#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// Rprop: every element steps by a length of its own that only signs of gradients change.
/// Riedmiller & Braun 1993, IEEE ICNN; as torch.optim.Rprop, without weight backtracking:
///   f = eta_plus where g and the gradient before agree in sign, eta_minus where not, else 1
///   d <- clamp(d f, step_min, step_max);   g <- 0 where they did not agree
///   p <- p - sign(g) d;   prev <- g
/// d starts at lr, which means nothing later. After a change of sign an element rests one step.
struct Rprop {
  static constexpr About about{"Rprop", "rprop", "Riedmiller & Braun 1993, IEEE ICNN",
                               "torch.optim.Rprop"};

  struct Options {
    double lr = 1e-2;        ///< the first step length
    double eta_minus = 0.5;  ///< shortens after a change of sign
    double eta_plus = 1.2;   ///< lengthens else
    double step_min = 1e-6;  ///< the shortest step length
    double step_max = 50;    ///< the longest
    bool maximize = false;   ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (eta_minus, open_unit), (eta_plus, above_one),
                    (step_min, positive), (step_max, positive), (maximize))

    std::optional<Conflict> conflict() const {
      if (step_min > step_max) return Conflict{"step_min", "<= step_max"};
      return {};
    }
  };

  template <class T>
  struct State {
    T prev, step_size;  // the gradient before, d
    DESCENT_BUFFERS(prev, step_size)
  };
  template <class T>
  static State<T> initial(const Options& o, const T& p) {
    return {.prev = filled(p, 0), .step_size = filled(p, o.lr)};
  }

  template <class T>
  struct Coefficients {
    T minus, plus, low, high;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo&) {
    return {o.eta_minus, o.eta_plus, o.step_min, o.step_max};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    const T agreement = g * s.prev;
    s.step_size = clamp(s.step_size * by_sign(agreement, k.minus, S(1), k.plus), k.low, k.high);
    s.prev = select(agreement < 0, filled(g, 0), g);
    p = p - sign(s.prev) * s.step_size;
  }
};

}  // namespace rules

using Rprop = OptimizerOf<rules::Rprop>;

}  // namespace descent

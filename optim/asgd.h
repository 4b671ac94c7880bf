#pragma once
#include <descent/optim/engine/rule.h>
#include <descent/optim/pieces/agreed_decay.h>

namespace descent {
namespace rules {

/// Averaged stochastic gradient descent: a falling rate, and the average of the path beside it.
/// Polyak & Juditsky 1992, SIAM J. Control Optim. 30:838; as torch.optim.ASGD:
///   p <- p (1 - lambd eta);   p <- p - eta g;   ax <- p while mu = 1, else ax + mu (p - ax)
///   eta <- lr / (1 + lambd lr t)^alpha;   mu <- 1 / max(1, t - t0)      for the next step
/// eta starts at lr, so a change of lr takes effect one step late, as in the reference.
struct ASGD {
  static constexpr About about{
      "ASGD", "asgd", "Polyak & Juditsky 1992, SIAM J. Control Optim. 30:838", "torch.optim.ASGD"};
  static constexpr const char* average = "ax";

  struct Options {
    double lr = 1e-2;     ///< the first step size
    double lambd = 1e-4;  ///< how fast it falls, and a decay of p
    double alpha = 0.75;  ///< power of its fall
    double t0 = 1e6;      ///< steps before averaging starts
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Coupled;
    bool maximize = false;  ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (lambd, non_negative), (alpha, non_negative),
                    (t0, non_negative), (weight_decay, non_negative), (decay_mode), (maximize))
  };

  template <class T>
  struct State {
    T ax;
    DESCENT_BUFFERS(ax)
  };

  struct Scalars {
    double eta = 0, mu = 1;
    DESCENT_BUFFERS(eta, mu)
  };

  /// The average takes p as the decay leaves it, so the text has a cautious decay too.
  template <class T>
  struct Coefficients {
    T keep, eta, stay, agreed_decay;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at, Scalars& s) {
    if (at.step == 1) s.eta = o.lr;
    const Coefficients<double> k{1 - o.lambd * s.eta, s.eta, 1 - s.mu, 0};
    const auto t = static_cast<double>(at.step);
    s.eta = o.lr / std::pow(1 + o.lambd * o.lr * t, o.alpha);
    s.mu = 1 / std::fmax(1, t - o.t0);
    return k;
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    const T start = p;
    p = k.keep * start - k.eta * g;
    if (k.agreed_decay != 0) p = decayed_where_agreed(p, start, k.agreed_decay);
    s.ax = p + k.stay * (s.ax - p);  // ax + mu (p - ax), and p itself for mu = 1
  }
};

}  // namespace rules

using ASGD = OptimizerOf<rules::ASGD>;

}  // namespace descent

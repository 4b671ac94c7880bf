#pragma once
#include <algorithm>

#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// DoWG: SGD whose rate is the distance over the gradients so far, weighed by the distances.
/// Khaled, Mishchenko & Jin 2023, arXiv:2305.16284, Algorithm 1; as optax. x0 is p at its first step,
/// norms run over all parameters:
///   g <- g + wd p;   e <- max(e, ||p - x0||^2),  at first init_estim_sq_dist or eps
///   w <- w + e ||g||^2;   p <- p - lr e / (sqrt(w) + eps) g
struct DoWG {
  static constexpr About about{"DoWG", "dowg", "Khaled et al. 2023, arXiv:2305.16284",
                               "optax contrib dowg"};

  struct Options {
    double lr = 1;                               ///< a factor of the rate that is found
    std::optional<double> init_estim_sq_dist{};  ///< the first e; none: eps
    double eps = 1e-4;                           ///< keeps the denominator off zero
    double weight_decay = 0;                     ///< wd
    bool maximize = false;                       ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (init_estim_sq_dist, positive), (eps, non_negative),
                    (weight_decay, non_negative), (maximize))

    std::optional<Conflict> conflict() const {
      if (eps == 0 && !init_estim_sq_dist)
        return Conflict{"init_estim_sq_dist", "a number > 0 where eps = 0"};
      return {};
    }
  };

  template <class T>
  struct State {
    T x0;
    DESCENT_BUFFERS(x0)
  };
  struct Shared {
    double estim_sq_dist = 0, weighted_sq_norm_grads = 0;  // e, 0 ahead of the first step, and w
    DESCENT_BUFFERS(estim_sq_dist, weighted_sq_norm_grads)
  };
  static constexpr std::array own{"lr", "weight_decay"};

  template <class T>
  static State<T> initial(const Options&, const T& p) {
    return {p};
  }

  template <class T>
  struct Coefficients {
    T decay, lr;
  };
  static Coefficients<double> begin(const Options& o, const StepInfo&, const Shared&) {
    return {o.weight_decay, o.lr};
  }

  template <class T, class S>
  DESCENT_FN static Pair<T> measure(const T& p, const T& g, const State<T>& s,
                                    const Coefficients<S>& k) {
    return {p - s.x0, g + k.decay * p};
  }

  static std::optional<double> weigh(const Options& o, const Totals& totals, Shared& s) {
    if (s.estim_sq_dist == 0) s.estim_sq_dist = o.init_estim_sq_dist.value_or(o.eps);
    s.estim_sq_dist = std::max(totals.first, s.estim_sq_dist);
    s.weighted_sq_norm_grads += s.estim_sq_dist * totals.second;
    const double divisor = std::sqrt(s.weighted_sq_norm_grads) + o.eps;
    return divisor == 0 ? 0 : s.estim_sq_dist / divisor;
  }

  template <class T, class S>
  DESCENT_FN static void apply(T& p, const T& g, const State<T>&, const Coefficients<S>& k,
                               const S& rate) {
    p = p - (k.lr * rate) * (g + k.decay * p);
  }
};

}  // namespace rules

using DoWG = OptimizerOf<rules::DoWG>;

}  // namespace descent

#pragma once
#include <algorithm>

#include <descent/optim/engine/rule.h>

namespace descent {

DESCENT_ENUM(DogInit, Heuristic, Distance, LearningRate)

namespace rules {

/// DoG: SGD whose rate is the distance over the gradients so far.
/// Ivgi, Hinder & Carmon 2023, arXiv:2302.12022, equation DoG; as optax. x0 is p at its first step,
/// norms run over all parameters:
///   g <- g + wd p;   r <- max(r, ||p - x0||);   n <- n + ||g||^2
///   p <- p - lr r / sqrt(n + eps) g
///   r begins as  init_value (1 + ||p||) (Heuristic),  init_value (Distance)  or  0 (LearningRate),
///   where the first step is by lr init_value
struct DoG {
  static constexpr About about{"DoG", "dog", "Ivgi et al. 2023, arXiv:2302.12022",
                               "optax contrib dog"};

  struct Options {
    double lr = 1;                      ///< a factor of the rate that is found
    DogInit init = DogInit::Heuristic;  ///< what r begins as, see above
    double init_value = 1e-6;           ///< the first distance; 1e-4 with batch norm
    double eps = 1e-8;                  ///< keeps the root off zero
    double weight_decay = 0;            ///< wd
    bool maximize = false;              ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (init), (init_value, positive), (eps, non_negative),
                    (weight_decay, non_negative), (maximize))
  };

  template <class T>
  struct State {
    T x0;
    DESCENT_BUFFERS(x0)
  };
  struct Shared {
    double max_dist = 0, sum_sq_norm_grads = 0, k = 0;  // r, n
    DESCENT_BUFFERS(max_dist, sum_sq_norm_grads, k)
  };
  static constexpr std::array own{"lr", "weight_decay"};

  template <class T>
  static State<T> initial(const Options&, const T& p) {
    return {p};
  }

  template <class T>
  struct Coefficients {
    T of_x0, decay, lr;
  };

  /// In the first step the distance is 0, and Heuristic wants the norm of p.
  static Coefficients<double> begin(const Options& o, const StepInfo&, const Shared& s) {
    const bool of_p = s.k == 0 && o.init == DogInit::Heuristic;
    return {of_p ? 0.0 : 1.0, o.weight_decay, o.lr};
  }

  template <class T, class S>
  DESCENT_FN static Pair<T> measure(const T& p, const T& g, const State<T>& s,
                                    const Coefficients<S>& k) {
    return {p - k.of_x0 * s.x0, g + k.decay * p};
  }

  static std::optional<double> weigh(const Options& o, const Totals& totals, Shared& s) {
    const double distance = std::sqrt(totals.first);
    s.sum_sq_norm_grads += totals.second;
    if (++s.k == 1) {
      s.max_dist = o.init == DogInit::Heuristic  ? o.init_value * (1 + distance)
                   : o.init == DogInit::Distance ? o.init_value
                                                 : 0;
      if (o.init == DogInit::LearningRate) return o.init_value;
    } else {
      s.max_dist = std::max(distance, s.max_dist);
    }
    const double root = std::sqrt(s.sum_sq_norm_grads + o.eps);
    return root == 0 ? 0 : s.max_dist / root;
  }

  template <class T, class S>
  DESCENT_FN static void apply(T& p, const T& g, const State<T>&, const Coefficients<S>& k,
                               const S& rate) {
    p = p - (k.lr * rate) * (g + k.decay * p);
  }
};

}  // namespace rules

using DoG = OptimizerOf<rules::DoG>;

}  // namespace descent

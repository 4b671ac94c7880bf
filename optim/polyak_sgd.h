#pragma once
#include <algorithm>

#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// SGD with Polyak's step: so far that a loss with this slope would be f_min.
/// Loizou et al. 2021, arXiv:2002.10542, equation SPS_max; as optax. f is the closure's loss, the norm
/// runs over all parameters:
///   D = ||g||^2 + eps;   e = min((f - f_min)/D, max_step), with clamp_gap at least 0
///   p <- p - lr e g,  where D > 2^-52
struct PolyakSGD {
  static constexpr About about{"PolyakSGD", "polyak_sgd", "Loizou et al. 2021, arXiv:2002.10542",
                               "optax polyak_sgd"};

  struct Options {
    double lr = 1;           ///< a factor of the rate that is found
    double max_step = 1;     ///< the largest rate
    double f_min = 0;        ///< the least loss there is
    double eps = 0;          ///< keeps the denominator off zero
    bool clamp_gap = false;  ///< rests where the loss is below f_min; else it ascends there
    DESCENT_OPTIONS((lr, non_negative), (max_step, positive), (f_min, finite), (eps, non_negative),
                    (clamp_gap))
  };

  template <class T>
  struct State {
    DESCENT_BUFFERS()
  };
  /// The last e.
  struct Shared {
    double rate = 0;
    DESCENT_BUFFERS(rate)
  };
  static constexpr std::array own{"lr"};
  static constexpr bool measures_gradients = true;
  static constexpr bool needs_loss = true;

  template <class T>
  struct Coefficients {
    T lr;
  };
  static Coefficients<double> begin(const Options& o, const StepInfo&, const Shared&) {
    return {o.lr};
  }

  template <class T, class S>
  DESCENT_FN static Pair<T> measure(const T&, const T& g, const State<T>&, const Coefficients<S>&) {
    return {g, g};
  }

  static std::optional<double> weigh(const Options& o, const Totals& totals, Shared& s) {
    const double d = totals.first + o.eps, gap = totals.loss - o.f_min;
    s.rate = d <= 0x1p-52 ? 0 : std::min((o.clamp_gap ? std::max(gap, 0.0) : gap) / d, o.max_step);
    return s.rate;
  }

  template <class T, class S>
  DESCENT_FN static void apply(T& p, const T& g, const State<T>&, const Coefficients<S>& k,
                               const S& rate) {
    p = p - (k.lr * rate) * g;
  }
};

}  // namespace rules

using PolyakSGD = OptimizerOf<rules::PolyakSGD>;

}  // namespace descent

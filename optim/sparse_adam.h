#pragma once
#include <cmath>

#include <descent/optim/engine/rule.h>

namespace descent {
namespace rules {

/// SparseAdam: Adam on the rows of an embedding that a batch has met, and on nothing else.
/// Kingma & Ba 2015, arXiv:1412.6980; as torch.optim.SparseAdam:
///   for each element that the sparse gradient g holds
///     m <- m + (1 - b1) (g - m);   v <- v + (1 - b2) (g^2 - v)
///     p <- p - lr sqrt(1 - b2^t)/(1 - b1^t) m / (sqrt(v) + eps)
/// t counts all steps that have a gradient, so a row that comes late is corrected as little as the
/// others are by then. All other elements, their m and their v stay as they are.
struct SparseAdam {
  static constexpr About about{"SparseAdam", "sparse_adam", "Kingma & Ba 2015, arXiv:1412.6980",
                               "torch.optim.SparseAdam"};
  static constexpr bool sparse_only = true;

  struct Options {
    double lr = 1e-3;                         ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< decay of m and of v
    double eps = 1e-8;                        ///< keeps the denominator off zero
    bool maximize = false;                    ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, positive), (betas, unit), (eps, positive), (maximize))
  };
  static Sparse takes_sparse(const Options&) { return Sparse::Present; }
  /// A rate of 0 is refused at construction, as in Python; a schedule's steps through.
  static constexpr bool divides_by_lr = true, rests_at_zero = false;

  template <class T>
  struct State {
    T exp_avg, exp_avg_sq;  // m, v
    DESCENT_BUFFERS(exp_avg, exp_avg_sq)
  };

  template <class T>
  struct Coefficients {
    T w1, w2, rate, eps;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo& at) {
    const auto t = static_cast<double>(at.step);
    const double c1 = 1 - std::pow(o.betas[0], t), c2 = 1 - std::pow(o.betas[1], t);
    return {1 - o.betas[0], 1 - o.betas[1], o.lr * std::sqrt(c2) / c1, o.eps};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg = s.exp_avg + k.w1 * (g - s.exp_avg);
    s.exp_avg_sq = s.exp_avg_sq + k.w2 * (g * g - s.exp_avg_sq);
    p = p - (k.rate * s.exp_avg) / (sqrt(s.exp_avg_sq) + k.eps);
  }
};

}  // namespace rules

using SparseAdam = OptimizerOf<rules::SparseAdam>;

}  // namespace descent

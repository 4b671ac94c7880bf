#pragma once
#include <descent/optim/pieces/rectified.h>
#include <descent/optim/pieces/schedule_free.h>

namespace descent {
namespace rules {

/// Schedule-Free RAdam: Schedule-Free AdamW whose warm-up follows from b2.
/// Defazio et al. 2024, arXiv:2405.15682; Liu et al. 2020, arXiv:1908.03265; as the authors'
/// schedulefree. The parameter is y in training and x after eval(); z starts as y. At the k-th step of
/// the group, with rho and rect of rectified.h at t = k:
///   l = lr rect where rho > 4, else 0, or lr without silent_sgd_phase
///   w = k^r lr_max^weight_lr_power,  lr_max = largest l so far;   c = w / (sum of all w)
///   v <- b2 v + (1 - b2) g^2;   D = g / (sqrt(v)/sqrt(1 - b2^k) + eps) where rho > 4, else g
///   D <- D + wd y;   y <- y + c (z - y) + l (b1 (1 - c) - 1) D;   z <- z - l D
///   eval():  y <- y + (1 - 1/b1) (z - y) = x;      train():  y <- x + (1 - b1) (z - x)
struct ScheduleFreeRAdam {
  static constexpr About about{"ScheduleFreeRAdam", "schedule_free_radam",
                               "Defazio et al. 2024, arXiv:2405.15682",
                               "facebookresearch/schedule_free"};

  struct Options {
    double lr = 2.5e-3;                       ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< b1: how near y is to x; b2: decay of v
    double eps = 1e-8;                        ///< keeps the denominator off zero
    double weight_decay = 0;                  ///< wd, at y
    double r = 0;                             ///< how much more later steps weigh
    double weight_lr_power = 2;               ///< how much more steps of a large rate weigh
    bool silent_sgd_phase = true;             ///< rests until rho > 4; false: steps of SGD
    bool maximize = false;                    ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, open_unit), (eps, non_negative),
                    (weight_decay, non_negative), (r, non_negative),
                    (weight_lr_power, non_negative), (silent_sgd_phase), (maximize))
  };

  template <class T>
  struct State {
    T z, exp_avg_sq;  // z, v
    DESCENT_BUFFERS(z, exp_avg_sq)
  };
  using Shared = FreeSchedule;

  template <class T>
  static State<T> initial(const Options&, const T& p) {
    return {p, filled(p, 0)};
  }

  /// l at the k-th step.
  static double rate(const Options& o, double k) {
    const Rectification at{o.betas, k};
    if (at.rho > 4) return o.lr * at.r();
    return o.silent_sgd_phase ? 0 : o.lr;
  }
  static void advance(const Options& o, Shared& s) { s.count(o, rate(o, s.k + 1)); }
  static void change_mode(const Options& o, const TensorStep& step, bool training) {
    change_weights(step, o.betas[0], training);
  }

  /// Without a scale and with an eps of 1, D is g.
  template <class T>
  struct Coefficients {
    T b2, w2, scale, eps, decay, part, along, lr;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo&, const Shared& s) {
    const Rectification at{o.betas, s.k};
    const bool open = at.rho > 4;
    const double l = rate(o, s.k), c = s.part(o);
    return {.b2 = o.betas[1],
            .w2 = 1 - o.betas[1],
            .scale = open ? 1 / std::sqrt(at.c2) : 0,
            .eps = open ? o.eps : 1,
            .decay = o.weight_decay,
            .part = c,
            .along = l * (o.betas[0] * (1 - c) - 1),
            .lr = l};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& y, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    free_step(y, s.z, g / (sqrt(s.exp_avg_sq) * k.scale + k.eps), k.decay, k.part, k.along, k.lr);
  }
};

}  // namespace rules

using ScheduleFreeRAdam = OptimizerOf<rules::ScheduleFreeRAdam>;

}  // namespace descent

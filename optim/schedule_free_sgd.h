#pragma once
#include <descent/optim/pieces/schedule_free.h>

namespace descent {
namespace rules {

/// Schedule-Free SGD: an average of the points of SGD takes the place of a falling rate.
/// Defazio et al. 2024, arXiv:2405.15682, equations 3 to 5; as the authors' schedulefree. The
/// parameter is y in training and x after eval(); z starts as y. At the k-th step of the group:
///   l = lr min(1, k/warmup_steps);   w = k^r lr_max^weight_lr_power,  lr_max = largest l so far
///   c = w / (sum of all w);   D = g + wd y
///   y <- y + c (z - y) + l (momentum (1 - c) - 1) D;   z <- z - l D
///   eval():  y <- y + (1 - 1/momentum) (z - y) = x;    train():  y <- x + (1 - momentum) (z - x)
struct ScheduleFreeSGD {
  static constexpr About about{"ScheduleFreeSGD", "schedule_free_sgd",
                               "Defazio et al. 2024, arXiv:2405.15682",
                               "facebookresearch/schedule_free"};

  struct Options {
    double lr = 1;               ///< step size
    double momentum = 0.9;       ///< how near y is to x
    double weight_decay = 0;     ///< wd, at y
    int64_t warmup_steps = 0;    ///< steps over which the rate rises
    double r = 0;                ///< how much more later steps weigh
    double weight_lr_power = 2;  ///< how much more steps of a large rate weigh
    bool maximize = false;       ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (momentum, open_unit), (weight_decay, non_negative),
                    (warmup_steps, non_negative), (r, non_negative),
                    (weight_lr_power, non_negative), (maximize))
  };

  template <class T>
  struct State {
    T z;
    DESCENT_BUFFERS(z)
  };
  using Shared = FreeSchedule;

  template <class T>
  static State<T> initial(const Options&, const T& p) {
    return {p};
  }

  /// l at the k-th step.
  static double rate(const Options& o, double k) {
    const auto warmup = static_cast<double>(o.warmup_steps);
    return k <= warmup ? o.lr * k / warmup : o.lr;
  }
  static void advance(const Options& o, Shared& s) { s.count(o, rate(o, s.k + 1)); }
  static void change_mode(const Options& o, const TensorStep& step, bool training) {
    change_weights(step, o.momentum, training);
  }

  template <class T>
  struct Coefficients {
    T decay, part, along, lr;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo&, const Shared& s) {
    const double l = rate(o, s.k), c = s.part(o);
    return {o.weight_decay, c, l * (o.momentum * (1 - c) - 1), l};
  }

  template <class T, class S>
  DESCENT_FN static void update(T& y, const T& g, State<T>& s, const Coefficients<S>& k) {
    free_step(y, s.z, g, k.decay, k.part, k.along, k.lr);
  }
};

}  // namespace rules

using ScheduleFreeSGD = OptimizerOf<rules::ScheduleFreeSGD>;

}  // namespace descent

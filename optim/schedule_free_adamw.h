#pragma once
#include <descent/optim/pieces/schedule_free.h>

namespace descent {
namespace rules {

/// Schedule-Free AdamW: an average of the points of AdamW takes the place of a falling rate.
/// Defazio et al. 2024, arXiv:2405.15682, Algorithm 1; as the authors' schedulefree. The parameter is y
/// in training and x after eval(); z starts as y. At the k-th step of the group:
///   l = lr min(1, k/warmup_steps);   w = k^r lr_max^weight_lr_power,  lr_max = largest l so far
///   c = w / (sum of all w);   v <- b2 v + (1 - b2) g^2
///   D = g / (sqrt(v)/sqrt(1 - b2^k) + eps) + wd y
///   y <- y + c (z - y) + l (b1 (1 - c) - 1) D;   z <- z - l D
///   eval():  y <- y + (1 - 1/b1) (z - y) = x;      train():  y <- x + (1 - b1) (z - x)
/// With inner_momentum i, m <- i m + (1 - i) g and m/(1 - i^k) takes the place of g in D.
struct ScheduleFreeAdamW {
  static constexpr About about{"ScheduleFreeAdamW", "schedule_free_adamw",
                               "Defazio et al. 2024, arXiv:2405.15682",
                               "facebookresearch/schedule_free"};

  struct Options {
    double lr = 2.5e-3;                       ///< step size
    std::array<double, 2> betas{0.9, 0.999};  ///< b1: how near y is to x; b2: decay of v
    double eps = 1e-8;                        ///< keeps the denominator off zero
    double weight_decay = 0;                  ///< wd, at y
    int64_t warmup_steps = 0;                 ///< steps over which the rate rises
    double r = 0;                             ///< how much more later steps weigh
    double weight_lr_power = 2;               ///< how much more steps of a large rate weigh
    double inner_momentum = 0;                ///< i, decay of m
    bool maximize = false;                    ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, non_negative), (betas, open_unit), (eps, non_negative),
                    (weight_decay, non_negative), (warmup_steps, non_negative), (r, non_negative),
                    (weight_lr_power, non_negative), (inner_momentum, unit), (maximize))
  };

  template <class T>
  struct State {
    T z, exp_avg_sq, exp_avg;  // z, v, m
    DESCENT_BUFFERS(z, exp_avg_sq, exp_avg)
  };
  using Shared = FreeSchedule;

  struct Form {
    bool inner;
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {{false}, {true}};
  static Form form(const Options& o) { return {o.inner_momentum > 0}; }
  static constexpr std::array<bool, 3> buffers(Form f) { return {true, true, f.inner}; }

  template <class T>
  static State<T> initial(const Options&, const T& p) {
    return {p, filled(p, 0), filled(p, 0)};
  }

  /// l at the k-th step.
  static double rate(const Options& o, double k) {
    const auto warmup = static_cast<double>(o.warmup_steps);
    return k <= warmup ? o.lr * k / warmup : o.lr;
  }
  static void advance(const Options& o, Shared& s) { s.count(o, rate(o, s.k + 1)); }
  static void change_mode(const Options& o, const TensorStep& step, bool training) {
    change_weights(step, o.betas[0], training);
  }

  template <class T>
  struct Coefficients {
    T b2, w2, scale, eps, decay, part, along, lr, keep, take, full;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo&, const Shared& s) {
    const double l = rate(o, s.k), c = s.part(o), i = o.inner_momentum;
    return {.b2 = o.betas[1],
            .w2 = 1 - o.betas[1],
            .scale = 1 / std::sqrt(1 - std::pow(o.betas[1], s.k)),
            .eps = o.eps,
            .decay = o.weight_decay,
            .part = c,
            .along = l * (o.betas[0] * (1 - c) - 1),
            .lr = l,
            .keep = i,
            .take = 1 - i,
            .full = 1 / (1 - std::pow(i, s.k))};
  }

  template <Form F, class T, class S>
  DESCENT_FN static void update(T& y, const T& g, State<T>& s, const Coefficients<S>& k) {
    s.exp_avg_sq = k.b2 * s.exp_avg_sq + k.w2 * (g * g);
    T d = g;
    if constexpr (F.inner) {
      s.exp_avg = k.keep * s.exp_avg + k.take * g;
      d = k.full * s.exp_avg;
    }
    d = d / (sqrt(s.exp_avg_sq) * k.scale + k.eps);
    free_step(y, s.z, d, k.decay, k.part, k.along, k.lr);
  }
};

}  // namespace rules

using ScheduleFreeAdamW = OptimizerOf<rules::ScheduleFreeAdamW>;

}  // namespace descent

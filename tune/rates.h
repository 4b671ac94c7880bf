#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/base/fields.h>
#include <descent/grid/trials.h>

namespace descent {

/// Computes the loss, calls backward() and returns the loss; it need not zero the gradients.
using RateClosure = std::function<at::Tensor()>;

struct RangeTestOptions {
  double lo = 1e-8, hi = 1;  ///< the first rate and the one after the last step
  int64_t steps = 100;
  double smoothing = 0.98;  ///< of the losses' exponential mean
  double give_up = 4;  ///< stops at a smoothed loss of so many times the lowest one, if that is
                       ///< positive, and at one that is not finite
  int64_t sure_steps = 10;  ///< not stopped before, and without a voice in the suggestions
  DESCENT_OPTIONS((lo, positive), (hi, positive), (steps, at_least_one), (smoothing, unit),
                  (give_up, above_one), (sure_steps, non_negative))
};

/// What a range test has seen.
///
/// Its rates are lo (hi / lo)^(i / steps), the smoothed losses EMA / (1 - smoothing^(i + 1)). The
/// suggestions are NaN where fewer than two points count: the first sure_steps and the last do not.
/// `valley`, as fastai's, is the one to take. draw(test, "range.png") makes a picture.
struct RangeTest : RateCurve {
  bool gave_up = false;

  /// What the suggestions follow from.
  void suggest(int64_t sure_steps);
};

/// The learning-rate range test: trains with a rate that grows from step to step until the loss
/// explodes. Smith 2015, arXiv:1506.01186. Every group has the same rate.
///
///   auto curve = descent::range_test(opt, closure, net->buffers());   // curve.valley
///
/// Afterwards, also after an exception, parameters, gradients, the optimizer's state and rates, the
/// buffers that are given and LibTorch's generator on the CPU are as they were, bit for bit. Throws
/// std::invalid_argument for options out of range, and what the optimizer or the closure throws.
RangeTest range_test(torch::optim::Optimizer& optimizer, const RateClosure& closure,
                     const std::vector<at::Tensor>& buffers = {},
                     const RangeTestOptions& options = {});

/// The smallest rate at which one step of the optimizer raises the loss, to 1/16 of it, from above.
/// arXiv:2601.16979. Doubles or halves the rate of the first group until it is bracketed, then
/// bisects; every group has the same rate. For plain SGD on a quadratic it is 2 g.g / (g.H g), and
/// 2 divided by it is the sharpness along the step. The closure must give the same loss at the same
/// weights.
///
/// Puts everything back as range_test() does. Throws std::runtime_error if no rate is found within
/// 2^60 times the first one, or the loss is not finite where it begins.
double critical_rate(torch::optim::Optimizer& optimizer, const RateClosure& closure,
                     const std::vector<at::Tensor>& buffers = {});

}  // namespace descent

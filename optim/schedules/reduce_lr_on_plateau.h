#pragma once
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/optim/schedules/schedule.h>

namespace descent {

/// Whether a metric is better when it is smaller or when it is larger.
DESCENT_ENUM(MetricMode, Min, Max)
DESCENT_ENUM(ThresholdMode, Rel, Abs)

struct ReduceLROnPlateauOptions {
  MetricMode mode = MetricMode::Min;
  double factor = 0.1;    ///< of each reduction
  int64_t patience = 10;  ///< bad steps that are borne; one more reduces
  double threshold = 1e-4;
  ThresholdMode threshold_mode = ThresholdMode::Rel;
  int64_t cooldown = 0;  ///< steps after a reduction that are not counted as bad
  PerGroup min_lr = 0;   ///< no rate is reduced below
  double eps = 1e-8;     ///< a reduction by no more than this is left out
  DESCENT_OPTIONS((mode), (factor, unit), (patience, non_negative), (threshold, non_negative),
                  (threshold_mode), (cooldown, non_negative), (min_lr, non_negative),
                  (eps, non_negative))
};

/// Multiplies the rate of every group by `factor` when a metric has stopped improving. As Python's
/// torch.optim.lr_scheduler.ReduceLROnPlateau; LibTorch's own counts in float and saves nothing.
///   Rel:  better is metric < best - threshold |best|,  for Max metric > best + threshold |best|
///   Abs:  better is metric < best - threshold,         for Max metric > best + threshold
/// A metric that is NaN is never better. Differs from Python in two points. Python multiplies best
/// by 1 -+ threshold, which is on the wrong side of a negative best: there a constant -1 improves
/// for ever, and a metric that slowly worsens does so too. And the first metric that is finite is
/// better here whatever the threshold, which Python's is not for Rel and a threshold of 1 or more.
///
///   descent::ReduceLROnPlateau plateau(opt, {.factor = 0.5, .patience = 3});
///   for (...) { ...; plateau.step(validation_loss); }
class ReduceLROnPlateau {
 public:
  using Options = ReduceLROnPlateauOptions;

  /// The optimizer, ours or LibTorch's, must outlive this. Throws c10::Error naming class, field,
  /// value and what is allowed.
  explicit ReduceLROnPlateau(torch::optim::Optimizer& optimizer, const Options& options = {});

  void step(double metric);

  const Options& options() const { return options_; }
  /// Calls of step() so far.
  int64_t n() const { return n_; }
  double best() const { return best_; }
  int64_t num_bad_epochs() const { return num_bad_epochs_; }
  /// The groups' rates after the last step.
  std::vector<double> last_lr() const;

  /// Saves the counts and the best metric; the rates are the optimizer's.
  void save(torch::serialize::OutputArchive& archive) const;
  /// Throws c10::Error, with nothing changed, for archives of other settings.
  void load(torch::serialize::InputArchive& archive);

 private:
  bool better(double metric) const;
  void reduce();

  torch::optim::Optimizer& optimizer_;
  Options options_;
  double best_;
  int64_t n_ = 0, num_bad_epochs_ = 0, cooldown_counter_ = 0;
};

}  // namespace descent

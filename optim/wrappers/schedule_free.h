#pragma once
#include <vector>

#include <descent/optim/pieces/schedule_free.h>
#include <descent/optim/wrappers/wrapper.h>

namespace descent {

class Companions;

DESCENT_ENUM(InnerAt, Z, Y)

struct ScheduleFreeOptions {
  double momentum = 0.9;          ///< how near the weights in training are to the average
  double weight_decay_at_y = 0;   ///< decay of z by where the gradient is taken
  double r = 0;                   ///< how much more later steps weigh in the average
  double weight_lr_power = 2;     ///< how much more steps of a large rate weigh
  InnerAt inner_at = InnerAt::Z;  ///< what the inner rule steps on
  DESCENT_OPTIONS((momentum, open_unit), (weight_decay_at_y, non_negative), (r, non_negative),
                  (weight_lr_power, non_negative), (inner_at))
};

/// Schedule-Free around any rule: an average of its points takes the place of a falling rate.
/// Defazio et al. 2024, arXiv:2405.15682; as the authors' wrapper. The parameter is y in training and
/// the average x after eval(); z starts as y. At the k-th step of a group of rate l:
///   w = k^r lr_max^weight_lr_power,  lr_max = largest l so far;   c = w / (sum of all w)
///   x = y + (1 - 1/b) (z - y);   z <- z - l weight_decay_at_y y
///   Z: the inner rule steps on z with the gradient of y      Y: it steps on y, and z as y does
///   x <- x + c (z - x);   y <- x + (1 - b) (z - x)
/// Turn the inner rule's own momentum off (b1 = 0): b is in its place.
///
///   descent::ScheduleFree opt(descent::RMSprop(net->parameters(), {.lr = 1e-3}));
///   ...
///   opt.eval();  // the average, to be evaluated and saved
///   opt.train();
///
/// Refused inside: what calls closures more than once or elsewhere, other averages of weights, rules
/// that find their rates themselves, and FTRL.
class ScheduleFree final : public Wrapper {
 public:
  using Options = ScheduleFreeOptions;

  explicit ScheduleFree(InnerOptimizer inner, const Options& options = {});

  /// One inner step; the closure, if any, is called once, at y. Refused between eval() and train().
  at::Tensor step(LossClosure closure = nullptr) override;

  /// Puts the average into the parameters, and the weights of the training back.
  void eval();
  void train();
  bool is_training() const { return training_; }

  const Options& options() const { return options_; }

 private:
  bool has(Has what) const override { return what == Has::Modes; }
  Companions z() const;
  void change_mode(bool training);
  void save_own(tensors::RecordWriter& record) const override;
  Change read_own(const tensors::RecordReader& record) override;
  Change replace_own(const at::Tensor& from, const at::Tensor& to,
                     const std::function<at::Tensor(const at::Tensor&)>& map) override;

  Options options_;
  std::vector<rules::FreeSchedule> schedules_;  ///< of each group
  bool training_ = true;
};

}  // namespace descent

#pragma once
#include <functional>
#include <string>
#include <vector>

#include <torch/optim/optimizer.h>
#include <torch/optim/schedulers/lr_scheduler.h>

#include <descent/optim/engine/fields.h>

namespace descent {

// A schedule is a plain struct: the learning rate after n = 0, 1, 2, ... calls of Scheduler::step,
// for a group whose rate was `base` when the Scheduler was made. As Python's
// torch.optim.lr_scheduler of the same name.

/// base gamma^floor(n / step_size)
struct StepLR {
  static constexpr const char* name = "StepLR";
  int64_t step_size = 0;  ///< steps between two drops; must be given
  double gamma = 0.1;     ///< factor of each drop
  DESCENT_OPTIONS((step_size, at_least_one), (gamma, non_negative))
  double at(double base, int64_t n) const;
};

/// eta_min + (base - eta_min) (1 + cos(pi n / T_max)) / 2, up again past T_max as in Python, or
/// held there. Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts.
struct CosineAnnealingLR {
  static constexpr const char* name = "CosineAnnealingLR";
  int64_t T_max = 0;   ///< steps from the first to the lowest rate; must be given
  double eta_min = 0;  ///< the lowest rate
  bool clamp = false;  ///< stays at eta_min past T_max
  DESCENT_OPTIONS((T_max, at_least_one), (eta_min, non_negative), (clamp))
  double at(double base, int64_t n) const;
};

/// Drives the learning rate of every group of an optimizer, ours or LibTorch's:
///
///   descent::Scheduler schedule(opt, descent::CosineAnnealingLR{.T_max = 100});
///   for (...) { ...; opt.step(); schedule.step(); }
///
/// The rates of n = 0 apply from the start. Each group has its own base rate, the one it had when
/// the scheduler first saw it. The optimizer must outlive the scheduler. It is a
/// torch::optim::LRScheduler, without the lateness of torch::optim::StepLR, whose every drop comes
/// one step after Python's.
class Scheduler final : public torch::optim::LRScheduler {
 public:
  /// Throws c10::Error naming schedule, field, value and what is allowed.
  template <class Schedule>
  Scheduler(torch::optim::Optimizer& optimizer, const Schedule& schedule)
      : Scheduler(
            optimizer, [schedule](double base, int64_t n) { return schedule.at(base, n); },
            Schedule::name, fields::describe(schedule), fields::problem(schedule)) {}

  /// Calls of step() so far.
  int64_t n() const { return step_count_; }
  const std::vector<double>& base_lrs() const { return base_lrs_; }
  /// The rates that this scheduler set last, one per group.
  const std::vector<double>& last_lr() const { return last_lr_; }

  void save(torch::serialize::OutputArchive& archive) const;
  /// Goes on where the saved scheduler was and sets the rates of that moment. Throws c10::Error,
  /// with nothing changed, if the archive is of a schedule with other settings or of another number
  /// of groups.
  void load(torch::serialize::InputArchive& archive);

 private:
  Scheduler(torch::optim::Optimizer& optimizer, std::function<double(double, int64_t)> at,
            const char* name, const std::vector<OptionInfo>& settings, const std::string& problem);
  std::vector<double> get_lrs() override;
  void apply();

  torch::optim::Optimizer& optimizer_;
  std::function<double(double, int64_t)> at_;
  std::string settings_;
  std::vector<double> base_lrs_, last_lr_;
};

}  // namespace descent

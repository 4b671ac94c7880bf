#pragma once
// All schedules, and the Scheduler that drives them.
#include <vector>

#include <torch/optim/optimizer.h>
#include <torch/optim/schedulers/lr_scheduler.h>

#include <descent/optim/schedules/classic.h>
#include <descent/optim/schedules/compose.h>
#include <descent/optim/schedules/cyclic.h>
#include <descent/optim/schedules/registry.h>

namespace descent {

/// From where a Scheduler goes on.
struct ScheduleStart {
  int64_t n = 0;  ///< steps that were made before; the `last_epoch` of Python's schedulers
  /// The rate of each group before any schedule changed it, Python's `initial_lr`; empty: the rates
  /// that the groups have.
  std::vector<double> base_lrs = {};
};

/// Drives the learning rate of every group of an optimizer, ours or LibTorch's:
///
///   descent::Scheduler schedule(opt, descent::CosineAnnealingLR{.T_max = 100});
///   for (...) { ...; opt.step(); schedule.step(); }
///
/// The rates of n = 0 apply from the start. Each group has its own base rate, the one it had when
/// the scheduler first saw it, if no other is given. Rates are computed from there, whatever else
/// changes them meanwhile: of two schedulers on one optimizer the last to step wins;
/// ChainedScheduler joins schedules. The optimizer must outlive the scheduler. It is a
/// torch::optim::LRScheduler, without the lateness of torch::optim::StepLR, whose every drop comes
/// one step after Python's.
///
/// A training that goes on from a file after 45 steps has rates that have fallen. It starts with:
///
///   const descent::LoadedPython file = descent::load_python(opt, "optimizer.pt");
///   descent::Scheduler schedule(opt, descent::StepLR{.step_size = 30}, {45, file.initial_lrs});
class Scheduler final : public torch::optim::LRScheduler {
 public:
  /// Throws c10::Error naming schedule, field, value and what is allowed, with nothing changed.
  /// step() throws, with nothing changed, where the schedule has no rate or none that is finite and
  /// >= 0, and where the optimizer refuses the momentum.
  Scheduler(torch::optim::Optimizer& optimizer, Schedule schedule, const ScheduleStart& from = {});

  /// Sets the rates and momenta of n = from.n and goes on from there. Throws c10::Error, with
  /// nothing changed, for n < 0 and where the number of base rates is not that of groups.
  void start(const ScheduleStart& from);

  const Schedule& schedule() const { return schedule_; }
  /// Calls of step() so far.
  int64_t n() const { return step_count_; }
  const std::vector<double>& base_lrs() const { return base_lrs_; }
  /// The rates that this scheduler set last, one per group.
  const std::vector<double>& last_lr() const { return last_lr_; }

  void save(torch::serialize::OutputArchive& archive) const;
  /// Goes on where the saved scheduler was and sets the rates and momenta of that moment. Throws
  /// c10::Error, with nothing changed, if the archive is of a schedule with other settings or of
  /// another number of groups.
  void load(torch::serialize::InputArchive& archive);

 private:
  struct Plan;
  std::vector<double> get_lrs() override;
  Plan plan(int64_t n, std::vector<double> base_lrs, const std::vector<double>& previous) const;
  void take(Plan plan);
  void check_schedule() const;

  torch::optim::Optimizer& optimizer_;
  Schedule schedule_;
  std::vector<double> base_lrs_, last_lr_;
};

}  // namespace descent

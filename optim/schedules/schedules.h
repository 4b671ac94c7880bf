#pragma once
#include <functional>
#include <string>
#include <vector>

#include <torch/optim/optimizer.h>
#include <torch/optim/schedulers/lr_scheduler.h>

#include <descent/optim/schedules/schedule.h>

namespace descent {

// A schedule is a plain struct: the learning rate after n = 0, 1, 2, ... calls of Scheduler::step,
// for a group whose rate was `base` when the Scheduler was made. Where Python's
// torch.optim.lr_scheduler has the schedule, name, options and rates are Python's, by the closed
// form, which differs from Python's recursions by round-off. engine/schedule.h says how to write
// one of your own.

/// Stands for an option that has no default; no range holds it.
inline constexpr double kMustBeGiven = std::numeric_limits<double>::quiet_NaN();

DESCENT_ENUM(TimeBasedMode, Recursive, Hyperbolic)

/// Recursive:   rate_{n+1} = rate_n / (1 + d n), so base / prod_{j<n} (1 + d j)
/// Hyperbolic:  base / (1 + d n)
struct TimeBased {
  static constexpr const char* name = "TimeBased";
  double d = kMustBeGiven;  ///< decay
  TimeBasedMode mode = TimeBasedMode::Recursive;
  DESCENT_OPTIONS((d, non_negative), (mode))
  double at(double base, int64_t n) const;
  double step(double base, double previous, int64_t n) const;
  double next(double base, double present, int64_t n) const;
};

/// base d^floor((1 + n) / r)
struct StepBased {
  static constexpr const char* name = "StepBased";
  double d = kMustBeGiven;  ///< factor of each drop
  int64_t r = 0;  ///< steps between two drops, the first of which comes after r - 1; must be given
  DESCENT_OPTIONS((d, non_negative), (r, at_least_one))
  double scale(int64_t n) const;
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// base exp(-d n)
struct ExponentialE {
  static constexpr const char* name = "ExponentialE";
  double d = kMustBeGiven;  ///< decay
  DESCENT_OPTIONS((d, finite))
  double scale(int64_t n) const;
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// base gamma^floor(n / step_size)
struct StepLR {
  static constexpr const char* name = "StepLR";
  int64_t step_size = 0;  ///< steps between two drops; must be given
  double gamma = 0.1;     ///< factor of each drop
  DESCENT_OPTIONS((step_size, at_least_one), (gamma, non_negative))
  double scale(int64_t n) const;
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// base gamma^(number of milestones <= n); a milestone that stands twice counts twice.
struct MultiStepLR {
  static constexpr const char* name = "MultiStepLR";
  std::vector<int64_t> milestones = {};  ///< in any order
  double gamma = 0.1;                    ///< factor of each drop
  DESCENT_OPTIONS((milestones, non_negative), (gamma, non_negative))
  double scale(int64_t n) const;
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// base gamma^n
struct ExponentialLR {
  static constexpr const char* name = "ExponentialLR";
  double gamma = kMustBeGiven;  ///< factor of each step
  DESCENT_OPTIONS((gamma, non_negative))
  double scale(int64_t n) const;
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// base factor while n < total_iters, then base.
struct ConstantLR {
  static constexpr const char* name = "ConstantLR";
  double factor = 1.0 / 3;
  int64_t total_iters = 5;  ///< steps until the base rate
  DESCENT_OPTIONS((factor, closed_unit), (total_iters, at_least_one))
  double scale(int64_t n) const { return n < total_iters ? factor : 1; }
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// From base start_factor to base end_factor in a straight line of total_iters steps.
struct LinearLR {
  static constexpr const char* name = "LinearLR";
  double start_factor = 1.0 / 3;
  double end_factor = 1;
  int64_t total_iters = 5;  ///< steps from one to the other
  DESCENT_OPTIONS((start_factor, positive_unit), (end_factor, closed_unit),
                  (total_iters, at_least_one))
  double scale(int64_t n) const;
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// end_lr + (base - end_lr) (1 - min(n, total_iters) / total_iters)^power
struct PolynomialLR {
  static constexpr const char* name = "PolynomialLR";
  int64_t total_iters = 5;  ///< steps to the end
  double power = 1;
  double end_lr = 0;  ///< the last rate; Python's is 0
  DESCENT_OPTIONS((total_iters, at_least_one), (power, non_negative), (end_lr, non_negative))
  std::optional<double> scale(int64_t n) const;
  double at(double base, int64_t n) const;
  double next(double base, double present, int64_t n) const;
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
  double next(double base, double present, int64_t n) const;
};

/// eta_min + (base - eta_min) (1 + cos(pi T_cur / T_i)) / 2, where T_cur counts the steps since the
/// last restart and T_i, the steps to the next, grows by T_mult at each.
/// Loshchilov & Hutter 2017, arXiv:1608.03983.
struct CosineAnnealingWarmRestarts {
  static constexpr const char* name = "CosineAnnealingWarmRestarts";
  int64_t T_0 = 0;     ///< steps to the first restart; must be given
  int64_t T_mult = 1;  ///< how many times as long each cycle is as the one before
  double eta_min = 0;  ///< the lowest rate
  DESCENT_OPTIONS((T_0, at_least_one), (T_mult, at_least_one), (eta_min, non_negative))
  double at(double base, int64_t n) const;
};

/// A function of n for all groups, or one for each. Archives do not hold functions.
using Lambdas = std::vector<std::function<double(int64_t)>>;

/// base lr_lambda(n)
struct LambdaLR {
  static constexpr const char* name = "LambdaLR";
  Lambdas lr_lambda = {};
  DESCENT_OPTIONS((lr_lambda, not_text))
  std::string problem(size_t groups) const;
  double at(const BaseRate& base, int64_t n) const;
};

/// base lr_lambda(1) lr_lambda(2) ... lr_lambda(n). Behind a milestone of SequentialLR it goes on
/// from the rate that it finds, times lr_lambda(0), as in Python.
struct MultiplicativeLR {
  static constexpr const char* name = "MultiplicativeLR";
  Lambdas lr_lambda = {};
  DESCENT_OPTIONS((lr_lambda, not_text))
  std::string problem(size_t groups) const;
  double at(const BaseRate& base, int64_t n) const;
  double step(const BaseRate& base, double previous, int64_t n) const;
  double next(const BaseRate& base, double present, int64_t n) const;
  double resume(const BaseRate& base, double present) const;
};

DESCENT_ENUM(AnnealStrategy, Cos, Linear)

/// Up to max_lr and down again in one cycle of total_steps, momentum the other way; the base rate
/// does not matter. Smith & Topin 2018, arXiv:1708.07120.
///   initial = max_lr / div_factor;   min = initial / final_div_factor
///   two phases:    initial -> max_lr -> min             ending at pct_start N - 1, N - 1
///   three phases:  initial -> max_lr -> initial -> min  at pct_start N - 1, 2 pct_start N - 2,
///                                                       N - 1,  where N = total_steps
///   momentum:      max_momentum -> base_momentum -> max_momentum (-> max_momentum)
/// More than total_steps steps are refused. The last of them is beyond the last phase: the cosine
/// goes on, as in Python; the line, which would fall below 0, stays where it is. A phase without
/// length, where Python divides by 0, is over when it begins.
struct OneCycleLR {
  static constexpr const char* name = "OneCycleLR";
  PerGroup max_lr = kMustBeGiven;
  int64_t total_steps = 0;  ///< must be given
  double pct_start = 0.3;   ///< the part of the steps that goes up
  AnnealStrategy anneal_strategy = AnnealStrategy::Cos;
  bool cycle_momentum = true;  ///< the optimizer must have `betas` or `momentum`
  PerGroup base_momentum = 0.85;
  PerGroup max_momentum = 0.95;
  double div_factor = 25;
  double final_div_factor = 1e4;
  bool three_phase = false;
  DESCENT_OPTIONS((max_lr, positive), (total_steps, at_least_one), (pct_start, closed_unit),
                  (anneal_strategy), (cycle_momentum), (base_momentum, unit), (max_momentum, unit),
                  (div_factor, positive), (final_div_factor, positive), (three_phase))
  double at(const BaseRate& base, int64_t n) const;
  std::optional<double> momentum(size_t group, int64_t n) const;

 private:
  double anneal(int64_t n, std::array<double, 4> through) const;
};

DESCENT_ENUM(CyclicMode, Triangular, Triangular2, ExpRange)

/// Up and down between base_lr and max_lr in straight lines, momentum the other way; the group's
/// own rate does not matter. Smith 2017, arXiv:1506.01186. The height is the same in each cycle
/// (Triangular), half that of the cycle before (Triangular2), or gamma^n (ExpRange).
struct CyclicLR {
  static constexpr const char* name = "CyclicLR";
  PerGroup base_lr = kMustBeGiven;
  PerGroup max_lr = kMustBeGiven;
  int64_t step_size_up = 2000;                 ///< steps from base_lr to max_lr
  std::optional<int64_t> step_size_down = {};  ///< steps back; none: as many as up
  CyclicMode mode = CyclicMode::Triangular;
  double gamma = 1;            ///< of ExpRange
  bool cycle_momentum = true;  ///< the optimizer must have `betas` or `momentum`
  PerGroup base_momentum = 0.8;
  PerGroup max_momentum = 0.9;
  DESCENT_OPTIONS((base_lr, non_negative), (max_lr, non_negative), (step_size_up, at_least_one),
                  (step_size_down, at_least_one), (mode), (gamma, non_negative), (cycle_momentum),
                  (base_momentum, unit), (max_momentum, unit))
  double at(const BaseRate& base, int64_t n) const;
  std::optional<double> momentum(size_t group, int64_t n) const;

 private:
  double height(int64_t n) const;
};

DESCENT_ENUM(WsdShape, Linear, Cosine, OneMinusSqrt)

/// Warm-up, stable, decay: W steps from base min to base, S there, D back, then base min.
/// As in Hugging Face transformers, get_wsd_schedule; Hu et al. 2024, arXiv:2404.06395.
///   rate = base (f(p) (1 - min) + min), p = the part of the phase that is done
///   warm:   p,      (1 - cos(pi p)) / 2,  1 - sqrt(1 - p)
///   decay:  1 - p,  (1 + cos(pi p)) / 2,  1 - sqrt(p)
struct WSD {
  static constexpr const char* name = "WSD";
  int64_t W = 0;   ///< steps of the warm-up
  int64_t S = 0;   ///< stable steps
  int64_t D = 0;   ///< steps of the decay
  double min = 0;  ///< the lowest rate, as a part of the base rate
  WsdShape warm = WsdShape::Linear;
  WsdShape decay = WsdShape::Cosine;
  DESCENT_OPTIONS((W, non_negative), (S, non_negative), (D, non_negative), (min, closed_unit),
                  (warm), (decay))
  double scale(int64_t n) const;
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// n < W: base n / W; then base / sqrt((n + s - W) / s). Vaswani et al. 2017, arXiv:1706.03762, as
/// in Hugging Face transformers, get_inverse_sqrt_schedule.
struct InverseSqrt {
  static constexpr const char* name = "InverseSqrt";
  int64_t W = 0;                 ///< steps of the warm-up
  std::optional<double> s = {};  ///< time scale; none: W
  DESCENT_OPTIONS((W, non_negative), (s, positive))
  std::optional<Conflict> conflict() const {
    if (!s && W == 0) return Conflict{"s", "given if W = 0"};
    return {};
  }
  double scale(int64_t n) const;
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// From the group's rate to swa_lr in anneal_epochs steps, for weight averaging. Izmailov et al.
/// 2018, arXiv:1803.05407; as torch.optim.swa_utils.SWALR. Behind a milestone of SequentialLR it
/// starts from the rate that it finds.
struct SWALR {
  static constexpr const char* name = "SWALR";
  PerGroup swa_lr = kMustBeGiven;
  int64_t anneal_epochs = 10;  ///< 0: swa_lr at once
  AnnealStrategy anneal_strategy = AnnealStrategy::Cos;
  DESCENT_OPTIONS((swa_lr, non_negative), (anneal_epochs, non_negative), (anneal_strategy))
  double at(const BaseRate& base, int64_t n) const;
  double next(const BaseRate& base, double present, int64_t n) const;
  double resume(const BaseRate&, double present) const { return present; }

 private:
  double weight(int64_t n) const;
  double next(const BaseRate& base, double present, int64_t n, int64_t before) const;
};

/// One schedule after another: the first up to milestones[0], the second, which counts its own
/// steps from there, up to milestones[1], and so on. Each starts from the group's base rate, except
/// MultiplicativeLR and SWALR, which go on from the rate that they find.
///
///   SequentialLR{{LinearLR{.total_iters = 5}, CosineAnnealingLR{.T_max = 95}}, {5}}
///
/// The momentum stays as the last schedule that moved it has left it. All as in Python, except that
/// there a OneCycleLR or CyclicLR in the list replaces the base rate of the others.
struct SequentialLR {
  static constexpr const char* name = "SequentialLR";
  std::vector<Schedule> schedules = {};
  std::vector<int64_t> milestones = {};  ///< one less than schedules, none below the one before
  DESCENT_OPTIONS((schedules, not_text), (milestones, non_negative))
  std::string problem(size_t groups) const;
  std::string text() const;
  double at(const BaseRate& base, int64_t n) const;
  double step(const BaseRate& base, double previous, int64_t n) const;
  double next(const BaseRate& base, double present, int64_t n) const;
  std::optional<double> momentum(size_t group, int64_t n) const;

 private:
  size_t active(int64_t n) const;
  int64_t start(size_t i) const { return i == 0 ? 0 : milestones[i - 1]; }
  BaseRate base_of(size_t i, const BaseRate& base) const;
};

/// Several schedules at once, each moving the rate that the one before leaves. Those that are a
/// factor, alone or together, multiply: base scale_1(n) scale_2(n) ... The others take part as
/// Python's do, step by step: CosineAnnealingLR and PolynomialLR with an end rate, SWALR and
/// MultiplicativeLR move the present rate; LambdaLR, CosineAnnealingWarmRestarts, OneCycleLR,
/// CyclicLR and the milestones of SequentialLR set it anew, whatever stands before them.
struct ChainedScheduler {
  static constexpr const char* name = "ChainedScheduler";
  std::vector<Schedule> schedules = {};
  DESCENT_OPTIONS((schedules, not_text))
  std::string problem(size_t groups) const;
  std::string text() const;
  std::optional<double> scale(int64_t n) const;
  double at(const BaseRate& base, int64_t n) const;
  double step(const BaseRate& base, double previous, int64_t n) const;
  double next(const BaseRate& base, double present, int64_t n) const;
  std::optional<double> momentum(size_t group, int64_t n) const;
};

/// W steps up to any schedule: the first rate of the schedule times from + (1 - from) n / W while
/// n < W, then the schedule, which counts from there.
///
///   Warmup{.W = 500, .schedule = CosineAnnealingLR{.T_max = 10000}}
struct Warmup {
  static constexpr const char* name = "Warmup";
  int64_t W = 0;
  double from = 0;  ///< the first factor
  Schedule schedule = ExponentialLR{.gamma = 1};
  DESCENT_OPTIONS((W, non_negative), (from, non_negative), (schedule, not_text))
  std::string problem(size_t groups) const;
  std::string text() const;
  std::optional<double> scale(int64_t n) const;
  double at(const BaseRate& base, int64_t n) const;
  double step(const BaseRate& base, double previous, int64_t n) const;
  double next(const BaseRate& base, double present, int64_t n) const;
  std::optional<double> momentum(size_t group, int64_t n) const;

 private:
  double warmth(int64_t n) const;
};

/// Drives the learning rate of every group of an optimizer, ours or LibTorch's:
///
///   descent::Scheduler schedule(opt, descent::CosineAnnealingLR{.T_max = 100});
///   for (...) { ...; opt.step(); schedule.step(); }
///
/// The rates of n = 0 apply from the start. Each group has its own base rate, the one it had when
/// the scheduler first saw it. Rates are computed from there, whatever else changes them meanwhile:
/// of two schedulers on one optimizer the last to step wins; ChainedScheduler joins schedules. The
/// optimizer must outlive the scheduler. It is a torch::optim::LRScheduler, without the lateness of
/// torch::optim::StepLR, whose every drop comes one step after Python's.
class Scheduler final : public torch::optim::LRScheduler {
 public:
  /// Throws c10::Error naming schedule, field, value and what is allowed, with nothing changed.
  /// step() throws, with nothing changed, where the schedule has no rate or none that is finite and
  /// >= 0, and where the optimizer refuses the momentum.
  Scheduler(torch::optim::Optimizer& optimizer, Schedule schedule);

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
  void apply(int64_t n, std::vector<double> base_lrs);

  torch::optim::Optimizer& optimizer_;
  Schedule schedule_;
  std::vector<double> base_lrs_, last_lr_;
};

}  // namespace descent

#pragma once
// A schedule is a plain struct: the learning rate after n = 0, 1, 2, ... calls of Scheduler::step,
// for a group whose rate was `base` when the Scheduler was made. Where Python's
// torch.optim.lr_scheduler has the schedule, name, options and rates are Python's, by the closed
// form, which differs from Python's recursions by round-off. schedule.h says how to write one of
// your own.
#include <functional>
#include <memory>

#include <descent/optim/schedules/schedule.h>

namespace torch::optim {
class LRScheduler;
class Optimizer;
}  // namespace torch::optim

namespace descent {

DESCENT_ENUM(TimeBasedMode, Recursive, Hyperbolic)

/// Recursive:   rate_{n+1} = rate_n / (1 + d n), so base / prod_{j<n} (1 + d j)
/// Hyperbolic:  base / (1 + d n)
struct TimeBased {
  static constexpr const char* name = "TimeBased";
  static constexpr const char* key = "time_based";
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
  static constexpr const char* key = "step_based";
  double d = kMustBeGiven;  ///< factor of each drop
  int64_t r = 0;  ///< steps between two drops, the first of which comes after r - 1; must be given
  DESCENT_OPTIONS((d, non_negative), (r, at_least_one))
  double scale(int64_t n) const;
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// base exp(-d n)
struct ExponentialE {
  static constexpr const char* name = "ExponentialE";
  static constexpr const char* key = "exponential_e";
  double d = kMustBeGiven;  ///< decay
  DESCENT_OPTIONS((d, finite))
  double scale(int64_t n) const;
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// What a schedule holds that is made as LibTorch's scheduler of its name is, with an optimizer in
/// front: that scheduler, once its step() was called. Empty otherwise.
struct LibTorchForm {
  torch::optim::Optimizer* optimizer = nullptr;
  std::shared_ptr<torch::optim::LRScheduler> scheduler = {};
  LibTorchForm() = default;
  LibTorchForm(torch::optim::Optimizer& of) : optimizer(&of) {}
};

/// base gamma^floor(n / step_size)
///
/// Code that was written for torch::optim::StepLR goes on unchanged, with LibTorch's numbers, each
/// drop one step late: descent::StepLR schedule(opt, 30, 0.1); ... schedule.step(). (Clang before 16
/// wants braces there.)
struct StepLR {
  static constexpr const char* name = "StepLR";
  static constexpr const char* key = "step";
  LibTorchForm libtorch = {};
  int64_t step_size = 0;  ///< steps between two drops; must be given
  double gamma = 0.1;     ///< factor of each drop
  DESCENT_OPTIONS((libtorch, not_text), (step_size, at_least_one), (gamma, non_negative))
  double scale(int64_t n) const;
  double at(double base, int64_t n) const { return base * scale(n); }

  /// A step of torch::optim::StepLR. Throws c10::Error for a schedule without an optimizer, which a
  /// Scheduler drives, and for options that are refused.
  void step();
  operator torch::optim::LRScheduler&();
};

/// base gamma^(number of milestones <= n); a milestone that stands twice counts twice.
struct MultiStepLR {
  static constexpr const char* name = "MultiStepLR";
  static constexpr const char* key = "multi_step";
  std::vector<int64_t> milestones = {};  ///< in any order
  double gamma = 0.1;                    ///< factor of each drop
  DESCENT_OPTIONS((milestones, non_negative), (gamma, non_negative))
  double scale(int64_t n) const;
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// base gamma^n
struct ExponentialLR {
  static constexpr const char* name = "ExponentialLR";
  static constexpr const char* key = "exponential";
  double gamma = kMustBeGiven;  ///< factor of each step
  DESCENT_OPTIONS((gamma, non_negative))
  double scale(int64_t n) const;
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// base factor while n < total_iters, then base.
struct ConstantLR {
  static constexpr const char* name = "ConstantLR";
  static constexpr const char* key = "constant";
  double factor = 1.0 / 3;
  int64_t total_iters = 5;  ///< steps until the base rate
  DESCENT_OPTIONS((factor, closed_unit), (total_iters, at_least_one))
  double scale(int64_t n) const { return n < total_iters ? factor : 1; }
  double at(double base, int64_t n) const { return base * scale(n); }
};

/// From base start_factor to base end_factor in a straight line of total_iters steps.
struct LinearLR {
  static constexpr const char* name = "LinearLR";
  static constexpr const char* key = "linear";
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
  static constexpr const char* key = "polynomial";
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
  static constexpr const char* key = "cosine";
  int64_t T_max = 0;   ///< steps from the first to the lowest rate; must be given
  double eta_min = 0;  ///< the lowest rate
  bool clamp = false;  ///< stays at eta_min past T_max
  DESCENT_OPTIONS((T_max, at_least_one), (eta_min, non_negative), (clamp))
  double at(double base, int64_t n) const;
  double next(double base, double present, int64_t n) const;
};

DESCENT_ENUM(WsdShape, Linear, Cosine, OneMinusSqrt)

/// Warm-up, stable, decay: W steps from base min to base, S there, D back, then base min.
/// As in Hugging Face transformers, get_wsd_schedule; Hu et al. 2024, arXiv:2404.06395.
///   rate = base (f(p) (1 - min) + min), p = the part of the phase that is done
///   warm:   p,      (1 - cos(pi p)) / 2,  1 - sqrt(1 - p)
///   decay:  1 - p,  (1 + cos(pi p)) / 2,  1 - sqrt(p)
struct WSD {
  static constexpr const char* name = "WSD";
  static constexpr const char* key = "wsd";
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
  static constexpr const char* key = "inverse_sqrt";
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
  static constexpr const char* key = "swa";
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

/// Those above that can be made by name; the registry follows.
using ClassicSchedules =
    ScheduleList<TimeBased, StepBased, ExponentialE, StepLR, MultiStepLR, ExponentialLR, ConstantLR,
                 LinearLR, PolynomialLR, CosineAnnealingLR, WSD, InverseSqrt, SWALR>;

}  // namespace descent

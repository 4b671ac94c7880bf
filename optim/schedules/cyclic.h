#pragma once
// Schedules that go up and down again. classic.h says what all schedules have in common.
#include <descent/optim/schedules/schedule.h>

namespace descent {

/// eta_min + (base - eta_min) (1 + cos(pi T_cur / T_i)) / 2, where T_cur counts the steps since the
/// last restart and T_i, the steps to the next, grows by T_mult at each.
/// Loshchilov & Hutter 2017, arXiv:1608.03983.
struct CosineAnnealingWarmRestarts {
  static constexpr const char* name = "CosineAnnealingWarmRestarts";
  static constexpr const char* key = "warm_restarts";
  int64_t T_0 = 0;     ///< steps to the first restart; must be given
  int64_t T_mult = 1;  ///< how many times as long each cycle is as the one before
  double eta_min = 0;  ///< the lowest rate
  DESCENT_OPTIONS((T_0, at_least_one), (T_mult, at_least_one), (eta_min, non_negative))
  double at(double base, int64_t n) const;
};

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
  static constexpr const char* key = "one_cycle";
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
  static constexpr const char* key = "cyclic";
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

/// Those above that can be made by name; the registry follows.
using CyclicSchedules = ScheduleList<CosineAnnealingWarmRestarts, OneCycleLR, CyclicLR>;

}  // namespace descent

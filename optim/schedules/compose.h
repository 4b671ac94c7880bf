#pragma once
// Schedules made of others: one after another, several at once, and a warm-up ahead of any.
#include <descent/optim/schedules/classic.h>

namespace descent {

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

}  // namespace descent

#pragma once
// What a schedule is. A schedule is a plain struct that inherits nothing:
//
//   struct InverseLR {
//     static constexpr const char* name = "InverseLR";
//     static constexpr const char* key = "inverse";     // if it is made by name, see registry.h
//     double d = 0.1;
//     DESCENT_OPTIONS((d, non_negative))
//     double scale(int64_t n) const { return 1 / (1 + d * n); }
//     double at(double base, int64_t n) const { return base * scale(n); }
//   };
//
// at(base, n) is the rate after n = 0, 1, 2, ... steps of a group whose rate was `base` at first.
// All else is optional, each for the schedules that need it:
//
//   scale(n)                   the rate is base * scale(n): a ChainedScheduler multiplies it. May
//                              return std::optional<double>: none if the settings do not allow it.
//   next(base, present, n)     the rate of n, from the rate `present` of n - 1 that another
//                              schedule of a chain may have changed, as Python's recursions do.
//                              Without it, scale(n) / scale(n - 1) times `present`; without a
//                              scale, at(base, n) whatever `present` is.
//   step(base, previous, n)    the same value as at(base, n), cheaper, from that of n - 1.
//   resume(base, present)      the base rate it takes where a SequentialLR comes to it.
//   momentum(group, n)         the momentum of that group, or none: to be left alone.
//   problem(groups), text()    instead of what the list of options says of range and value.
//
// A schedule that differs between groups takes a `const BaseRate& base`, which knows the group,
// where `double base` stands above. This header knows nothing of LibTorch.
#include <memory>

#include <descent/base/fields.h>

namespace descent {

/// Stands for an option that has no default; no range holds it.
inline constexpr double kMustBeGiven = std::numeric_limits<double>::quiet_NaN();

DESCENT_ENUM(AnnealStrategy, Cos, Linear)

/// Schedules by their types: the lists from which those that have a name are known.
template <class... Schedules>
struct ScheduleList {};

/// One number for all parameter groups, {.max_lr = 0.1}, or one for each, {.max_lr = {0.1, 0.2}}.
struct PerGroup : std::vector<double> {
  PerGroup(double x) : std::vector<double>(1, x) {}
  PerGroup(std::initializer_list<double> list) : std::vector<double>(list) {}
  explicit PerGroup(std::vector<double> list) : std::vector<double>(std::move(list)) {}
  double of(size_t group) const { return size() == 1 ? front() : at(group); }
};

namespace fields {

/// problem(), and whether each PerGroup has as many numbers as there are groups.
template <class Options>
std::string group_problem(const Options& options, size_t groups) {
  std::string found = problem(options);
  Options::each(options, [&](const char* name, const auto& field, const Domain& = anything) {
    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, PerGroup>)
      if (found.empty() && field.size() != 1 && field.size() != groups)
        found = out_of_range(
            name, value_of(field),
            "one number, or one for each group, of which there are " + std::to_string(groups));
  });
  return found;
}

/// "StepLR step_size=2 gamma=0.1": what archives compare.
template <class Options>
std::string text_of(const char* name, const Options& options) {
  std::string text = name;
  for (const auto& option : describe(options))
    text += " " + option.name + "=" + to_text(option.value);
  return text;
}

}  // namespace fields

/// A group's rate before the schedule, and which group it is.
struct BaseRate {
  double lr;
  size_t group = 0;
  BaseRate(double rate, size_t of_group = 0) : lr(rate), group(of_group) {}
  operator double() const { return lr; }
};

/// Any schedule, by value. The members are those described above.
class Schedule {
 public:
  template <class S>
  requires(!std::is_same_v<std::remove_cvref_t<S>, Schedule>)
      Schedule(S&& schedule)  // NOLINT: implicit, so that lists of schedules can be written
      : self_(std::make_shared<const Model<std::remove_cvref_t<S>>>(std::forward<S>(schedule))) {}

  /// "StepLR: step_size = 0, must be ...", for an optimizer of so many groups; "": nothing is
  /// wrong.
  std::string problem(size_t groups) const { return self_->problem(groups); }
  const char* name() const { return self_->name(); }
  /// The settings, without functions and the schedules that this one is made of.
  std::vector<OptionInfo> options() const { return self_->options(); }
  /// "StepLR step_size=2 gamma=0.1"
  std::string text() const { return self_->text(); }

  double at(const BaseRate& base, int64_t n) const { return self_->at(base, n); }
  double step(const BaseRate& base, double previous, int64_t n) const {
    return self_->step(base, previous, n);
  }
  double next(const BaseRate& base, double present, int64_t n) const {
    return self_->next(base, present, n);
  }
  std::optional<double> scale(int64_t n) const { return self_->scale(n); }
  std::optional<double> resume(const BaseRate& base, double present) const {
    return self_->resume(base, present);
  }
  std::optional<double> momentum(size_t group, int64_t n) const {
    return self_->momentum(group, n);
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual const char* name() const = 0;
    virtual std::string problem(size_t groups) const = 0;
    virtual std::vector<OptionInfo> options() const = 0;
    virtual std::string text() const = 0;
    virtual double at(const BaseRate& base, int64_t n) const = 0;
    virtual double step(const BaseRate& base, double previous, int64_t n) const = 0;
    virtual double next(const BaseRate& base, double present, int64_t n) const = 0;
    virtual std::optional<double> scale(int64_t n) const = 0;
    virtual std::optional<double> resume(const BaseRate& base, double present) const = 0;
    virtual std::optional<double> momentum(size_t group, int64_t n) const = 0;
  };

  template <class S>
  struct Model final : Interface {
    S s;
    explicit Model(S schedule) : s(std::move(schedule)) {}

    const char* name() const override { return S::name; }
    std::string problem(size_t groups) const override {
      if constexpr (requires { s.problem(groups); }) {
        return s.problem(groups);
      } else {
        const std::string found = fields::group_problem(s, groups);
        return found.empty() ? "" : std::string(S::name) + ": " + found;
      }
    }
    std::vector<OptionInfo> options() const override { return fields::describe(s); }
    std::string text() const override {
      if constexpr (requires { s.text(); }) {
        return s.text();
      } else {
        return fields::text_of(S::name, s);
      }
    }
    double at(const BaseRate& base, int64_t n) const override { return s.at(base, n); }
    double step(const BaseRate& base, [[maybe_unused]] double previous, int64_t n) const override {
      if constexpr (requires { s.step(base, previous, n); })
        return s.step(base, previous, n);
      else
        return s.at(base, n);
    }
    double next(const BaseRate& base, double present, int64_t n) const override {
      if constexpr (requires { s.next(base, present, n); }) return s.next(base, present, n);
      if (n == 0) return scale(0) ? present * *scale(0) : s.at(base, 0);
      const std::optional<double> before = scale(n - 1);
      // What was multiplied by 0 is lost: the base rate is all there is to go on from.
      return before && *before != 0 ? present * (*scale(n) / *before) : s.at(base, n);
    }
    std::optional<double> scale([[maybe_unused]] int64_t n) const override {
      if constexpr (requires { s.scale(n); })
        return s.scale(n);
      else
        return {};
    }
    std::optional<double> resume([[maybe_unused]] const BaseRate& base,
                                 [[maybe_unused]] double present) const override {
      if constexpr (requires { s.resume(base, present); })
        return s.resume(base, present);
      else
        return {};
    }
    std::optional<double> momentum([[maybe_unused]] size_t group,
                                   [[maybe_unused]] int64_t n) const override {
      if constexpr (requires { s.momentum(group, n); })
        return s.momentum(group, n);
      else
        return {};
    }
  };

  std::shared_ptr<const Interface> self_;
};

}  // namespace descent

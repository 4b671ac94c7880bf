#pragma once
#include <string_view>
#include <vector>

#include <descent/optim/schedules/schedule.h>

namespace descent {

/// A schedule by its name, "cosine" or Python's "CosineAnnealingLR", with options by theirs:
///
///   make_schedule("cosine", {{"T_max", 100}, {"eta_min", 1e-5}})
///
/// Throws c10::Error, which brings the nearest names of one that is unknown, and refuses values as
/// the schedule itself does. Schedules of functions or of other schedules are made in code only.
Schedule make_schedule(std::string_view name, const OptionValues& options = {});

/// The same from one text, "cosine:T_max=100,eta_min=1e-5", as command lines and files hold it.
Schedule parse_schedule(std::string_view text);

/// What is known of a schedule by its name.
struct ScheduleInfo {
  const char* key;                   ///< "cosine"
  const char* name;                  ///< the class: "CosineAnnealingLR"
  std::vector<OptionInfo> defaults;  ///< NaN, or 0 where 0 is not allowed: must be given
  Schedule (*make)(const OptionValues& options);
};

/// Every schedule that is known, a program's own included, by key.
std::vector<ScheduleInfo> schedules();

/// The schedule of that name; c10::Error with the nearest names if there is none.
ScheduleInfo find_schedule(std::string_view name);

namespace schedule_registry {

/// Throws c10::Error "CosineAnnealingLR: <problem>" unless there is no problem.
void refuse(const char* name, const std::string& problem);
bool add(ScheduleInfo info);

template <class S>
ScheduleInfo info_of() {
  return {S::key, S::name, fields::describe(S{}), [](const OptionValues& options) -> Schedule {
            S schedule;
            for (const auto& [name, value] : options)
              refuse(S::name, fields::set(schedule, name, value));
            refuse(S::name, fields::problem(schedule));
            return schedule;
          }};
}

}  // namespace schedule_registry

/// Makes a schedule of your own known by its `key` and its `name`; once, ahead of its first use:
///
///   const bool known = descent::register_schedule<InverseLR>();
template <class S>
bool register_schedule() {
  return schedule_registry::add(schedule_registry::info_of<S>());
}

}  // namespace descent

#include <algorithm>
#include <stdexcept>

#include <c10/util/Exception.h>

#include <descent/base/nearest.h>
#include <descent/optim/schedules/classic.h>
#include <descent/optim/schedules/cyclic.h>
#include <descent/optim/schedules/registry.h>

namespace descent {
namespace {

template <class... S>
void append(std::vector<ScheduleInfo>& list, ScheduleList<S...>) {
  (list.push_back(schedule_registry::info_of<S>()), ...);
}

std::vector<ScheduleInfo>& known_schedules() {
  static std::vector<ScheduleInfo> list = [] {
    std::vector<ScheduleInfo> library;
    append(library, ClassicSchedules{});
    append(library, CyclicSchedules{});
    return library;
  }();
  return list;
}

bool is_called(const ScheduleInfo& schedule, std::string_view name) {
  return same_word(name, schedule.key) || same_word(name, schedule.name);
}

}  // namespace

void schedule_registry::refuse(const char* name, const std::string& problem) {
  TORCH_CHECK(problem.empty(), name, ": ", problem);
}

bool schedule_registry::add(ScheduleInfo info) {
  for (const auto& other : known_schedules())
    TORCH_CHECK(!is_called(other, info.key) && !is_called(other, info.name),
                "two schedules are called ", info.key, " or ", info.name);
  known_schedules().push_back(std::move(info));
  return true;
}

std::vector<ScheduleInfo> schedules() {
  std::vector<ScheduleInfo> list = known_schedules();
  std::sort(list.begin(), list.end(), [](const ScheduleInfo& a, const ScheduleInfo& b) {
    return std::string_view(a.key) < b.key;
  });
  return list;
}

ScheduleInfo find_schedule(std::string_view name) {
  const std::vector<ScheduleInfo> list = schedules();
  const auto found = std::find_if(
      list.begin(), list.end(), [name](const ScheduleInfo& info) { return is_called(info, name); });
  std::vector<std::string> names;
  for (const auto& info : list) names.insert(names.end(), {info.key, info.name});
  TORCH_CHECK(found != list.end(), "no schedule is called ", name, did_you_mean(name, names));
  return *found;
}

Schedule make_schedule(std::string_view name, const OptionValues& options) {
  return find_schedule(name).make(options);
}

Schedule parse_schedule(std::string_view text) {
  const size_t end = std::min(text.find(':'), text.size());
  const ScheduleInfo schedule = find_schedule(text.substr(0, end));
  OptionValues options;
  try {
    options = parse_options(text.substr(std::min(end + 1, text.size())));
  } catch (const std::invalid_argument& error) {
    TORCH_CHECK(false, schedule.name, ": ", error.what());
  }
  return schedule.make(options);
}

}  // namespace descent

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <ostream>

#include <c10/util/Exception.h>

#include <descent/base/atomic_file.h>
#include <descent/optim/files/incoming.h>
#include <descent/optim/files/python.h>
#include <descent/optim/files/state_dict.h>
#include <descent/optim/schedules/schedules.h>

// A state_dict of torch.optim.lr_scheduler is all that the scheduler holds but the optimizer, and
// loading it replaces what it names. Every scheduler holds base_lrs, last_epoch, which is our n,
// _last_lr and counts of calls. The settings of its constructor stand beside these.

namespace descent {
namespace {

using Names = std::vector<std::string_view>;
using Settings = std::map<std::string_view, OptionValue>;

/// How a schedule and Python's class of the same name correspond, as of Python's torch 2.13.
struct PythonSchedule {
  std::string_view name;
  Names settings;      ///< that Python keeps under our names
  Names derived = {};  ///< keys that follow from the others, or hold functions
  Names lacking = {};  ///< settings that Python has not: 0 or false there
  bool whole = true;   ///< Python keeps nothing of it in the optimizer's groups
  /// The settings that Python keeps in another form, by Python's keys, for so many groups.
  Settings (*others)(const Settings& ours, size_t groups) = [](const Settings&, size_t) {
    return Settings();
  };
};

double number(const Settings& settings, std::string_view name) {
  return std::get<double>(settings.at(name));
}
bool flag(const Settings& settings, std::string_view name) {
  return std::get<bool>(settings.at(name));
}
/// One number for each group.
std::vector<double> per_group(const Settings& settings, std::string_view name, size_t groups) {
  const PerGroup list(std::get<std::vector<double>>(settings.at(name)));
  std::vector<double> numbers;
  for (size_t g = 0; g < groups; ++g) numbers.push_back(list.of(g));
  return numbers;
}

Settings of_multi_step(const Settings& ours, size_t) {
  auto milestones = std::get<std::vector<double>>(ours.at("milestones"));
  std::sort(milestones.begin(), milestones.end());
  return {{"milestones", milestones}};
}

Settings of_one_cycle(const Settings& ours, size_t) {
  const double total = number(ours, "total_steps"), up = number(ours, "pct_start") * total - 1;
  std::vector<double> ends{up, total - 1};
  if (flag(ours, "three_phase"))
    ends.insert(ends.begin() + 1, 2 * number(ours, "pct_start") * total - 2);
  return {{"_schedule_phases", ends}, {"_anneal_func_type", ours.at("anneal_strategy")}};
}

Settings of_cyclic(const Settings& ours, size_t groups) {
  const double up = number(ours, "step_size_up");
  const auto* const given = std::get_if<double>(&ours.at("step_size_down"));
  const double down = given != nullptr ? *given : up;
  const bool each_step = ours.at("mode") == OptionValue("exp_range");
  Settings theirs{{"base_lrs", per_group(ours, "base_lr", groups)},
                  {"max_lrs", per_group(ours, "max_lr", groups)},
                  {"total_size", up + down},
                  {"step_ratio", up / (up + down)},
                  {"mode", ours.at("mode")},
                  {"scale_mode", each_step ? "iterations" : "cycle"}};
  if (flag(ours, "cycle_momentum")) {
    theirs.emplace("base_momentums", per_group(ours, "base_momentum", groups));
    theirs.emplace("max_momentums", per_group(ours, "max_momentum", groups));
  }
  return theirs;
}

Settings of_swa(const Settings& ours, size_t) {
  return {{"_anneal_strategy", ours.at("anneal_strategy")}};
}

const std::vector<PythonSchedule>& python_schedules() {
  static const std::vector<PythonSchedule> table{
      {.name = "StepLR", .settings = {"step_size", "gamma"}},
      {.name = "MultiStepLR", .settings = {"gamma"}, .others = of_multi_step},
      {.name = "ConstantLR", .settings = {"factor", "total_iters"}},
      {.name = "LinearLR", .settings = {"start_factor", "end_factor", "total_iters"}},
      {.name = "ExponentialLR", .settings = {"gamma"}},
      {.name = "PolynomialLR", .settings = {"total_iters", "power"}, .lacking = {"end_lr"}},
      {.name = "CosineAnnealingLR", .settings = {"T_max", "eta_min"}, .lacking = {"clamp"}},
      {.name = "CosineAnnealingWarmRestarts",
       .settings = {"T_0", "T_mult", "eta_min"},
       .derived = {"T_i", "T_cur"}},
      {.name = "LambdaLR", .settings = {}, .derived = {"lr_lambdas"}},
      {.name = "MultiplicativeLR", .settings = {}, .derived = {"lr_lambdas"}},
      {.name = "OneCycleLR",
       .settings = {"total_steps", "cycle_momentum"},
       .derived = {"use_beta1"},
       .whole = false,
       .others = of_one_cycle},
      {.name = "CyclicLR",
       .settings = {"gamma", "cycle_momentum"},
       .derived = {"use_beta1", "_scale_fn_custom"},
       .others = of_cyclic},
      {.name = "SWALR", .settings = {"anneal_epochs"}, .whole = false, .others = of_swa},
  };
  return table;
}

/// What every scheduler of Python holds besides its settings.
constexpr std::array<std::string_view, 7> kOfAll{"base_lrs",    "last_epoch",
                                                 "_step_count", "_is_initial",
                                                 "_last_lr",    "_get_lr_called_within_step",
                                                 "verbose"};

/// A schedule as Python keeps it.
struct Theirs {
  const PythonSchedule& python;
  Settings settings;  ///< by Python's keys
};

Theirs theirs_of(const Scheduler& scheduler) {
  const Schedule& schedule = scheduler.schedule();
  const auto& table = python_schedules();
  const auto python = std::find_if(table.begin(), table.end(),
                                   [&](const auto& row) { return row.name == schedule.name(); });
  TORCH_CHECK(python != table.end(), schedule.name(), ": has no state_dict of Python, must be a ",
              "schedule of torch.optim.lr_scheduler that is not made of others");
  Settings ours;
  const std::vector<OptionInfo> options = schedule.options();
  for (const auto& option : options) ours.emplace(option.name, option.value);
  for (const auto name : python->lacking) {
    const OptionValue& value = ours.at(name);
    TORCH_CHECK(value == OptionValue(0) || value == OptionValue(false), schedule.name(), ": ", name,
                " = ", to_text(value), ", must be ",
                std::holds_alternative<bool>(value) ? "false" : "0",
                " in a file of Python, which has no such setting");
  }
  Theirs theirs{*python, python->others(ours, scheduler.base_lrs().size())};
  for (const auto name : python->settings) theirs.settings.emplace(name, ours.at(name));
  return theirs;
}

/// What CosineAnnealingWarmRestarts counts besides: the steps of the present cycle, and those of it
/// that were made.
std::pair<int64_t, int64_t> cycle_at(int64_t n, int64_t length, int64_t times) {
  if (times == 1) return {length, n % length};
  while (n >= length) {
    n -= length;
    if (__builtin_mul_overflow(length, times, &length)) length = INT64_MAX;  // nobody sees its end
  }
  return {length, n};
}

/// Whether an int64_t can be the number.
bool is_whole(double x) { return x == std::floor(x) && std::fabs(x) < 0x1p63; }

// ---- writing

/// Whole numbers are written as such: most of these count something.
void write(pickle::Writer& out, double x) {
  if (is_whole(x))
    out.integer(static_cast<int64_t>(x));
  else
    out.real(x);
}

void write_numbers(pickle::Writer& out, const std::vector<double>& numbers) {
  out.begin_list();
  for (const double x : numbers) out.real(x);
  out.end_list();
}

void write(pickle::Writer& out, std::string_view key, const OptionValue& value) {
  out.text(key);
  if (const auto* x = std::get_if<bool>(&value)) return out.boolean(*x);
  if (const auto* x = std::get_if<double>(&value)) return write(out, *x);
  if (const auto* x = std::get_if<std::string>(&value)) return out.text(*x);
  const auto& list = std::get<std::vector<double>>(value);
  if (key == "milestones")  // the only ones that Python counts instead of listing them
    out.counter({list.begin(), list.end()});
  else
    write_numbers(out, list);
}

// ---- reading

bool is_scheduler(const pickle::Dict& dict) { return dict.find("_last_lr") != nullptr; }
constexpr StateDictKind kSchedulers{"a scheduler", "schedulers", "a dict with _last_lr",
                                    is_scheduler};

/// Compares a state_dict with a scheduler's settings, and reads from where it goes on.
class ScheduleLoader {
 public:
  ScheduleLoader(const Scheduler& scheduler, pickle::File& file)
      : name_(scheduler.schedule().name()),
        groups_(scheduler.base_lrs().size()),
        theirs_(theirs_of(scheduler)),
        file_(file) {}

  ScheduleStart read(const pickle::Dict& dict) {
    check_keys(dict);
    for (const auto& [key, wanted] : theirs_.settings) {
      const OptionValue found = value(key, *dict.find(key));
      TORCH_CHECK(found == wanted, name_, ": the state_dict has ", key, " = ", to_text(found),
                  ", must be ", to_text(wanted));
    }
    const double n = number("last_epoch", *dict.find("last_epoch"));
    TORCH_CHECK(is_whole(n), name_, ": the state_dict has last_epoch = ", n,
                ", must be a whole number");
    const OptionValue rates = value("base_lrs", *dict.find("base_lrs"));
    const auto* const list = std::get_if<std::vector<double>>(&rates);
    TORCH_CHECK(list != nullptr, name_, ": the state_dict has base_lrs = ", to_text(rates),
                ", must be a list");
    TORCH_CHECK(list->size() == groups_, name_, ": the state_dict has ", list->size(),
                " groups, must have ", groups_);
    return {static_cast<int64_t>(n), *list};
  }

 private:
  void check_keys(const pickle::Dict& dict) const {
    std::vector<std::string> missing, extra;
    for (const auto& [key, value] : parts_of(dict))
      if (!theirs_.settings.contains(key) && !holds(theirs_.python.derived, key) &&
          !holds(kOfAll, key))
        extra.push_back(key);
    for (const auto& [key, value] : theirs_.settings)
      if (dict.find(key) == nullptr) missing.emplace_back(key);
    for (const char* key : {"base_lrs", "last_epoch"})
      if (dict.find(key) == nullptr && !theirs_.settings.contains(key)) missing.emplace_back(key);
    TORCH_CHECK(missing.empty() && extra.empty(), name_, ": the state_dict ",
                key_problem(missing, extra), ", must be as Python's ", name_, " writes it");
  }

  OptionValue value(std::string_view key, const pickle::Value& value) {
    if (const auto* x = std::get_if<bool>(&value)) return *x;
    if (const auto* const* x = std::get_if<const std::string*>(&value)) return **x;
    std::vector<double> numbers;
    if (const auto* const* counter = std::get_if<pickle::Dict*>(&value)) {
      count(key, **counter, numbers);
    } else if (const auto* const* list = std::get_if<pickle::List*>(&value)) {
      for (const auto& item : (*list)->items) numbers.push_back(number(key, end_of(item)));
    } else {
      return number(key, value);
    }
    return numbers;
  }

  /// Each key of a counter as often as it counts.
  void count(std::string_view key, const pickle::Dict& counter, std::vector<double>& numbers) {
    constexpr double kMost = 50'000;
    for (const auto& [item, times] : counter.items) {
      const double x = number(key, item), n = number(key, times);
      TORCH_CHECK(std::isfinite(x), name_, ": the state_dict's ", key, " counts ", x,
                  ", must be finite");
      TORCH_CHECK(n >= 0 && static_cast<double>(numbers.size()) + n <= kMost, name_,
                  ": the state_dict's ", key, " counts ", x, " ", n, " times, must be at most ",
                  kMost);
      numbers.insert(numbers.end(), static_cast<size_t>(n), x);
    }
    std::sort(numbers.begin(), numbers.end());
  }

  /// A phase of OneCycleLR is a dict, which is compared by its end.
  static const pickle::Value& end_of(const pickle::Value& item) {
    const auto* const* phase = std::get_if<pickle::Dict*>(&item);
    const pickle::Value* const end = phase == nullptr ? nullptr : (*phase)->find("end_step");
    return end == nullptr ? item : *end;
  }

  /// A number, or a tensor of one.
  double number(std::string_view key, const pickle::Value& value) {
    const std::optional<double> x = number_in(value, file_);
    TORCH_CHECK(x, name_, ": the state_dict's ", key, " is ", pickle::to_text(value),
                ", must be a number");
    return *x;
  }

  const char* name_;
  size_t groups_;
  Theirs theirs_;
  pickle::File& file_;
};

}  // namespace

void save_python(const Scheduler& scheduler, const std::filesystem::path& path) {
  const Theirs theirs = theirs_of(scheduler);
  const std::string_view name = theirs.python.name;
  TORCH_CHECK(theirs.python.whole, name,
              ": cannot be saved for Python, which keeps a part of it in the optimizer's groups");
  pickle::Writer out;
  out.begin_dict();
  for (const auto& [key, value] : theirs.settings) write(out, key, value);
  if (name == "CosineAnnealingWarmRestarts") {
    const auto whole = [&](const char* key) {
      const double x = number(theirs.settings, key);
      return x < 0x1p63 ? static_cast<int64_t>(x) : INT64_MAX;
    };
    const auto [length, done] = cycle_at(scheduler.n(), whole("T_0"), whole("T_mult"));
    out.text("T_i");
    out.integer(length);
    out.text("T_cur");
    out.integer(done);
  }
  if (holds(theirs.python.derived, "lr_lambdas")) {  // None: Python keeps its own functions
    out.text("lr_lambdas");
    out.begin_list();
    for (size_t g = 0; g < scheduler.base_lrs().size(); ++g) out.none();
    out.end_list();
  }
  if (name == "CyclicLR") {
    out.text("_scale_fn_custom");
    out.none();
  } else {
    out.text("base_lrs");
    write_numbers(out, scheduler.base_lrs());
  }
  out.text("_last_lr");
  write_numbers(out, scheduler.last_lr());
  out.text("last_epoch");
  out.integer(scheduler.n());
  out.text("_step_count");
  out.integer(scheduler.n() + 1);
  out.end_dict();
  write_atomically(path, [&](std::ostream& stream) { out.write(stream); });
}

void load_python(Scheduler& scheduler, const std::filesystem::path& path, std::string_view key) {
  try {
    pickle::File file(path);
    scheduler.start(
        ScheduleLoader(scheduler, file).read(find_state_dict(file.top(), key, kSchedulers)));
  } catch (const c10::Error& error) {
    TORCH_CHECK(false, path.string(), ": ", error.what_without_backtrace());
  }
}

}  // namespace descent

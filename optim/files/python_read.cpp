#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include <descent/optim/files/incoming.h>
#include <descent/optim/files/python.h>
#include <descent/optim/files/python_names.h>
#include <descent/optim/files/python_packages.h>
#include <descent/optim/files/state_dict.h>
#include <descent/pickle/pickle.h>

namespace descent {
namespace python_files {
namespace {

/// Reads one optimizer's state_dict into another.
class Loader {
 public:
  Loader(OptimizerBase& optimizer, pickle::File& file)
      : rule_(optimizer.rule()), python_(counterpart(rule_)), file_(file), incoming_(optimizer) {}

  LoadedPython load(const pickle::Dict& state_dict) {
    std::vector<std::string> extra;
    for (const auto& [name, part] : parts_of(state_dict))
      if (name != "state" && name != "param_groups") extra.push_back(name);
    refuse("the state_dict", {}, extra);
    const auto& groups = std::get<pickle::List*>(*state_dict.find("param_groups"))->items;
    read_groups(groups);
    for (const auto& [key, value] : std::get<pickle::Dict*>(*state_dict.find("state"))->items)
      read_state(key, value);
    incoming_.commit();
    if (loaded_.initial_lrs.size() != groups.size()) loaded_.initial_lrs.clear();
    return std::move(loaded_);
  }

 private:
  void refuse(const std::string& what, const std::vector<std::string>& missing,
              const std::vector<std::string>& extra) const {
    TORCH_CHECK(missing.empty() && extra.empty(), rule_.about.name, ": ", what, " of the archive ",
                key_problem(missing, extra), ", must be as Python's torch.optim.", python_.name,
                " writes it");
  }

  void read_groups(const std::vector<pickle::Value>& groups) {
    incoming_.expect_groups(groups.size());
    for (size_t g = 0; g < groups.size(); ++g) {
      const auto* const* group = std::get_if<pickle::Dict*>(&groups[g]);
      TORCH_CHECK(group != nullptr, rule_.about.name, ": group ", g, " of the archive is ",
                  pickle::to_text(groups[g]), ", must be a dict");
      const pickle::Value* const params = (*group)->find("params");
      const bool listed = params != nullptr && std::holds_alternative<pickle::List*>(*params);
      TORCH_CHECK(listed, rule_.about.name, ": group ", g, " of the archive has no list of params");
      const auto& numbers = std::get<pickle::List*>(*params)->items;
      incoming_.expect_params(g, numbers.size());
      for (const auto& value : numbers) {
        const auto* number = std::get_if<int64_t>(&value);
        const size_t position = positions_.size();
        TORCH_CHECK(number != nullptr && positions_.emplace(*number, position).second,
                    rule_.about.name, ": group ", g, " of the archive lists the parameter ",
                    pickle::to_text(value), ", must list whole numbers, each once");
      }
      read_options(g, **group);
    }
  }

  void read_options(size_t g, const pickle::Dict& group) {
    OptionValues values;
    std::vector<std::string> missing, extra;
    for (const auto theirs : python_.options) {
      const pickle::Value* value = group.find(theirs);
      if (value == nullptr && !holds(kLater, theirs)) {
        missing.emplace_back(theirs);
        continue;
      }
      const Names ours = ours_of(python_, theirs);
      if (ours.size() > 1) {
        const auto* const* parts = value == nullptr ? nullptr : std::get_if<pickle::List*>(value);
        TORCH_CHECK(parts != nullptr && (*parts)->items.size() == ours.size(), rule_.about.name,
                    ": ", theirs, " = ", value == nullptr ? "False" : list_text(*value),
                    ", must be ", ours.size(), " numbers");
        for (size_t i = 0; i < ours.size(); ++i)
          values.emplace_back(ours[i], option(ours[i], theirs, (*parts)->items[i]));
        continue;
      }
      const OptionValue read =
          value == nullptr ? OptionValue(false) : option(ours[0], theirs, *value);
      values.emplace_back(ours[0], has_words(ours[0]) ? word(ours[0], theirs, read) : read);
    }
    for (const auto& [name, value] : parts_of(group)) {
      if (name == "params" || name == "initial_lr" || holds(python_.options, name) ||
          holds(python_.choices, name))
        continue;
      if (holds(python_.always, name)) {
        const auto* kept = std::get_if<bool>(value);
        TORCH_CHECK(kept != nullptr && *kept, rule_.about.name, ": ", name, " = ",
                    pickle::to_text(*value), " in group ", g, ", must be True for Python's ",
                    python_.name);
      } else if (is_option(name)) {
        extra.push_back(name);
      } else if (!holds(loaded_.passed_over, name)) {
        loaded_.passed_over.push_back(name);
      }
    }
    refuse("group " + std::to_string(g), missing, extra);
    if (const pickle::Value* const rate = group.find("initial_lr"))
      loaded_.initial_lrs.push_back(number("initial_lr", *rate));
    incoming_.options(g).set(values);
  }

  /// Our word for what stands in the file.
  OptionValue word(std::string_view option, std::string_view theirs, const OptionValue& read) {
    std::string allowed;
    for (const auto& word : words()) {
      if (word.option != option) continue;
      if (word.theirs == read) return std::string(word.ours);
      allowed += (allowed.empty() ? "" : " or ") + to_text(word.theirs);
    }
    TORCH_CHECK(false, rule_.about.name, ": ", theirs, " = ", to_text(read), ", must be ", allowed);
    return read;
  }

  /// "[0.5, 1]"
  static std::string list_text(const pickle::Value& value) {
    const auto* const* list = std::get_if<pickle::List*>(&value);
    if (list == nullptr) return pickle::to_text(value);
    std::string text;
    for (const auto& x : (*list)->items) text += (text.empty() ? "" : ", ") + pickle::to_text(x);
    return "[" + text + "]";
  }

  /// A value of our option `ours`, which is called `name` there. Only words, and what may be none,
  /// stand there as text or None.
  OptionValue option(std::string_view ours, std::string_view name, const pickle::Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag;
    const bool may_be_none =
        std::any_of(rule_.defaults.begin(), rule_.defaults.end(), [&](const OptionInfo& option) {
          return option.name == ours && option.allowed.starts_with("none or ");
        });
    if ((has_words(ours) || may_be_none) && std::holds_alternative<std::monostate>(value))
      return "none";
    if (const auto* const* text = std::get_if<const std::string*>(&value);
        text != nullptr && has_words(ours))
      return **text;
    if (const auto* const* list = std::get_if<pickle::List*>(&value)) {
      std::vector<double> numbers;
      for (const auto& x : (*list)->items) numbers.push_back(number(name, x));
      return numbers;
    }
    return number(name, value);
  }

  double number(std::string_view name, const pickle::Value& value) {
    const std::optional<double> x = number_in(value, file_);
    TORCH_CHECK(x, rule_.about.name, ": the archive's ", name, " is ", pickle::to_text(value),
                ", must be a number");
    return *x;
  }

  void read_state(const pickle::Value& key, const pickle::Value& value) {
    const auto* id = std::get_if<int64_t>(&key);
    const auto found = id == nullptr ? positions_.end() : positions_.find(*id);
    TORCH_CHECK(found != positions_.end(), rule_.about.name,
                ": the archive has the state of a parameter ", pickle::to_text(key),
                ", which is in no group");
    const size_t i = found->second;
    const auto* const* entries = std::get_if<pickle::Dict*>(&value);
    TORCH_CHECK(entries != nullptr, rule_.about.name, ": the archive's state of params[", i,
                "] is ", pickle::to_text(value), ", must be a dict");
    std::vector<std::string> missing, extra;
    for (const auto& [name, part] : parts_of(**entries)) {
      const auto scalar_at = std::find(rule_.scalars.begin(), rule_.scalars.end(), name);
      if (std::holds_alternative<std::monostate>(*part) && holds(rule_.buffers, name)) continue;
      if (name == "step" && python_.steps)
        incoming_.set_step(i, number(name, *part));
      else if (scalar_at != rule_.scalars.end())
        set_scalar(i, static_cast<size_t>(scalar_at - rule_.scalars.begin()), number(name, *part));
      else if (holds(rule_.buffers, name))
        set_buffer(i, name, *part);
      else
        extra.push_back(name);
    }
    const auto lacks = [&](std::string_view name) { return (*entries)->find(name) == nullptr; };
    if (python_.steps && lacks("step")) missing.emplace_back("step");
    for (const auto& name : rule_.scalars)
      if (lacks(name)) missing.push_back(name);
    if (!python_.lazy)
      for (const auto& name : incoming_.missing_buffers(i)) missing.push_back(name);
    refuse("the state of params[" + std::to_string(i) + "]", missing, extra);
  }

  void set_scalar(size_t i, size_t index, double x) {
    TORCH_CHECK(std::isfinite(x), rule_.about.name, ": the archive has ", rule_.scalars[index],
                " = ", x, " for params[", i, "], must be finite");
    incoming_.ensure(i).scalars[index] = x;
  }

  void set_buffer(size_t i, const std::string& name, const pickle::Value& value) {
    const auto* const* place = std::get_if<const pickle::Stored*>(&value);
    TORCH_CHECK(place != nullptr, rule_.about.name, ": the archive's ", name, " of params[", i,
                "] is ", pickle::to_text(value), ", must be a tensor");
    incoming_.set_buffer(i, name, file_.tensor(**place));
  }

  const engine::RuleTable& rule_;
  const Counterpart& python_;
  pickle::File& file_;
  Incoming incoming_;
  LoadedPython loaded_;
  std::unordered_map<int64_t, size_t> positions_;  ///< of Python's numbers of parameters
};

}  // namespace
}  // namespace python_files

LoadedPython load_python(OptimizerBase& optimizer, const std::filesystem::path& path,
                         std::string_view key) {
  try {
    pickle::File file(path);
    const pickle::Dict& state_dict = find_state_dict(file.top(), key, kOptimizerStateDict);
    if (auto loaded = load_package(optimizer, state_dict, file)) return std::move(*loaded);
    return python_files::Loader(optimizer, file).load(state_dict);
  } catch (const c10::Error& error) {
    TORCH_CHECK(false, path.string(), ": ", error.what_without_backtrace());
  }
}

}  // namespace descent

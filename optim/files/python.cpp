#include <algorithm>
#include <cmath>
#include <ostream>
#include <unordered_map>
#include <utility>

#include <ATen/ops/full_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros_like.h>

#include <descent/base/atomic_file.h>
#include <descent/optim/engine/stored.h>
#include <descent/optim/files/incoming.h>
#include <descent/optim/files/python.h>
#include <descent/optim/files/python_packages.h>
#include <descent/optim/files/state_dict.h>
#include <descent/optim/optimizer/registry.h>
#include <descent/pickle/pickle.h>

namespace descent {
namespace {

using Names = std::vector<std::string_view>;

/// Options that are called otherwise in Python, or are one value there.
struct Renamed {
  std::string_view theirs;
  Names ours;
};

/// How a rule and Python's class of it correspond. Buffers and scalars have the same names. An
/// option of ours that is not listed must be at its default, which is then what Python does.
struct Counterpart {
  std::string_view rule;
  const char* name;
  Names options;  ///< of a group, by Python's names
  Names choices;  ///< keys of a group that choose an implementation
  std::vector<Renamed> renamed = {};
  Names always = {};         ///< keys of a group that Python's class keeps at True
  bool steps = true;         ///< a parameter's state has a step
  bool whole_steps = false;  ///< which is a number and no tensor
  /// Every parameter has a state from the start, with buffers of this option's value; "": none has.
  std::string_view filled = "";
  bool lazy = false;  ///< a missing buffer is one that has yet to begin
};

// As of Python's torch 2.13; NAdam, RAdam and Adam have decoupled_weight_decay, AdamW is Adam with
// it.
const std::vector<Counterpart>& counterparts() {
  static const std::vector<Counterpart> table{
      {.rule = "sgd",
       .name = "SGD",
       .options = {"lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"},
       .choices = {"foreach", "differentiable", "fused"},
       .steps = false,
       .lazy = true},
      {.rule = "adagrad",
       .name = "Adagrad",
       .options = {"lr", "lr_decay", "eps", "weight_decay", "initial_accumulator_value",
                   "maximize"},
       .choices = {"foreach", "differentiable", "fused"},
       .filled = "initial_accumulator_value"},
      {.rule = "adadelta",
       .name = "Adadelta",
       .options = {"lr", "rho", "eps", "weight_decay", "maximize"},
       .choices = {"foreach", "capturable", "differentiable"}},
      {.rule = "rmsprop",
       .name = "RMSprop",
       .options = {"lr", "momentum", "alpha", "eps", "centered", "weight_decay", "maximize"},
       .choices = {"foreach", "capturable", "differentiable"}},
      {.rule = "rprop",
       .name = "Rprop",
       .options = {"lr", "etas", "step_sizes", "maximize"},
       .choices = {"foreach", "capturable", "differentiable"},
       .renamed = {{"etas", {"eta_minus", "eta_plus"}}, {"step_sizes", {"step_min", "step_max"}}}},
      {.rule = "adam",
       .name = "Adam",
       .options = {"lr", "betas", "eps", "weight_decay", "amsgrad", "maximize",
                   "decoupled_weight_decay"},
       .choices = {"foreach", "capturable", "differentiable", "fused"},
       .renamed = {{"decoupled_weight_decay", {"decay_mode"}}}},
      {.rule = "adamw",
       .name = "AdamW",
       .options = {"lr", "betas", "eps", "weight_decay", "amsgrad", "maximize"},
       .choices = {"foreach", "capturable", "differentiable", "fused"},
       .always = {"decoupled_weight_decay"}},
      {.rule = "adamax",
       .name = "Adamax",
       .options = {"lr", "betas", "eps", "weight_decay", "maximize"},
       .choices = {"foreach", "capturable", "differentiable"}},
      {.rule = "nadam",
       .name = "NAdam",
       .options = {"lr", "betas", "eps", "weight_decay", "momentum_decay", "maximize",
                   "decoupled_weight_decay"},
       .choices = {"foreach", "capturable", "differentiable"},
       .renamed = {{"decoupled_weight_decay", {"decay_mode"}}}},
      {.rule = "radam",
       .name = "RAdam",
       .options = {"lr", "betas", "eps", "weight_decay", "maximize", "decoupled_weight_decay"},
       .choices = {"foreach", "capturable", "differentiable"},
       .renamed = {{"decoupled_weight_decay", {"decay_mode"}}}},
      {.rule = "radamw",
       .name = "RAdam",
       .options = {"lr", "betas", "eps", "weight_decay", "maximize", "decoupled_weight_decay"},
       .choices = {"foreach", "capturable", "differentiable"},
       .renamed = {{"decoupled_weight_decay", {"decay_mode"}}}},
      {.rule = "asgd",
       .name = "ASGD",
       .options = {"lr", "lambd", "alpha", "t0", "weight_decay", "maximize"},
       .choices = {"foreach", "capturable", "differentiable"}},
      {.rule = "sparse_adam",
       .name = "SparseAdam",
       .options = {"lr", "betas", "eps", "maximize"},
       .choices = {},
       .whole_steps = true},
      {.rule = "adafactor",
       .name = "Adafactor",
       .options = {"lr", "beta2_decay", "eps", "d", "weight_decay", "maximize"},
       .choices = {"foreach"},
       .renamed = {{"eps", {"eps1", "eps2"}}}},
      {.rule = "muon",
       .name = "Muon",
       .options = {"lr", "weight_decay", "momentum", "nesterov", "ns_coefficients", "eps",
                   "ns_steps", "adjust_lr_fn"},
       .choices = {},
       .renamed = {{"adjust_lr_fn", {"adjust"}}},
       .steps = false,
       .lazy = true},
  };
  return table;
}

/// Words of ours that are no words in Python's files.
struct Word {
  std::string_view option, ours;
  OptionValue theirs;
};
const std::vector<Word>& words() {
  static const std::vector<Word> table{{"decay_mode", "decoupled", true},
                                       {"decay_mode", "coupled", false},
                                       {"adjust", "original", "none"},
                                       {"adjust", "original", "original"},
                                       {"adjust", "match_rms_adam_w", "match_rms_adamw"}};
  return table;
}

/// What Python writes for keys that choose an implementation: True, False or, here, None.
bool is_none_at_first(std::string_view choice) { return choice == "foreach" || choice == "fused"; }

/// Keys of a group that Python itself fills in, with False, when a file of an older version lacks
/// them.
constexpr std::array<std::string_view, 2> kLater{"maximize", "decoupled_weight_decay"};

Names ours_of(const Counterpart& python, std::string_view theirs) {
  for (const auto& row : python.renamed)
    if (row.theirs == theirs) return row.ours;
  return {theirs};
}

bool has_words(std::string_view option) {
  return std::any_of(words().begin(), words().end(),
                     [&](const Word& word) { return word.option == option; });
}

/// Whether some optimizer, of this library or of Python, has an option of that name. A file that
/// sets it for another optimizer asks for other numbers; max_lr is what OneCycleLR keeps in groups.
bool is_option(std::string_view name) {
  if (name == "max_lr") return false;
  for (const engine::RuleTable* rule : optimizers())
    for (const auto& option : rule->defaults)
      if (option.name == name) return true;
  for (const auto& row : counterparts())
    if (holds(row.options, name) || holds(row.always, name)) return true;
  return false;
}

const Counterpart* find_counterpart(const engine::RuleTable& rule) {
  for (const auto& row : counterparts())
    if (row.rule == rule.about.key) return &row;
  return nullptr;
}

const Counterpart& counterpart(const engine::RuleTable& rule) {
  const Counterpart* const found = find_counterpart(rule);
  TORCH_CHECK(found != nullptr, rule.about.name, ": Python's torch.optim has no such optimizer");
  return *found;
}

// ---- writing

void write(pickle::Writer& out, const OptionValue& value, bool whole) {
  if (const auto* flag = std::get_if<bool>(&value)) return out.boolean(*flag);
  if (const auto* number = std::get_if<double>(&value))
    return whole ? out.integer(static_cast<int64_t>(*number)) : out.real(*number);
  if (const auto* word = std::get_if<std::string>(&value))
    return *word == "none" ? out.none() : out.text(*word);
  out.begin_tuple();
  for (const double x : std::get<std::vector<double>>(value)) out.real(x);
  out.end_tuple();
}

void write_group(pickle::Writer& out, const Counterpart& python, const GroupOptions& options,
                 size_t group, size_t first, size_t count) {
  const engine::RuleTable& rule = options.rule();
  std::unordered_map<std::string_view, const OptionInfo*> values;
  const auto described = options.describe();
  const auto defaults = group_options(*make_group_options(rule)).describe();
  for (const auto& option : described) values.emplace(option.name, &option);
  const auto theirs_of = [&](const OptionInfo& option) {
    for (const auto& word : words())
      if (word.option == option.name && option.value == OptionValue(std::string(word.ours)))
        return word.theirs;
    TORCH_CHECK(!has_words(option.name), rule.about.name, ": ", option.name, " = ",
                to_text(option.value), " in group ", group, ", must be a word that Python's ",
                python.name, " has");
    return option.value;
  };
  out.begin_dict();
  for (const auto theirs : python.options) {
    out.text(theirs);
    const Names ours = ours_of(python, theirs);
    if (ours.size() > 1) out.begin_tuple();
    for (const auto name : ours) {
      const OptionInfo& option = *values.at(name);
      write(out, theirs_of(option), option.allowed.starts_with("a whole number"));
      values.erase(name);
    }
    if (ours.size() > 1) out.end_tuple();
  }
  values.erase("state_dtype");  // Python brings what it reads into the parameter's type
  for (const auto& option : defaults) {
    const auto found = values.find(option.name);
    if (found == values.end()) continue;
    TORCH_CHECK(found->second->value == option.value, rule.about.name, ": ", option.name, " = ",
                to_text(found->second->value), " in group ", group, ", must be ",
                to_text(option.value), " in a file for Python, whose ", python.name,
                " has no such option");
  }
  for (const auto choice : python.choices) {
    out.text(choice);
    if (is_none_at_first(choice))
      out.none();
    else
      out.boolean(false);
  }
  for (const auto key : python.always) {
    out.text(key);
    out.boolean(true);
  }
  out.text("params");
  out.begin_list();
  for (size_t i = 0; i < count; ++i) out.integer(static_cast<int64_t>(first + i));
  out.end_list();
  out.end_dict();
}

void write_step(pickle::Writer& out, int64_t step, bool whole) {
  if (whole) {
    out.text("step");
    out.integer(step);
    return;
  }
  // Python counts in float32, which is exact up to 2^24.
  const auto type = step <= int64_t{1} << 24 ? at::kFloat : at::kDouble;
  out.text("step");
  out.tensor(at::scalar_tensor(static_cast<double>(step), type));
}

/// Writes what Python remembers of one parameter, if anything.
void write_state(pickle::Writer& out, const Counterpart& python, const GroupOptions& options,
                 size_t position, const at::Tensor& p, const ParamState* state) {
  const engine::RuleTable& rule = options.rule();
  if (state == nullptr && python.filled.empty()) return;
  // A tensor algorithm has those that are there.
  const bool whole = rule.tensor_update != nullptr;
  const auto used = [&](size_t b) {
    return whole ? state != nullptr && state->buffer(b).defined()
                 : form_of(rule, options.value()).buffers[b];
  };
  std::vector<std::pair<std::string, at::Tensor>> buffers;
  for (size_t b = 0; b < rule.buffers.size(); ++b) {
    if (!used(b)) continue;
    at::Tensor buffer;
    if (state != nullptr && state->buffer(b).defined())
      buffer = engine::plain_values_of(*state, b, p);
    if (!buffer.defined() && python.lazy) continue;
    if (!buffer.defined()) buffer = at::zeros_like(p);
    if (state == nullptr)
      for (const auto& option : rule.describe(options.value()))
        if (option.name == python.filled) buffer = at::full_like(p, std::get<double>(option.value));
    buffers.emplace_back(rule.buffers[b], buffer);
  }
  if (!python.steps && buffers.empty()) return;
  out.integer(static_cast<int64_t>(position));
  out.begin_dict();
  if (python.steps) write_step(out, state == nullptr ? 0 : state->step(), python.whole_steps);
  for (size_t i = 0; state != nullptr && i < rule.scalars.size(); ++i) {
    out.text(rule.scalars[i]);
    out.tensor(at::scalar_tensor(state->scalars[i], at::kDouble));
  }
  for (const auto& [name, buffer] : buffers) {
    out.text(name);
    out.tensor(buffer);
  }
  out.end_dict();
}

// ---- reading

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

const char* python_class(const engine::RuleTable& rule) {
  const Counterpart* const found = find_counterpart(rule);
  return found == nullptr ? nullptr : found->name;
}

void save_python(const OptimizerBase& optimizer, const std::filesystem::path& path) {
  optimizer.check_states();
  const Counterpart& python = counterpart(optimizer.rule());
  const auto& groups = optimizer.param_groups();
  pickle::Writer out;
  out.begin_dict();
  out.text("state");
  out.begin_dict();
  size_t position = 0;
  for (size_t g = 0; g < groups.size(); ++g)
    for (const auto& p : groups[g].params())
      write_state(out, python, optimizer.group_options(g), position++, p, optimizer.state_of(p));
  out.end_dict();
  out.text("param_groups");
  out.begin_list();
  size_t first = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    const size_t count = groups[g].params().size();
    write_group(out, python, optimizer.group_options(g), g, first, count);
    first += count;
  }
  out.end_list();
  out.end_dict();
  write_atomically(path, [&](std::ostream& stream) { out.write(stream); });
}

LoadedPython load_python(OptimizerBase& optimizer, const std::filesystem::path& path,
                         std::string_view key) {
  try {
    pickle::File file(path);
    const pickle::Dict& state_dict = find_state_dict(file.top(), key, kOptimizerStateDict);
    if (auto loaded = load_package(optimizer, state_dict, file)) return std::move(*loaded);
    return Loader(optimizer, file).load(state_dict);
  } catch (const c10::Error& error) {
    TORCH_CHECK(false, path.string(), ": ", error.what_without_backtrace());
  }
}

}  // namespace descent

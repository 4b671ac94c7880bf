#include <ostream>
#include <unordered_map>
#include <utility>

#include <ATen/ops/full_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros_like.h>

#include <descent/base/atomic_file.h>
#include <descent/optim/engine/stored.h>
#include <descent/optim/files/python.h>
#include <descent/optim/files/python_names.h>
#include <descent/pickle/pickle.h>

namespace descent {
namespace python_files {
namespace {

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

}  // namespace
}  // namespace python_files

void save_python(const OptimizerBase& optimizer, const std::filesystem::path& path) {
  optimizer.check_states();
  const python_files::Counterpart& python = python_files::counterpart(optimizer.rule());
  const auto& groups = optimizer.param_groups();
  pickle::Writer out;
  out.begin_dict();
  out.text("state");
  out.begin_dict();
  size_t position = 0;
  for (size_t g = 0; g < groups.size(); ++g)
    for (const auto& p : groups[g].params())
      python_files::write_state(out, python, optimizer.group_options(g), position++, p,
                                optimizer.state_of(p));
  out.end_dict();
  out.text("param_groups");
  out.begin_list();
  size_t first = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    const size_t count = groups[g].params().size();
    python_files::write_group(out, python, optimizer.group_options(g), g, first, count);
    first += count;
  }
  out.end_list();
  out.end_dict();
  write_atomically(path, [&](std::ostream& stream) { out.write(stream); });
}

}  // namespace descent

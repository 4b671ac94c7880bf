#include <algorithm>
#include <optional>
#include <ostream>
#include <tuple>
#include <utility>

#include <ATen/ops/scalar_tensor.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>
#include <torch/serialize/archive.h>

#include <descent/base/atomic_file.h>
#include <descent/optim/engine/stored.h>
#include <descent/optim/files/incoming.h>
#include <descent/optim/files/libtorch.h>

// LibTorch writes (torch/optim/serialize.h), each name a nested archive or a value:
//   pytorch_version            "1.5.0", always
//   param_groups/size          a tensor; param_groups/0, param_groups/1, ...:
//     params/size              a tensor; params/0, params/1, ...: the address of each, as text
//     options                  lr, ...
//   state                      by address: step, exp_avg, ...

namespace descent {
namespace {

namespace theirs = torch::optim;
using torch::serialize::InputArchive;

OptionValue value_of(const std::tuple<double, double>& pair) {
  return std::vector<double>{std::get<0>(pair), std::get<1>(pair)};
}
template <class T>
OptionValue value_of(const T& value) {
  return value;
}

template <class Class>
NamedOptions named(const typename engine::LibTorch<Class>::Options& options) {
  NamedOptions found{engine::LibTorch<Class>::key, {}};
  engine::LibTorch<Class>::each_option(options, [&](const char* name, const auto& value) {
    found.values.emplace_back(name, value_of(value));
  });
  return found;
}

/// The names of the options that LibTorch's class of the same rule has; none: there is no such
/// class.
std::vector<std::string> their_options(const engine::RuleTable& rule) {
  std::vector<std::string> names;
  engine::for_each_libtorch_class([&]<class Class>() {
    if (std::string_view(rule.about.key) == engine::LibTorch<Class>::key)
      for (const auto& [name, value] : named<Class>(engine::LibTorch<Class>::defaults()).values)
        names.push_back(name);
  });
  return names;
}

/// Reads an archive, and says whose and what is missing or of the wrong kind.
struct Reader {
  const char* rule;

  InputArchive archive(InputArchive& from, const std::string& key) const {
    InputArchive found;
    TORCH_CHECK(from.try_read(key, found), rule, ": the archive has no ", key,
                ", must be of an optimizer of LibTorch");
    return found;
  }
  c10::IValue value(InputArchive& from, const std::string& key) const {
    c10::IValue found;
    TORCH_CHECK(from.try_read(key, found), rule, ": the archive has no ", key,
                ", must be of an optimizer of LibTorch");
    return found;
  }
  size_t size(InputArchive& from, const std::string& key) const {
    const c10::IValue found = value(from, key);
    TORCH_CHECK(found.isTensor() && found.toTensor().numel() == 1 &&
                    found.toTensor().scalar_type() == at::kLong,
                rule, ": the archive's ", key, " is no whole number");
    return static_cast<size_t>(found.toTensor().item<int64_t>());
  }
  OptionValue option(InputArchive& from, const std::string& key) const {
    const c10::IValue found = value(from, key);
    if (found.isBool()) return found.toBool();
    if (found.isDouble()) return found.toDouble();
    if (found.isInt()) return found.toInt();
    TORCH_CHECK(found.isTuple(), rule, ": the archive's ", key, " is a ", found.tagKind());
    std::vector<double> numbers;
    for (const auto& x : found.toTupleRef().elements()) {
      TORCH_CHECK(x.isDouble(), rule, ": the archive's ", key, " holds a ", x.tagKind());
      numbers.push_back(x.toDouble());
    }
    return numbers;
  }
};

void check_names(const engine::RuleTable& rule, size_t group,
                 const std::vector<std::string>& found) {
  const std::vector<std::string> wanted = their_options(rule);
  const auto without = [](std::vector<std::string> names, const std::vector<std::string>& others) {
    std::erase_if(names, [&](const auto& name) {
      return std::find(others.begin(), others.end(), name) != others.end();
    });
    return names;
  };
  const std::string problem = key_problem(without(wanted, found), without(found, wanted));
  TORCH_CHECK(problem.empty(), rule.about.name, ": group ", group, " of the archive ", problem,
              ", must be of torch::optim::", rule.about.name);
}

}  // namespace

NamedOptions options_of(const theirs::OptimizerOptions& options) {
  std::optional<NamedOptions> found;
  engine::for_each_libtorch_class([&]<class Class>() {
    if (const auto* of_class =
            dynamic_cast<const typename engine::LibTorch<Class>::Options*>(&options))
      found = named<Class>(*of_class);
  });
  TORCH_CHECK(
      found.has_value(), "options are ", c10::demangle(typeid(options).name()),
      ", must be SGDOptions, AdamOptions, AdamWOptions, RMSpropOptions or AdagradOptions of ",
      "torch::optim");
  return *std::move(found);
}

void save_libtorch(const OptimizerBase& optimizer, const std::filesystem::path& path) {
  using torch::serialize::OutputArchive;
  const engine::RuleTable& rule = optimizer.rule();
  const std::vector<std::string> known = their_options(rule);
  TORCH_CHECK(!known.empty(), rule.about.name, ": LibTorch has no ", rule.about.name,
              ", must be one of SGD, Adam, AdamW, RMSprop and Adagrad");
  optimizer.check_states();
  const auto& groups = optimizer.param_groups();
  for (size_t g = 0; g < groups.size(); ++g) {
    const auto options = optimizer.group_options(g).describe();
    const auto defaults = group_options(*make_group_options(rule)).describe();
    for (size_t i = 0; i < options.size(); ++i)
      TORCH_CHECK(options[i].value == defaults[i].value || options[i].name == "state_dtype" ||
                      std::find(known.begin(), known.end(), options[i].name) != known.end(),
                  rule.about.name, ": group ", g, " has ", options[i].name, " = ",
                  to_text(options[i].value), ", which torch::optim::", rule.about.name,
                  " cannot have, must be ", to_text(defaults[i].value));
  }
  const engine::Holders& holders = engine::holders_of(rule);
  const auto size_of = [](const auto& list) {
    return at::scalar_tensor(static_cast<int64_t>(list.size()), at::kLong);
  };
  OutputArchive archive;
  OutputArchive states(archive.compilation_unit()), written(archive.compilation_unit());
  written.write("param_groups/size", size_of(groups));
  int64_t position = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    OutputArchive group(archive.compilation_unit()), options(archive.compilation_unit());
    const auto& params = groups[g].params();
    group.write("params/size", size_of(params));
    for (size_t i = 0; i < params.size(); ++i) {
      // LibTorch writes the parameter's address. It is only a key there; a number for each
      // parameter makes equal files of equal optimizers.
      const std::string key = std::to_string(++position);
      group.write("params/" + std::to_string(i), c10::IValue(key));
      const auto state = optimizer.state().find(params[i].unsafeGetTensorImpl());
      if (state == optimizer.state().end()) continue;
      OutputArchive entry(archive.compilation_unit());
      const auto kept = state->second->clone();
      ParamState& of = holders.own_part(*kept);
      for (size_t b = 0; b < rule.buffers.size(); ++b)
        if (of.buffer(b).defined()) of.buffer(b) = engine::plain_values_of(of, b, params[i]);
      of.scalars.forget_beside();
      std::as_const(*kept).serialize(entry);
      states.write(key, entry);
    }
    const auto plain = groups[g].options().clone();
    group_options(*plain).set_base({});
    plain->serialize(options);
    group.write("options", options);
    written.write("param_groups/" + std::to_string(g), group);
  }
  archive.write("pytorch_version", c10::IValue("1.5.0"));
  archive.write("state", states);
  archive.write("param_groups", written);
  write_atomically(path, [&](std::ostream& out) { archive.save_to(out); });
}

bool load_libtorch(OptimizerBase& optimizer, InputArchive& archive) {
  c10::IValue version;
  if (!archive.try_read("pytorch_version", version)) return false;
  const engine::RuleTable& rule = optimizer.rule();
  const Reader read{rule.about.name};
  TORCH_CHECK(!their_options(rule).empty(), rule.about.name,
              ": the archive is of an optimizer of LibTorch, which has no ", rule.about.name,
              "; must be of this library");
  Incoming incoming(optimizer);
  InputArchive groups = read.archive(archive, "param_groups");
  InputArchive states = read.archive(archive, "state");
  const std::vector<std::string> with_state = states.keys();
  const size_t count = read.size(groups, "param_groups/size");
  incoming.expect_groups(count);
  size_t position = 0, used = 0;
  for (size_t g = 0; g < count; ++g) {
    InputArchive group = read.archive(groups, "param_groups/" + std::to_string(g));
    const size_t params = read.size(group, "params/size");
    incoming.expect_params(g, params);
    InputArchive options = read.archive(group, "options");
    check_names(rule, g, options.keys());
    OptionValues values;
    for (const auto& name : their_options(rule))
      values.emplace_back(name, read.option(options, name));
    incoming.options(g).set(values);
    for (size_t i = 0; i < params; ++i, ++position) {
      const c10::IValue address = read.value(group, "params/" + std::to_string(i));
      TORCH_CHECK(address.isString(), rule.about.name, ": the archive's params are no texts");
      const auto& key = address.toStringRef();
      if (std::find(with_state.begin(), with_state.end(), key) == with_state.end()) continue;
      ++used;
      InputArchive state = read.archive(states, key);
      incoming.ensure(position);
      for (const auto& name : state.keys()) {
        const c10::IValue value = read.value(state, name);
        if (name == "step") {
          TORCH_CHECK(value.isInt(), rule.about.name, ": the archive's step is a ",
                      value.tagKind());
          incoming.set_step(position, static_cast<double>(value.toInt()));
        } else {
          TORCH_CHECK(value.isTensor(), rule.about.name, ": the archive's ", name, " is a ",
                      value.tagKind());
          incoming.set_buffer(position, name, value.toTensor());
        }
      }
      const auto missing = incoming.missing_buffers(position);
      TORCH_CHECK(missing.empty(), rule.about.name, ": the archive's state of params[", position,
                  "] ", key_problem(missing, {}));
    }
  }
  TORCH_CHECK(used == with_state.size(), rule.about.name, ": the archive has the state of ",
              with_state.size() - used, " parameters that are in no group");
  incoming.commit();
  return true;
}

}  // namespace descent

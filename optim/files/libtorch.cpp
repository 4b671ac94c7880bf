#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>
#include <torch/serialize/archive.h>

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

// The options of each class, which are called the same here.
NamedOptions named(const theirs::SGDOptions& o) {
  return {"sgd",
          {{"lr", o.lr()},
           {"momentum", o.momentum()},
           {"dampening", o.dampening()},
           {"weight_decay", o.weight_decay()},
           {"nesterov", o.nesterov()}}};
}
template <class Options>
NamedOptions named_adam(const char* optimizer, const Options& o) {
  return {optimizer,
          {{"lr", o.lr()},
           {"betas", value_of(o.betas())},
           {"eps", o.eps()},
           {"weight_decay", o.weight_decay()},
           {"amsgrad", o.amsgrad()}}};
}
NamedOptions named(const theirs::AdamOptions& o) { return named_adam("adam", o); }
NamedOptions named(const theirs::AdamWOptions& o) { return named_adam("adamw", o); }
NamedOptions named(const theirs::RMSpropOptions& o) {
  return {"rmsprop",
          {{"lr", o.lr()},
           {"alpha", o.alpha()},
           {"eps", o.eps()},
           {"weight_decay", o.weight_decay()},
           {"momentum", o.momentum()},
           {"centered", o.centered()}}};
}
NamedOptions named(const theirs::AdagradOptions& o) {
  return {"adagrad",
          {{"lr", o.lr()},
           {"lr_decay", o.lr_decay()},
           {"weight_decay", o.weight_decay()},
           {"initial_accumulator_value", o.initial_accumulator_value()},
           {"eps", o.eps()}}};
}

template <class... Options>
std::optional<NamedOptions> first_of(const theirs::OptimizerOptions& options) {
  std::optional<NamedOptions> found;
  const auto take = [&]<class T>(const T* of_class) {
    if (of_class != nullptr) found = named(*of_class);
  };
  (take(dynamic_cast<const Options*>(&options)), ...);
  return found;
}

std::optional<NamedOptions> find_options(const theirs::OptimizerOptions& options) {
  return first_of<theirs::SGDOptions, theirs::AdamOptions, theirs::AdamWOptions,
                  theirs::RMSpropOptions, theirs::AdagradOptions>(options);
}

/// The names of the options that LibTorch's class of the same rule has; none: there is no such
/// class.
std::vector<std::string> their_options(const engine::RuleTable& rule) {
  for (const auto& [optimizer, values] :
       {named(theirs::SGDOptions(0)), named(theirs::AdamOptions()), named(theirs::AdamWOptions()),
        named(theirs::RMSpropOptions()), named(theirs::AdagradOptions())}) {
    if (optimizer != rule.about.key) continue;
    std::vector<std::string> names;
    for (const auto& [name, value] : values) names.push_back(name);
    return names;
  }
  return {};
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
  auto found = find_options(options);
  TORCH_CHECK(
      found.has_value(), "options are ", c10::demangle(typeid(options).name()),
      ", must be SGDOptions, AdamOptions, AdamWOptions, RMSpropOptions or AdagradOptions of ",
      "torch::optim");
  return *std::move(found);
}

GroupOptions::GroupOptions(const engine::RuleTable& rule, const theirs::OptimizerOptions& options)
    : rule_(rule), value_(rule.make_options(nullptr)) {
  if (const auto* ours = dynamic_cast<const GroupOptions*>(&options)) {
    TORCH_CHECK(&ours->rule_ == &rule, rule.about.name, ": a group's options are those of ",
                ours->rule_.about.name, ", must be ", rule.about.name, "::GroupOptions");
    value_ = rule.make_options(ours->value());
    return;
  }
  const auto found = find_options(options);
  TORCH_CHECK(found.has_value() && found->optimizer == rule.about.key, rule.about.name,
              ": a group's options are ", c10::demangle(typeid(options).name()), ", must be ",
              rule.about.name, "::GroupOptions",
              their_options(rule).empty()
                  ? ""
                  : " or torch::optim::" + std::string(rule.about.name) + "Options");
  set(found->values);
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

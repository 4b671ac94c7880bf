#include <algorithm>
#include <limits>
#include <unordered_map>

#include <ATen/core/grad_mode.h>

#include <descent/base/text.h>
#include <descent/networks/exported/document.h>
#include <descent/networks/exported/output_names.h>
#include <descent/networks/exported/program.h>
#include <descent/networks/exported/read_graph.h>

namespace descent::networks {
namespace {

using at::Tensor;
using c10::IValue;

constexpr int64_t kSchemaMajor = 8;

Size size_of(const Json& value) {
  const auto& [kind, content] = choice(value);
  if (kind == "as_int") return LinearSize{"", 0, whole(content, "a size")};
  return linear_size(text_field(content, "expr_str"));
}

IValue constant_of(std::string_view kind, const Json& value) {
  if (kind == "as_none") return {};
  if (kind == "as_int") return whole(value, "an input");
  if (kind == "as_float") return real(value, "an input");
  if (kind == "as_bool") return truth(value, "an input");
  if (kind == "as_string") return std::string(text(value, "an input"));
  refuse("its program takes an input of the kind ", kind, ", which is not supported");
}

bool is_number(std::string_view kind) {
  return kind == "as_sym_int" || kind == "as_sym_float" || kind == "as_sym_bool";
}

/// The class of the network, which the first call inside of it tells.
std::string class_of(const Json& graph) {
  for (const Json& node : items(graph, "nodes")) {
    const Json* const metadata = optional_field(node, "metadata");
    const Json* const modules = metadata ? optional_field(*metadata, "nn_module_stack") : nullptr;
    if (!modules || !modules->is_text()) continue;
    const std::string_view path = modules->text();  // "L__self__,,module.Class;"
    constexpr std::string_view kTop = "L__self__,,";
    if (!path.starts_with(kTop)) continue;
    const std::string_view name = path.substr(kTop.size(), path.find(';') - kTop.size());
    return std::string(name.substr(name.rfind('.') + 1));
  }
  return "exported program";
}

}  // namespace

/// Fills a program from its JSON.
class Program::Reader {
 public:
  Reader(Program& program, const Json& source)
      : program_(program),
        source_(source),
        module_(field(source, "graph_module")),
        graph_(field(module_, "graph")),
        signature_(field(module_, "signature")) {
    const Json* const values = optional_field(graph_, "tensor_values");
    if (!values || !values->is_object()) return;
    for (const auto& [name, meta] : values->members()) tensor_values_.emplace(name, &meta);
  }

  void read() {
    check_version();
    read_inputs();
    program_.graph_ = read_graph(graph_, state_names_);
    read_outputs();
    read_ranges();
    program_.type_ = class_of(graph_);
    std::vector<std::string> changed;
    for (const Output& output : program_.outputs_) {
      if (output.kind != Output::Kind::State) continue;
      changed.push_back(program_.states_[output.target].name);
    }
    program_.modes_ = Modes(*program_.graph_, changed);
    for (const std::string& counter : program_.modes_.counters()) {
      if (const auto state = program_.find_state(counter)) program_.counters_[counter] = *state;
    }
  }

 private:
  void check_version() {
    if (const Json* const version = optional_field(source_, "torch_version")) {
      program_.torch_version_ = text(*version, "torch_version");
    }
    const Json& schema = field(source_, "schema_version");
    const int64_t major = whole(field(schema, "major"), "schema_version"),
                  minor = whole(field(schema, "minor"), "schema_version");
    if (major == kSchemaMajor) return;
    refuse("its program has the schema ", major, ".", minor,
           program_.torch_version_.empty() ? "" : " of PyTorch " + program_.torch_version_,
           ", must be ", kSchemaMajor, ".x: export the network again with PyTorch 2.5 or later");
  }

  void read_inputs() {
    const auto specs = items(signature_, "input_specs");
    if (specs.size() != items(graph_, "inputs").size()) {
      refuse("its signature has ", specs.size(), " inputs and its graph ",
             items(graph_, "inputs").size());
    }
    state_names_.resize(specs.size());
    for (size_t place = 0; place < specs.size(); ++place) {
      const auto& [kind, spec] = choice(specs[place]);
      using Role = State::Role;
      if (kind == "parameter") {
        add_state(place, spec, "parameter_name", Role::Parameter);
      } else if (kind == "buffer") {
        const bool is_kept = truth(field(spec, "persistent"), "persistent");
        add_state(place, spec, "buffer_name", is_kept ? Role::Buffer : Role::TemporaryBuffer);
      } else if (kind == "tensor_constant") {
        add_state(place, spec, "tensor_constant_name", Role::Constant);
      } else if (kind == "user_input" || kind == "constant_input") {
        Input input = kind == "user_input" ? user_input(field(spec, "arg")) : constant_input(spec);
        program_.input_places_.push_back(place);
        if (!inputs_.emplace(input.name, program_.inputs_.size()).second &&
            input.kind != Input::Kind::Constant) {
          refuse("its program takes the input '", input.name, "' twice");
        }
        program_.inputs_.push_back(std::move(input));
      } else {
        refuse("its program takes an input of the kind ", kind, ", which is not supported");
      }
    }
  }

  void add_state(size_t place, const Json& spec, const char* key, State::Role role) {
    const std::string name(text_field(spec, key));
    if (!states_.emplace(name, program_.states_.size()).second) {
      refuse("its program takes the tensor '", name, "' twice");
    }
    const auto meta = tensor_values_.find(text_field(field(spec, "arg"), "name"));
    const bool wants_gradient = role == State::Role::Parameter &&
                                (meta == tensor_values_.end() ||
                                 truth(field(*meta->second, "requires_grad"), "requires_grad"));
    state_names_[place] = name;
    program_.states_.push_back({name, role, wants_gradient});
    program_.state_places_.push_back(place);
  }

  Input user_input(const Json& argument) const {
    const auto& [kind, value] = choice(argument);
    if (is_number(kind)) {
      Input number{std::string(text_field(value, "as_name")), Input::Kind::Number};
      const Json* const values = optional_field(graph_, "sym_int_values");
      const Json* const size = values ? values->find(number.name) : nullptr;
      if (size) number.sizes.push_back(size_of(*size));
      return number;
    }
    if (kind != "as_tensor") return {"", Input::Kind::Constant, constant_of(kind, value)};
    Input input{std::string(text_field(value, "name"))};
    const auto found = tensor_values_.find(input.name);
    if (found == tensor_values_.end()) {
      refuse("its program does not say what the input '", input.name, "' is");
    }
    const Json& meta = *found->second;
    input.type = number_type(field(meta, "dtype"));
    for (const Json& size : items(meta, "sizes")) input.sizes.push_back(size_of(size));
    return input;
  }

  static Input constant_input(const Json& spec) {
    const auto& [kind, value] = choice(field(spec, "value"));
    return {std::string(text_field(spec, "name")), Input::Kind::Constant, constant_of(kind, value)};
  }

  void read_outputs() {
    const auto specs = items(signature_, "output_specs");
    if (specs.size() != program_.graph_->outputs.size()) {
      refuse("its signature has ", specs.size(), " outputs and its graph ",
             program_.graph_->outputs.size());
    }
    size_t users = 0;
    for (size_t place = 0; place < specs.size(); ++place) {
      const auto& [kind, spec] = choice(specs[place]);
      const auto change = [&](Output::Kind what, const auto& known, std::string_view name) {
        const auto found = known.find(std::string(name));
        if (found == known.end())
          refuse("its program changes '", name, "', which it does not take");
        program_.outputs_.push_back({what, place, found->second});
      };
      if (kind == "user_output" || kind == "loss_output") {
        program_.outputs_.push_back({Output::Kind::User, place, users++});
      } else if (kind == "buffer_mutation") {
        change(Output::Kind::State, states_, text_field(spec, "buffer_name"));
      } else if (kind == "parameter_mutation") {
        change(Output::Kind::State, states_, text_field(spec, "parameter_name"));
      } else if (kind == "user_input_mutation") {
        change(Output::Kind::Input, inputs_, text_field(spec, "user_input_name"));
      } else if (kind != "gradient_to_parameter" && kind != "gradient_to_user_input" &&
                 kind != "token") {
        refuse("its program has an output of the kind ", kind, ", which is not supported");
      }
    }
    program_.output_names_ = networks::output_names(module_, users);
  }

  void read_ranges() {
    const Json* const ranges = optional_field(source_, "range_constraints");
    if (!ranges || !ranges->is_object()) return;
    using Limits = std::numeric_limits<int64_t>;
    for (const auto& [symbol, range] : ranges->members()) {
      const Json* const least = optional_field(range, "min_val");
      const Json* const most = optional_field(range, "max_val");
      program_.ranges_[std::string(symbol)] = {least ? whole(*least, "min_val") : Limits::min(),
                                               most ? whole(*most, "max_val") : Limits::max()};
    }
  }

  Program& program_;
  const Json &source_, &module_, &graph_, &signature_;
  std::unordered_map<std::string_view, const Json*> tensor_values_;
  StateNames state_names_;
  std::unordered_map<std::string, size_t> states_, inputs_;  ///< positions in those of the program
};

Program::Program(const std::string& json) {
  const Document source(json, "models/*.json");
  Reader(*this, source.root()).read();
}

std::optional<size_t> Program::find_state(const std::string& name) const {
  for (size_t k = 0; k < states_.size(); ++k) {
    if (states_[k].name == name) return k;
  }
  return std::nullopt;
}

std::vector<std::string> Program::input_names() const {
  std::vector<std::string> names;
  for (const Input& input : inputs_) {
    if (input.kind != Input::Kind::Constant) names.push_back(input.name);
  }
  return names;
}

void Program::check_size(const Input& input, size_t dimension, int64_t size,
                         Symbols& symbols) const {
  if (!input.sizes[dimension] || input.sizes[dimension]->factor < 0) return;
  const LinearSize& wanted = *input.sizes[dimension];
  const bool is_number = input.kind == Input::Kind::Number;
  const auto refuse_size = [&](const auto&... must) {
    const std::string at = " in dimension " + std::to_string(dimension);
    refuse("the input '", input.name, is_number ? "' is " : "' has the size ", size,
           is_number ? "" : at, ", must be ", must...);
  };
  constexpr const char* kExported = ", for which it was exported";
  if (wanted.symbol.empty() || wanted.factor == 0) {
    if (size == wanted.offset) return;
    if (is_number) refuse_size(wanted.offset, kExported);
    refuse_size(wanted.offset, kExported, "; any size takes an export with dynamic_shapes={",
                dimension, ": torch.export.Dim(\"", dimension == 0 ? "batch" : "size", "\")}");
  }
  // The size where the symbol has a value; that itself, where the size is beyond 64 bits.
  const auto at = [&](int64_t symbol) {
    int64_t result = 0;
    const bool overflows = __builtin_mul_overflow(wanted.factor, symbol, &result) ||
                           __builtin_add_overflow(result, wanted.offset, &result);
    return overflows ? symbol : result;
  };
  int64_t symbol = 0;
  const bool overflows = __builtin_sub_overflow(size, wanted.offset, &symbol);
  if (overflows || symbol % wanted.factor != 0) {
    refuse_size(at(1), ", ", at(2), ", ", at(3), " or so on", kExported);
  }
  symbol /= wanted.factor;
  const auto [known, is_first] = symbols.emplace(wanted.symbol, symbol);
  if (!is_first && known->second != symbol) {
    refuse_size(at(known->second), " as in another dimension or input");
  }
  const auto range = ranges_.find(wanted.symbol);
  if (range == ranges_.end()) return;
  const auto [least, most] = range->second;
  if (symbol >= least && symbol <= most) return;
  const bool is_open = most == std::numeric_limits<int64_t>::max();
  refuse_size(at(least), is_open ? " or more" : " to " + std::to_string(at(most)), kExported);
}

void Program::check(const Input& input, IValue& value, Symbols& symbols) const {
  const bool is_tensor = input.kind == Input::Kind::Tensor;
  if (is_tensor ? !value.isTensor() || !value.toTensor().defined() : !value.isScalar()) {
    refuse("the input '", input.name, "' must be a ", is_tensor ? "tensor" : "number");
  }
  if (!is_tensor) {
    if (value.isInt() && !input.sizes.empty()) check_size(input, 0, value.toInt(), symbols);
    return;
  }
  const Tensor& tensor = value.toTensor();
  if (tensor.scalar_type() != input.type) {
    const auto is_whole = [](at::ScalarType type) { return at::isIntegralType(type, true); };
    if (!is_whole(tensor.scalar_type()) || !is_whole(input.type)) {
      refuse("the input '", input.name, "' is ", tensor.scalar_type(), ", must be ", input.type,
             ", for which it was exported");
    }
    value = tensor.to(input.type);
  }
  const c10::IntArrayRef sizes = value.toTensor().sizes();
  if (sizes.size() != input.sizes.size()) {
    refuse("the input '", input.name, "' has ", sizes.size(), " dimensions, must have ",
           input.sizes.size());
  }
  for (size_t d = 0; d < sizes.size(); ++d) check_size(input, d, sizes[d], symbols);
}

Values Program::run(Values inputs, const Tensors& states, const Setting& setting) const {
  const auto wanted =
      static_cast<size_t>(std::count_if(inputs_.begin(), inputs_.end(), [](const Input& input) {
        return input.kind != Input::Kind::Constant;
      }));
  if (inputs.size() != wanted) {
    refuse("it takes ", wanted, " inputs (", joined(input_names()), ") and got ", inputs.size());
  }
  Values arguments(graph_->inputs.size());
  for (size_t k = 0; k < states.size(); ++k) arguments[state_places_[k]] = states[k];
  Symbols symbols;
  std::vector<IValue> given(inputs_.size());
  size_t next = 0;
  for (size_t k = 0; k < inputs_.size(); ++k) {
    const bool is_constant = inputs_[k].kind == Input::Kind::Constant;
    if (!is_constant) check(inputs_[k], inputs[next], symbols);
    given[k] = is_constant ? inputs_[k].constant : std::move(inputs[next++]);
    arguments[input_places_[k]] = given[k];
  }
  if (at::GradMode::is_enabled()) {  // autograd keeps the old values, which must stay
    const at::NoGradGuard no_grad;
    for (const Output& output : outputs_) {
      if (output.kind == Output::Kind::State) {
        arguments[state_places_[output.target]] = states[output.target].clone();
      }
    }
  }
  Counted counted;
  Values results = graph_->run(std::move(arguments), setting, counted), users;
  const at::NoGradGuard no_grad;
  for (const Output& output : outputs_) {
    if (output.kind == Output::Kind::User) {
      users.push_back(std::move(results[output.place]));
    } else if (results[output.place].isTensor()) {
      const Tensor& to = output.kind == Output::Kind::State ? states[output.target]
                                                            : given[output.target].toTensor();
      to.copy_(results[output.place].toTensor());
    }
  }
  for (const std::string_view name : counted) {
    const auto counter = counters_.find(name);
    if (counter != counters_.end()) states[counter->second].add_(1);
  }
  return users;
}

}  // namespace descent::networks

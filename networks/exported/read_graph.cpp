#include <array>
#include <string_view>

#include <descent/networks/exported/modes.h>
#include <descent/networks/exported/read_argument.h>
#include <descent/networks/exported/read_graph.h>

namespace descent::networks {
namespace {

constexpr int kMostGraphs = 16;
constexpr std::string_view kOperation = "torch.ops.", kHigherOrder = "torch.ops.higher_order.";

/// Operations that read or write files or talk: a network has none of them.
constexpr std::array<std::string_view, 4> kRefused{"aten::from_file", "aten::save", "aten::_print",
                                                   "aten::warn"};
constexpr std::array<std::string_view, 5> kRefusedNamespaces{"profiler::", "c10d::", "_c10d_",
                                                             "inductor::", "rpc::"};

void check_allowed(const std::string& name) {
  for (const std::string_view one : kRefused) {
    if (name == one) refuse("its program calls ", name, ", which no network needs");
  }
  for (const std::string_view one : kRefusedNamespaces) {
    if (name.starts_with(one)) refuse("its program calls ", name, ", which no network needs");
  }
}

class GraphReader {
 public:
  GraphReader(StateNames states, int depth) : states_(std::move(states)), depth_(depth) {
    if (depth > kMostGraphs)
      refuse("its program has graphs within graphs, more than ", kMostGraphs);
  }

  std::shared_ptr<const Graph> read(const Json& source) {
    const Json& inputs = items(source, "inputs");
    states_.resize(inputs.size());
    for (size_t k = 0; k < inputs.size(); ++k) {
      graph_->inputs.push_back(define_input(inputs[k], states_[k]));
    }
    for (const Json& node : items(source, "nodes")) graph_->calls.push_back(call(node));
    for (const Json& output : items(source, "outputs")) {
      graph_->outputs.push_back(read_argument(output, {}, slot_of_));
    }
    find_last_uses();
    return std::move(graph_);
  }

 private:
  size_t define(const std::string& name, const std::string& state = "") {
    if (!graph_->names.emplace(name, graph_->slots).second) {
      refuse("its program defines '", name, "' twice");
    }
    return fresh(state);
  }

  size_t fresh(const std::string& state) {
    state_of_slot_.push_back(state);
    return graph_->slots++;
  }

  size_t define_input(const Json& input, const std::string& state) {
    const auto& [kind, value] = choice(input);
    if (kind == "as_tensor" || kind == "as_custom_obj") {
      return define(text_field(value, "name"), state);
    }
    if (kind == "as_sym_int" || kind == "as_sym_float" || kind == "as_sym_bool") {
      return define(text_field(value, "as_name"));
    }
    return fresh("");  // a constant
  }

  Call call(const Json& node) {
    Call call;
    call.target = text_field(node, "target");
    const Json& inputs = items(node, "inputs");
    if (call.target.starts_with(kHigherOrder)) {
      read_higher_order(call, inputs);
    } else if (call.target.starts_with(kOperation)) {
      read_operation(call, inputs);
    } else if (is_of_sizes(call.target)) {
      read_sizes(call, inputs);
    } else {
      refuse("its program calls ", call.target,
             ", which is a function of Python and no operation of LibTorch");
    }
    for (const Json& output : items(node, "outputs")) call.results.push_back(result(call, output));
    // An operation without results is written with none, or with one that is None.
    if (call.operation && call.operation->schema().returns().empty()) call.results.clear();
    if (call.mode.counts_batches && call.results.size() != 1) call.mode = {};
    return call;
  }

  Call::Result result(const Call& call, const Json& output) {
    const auto slot = [&](const std::string& name) { return static_cast<int64_t>(define(name)); };
    const auto& [kind, value] = choice(output);
    if (kind == "as_none") return {{-1}};
    if (kind == "as_tensor") return {{slot(text_field(value, "name"))}};
    if (kind == "as_sym_int" || kind == "as_sym_float" || kind == "as_sym_bool") {
      return {{slot(text_field(value, "as_name"))}};
    }
    if (kind != "as_tensors" || !value.is_array()) {
      refuse("the operation ", call.target, " has a result of the kind ", kind,
             ", which is not supported");
    }
    Call::Result list{{}, true};
    for (const Json& one : value) list.slots.push_back(slot(text_field(one, "name")));
    return list;
  }

  void read_sizes(Call& call, const Json& inputs) {
    call.kind = Call::Kind::Sizes;
    call.sizes = &size_operator(call.target);
    for (const Json& one : inputs) {
      call.arguments.push_back(read_argument(field(one, "arg"), {}, slot_of_));
    }
    if (call.arguments.size() != call.sizes->operands) {
      refuse("its program calls ", call.target, " with ", call.arguments.size(), " operands");
    }
  }

  /// "torch.ops.aten.add.Tensor" in the dispatcher.
  static c10::OperatorHandle find(const std::string& target) {
    const std::string path = target.substr(kOperation.size());
    const size_t first = path.find('.'), last = path.rfind('.');
    if (first == std::string::npos || first == last) {
      refuse("its program calls '", target, "', which names no operation");
    }
    const std::string name =
        path.substr(0, first) + "::" + path.substr(first + 1, last - first - 1);
    check_allowed(name);
    const std::string overload = path.substr(last + 1);
    const auto found = c10::Dispatcher::singleton().findSchema(
        {name, overload == "default" ? std::string() : overload});
    if (!found) {
      refuse("its operation ", name, " (", overload,
             ") is not registered in this program: load the library that defines it first (the "
             "option --library of `descent`), or take a LibTorch as new as the file's");
    }
    return *found;
  }

  void read_operation(Call& call, const Json& inputs) {
    call.operation = find(call.target);
    std::unordered_map<std::string_view, const Json*> given;
    for (const Json& one : inputs) given.emplace(text_field(one, "name"), &field(one, "arg"));
    size_t used = 0;
    for (const c10::Argument& argument : call.operation->schema().arguments()) {
      const auto found = given.find(argument.name());
      if (found != given.end()) {
        ++used;
        add_argument(call, *found->second, argument);
      } else if (argument.default_value()) {  // which the file leaves out
        call.constants.push_back(*argument.default_value());
      } else {
        refuse("its operation ", call.operation_name(), " lacks the argument '", argument.name(),
               "'");
      }
    }
    if (used != given.size()) {
      refuse("its operation ", call.operation_name(),
             " has an argument that this LibTorch does not know");
    }
    call.mode = switch_of(call, [&](size_t position) { return state_at(call, position); });
  }

  void add_argument(Call& call, const Json& value, const c10::Argument& schema) {
    Argument argument = read_argument(value, {schema.type(), schema.N()}, slot_of_);
    argument.position = call.constants.size();
    call.constants.emplace_back();
    if (!argument.is_constant()) {
      call.arguments.push_back(std::move(argument));
      return;
    }
    call.constants.back() = argument.in({});
    if (call.constants.back().isDevice()) call.devices.push_back(argument.position);
  }

  std::string state_at(const Call& call, size_t position) const {
    for (const Argument& argument : call.arguments) {
      if (argument.position != position || argument.references.size() != 1) continue;
      return state_of(argument.references[0]);
    }
    return "";
  }

  std::string state_of(const Reference& one) const {
    return one.is_constant() ? "" : state_of_slot_[static_cast<size_t>(one.slot)];
  }

  void read_higher_order(Call& call, const Json& inputs) {
    const std::string name = call.target.substr(kHigherOrder.size());
    const auto given = [&](size_t k) -> const Json& { return field(inputs[k], "arg"); };
    if (name == "cond" && inputs.size() >= 3) {
      call.kind = Call::Kind::Condition;
      call.arguments.push_back(read_argument(given(0), {}, slot_of_));
      const StateNames states = add_operands(call, inputs, 3);
      call.body = graph(name, given(1), states);
      call.other = graph(name, given(2), states);
    } else if (name == "wrap_with_set_grad_enabled" && inputs.size() >= 2) {
      call.kind = Call::Kind::GradMode;
      call.enables = truth(field(given(0), "as_bool"), "the mode of gradients");
      call.body = graph(name, given(1), add_operands(call, inputs, 2));
    } else if (name == "wrap_with_autocast" && inputs.size() >= 5) {
      call.kind = Call::Kind::Autocast;
      call.autocast_device = c10::Device(text_field(given(0), "as_string")).type();
      if (const Json* type = optional_field(given(1), "as_scalar_type")) {
        call.autocast_type = number_type(*type);
      }
      call.enables = truth(field(given(2), "as_bool"), "whether autocast is on");
      call.body = graph(name, given(4), add_operands(call, inputs, 5));
    } else {
      refuse("its program has the higher-order operation ", name, ", which is not supported");
    }
  }

  /// The values that a graph within takes, from this input on. Returns which states they are.
  StateNames add_operands(Call& call, const Json& inputs, size_t first) {
    StateNames states;
    for (size_t k = first; k < inputs.size(); ++k) {
      for (Reference& one : read_argument(field(inputs[k], "arg"), {}, slot_of_).references) {
        states.push_back(state_of(one));
        Argument operand;
        operand.references.push_back(std::move(one));
        call.arguments.push_back(std::move(operand));
      }
    }
    return states;
  }

  std::shared_ptr<const Graph> graph(const std::string& name, const Json& argument,
                                     StateNames states) const {
    const auto& [kind, value] = choice(argument);
    if (kind != "as_graph") refuse("its operation ", name, " has no graph where one must be");
    return GraphReader(std::move(states), depth_ + 1).read(field(value, "graph"));
  }

  /// Where each slot is read for the last time: there its value moves or is freed.
  void find_last_uses() {
    std::vector<bool> is_read(graph_->slots, false);
    const auto first_seen = [&](int64_t slot) {
      if (slot < 0 || is_read[static_cast<size_t>(slot)]) return false;
      is_read[static_cast<size_t>(slot)] = true;
      return true;
    };
    for (const Argument& output : graph_->outputs) {
      for (const Reference& one : output.references) first_seen(one.slot);
    }
    for (size_t k = graph_->calls.size(); k-- > 0;) {
      Call& call = graph_->calls[k];
      for (const Call::Result& result : call.results) {
        for (const int64_t slot : result.slots) {
          if (first_seen(slot)) call.freed.push_back(static_cast<size_t>(slot));
        }
      }
      // From the back, as a value may be read twice in one call.
      for (size_t n = call.arguments.size(); n-- > 0;) {
        Argument& argument = call.arguments[n];
        const bool moves =
            call.kind == Call::Kind::Operation && argument.form == Argument::Form::One;
        for (const Reference& one : argument.references) {
          if (!first_seen(one.slot)) continue;
          argument.is_last_use = moves;
          if (!moves) call.freed.push_back(static_cast<size_t>(one.slot));
        }
      }
    }
  }

  StateNames states_;
  int depth_;
  std::shared_ptr<Graph> graph_ = std::make_shared<Graph>();
  std::vector<std::string> state_of_slot_;
  const std::function<int64_t(const std::string&)> slot_of_ = [this](const std::string& name) {
    const auto found = graph_->names.find(name);
    if (found == graph_->names.end()) {
      refuse("its program uses '", name, "' before anything defines it");
    }
    return static_cast<int64_t>(found->second);
  };
};

}  // namespace

std::shared_ptr<const Graph> read_graph(const Json& graph, StateNames states) {
  return GraphReader(std::move(states), 0).read(graph);
}

}  // namespace descent::networks

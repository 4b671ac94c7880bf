#include <array>
#include <string_view>
#include <unordered_map>

#include <descent/networks/exported/modes.h>
#include <descent/networks/exported/read_argument.h>
#include <descent/networks/exported/read_graph.h>
#include <descent/networks/exported/shortcuts.h>

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
    const auto inputs = items(source, "inputs");
    states_.resize(inputs.size());
    for (size_t k = 0; k < inputs.size(); ++k) {
      graph_->inputs.push_back(define_input(inputs[k], states_[k]));
    }
    for (const Json& node : items(source, "nodes")) graph_->calls.push_back(call(node));
    for (const Json& output : items(source, "outputs")) {
      graph_->outputs.push_back(read_argument(output, {}, slot_of_));
    }
    find_last_uses();
    find_shortcuts(*graph_);
    return std::move(graph_);
  }

 private:
  /// A slot for a name of the program, which holds a state or a view of one.
  size_t define(std::string_view name, const std::string& state = "",
                const std::string& viewed = "") {
    if (!slots_.emplace(name, graph_->slots).second) {
      refuse("its program defines '", name, "' twice");
    }
    return fresh(state, viewed);
  }

  size_t fresh(const std::string& state, const std::string& viewed = "") {
    state_of_slot_.push_back(state);
    viewed_in_slot_.push_back(state.empty() ? viewed : state);
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
    const auto inputs = items(node, "inputs");
    if (call.target.starts_with(kHigherOrder)) {
      read_higher_order(call, inputs);
    } else if (call.target.starts_with(kOperation)) {
      read_operation(call, inputs);
    } else if (const auto* const node_of_vmap = VmapLevels::find(call.target)) {
      call.kind = Call::Kind::Vmap;
      call.step = node_of_vmap->step;
      read_operands(call, inputs, node_of_vmap->operands);
    } else if (is_of_sizes(call.target)) {
      call.kind = Call::Kind::Sizes;
      call.sizes = &size_operator(call.target);
      read_operands(call, inputs, call.sizes->operands);
    } else {
      refuse("its program calls ", call.target,
             ", which is a function of Python and no operation of LibTorch");
    }
    for (const Json& output : items(node, "outputs")) add_result(call, output);
    // An operation without results is written with none, or with one that is None.
    if (call.operation && call.operation->schema().returns().empty()) call.results.clear();
    if (call.mode.counts_batches && call.results.size() != 1) call.mode = {};
    return call;
  }

  void add_result(Call& call, const Json& output) {
    const auto& [kind, value] = choice(output);
    const std::string viewed = state_viewed_by(call, call.results.size());
    const auto slot = [&](std::string_view name) {
      return static_cast<int64_t>(define(name, "", viewed));
    };
    if (kind == "as_none") {
      call.results.push_back({{-1}});
    } else if (kind == "as_tensor") {
      call.results.push_back({{slot(text_field(value, "name"))}});
    } else if (kind == "as_sym_int" || kind == "as_sym_float" || kind == "as_sym_bool") {
      call.results.push_back({{slot(text_field(value, "as_name"))}});
    } else if (kind == "as_tensors" && value.is_list()) {
      Call::Result list{{}, true};
      for (const Json& one : value.items()) list.slots.push_back(slot(text_field(one, "name")));
      if (call.graphs.empty()) {
        call.results.push_back(std::move(list));
      } else {  // which gives its results one by one, but was written so up to PyTorch 2.7
        for (const int64_t one : list.slots) call.results.push_back({{one}});
      }
    } else {
      refuse("the operation ", call.target, " has a result of the kind ", kind,
             ", which is not supported");
    }
  }

  void read_operands(Call& call, std::span<const Json> inputs, size_t count) {
    for (const Json& one : inputs) {
      call.arguments.push_back(read_argument(field(one, "arg"), {}, slot_of_));
    }
    if (call.arguments.size() != count) {
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

  void read_operation(Call& call, std::span<const Json> inputs) {
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
    call.mode = switch_of(
        call, [&](size_t position) { return state_at(call, position, state_of_slot_); },
        [&](size_t position) { return state_at(call, position, viewed_in_slot_); });
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

  /// The state that is the argument at a position, or "": by what is known of slots.
  static std::string state_at(const Call& call, size_t position, const StateNames& of_slots) {
    for (const Argument& argument : call.arguments) {
      if (argument.position != position || argument.references.size() != 1) continue;
      const Reference& one = argument.references[0];
      return one.is_constant() ? "" : of_slots[static_cast<size_t>(one.slot)];
    }
    return "";
  }

  /// The state that a result of the call lies in: a view of it, or the state itself.
  std::string state_viewed_by(const Call& call, size_t result) const {
    // These give their argument back only where there is nothing to convert.
    if (!call.operation || call.operation_name() == "aten::to" ||
        call.operation_name() == "aten::contiguous") {
      return "";
    }
    const auto& returns = call.operation->schema().returns();
    const auto& arguments = call.operation->schema().arguments();
    const std::string set = result < returns.size() ? alias_set(returns[result]) : "";
    if (set.empty()) return "";
    for (size_t k = 0; k < arguments.size(); ++k) {
      if (alias_set(arguments[k]) == set) return state_at(call, k, viewed_in_slot_);
    }
    return "";
  }

  /// The letter of "Tensor(a)" or "Tensor(a)[]" in a schema, or "".
  static std::string alias_set(const c10::Argument& argument) {
    const c10::AliasInfo* alias = argument.alias_info();
    if (alias && !alias->containedTypes().empty()) alias = &alias->containedTypes()[0];
    if (!alias || alias->beforeSets().empty()) return "";
    return alias->beforeSets().begin()->toUnqualString();
  }

  void read_higher_order(Call& call, std::span<const Json> inputs) {
    using Kind = Call::Kind;
    const std::string_view name = std::string_view(call.target).substr(kHigherOrder.size());
    const auto given = [&](size_t k) -> const Json& {
      if (k >= inputs.size()) refuse("its operation ", name, " has ", inputs.size(), " arguments");
      return field(inputs[k], "arg");
    };
    // Lists of operands stand behind the graphs, from `first` on, and from `fixed` on their values are
    // the same whenever a graph runs.
    const auto take = [&](Kind kind, size_t graphs, size_t first, size_t lists, size_t fixed) {
      call.kind = kind;
      StateNames states;
      for (size_t k = first; k < first + lists; ++k) {
        add_operands(call, given(k), states, k >= fixed);
      }
      // Two of the elements are combined.
      if (kind == Kind::AssociativeScan) states.insert(states.begin(), call.operands[0], "");
      for (size_t k = first - graphs; k < first; ++k) add_graph(call, given(k), states);
    };
    if (name == "cond") {
      call.arguments.push_back(read_argument(given(0), {}, slot_of_));
      take(Kind::Condition, 2, 3, 1, 3);
    } else if (name == "while_loop") {
      take(Kind::WhileLoop, 2, 2, 2, 3);
    } else if (name == "scan") {
      take(Kind::Scan, 1, 1, 3, 3);
    } else if (name == "associative_scan") {
      take(Kind::AssociativeScan, 1, 1, 2, 2);
    } else if (name == "map_impl") {
      take(Kind::Map, 1, 1, 2, 2);
    } else if (name == "wrap_with_set_grad_enabled") {
      call.enables = truth(field(given(0), "as_bool"), "the mode of gradients");
      take(Kind::GradMode, 1, 2, inputs.size() - 2, 2);
    } else if (name == "wrap_with_autocast") {
      call.autocast_device = c10::Device(std::string(text_field(given(0), "as_string"))).type();
      if (const Json* type = optional_field(given(1), "as_scalar_type")) {
        call.autocast_type = number_type(*type);
      }
      call.enables = truth(field(given(2), "as_bool"), "whether autocast is on");
      take(Kind::Autocast, 1, 5, inputs.size() - 5, 5);
    } else {
      refuse("its program has the higher-order operation ", name, ", which is not supported");
    }
  }

  /// The values of a list, or the only one, which a graph within takes. `are_fixed`: they are the
  /// same whenever it runs, so that one that is a state is that there.
  void add_operands(Call& call, const Json& list, StateNames& states, bool are_fixed) {
    size_t count = 0;
    for (Reference& one : read_argument(list, {}, slot_of_).references) {
      const bool is_state = are_fixed && !one.is_constant();
      states.push_back(is_state ? state_of_slot_[static_cast<size_t>(one.slot)] : "");
      Argument operand;
      operand.references.push_back(std::move(one));
      call.arguments.push_back(std::move(operand));
      ++count;
    }
    call.operands.push_back(count);
  }

  void add_graph(Call& call, const Json& argument, StateNames states) const {
    const auto& [kind, value] = choice(argument);
    if (kind != "as_graph") refuse("its call of ", call.target, " has no graph where one must be");
    call.graphs.push_back(GraphReader(std::move(states), depth_ + 1).read(field(value, "graph")));
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
  std::unordered_map<std::string_view, size_t> slots_;  // by name
  StateNames state_of_slot_, viewed_in_slot_;
  const std::function<int64_t(std::string_view)> slot_of_ = [this](std::string_view name) {
    const auto found = slots_.find(name);
    if (found == slots_.end()) {
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

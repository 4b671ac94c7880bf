#pragma once
// The graph of an exported program as a list of calls, with everything looked up once: operations
// in LibTorch's dispatcher, names as slots of a frame, defaults and constants on a stack that a run
// copies. Calls pass the dispatcher, so that autograd, vmap and autocast see them.
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <c10/core/Device.h>

#include <descent/networks/exported/sizes.h>
#include <descent/networks/exported/vmap_levels.h>

namespace descent::networks {

using Values = std::vector<c10::IValue>;

/// How a program is run.
struct Setting {
  std::optional<bool> training{};    ///< none: as it was exported
  std::optional<bool> batch_norm{};  ///< of batch normalisation alone; none: as `training`
  std::optional<double> momentum{};  ///< of batch normalisation; none: as it was exported
  c10::Device device{c10::kCPU};     ///< in place of that of the export
  /// Batch normalisation goes into weights where it can, which rounds otherwise.
  bool folds = false;

  std::optional<bool> training_of_batch_norm() const { return batch_norm ? batch_norm : training; }
};

/// A value that is known when the file is read, or the slot of one that is computed.
struct Reference {
  int64_t slot = -1;
  c10::IValue constant{};

  bool is_constant() const { return slot < 0; }
  const c10::IValue& in(const Values& frame) const {
    return is_constant() ? constant : frame[static_cast<size_t>(slot)];
  }
};

/// An argument of a call, with the form that the operation's schema wants.
struct Argument {
  enum class Form { One, NumberAsTensor, Ints, Floats, Bools, Tensors, OptionalTensors };

  Form form = Form::One;
  std::vector<Reference> references{};
  size_t position = 0;
  bool is_last_use = false;  ///< the slot is read nowhere else, so its value moves

  bool is_constant() const;
  c10::IValue in(const Values& frame) const;
};

/// What of a call follows the mode. Positions are those of arguments.
struct Switch {
  std::optional<size_t> flag{};      ///< of a flag like `training`
  std::optional<size_t> rate{};      ///< of attention's rate of dropout, which is 0 in eval mode
  std::optional<size_t> momentum{};  ///< of batch normalisation
  bool counts_batches = false;       ///< adds 1 to the state `counter`, in training mode only
  std::string counter{};             ///< the state that counts the batches of this normalisation
  std::string statistics{};          ///< the state of its running mean
  std::string writes{};              ///< another state that it writes in place, in any mode
  /// The mode that an operation without a flag has for good, and why.
  enum class Fixed { No, Training, Eval, Random } fixed = Fixed::No;

  bool follows() const { return flag || rate || counts_batches; }
};

class Graph;

struct Call {
  enum class Kind {
    Operation,
    Sizes,
    Vmap,
    // What runs graphs:
    Condition,
    WhileLoop,
    Scan,
    AssociativeScan,
    Map,
    GradMode,
    Autocast
  };
  struct Result {
    std::vector<int64_t> slots{};  ///< -1: nothing is kept
    bool is_list = false;
  };

  Kind kind = Kind::Operation;
  std::string target{};
  std::optional<c10::OperatorHandle> operation{};
  std::optional<c10::OperatorHandle> in_place{};  ///< the same, into its first argument
  const Call* normalisation = nullptr;            ///< of a convolution, whose result it alone takes
  const SizeOperator* sizes = nullptr;
  VmapLevels::Step step{};            ///< of Vmap
  Values constants{};                 ///< the stack, without what varies
  std::vector<Argument> arguments{};  ///< what varies
  std::vector<size_t> devices{};      ///< positions of devices
  std::vector<Result> results{};
  std::vector<size_t> freed{};  ///< slots that nothing reads after this
  Switch mode{};
  std::vector<std::shared_ptr<const Graph>> graphs{};
  std::vector<size_t> operands{};  ///< how many values each list for the graphs has
  bool enables = false;            ///< GradMode, Autocast: whether it is on
  at::ScalarType autocast_type = at::kBFloat16;
  c10::DeviceType autocast_device = c10::kCPU;

  const std::string& operation_name() const { return operation->operator_name().name; }
  /// Whether the operation is one of these.
  bool is_one_of(std::span<const std::string_view> names) const;
  /// What varies at a position of the stack, or nullptr.
  const Argument* argument_at(size_t position) const;
};

/// The counters of normalisations that ran in training mode where the export has them in eval mode,
/// once for each time.
using Counted = std::vector<std::string_view>;

class Graph {
 public:
  /// Throws std::invalid_argument with the operation's name and what LibTorch says.
  Values run(Values arguments, const Setting& setting, Counted& counted) const;

  std::deque<Call> calls{};
  std::vector<size_t> inputs{};  ///< slots
  std::vector<Argument> outputs{};
  size_t slots = 0;
};

/// Calls visit(call) for all calls of a graph and of the graphs within.
template <class Visit>
void for_each_call(const Graph& graph, const Visit& visit) {
  for (const Call& call : graph.calls) {
    visit(call);
    for (const auto& within : call.graphs) for_each_call(*within, visit);
  }
}

}  // namespace descent::networks

#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <descent/networks/exported/archive.h>
#include <descent/networks/exported/graph.h>
#include <descent/networks/exported/modes.h>

namespace descent::networks {

using Tensors = std::vector<at::Tensor>;

/// A tensor that a program takes from its file.
struct State {
  enum class Role { Parameter, Buffer, TemporaryBuffer, Constant };
  std::string name;
  Role role;
  bool wants_gradient;  ///< as the graph has it
};

/// A size that an input must have; none: any.
using Size = std::optional<LinearSize>;

struct Input {
  enum class Kind { Tensor, Number, Constant };
  std::string name;
  Kind kind = Kind::Tensor;
  c10::IValue constant{};  ///< a Constant's value
  at::ScalarType type = at::ScalarType::Undefined;
  std::vector<Size> sizes{};  ///< of a Number one, its value
};

/// What torch.export made of a network: a graph, and what goes in and out. It never changes, so that
/// copies of a network share it: their states are arguments.
class Program {
 public:
  /// Of the JSON. Throws std::invalid_argument.
  explicit Program(const std::string& json);

  const std::vector<State>& states() const { return states_; }
  const Modes& modes() const { return modes_; }
  const std::string& type() const { return type_; }  ///< the class of Python, or "exported program"
  const std::string& torch_version() const { return torch_version_; }

  /// Inputs that a caller gives, and tensors that come back, by name.
  std::vector<std::string> input_names() const;
  const std::vector<Input>& inputs() const { return inputs_; }
  const std::vector<std::string>& output_names() const { return output_names_; }

  /// The outputs, for a value of each input that is no constant, and a tensor for each of states().
  Values run(Values inputs, const Tensors& states, const Setting& setting) const;

  /// Positions of states() by name.
  std::optional<size_t> find_state(const std::string& name) const;

 private:
  class Reader;
  struct Output {
    enum class Kind { User, State, Input } kind;
    size_t place;   ///< in the graph's outputs
    size_t target;  ///< of a change: in states_ or inputs_
  };
  struct Range {
    int64_t least, most;
  };

  /// Numbers that symbols of sizes stand for.
  using Symbols = std::map<std::string, int64_t>;
  /// Casts between integral types, ids and masks, and refuses other types and sizes.
  void check(const Input& input, c10::IValue& value, Symbols& symbols) const;
  void check_size(const Input& input, size_t dimension, int64_t size, Symbols& symbols) const;

  std::string type_ = "exported program", torch_version_;
  std::vector<State> states_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  std::vector<size_t> state_places_, input_places_;  ///< in the graph's inputs
  /// States that count the batches of normalisations which nothing in the program counts.
  std::map<std::string, size_t, std::less<>> counters_;
  std::vector<std::string> output_names_;
  std::map<std::string, Range> ranges_;  ///< of symbols
  std::shared_ptr<const Graph> graph_;
  Modes modes_;
};

}  // namespace descent::networks

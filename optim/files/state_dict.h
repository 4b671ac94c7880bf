#pragma once
// Finds a state_dict in a file of Python. Private to the loaders.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <descent/pickle/pickle.h>

namespace descent {

/// The parts of a dict or a list by name; those of a list are called "0", "1", ...
using PythonParts = std::vector<std::pair<std::string, const pickle::Value*>>;
PythonParts parts_of(const pickle::Dict& dict);
PythonParts parts_of(const pickle::Value& value);

/// A number, or that of a tensor of one; none if the value is neither.
std::optional<double> number_in(const pickle::Value& value, pickle::File& file);

/// A kind of state_dict.
struct StateDictKind {
  const char* of;       ///< "an optimizer"
  const char* several;  ///< "optimizers"
  const char* must_be;  ///< "a dict with state and param_groups"
  bool (*is)(const pickle::Dict&);
};

/// That of an optimizer: torch.optim's, with a dict as state and a list as param_groups.
extern const StateDictKind kOptimizerStateDict;

/// The state_dict of that kind in a file, or anywhere inside of its dicts and lists. `key` says
/// where, as "optimizers.0", and may be empty if there is only one. Throws c10::Error that says
/// what is there.
const pickle::Dict& find_state_dict(const pickle::Value& top, std::string_view key,
                                    const StateDictKind& kind);

}  // namespace descent

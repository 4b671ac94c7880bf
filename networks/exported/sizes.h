#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <ATen/core/ivalue.h>

namespace descent::networks {

/// What Python's operators and functions do to numbers that stand for sizes.
using SizeFunction = c10::IValue (*)(std::span<const c10::IValue> operands);

struct SizeOperator {
  const char* name;
  size_t operands;
  SizeFunction function;
};

/// A size that follows from another one: factor * symbol + offset.
struct LinearSize {
  std::string symbol{};  ///< "": the size is `offset`
  int64_t factor = 0, offset = 0;
};

/// Reads what torch.export writes of a size: "Add(Mul(Integer(2), Symbol('s0', integer=True)),
/// Integer(1))", or "s0". None: it is another function of symbols.
std::optional<LinearSize> linear_size(std::string_view text);

/// Whether a node's target is of this kind: "_operator.mul", "math.trunc", "torch.sym_max".
bool is_of_sizes(std::string_view target);

/// Throws std::invalid_argument if it is unknown. So do the functions, for results beyond 64 bits
/// and divisions by zero.
const SizeOperator& size_operator(std::string_view target);

}  // namespace descent::networks

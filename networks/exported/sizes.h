#pragma once
#include <span>
#include <string>

#include <ATen/core/ivalue.h>

namespace descent::networks {

/// What Python's operators and functions do to numbers that stand for sizes.
using SizeFunction = c10::IValue (*)(std::span<const c10::IValue> operands);

struct SizeOperator {
  const char* name;
  size_t operands;
  SizeFunction function;
};

/// Whether a node's target is of this kind: "_operator.mul", "math.trunc", "torch.sym_max".
bool is_of_sizes(const std::string& target);

/// Throws std::invalid_argument if it is unknown. So do the functions, for results beyond 64 bits
/// and divisions by zero.
const SizeOperator& size_operator(const std::string& target);

}  // namespace descent::networks

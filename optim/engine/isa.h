#pragma once
#include <optional>

namespace descent::engine {

/// The instruction sets of the loops, in the order of `Form::kernels`.
enum class Isa { Baseline, V3, V4 };

/// That of the pass that steps take now; none: they take no loops.
std::optional<Isa> current_isa();

}  // namespace descent::engine

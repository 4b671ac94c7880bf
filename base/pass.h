#pragma once
#include <string>

namespace descent {

/// The ways in which a step of an optimizer can be computed. All give the same bits.
///   Tensor    one ATen operation after another: the reference, on any device
///   Baseline  one loop, instructions that every CPU of the architecture has
///   V3, V4    the same loop for x86-64-v3 (AVX2) and x86-64-v4 (AVX-512)
enum class Pass { Tensor, Baseline, V3, V4 };

/// "tensor", "baseline", "v3", "v4".
std::string to_string(Pass pass);

/// Whether this CPU can run it.
bool supported(Pass pass);

/// The pass that steps, and the fused landscapes, take now: what set_pass() chose, else the
/// environment's DESCENT_PASS, else the best that this CPU runs. Throws std::invalid_argument if
/// DESCENT_PASS is none of the four or not supported.
Pass current_pass();

/// Chooses the pass for the whole process; "auto" goes back to the environment's or best one.
/// Throws std::invalid_argument, and changes nothing, if the name is unknown or this CPU cannot run
/// it.
void set_pass(const std::string& name);

}  // namespace descent

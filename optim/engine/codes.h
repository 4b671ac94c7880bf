#pragma once
// The loops for state of 8 bits, which low_precision.h describes.
#include <descent/optim/engine/low_precision.h>

namespace descent::engine {

/// The loops for codes: one for each instruction set, and one more for processors beyond V4.
enum class CodeLoops { Baseline, V3, V4, Vbmi };
bool supported(CodeLoops loops);
/// The fastest ones of this processor for steps in that instruction set.
CodeLoops code_loops(Isa isa);

void decode(Kept kept, CodeLoops loops, const uint8_t* from, const float* absmax, float* to,
            int64_t n);
void encode(Kept kept, CodeLoops loops, const float* from, uint8_t* to, float* absmax, int64_t n);

}  // namespace descent::engine

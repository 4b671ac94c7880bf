#pragma once
#include <descent/optim/engine/table.h>

namespace descent::engine {

/// A span whose pointers mean 16-bit numbers, in tiles that are widened to float, stepped by the
/// float kernels and rounded back to the nearest (ties to even), buffers included. As Kernels of
/// table.h.
void sweep_short(NumberType type, Isa isa, const Kernels& kernels, const Span& span, const void* k);
void measure_short(NumberType type, Isa isa, const Kernels& kernels, const Span& span,
                   const void* k, double* sums);
void apply_short(NumberType type, Isa isa, const Kernels& kernels, const Span& span, const void* k,
                 double trust);

/// n numbers widened, and rounded; exposed for tests.
void widen(NumberType type, Isa isa, const uint16_t* from, float* to, int64_t n);
void round(NumberType type, Isa isa, const float* from, uint16_t* to, int64_t n);

}  // namespace descent::engine

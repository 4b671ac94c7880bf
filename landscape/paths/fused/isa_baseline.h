// Instructions that every CPU of the architecture has, for chain_text.h. No #pragma once.
#define DESCENT_TARGET

namespace descent::landscape {
namespace {

constexpr int kVectorBytes = 16;
constexpr int kMostColumns = 2;
constexpr int kTileRows[] = {0, 8, 6};  // outputs of a register tile of 1 or 2 vectors of samples

#define DESCENT_INLINE __attribute__((always_inline)) inline
using Floats = float __attribute__((vector_size(16), may_alias));
using Doubles = double __attribute__((vector_size(16), may_alias));
// No fused instruction here: the product is rounded, and results differ from v3 and v4 in the last
// digits.
DESCENT_INLINE Floats fma(Floats a, Floats b, Floats c) { return a * b + c; }
DESCENT_INLINE Doubles fma(Doubles a, Doubles b, Doubles c) { return a * b + c; }
DESCENT_INLINE Floats relu(Floats z) { return z < 0 ? Floats{} : z; }
DESCENT_INLINE Doubles relu(Doubles z) { return z < 0 ? Doubles{} : z; }

}  // namespace
}  // namespace descent::landscape

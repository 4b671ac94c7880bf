// x86-64-v4 (AVX-512) for chain_text.h. No #pragma once.
#include <immintrin.h>

#if defined(__clang__)
#define DESCENT_TARGET __attribute__((target("arch=x86-64-v4")))
#else
#define DESCENT_TARGET __attribute__((target("arch=x86-64-v4,prefer-vector-width=512")))
#endif

namespace descent::landscape {
namespace {

constexpr int kVectorBytes = 64;
constexpr int kMostColumns = 4;
constexpr int kTileRows[] = {0, 12, 8, 8,
                             6};  // outputs of a register tile of 1 .. 4 vectors of samples

#define DESCENT_INLINE DESCENT_TARGET __attribute__((always_inline)) inline
DESCENT_INLINE __m512 fma(__m512 a, __m512 b, __m512 c) { return _mm512_fmadd_ps(a, b, c); }
DESCENT_INLINE __m512d fma(__m512d a, __m512d b, __m512d c) { return _mm512_fmadd_pd(a, b, c); }
// max(0, z) in this order: the instruction returns its second operand when one is NaN. (The form
// without a mask makes GCC 12 warn of an uninitialised variable, GCC bug 105593.)
DESCENT_INLINE __m512 relu(__m512 z) { return _mm512_maskz_max_ps(0xffff, _mm512_setzero_ps(), z); }
DESCENT_INLINE __m512d relu(__m512d z) { return _mm512_maskz_max_pd(0xff, _mm512_setzero_pd(), z); }

}  // namespace
}  // namespace descent::landscape

// x86-64-v3 (AVX2) for chain_text.h. No #pragma once.
#include <immintrin.h>

#define DESCENT_TARGET __attribute__((target("arch=x86-64-v3")))

namespace descent::landscape {
namespace {

constexpr int kVectorBytes = 32;
constexpr int kMostColumns = 2;
constexpr int kTileRows[] = {0, 8, 6};  // outputs of a register tile of 1 or 2 vectors of samples

#define DESCENT_INLINE DESCENT_TARGET __attribute__((always_inline)) inline
DESCENT_INLINE __m256 fma(__m256 a, __m256 b, __m256 c) { return _mm256_fmadd_ps(a, b, c); }
DESCENT_INLINE __m256d fma(__m256d a, __m256d b, __m256d c) { return _mm256_fmadd_pd(a, b, c); }
// max(0, z) in this order: the instruction returns its second operand when one is NaN.
DESCENT_INLINE __m256 relu(__m256 z) { return _mm256_max_ps(_mm256_setzero_ps(), z); }
DESCENT_INLINE __m256d relu(__m256d z) { return _mm256_max_pd(_mm256_setzero_pd(), z); }

}  // namespace
}  // namespace descent::landscape

#pragma once
// How the loops are compiled once for each instruction set, and how they add up numbers so that all
// give the same bits. Included only by files that CMake's descent_rules() compiles.
#include <descent/optim/engine/table.h>

#ifndef DESCENT_KERNEL_FLAGS
#error "a rule's loops need flags of their own: use CMake's descent_rules(<target> <file>.cpp)"
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__CUDACC__)
#define DESCENT_X86 1
#define DESCENT_V3 __attribute__((target("arch=x86-64-v3"), noinline))
#if defined(__clang__)
#define DESCENT_V4 __attribute__((target("arch=x86-64-v4"), noinline))
#else
#define DESCENT_V4 __attribute__((target("arch=x86-64-v4,prefer-vector-width=512"), noinline))
#endif
#else
#define DESCENT_X86 0
#endif
#if defined(__clang__)
#define DESCENT_INDEPENDENT _Pragma("clang loop vectorize(enable)")
#else
#define DESCENT_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace descent::engine {

/// The lanes' sum in double, in the fixed order of a tree, which has few additions that wait for
/// others.
template <class T>
DESCENT_FN double add_up(const T* lanes) {
  double sums[kLanes / 2];
  DESCENT_INDEPENDENT
  for (int i = 0; i < kLanes / 2; ++i)
    sums[i] = static_cast<double>(lanes[i]) + static_cast<double>(lanes[i + kLanes / 2]);
  for (int half = kLanes / 4; half > 0; half /= 2) {
    DESCENT_INDEPENDENT
    for (int i = 0; i < half; ++i) sums[i] += sums[i + half];
  }
  return sums[0];
}

/// Whether a block's sum of squares, made in T, may be wrong because T could not hold the squares:
/// float overflows where a number is above 1.8e19, and loses what is below 1e-19.
template <class T>
DESCENT_FN bool is_lost(double sum) {
  return std::is_same_v<T, float> && !(sum >= 0x1p-100 && sum < kInfinity);
}

/// The sum of squares of a block of numbers, made in double in the order of the lanes.
template <class T>
double wide_square_sum(const T* x, int64_t n) {
  double lanes[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) {
    const auto wide = static_cast<double>(x[i]);
    lanes[i % kLanes] += wide * wide;
  }
  return add_up(lanes);
}

}  // namespace descent::engine

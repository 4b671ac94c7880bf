#include "triad.h"

#include <algorithm>

#ifndef _OPENMP
#error "the triad needs OpenMP: on one thread it would make every optimizer look good"
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define BENCH_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define BENCH_CLONES
#endif

namespace bench {
namespace {

constexpr int64_t kSerial = 32768;  // as in the engine

BENCH_CLONES void add_three_times(float* a, const float* b, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) a[i] = a[i] + 3 * b[i];
}

}  // namespace

void triad(const std::vector<Pair>& pairs, int threads) {
  int64_t elements = 0;
  for (const Pair& pair : pairs) elements += pair.n;
  if (threads <= 1 || elements < kSerial) {
    for (const Pair& pair : pairs) add_three_times(pair.a, pair.b, pair.n);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int thread = 0; thread < threads; ++thread) {
    // Each thread's share is a run of the elements of all pairs, one after another.
    const int64_t begin = elements * thread / threads, end = elements * (thread + 1) / threads;
    int64_t first = 0;
    for (const Pair& pair : pairs) {
      const int64_t from = std::max(begin - first, int64_t{0});
      const int64_t to = std::min(end - first, pair.n);
      if (from < to) add_three_times(pair.a + from, pair.b + from, to - from);
      first += pair.n;
    }
  }
}

}  // namespace bench

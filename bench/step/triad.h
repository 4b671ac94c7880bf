#pragma once
#include <cstdint>
#include <vector>

namespace bench {

struct Pair {
  float* a;
  const float* b;
  int64_t n;
};

/// a[i] <- a[i] + 3 b[i] for every pair, with this many threads in one region, one below 32768
/// elements: 12 bytes an element, the memory traffic that an optimizer's step cannot beat.
void triad(const std::vector<Pair>& pairs, int threads);

}  // namespace bench

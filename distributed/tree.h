#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace descent::distributed {

/// out[k] = the sum of all parts[r][k] as a balanced tree, ((0 + 1) + (2 + 3)) + ...; parts are
/// written over. Block by block, which stay in the cache.
template <class T>
void sum_tree(const std::vector<T*>& parts, int64_t count, T* out) {
  constexpr int64_t kBlock = 4096;
  const size_t n = parts.size();
  for (int64_t from = 0; from < count; from += kBlock) {
    const int64_t to = std::min(count, from + kBlock);
    for (size_t stride = 1; stride < n; stride *= 2) {
      for (size_t i = 0; i + stride < n; i += 2 * stride) {
        T* const __restrict a = parts[i];
        const T* const __restrict b = parts[i + stride];
        for (int64_t k = from; k < to; ++k) a[k] += b[k];
      }
    }
    if (out != parts[0])
      std::memcpy(out + from, parts[0] + from, static_cast<size_t>(to - from) * sizeof(T));
  }
}

}  // namespace descent::distributed

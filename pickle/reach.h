#pragma once
#include <algorithm>
#include <cstdint>

#include <c10/core/ScalarType.h>
#include <c10/util/ArrayRef.h>

namespace descent::pickle {

/// The bytes that a tensor of a file reaches into its storage; -1 if its numbers are nonsense, which
/// is what does not fit 64 bits or is negative.
inline int64_t reach(c10::ScalarType type, int64_t offset, c10::ArrayRef<int64_t> sizes,
                     c10::ArrayRef<int64_t> strides) {
  if (offset < 0 || sizes.size() != strides.size()) return -1;
  const auto element = static_cast<int64_t>(c10::elementSize(type));
  int64_t last = offset, numel = 1, bytes = 0;
  bool nonsense = false, is_empty = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t steps = std::max<int64_t>(sizes[i], 1);
    int64_t way = 0;
    is_empty = is_empty || sizes[i] == 0;
    nonsense = nonsense || sizes[i] < 0 || strides[i] < 0 ||
               __builtin_mul_overflow(steps - 1, strides[i], &way) ||
               __builtin_add_overflow(last, way, &last) ||
               __builtin_mul_overflow(numel, steps, &numel);
  }
  nonsense = nonsense || __builtin_add_overflow(last, 1, &last) ||
             __builtin_mul_overflow(last, element, &bytes) ||
             __builtin_mul_overflow(numel, element, &numel);
  if (nonsense) return -1;
  return is_empty ? 0 : bytes;
}

}  // namespace descent::pickle

#pragma once
#include <cstdint>
#include <functional>

namespace bench {

/// By how many bytes the heap of this process grows when `work` runs and what it made is still
/// alive, the allocator's own rounding included; -1 where the C library does not tell.
int64_t heap_growth(const std::function<void()>& work);

}  // namespace bench

#include "memory.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace bench {

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)

int64_t heap_growth(const std::function<void()>& work) {
  // Blocks that are mapped by themselves are rounded up to whole pages, which would hide what is
  // asked for.
  mallopt(M_MMAP_MAX, 0);
  const auto in_use = [] { return static_cast<int64_t>(mallinfo2().uordblks); };
  const int64_t before = in_use();
  work();
  return in_use() - before;
}

#else

int64_t heap_growth(const std::function<void()>& work) {
  work();
  return -1;
}

#endif

}  // namespace bench

#include <climits>
#include <cstdlib>

#include <descent/base/freed_memory.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace descent {

bool keep_freed_memory() {
#ifdef __GLIBC__
  // Before 2.35 glibc takes 32 MiB at most for the first.
  const bool large =
      mallopt(M_MMAP_THRESHOLD, 1 << 30) == 1 || mallopt(M_MMAP_THRESHOLD, 32 << 20) == 1;
  // Other threads than the first would have arenas of their own, which give memory back whatever
  // is said here.
  return large && mallopt(M_TRIM_THRESHOLD, INT_MAX) == 1 && mallopt(M_ARENA_MAX, 1) == 1;
#else
  return false;
#endif
}

}  // namespace descent

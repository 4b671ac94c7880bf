#include <cstddef>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <descent/base/freed_memory.h>

namespace descent {
namespace {

constexpr size_t kBytes = size_t{48} << 20;  // what glibc gives back to the system by itself

/// Pages that the system had to hand out while a block was filled and freed.
long faults_of_a_block() {
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  { const std::vector<char> block(kBytes, 1); }
  getrusage(RUSAGE_SELF, &after);
  return after.ru_minflt - before.ru_minflt;
}

TEST(FreedMemory, IsKeptForWhatIsAllocatedNext) {
  if (!keep_freed_memory()) GTEST_SKIP() << "this is not glibc's allocator";
  faults_of_a_block();
  EXPECT_LT(faults_of_a_block(), 100);
}

}  // namespace
}  // namespace descent

// What is said of memory that a piece of work takes.
#include <vector>

#include <ATen/ops/empty.h>
#include <c10/util/Logging.h>
#include <gmock/gmock.h>

#include <descent/tensors/memory.h>

namespace {

using descent::tensors::peak_bytes;

TEST(PeakBytes, AreThoseThatAreHeldAtOnce) {
  EXPECT_EQ(peak_bytes([] {
              for (int i = 0; i < 3; ++i) at::empty({1000}, at::kFloat);
              const at::Tensor one = at::empty({500}, at::kFloat);
              const at::Tensor other = at::empty({700}, at::kFloat);
            }),
            4800);
}

TEST(PeakBytes, AreTakenWithoutAWordOfOlderMemory) {
  std::vector<at::Tensor> older(1001);  // LibTorch speaks of each thousandth
  for (at::Tensor& tensor : older) tensor = at::empty({8}, at::kFloat);
  const int level = FLAGS_caffe2_log_level;
  testing::internal::CaptureStderr();
  peak_bytes([&] { older.clear(); });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(FLAGS_caffe2_log_level, level);
}

}  // namespace

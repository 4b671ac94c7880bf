// How the kernels look up codes of 8 bits, against the loops.
#include <cmath>

#include <gtest/gtest.h>

#include <descent/optim/engine/cuda/mixed.h>

namespace descent::engine::cuda {
namespace {

TEST(CudaCodes, AreThoseOfTheLoopsAtEveryMidpointAndBesideIt) {
  for (const Kept kept : {Kept::Signed8, Kept::Unsigned8}) {
    const bool with_sign = kept == Kept::Signed8;
    const CodeTable& table = code_table(with_sign);
    EXPECT_EQ(table.entries, codes(kept));
    std::vector<float> x{0, -0.0F, 1e-45F, -1e-45F, 1.6e-7F};
    for (std::size_t i = 0; i + 1 < 256; ++i) {
      const float middle = (table.entries[i] + table.entries[i + 1]) / 2;
      for (const float y :
           {table.entries[i], middle, std::nextafter(middle, -2.0F), std::nextafter(middle, 2.0F)})
        x.push_back(y);
    }
    // With these upper bits all the lower ones that matter.
    for (uint32_t upper = CodeTable::kFirst - 2; upper < CodeTable::kLast; ++upper)
      for (const uint32_t lower : {0u, 1u, 0x7fffu, 0xffffu})
        for (const uint32_t sign : {0u, 0x80000000u})
          x.push_back(float_of(sign | upper << 16 | lower));
    for (const float y : x) {
      const float block[] = {y, 1};  // divided by 1
      uint8_t bytes[2];
      float absmax = 0;
      encode(kept, Isa::Baseline, block, bytes, &absmax, 2);
      ASSERT_EQ(nearest_code(table, with_sign, y), bytes[0]) << y;
    }
    EXPECT_EQ(nearest_code(table, with_sign, 1), 255);
    EXPECT_EQ(nearest_code(table, with_sign, NAN), 0);
  }
}

}  // namespace
}  // namespace descent::engine::cuda

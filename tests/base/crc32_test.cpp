#include <string>

#include <gtest/gtest.h>

#include <descent/base/crc32.h>

namespace {

using descent::crc32;

TEST(Checksums, AreThoseOfZip) {
  const std::string text = "The quick brown fox jumps over the lazy dog";
  EXPECT_EQ(crc32("123456789", 9), 0xcbf43926u);
  EXPECT_EQ(crc32(text.data(), text.size()), 0x414fa339u);
  for (size_t n = 0; n < text.size(); ++n)
    EXPECT_EQ(crc32(text.data() + n, text.size() - n, crc32(text.data(), n)), 0x414fa339u) << n;
}

}  // namespace

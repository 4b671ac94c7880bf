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

/// Bit by bit, as it is defined.
uint32_t by_definition(const std::string& bytes, uint32_t before) {
  uint32_t remainder = ~before;
  for (const char byte : bytes) {
    remainder ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit)
      remainder = remainder >> 1 ^ (remainder & 1 ? 0xedb88320u : 0);
  }
  return ~remainder;
}

TEST(Checksums, OfEveryLengthAndPlaceAreThoseOfTheDefinition) {
  std::string bytes;
  for (uint32_t k = 0; k < 400; ++k) bytes += static_cast<char>(k * k * 2654435761u >> 24);
  for (size_t length = 0; length <= 300; ++length) {
    for (const size_t place : {0, 1, 7, 16}) {
      const std::string part = bytes.substr(place, length);
      const auto before = static_cast<uint32_t>(length * 2654435761u);
      EXPECT_EQ(crc32(bytes.data() + place, length, before), by_definition(part, before))
          << length << " bytes at " << place;
    }
  }
}

}  // namespace

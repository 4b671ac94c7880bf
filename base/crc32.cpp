#include <array>

#include <descent/base/crc32.h>

namespace descent {
namespace {

/// tables[k][byte]: what the byte adds to the remainder from k + 1 bytes before the end.
constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = remainder >> 1 ^ (remainder & 1 ? 0xedb88320u : 0u);
    }
    tables[0][byte] = remainder;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = before >> 8 ^ tables[0][before & 0xff];
    }
  }
  return tables;
}();

}  // namespace

uint32_t crc32(const void* data, size_t size, uint32_t of_those_before) {
  const auto* byte = static_cast<const unsigned char*>(data);
  const unsigned char* const end = byte + size;
  uint32_t remainder = ~of_those_before;
  for (; end - byte >= 8; byte += 8) {
    uint64_t eight = 0;
    for (size_t k = 0; k < 8; ++k) eight |= uint64_t{byte[k]} << 8 * k;
    eight ^= remainder;
    remainder = 0;
    for (size_t k = 0; k < 8; ++k) remainder ^= kTables[7 - k][eight >> 8 * k & 0xff];
  }
  for (; byte != end; ++byte) remainder = remainder >> 8 ^ kTables[0][(remainder ^ *byte) & 0xff];
  return ~remainder;
}

}  // namespace descent

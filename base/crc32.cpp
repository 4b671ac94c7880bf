#include <array>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

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

#if defined(__x86_64__) && defined(__GNUC__)
#define DESCENT_FOLDS

/// The remainder of at least 64 bytes, a multiple of 16, by multiplication of polynomials: Gopal et
/// al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009. The
/// numbers are powers of x modulo the polynomial, which its table for the CRC-32 of gzip has.
__attribute__((target("pclmul,sse4.1"))) uint32_t folded(const unsigned char* bytes, size_t size,
                                                         uint32_t remainder) {
  const auto at = [](const unsigned char* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  /// x, moved on by the distance that `by` stands for, and what is there.
  const auto fold =
      [](__m128i x, __m128i by, __m128i there) __attribute__((target("pclmul,sse4.1"))) {
    const __m128i low = _mm_clmulepi64_si128(x, by, 0x00), high = _mm_clmulepi64_si128(x, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), there);
  };
  const __m128i by_64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i by_16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  __m128i x[4];
  for (int k = 0; k < 4; ++k) x[k] = at(bytes + 16 * k);
  x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128(static_cast<int>(remainder)));
  for (bytes += 64, size -= 64; size >= 64; bytes += 64, size -= 64) {
    for (int k = 0; k < 4; ++k) x[k] = fold(x[k], by_64, at(bytes + 16 * k));
  }
  __m128i sum = x[0];
  for (int k = 1; k < 4; ++k) sum = fold(sum, by_16, x[k]);
  for (; size >= 16; bytes += 16, size -= 16) sum = fold(sum, by_16, at(bytes));

  const __m128i words = _mm_setr_epi32(~0, 0, ~0, 0);
  sum = _mm_xor_si128(_mm_srli_si128(sum, 8), _mm_clmulepi64_si128(sum, by_16, 0x10));
  sum = _mm_xor_si128(
      _mm_srli_si128(sum, 4),
      _mm_clmulepi64_si128(_mm_and_si128(sum, words), _mm_set_epi64x(0, 0x0163cd6124), 0x00));
  // Barrett's reduction to 32 bits.
  const __m128i polynomial = _mm_set_epi64x(0x01f7011641, 0x01db710641);
  __m128i part = _mm_clmulepi64_si128(_mm_and_si128(sum, words), polynomial, 0x10);
  part = _mm_clmulepi64_si128(_mm_and_si128(part, words), polynomial, 0x00);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(sum, part), 1));
}
#endif

}  // namespace

uint32_t crc32(const void* data, size_t size, uint32_t of_those_before) {
  const auto* byte = static_cast<const unsigned char*>(data);
  const unsigned char* const end = byte + size;
  uint32_t remainder = ~of_those_before;
#ifdef DESCENT_FOLDS
  static const bool folds = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
  if (folds && size >= 64) {
    const size_t whole = size / 16 * 16;
    remainder = folded(byte, whole, remainder);
    byte += whole;
  }
#endif
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

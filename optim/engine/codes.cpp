#include <algorithm>
#include <vector>

#include <descent/base/pass.h>
#include <descent/optim/engine/code_table.h>
#include <descent/optim/engine/codes.h>
#include <descent/optim/engine/instruction_sets.h>
#include <descent/optim/engine/sixteen_bits.h>
#if DESCENT_X86
#include <cpuid.h>
#if !defined(__clang__)  // GCC 12 takes what its own header leaves undefined for ours.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#endif

namespace descent::engine {
namespace {

constexpr uint32_t kMagnitude = 0x7fffffff;
constexpr uint32_t kSign = 0x80000000;
/// Of numbers with this absmax, the reciprocal and the quotients are normal numbers or too small to
/// have another code than 0.
constexpr float kLeastDivisor = 0x1p-126F, kLargestDivisor = 0x1p126F;

/// The table of 8 bits, and how a code is found without a division: x times the rounded reciprocal of
/// absmax is at most three units in the last place from the rounded x/absmax, and numbers with the
/// same upper 16 bits have at most one midpoint of neighbours among them. So `apart`, looked up by
/// the upper bits and subtracted from all bits, leaves the code in the upper half, and in the lower
/// half how far the midpoint is: only where it is near must x/absmax be known.
struct Code {
  /// The lower half says at most this within four units of a midpoint, and at a few other numbers.
  static constexpr uint32_t kNear = 8;

  std::array<float, 256> entries;
  std::vector<uint32_t> middles;                       ///< the bits of the midpoints from 0 up
  std::array<uint32_t, (kSign >> 16) + 0x3f81> apart;  ///< up to the upper bits of -1
  /// Byte k of each entry's bits; of a table with signs, from that of 0 up.
  alignas(64) std::array<std::array<uint8_t, 256>, 4> bytes;
};

/// How many entries above 0 lie between 0 and a magnitude of a table with signs, or without.
template <bool Signed>
int32_t code_of(uint32_t entries, bool negative) {
  const auto n = static_cast<int32_t>(entries);
  if constexpr (Signed) return negative ? 127 - std::min(n, 127) : 127 + n;  // there is no -1
  return negative ? 0 : n;
}

template <bool Signed>
Code make_code() {
  Code code{};
  code.entries = make_entries(Signed);
  const auto& list = code.entries;
  const size_t zero = Signed ? 127 : 0;
  for (size_t i = zero; i + 1 < list.size(); ++i)
    code.middles.push_back(bits_of((list[i] + list[i + 1]) / 2));
  for (size_t i = 0; i < 4; ++i)
    for (size_t j = zero; j < list.size(); ++j)
      code.bytes[i][j - zero] = static_cast<uint8_t>(bits_of(list[j]) >> (8 * i));
  for (const bool negative : {false, true}) {
    uint32_t below = 0;
    for (uint32_t upper = 0; upper <= 0x3f80; ++upper) {
      const uint32_t first = upper << 16;
      uint32_t distance = Code::kNear + 1;
      bool passes = false;
      if (below < code.middles.size() && code.middles[below] >> 16 == upper) {
        distance = 0x10004 - (code.middles[below] - first);
        // The last one of the negative numbers has nothing below it.
        passes = code_of<Signed>(below + 1, negative) != code_of<Signed>(below, negative);
        if (!passes) distance = Code::kNear + 1;
      }
      // Negative numbers have falling codes: their distance from 0, which does not, is kept below 0.
      int32_t kept = code_of<Signed>(below, negative);
      if (Signed && negative) kept = -kept;
      code.apart[(negative ? kSign >> 16 : 0) + upper] =
          (negative ? kSign : 0) + first - (static_cast<uint32_t>(kept) << 16) - distance;
      if (below < code.middles.size() && code.middles[below] >> 16 == upper) ++below;
    }
  }
  return code;
}

template <bool Signed>
const Code& code_with() {
  static const Code code = make_code<Signed>();
  return code;
}

/// The definition.
template <bool Signed>
uint8_t exact_code(const Code& code, float x, float divisor) {
  const uint32_t bits = bits_of(x / divisor);
  const bool negative = bits >= kSign;
  // A midpoint belongs to the lower entry, which is the outer one below zero.
  const uint32_t magnitude = (bits & kMagnitude) + (negative ? 1 : 0);
  const auto passed = std::lower_bound(code.middles.begin(), code.middles.end(), magnitude);
  const auto entries = static_cast<uint32_t>(passed - code.middles.begin());
  return static_cast<uint8_t>(code_of<Signed>(entries, negative));
}

/// The code in the upper half, and whether it may be another one in the lower half.
DESCENT_FN uint32_t apart(const Code& code, float x, float reciprocal) {
  const uint32_t bits = bits_of(x * reciprocal);
  return bits - code.apart[bits >> 16];
}
DESCENT_FN bool is_near(uint32_t apart) { return (apart & 0xffff) <= Code::kNear; }

template <bool Signed>
__attribute__((noinline)) void encode_near_ones(const Code& code, const float* from, uint8_t* to,
                                                float divisor, float reciprocal, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    if (is_near(apart(code, from[i], reciprocal)))
      to[i] = exact_code<Signed>(code, from[i], divisor);
}

/// Encodes a block whose absmax has no such reciprocal; whether it was one.
template <bool Signed>
bool encode_other(const Code& code, const float* from, uint8_t* to, float absmax, int64_t n) {
  if (absmax >= kLeastDivisor && absmax <= kLargestDivisor) return false;
  if (absmax == 0)
    std::fill_n(to, n, Signed ? zero_code(Kept::Signed8) : zero_code(Kept::Unsigned8));
  else
    for (int64_t i = 0; i < n; ++i) to[i] = exact_code<Signed>(code, from[i], absmax);
  return true;
}

template <bool Signed>
DESCENT_FN void encode_block(const Code& code, const float* from, uint8_t* to, float* absmax,
                             int64_t n) {
  // As whole numbers magnitudes have the same order, and what is not a number is the largest.
  int32_t largest = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto magnitude = static_cast<int32_t>(bits_of(from[i]) & kMagnitude);
    largest = magnitude > largest ? magnitude : largest;
  }
  const float divisor = *absmax = float_of(static_cast<uint32_t>(largest));
  if (encode_other<Signed>(code, from, to, divisor, n)) return;
  const float reciprocal = 1 / divisor;
  uint32_t bits[kCodeBlock], place[kCodeBlock];
  DESCENT_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    bits[i] = bits_of(from[i] * reciprocal);
    place[i] = bits[i] >> 16;
  }
  for (int64_t i = 0; i < n; ++i) bits[i] -= code.apart[place[i]];
  uint32_t near = 0;
  DESCENT_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    near |= is_near(bits[i]) ? 1u : 0u;
    const int32_t found = static_cast<int32_t>(bits[i]) >> 16;
    to[i] = static_cast<uint8_t>(Signed && found < 0 ? -found : found);
  }
  if (near != 0) encode_near_ones<Signed>(code, from, to, divisor, reciprocal, n);
}

template <bool Signed>
DESCENT_FN void encode_all(const float* from, uint8_t* to, float* absmax, int64_t n) {
  const Code& code = code_with<Signed>();
  int64_t i = 0;
  for (; i + kCodeBlock <= n; i += kCodeBlock)
    encode_block<Signed>(code, from + i, to + i, absmax++, kCodeBlock);
  if (i < n) encode_block<Signed>(code, from + i, to + i, absmax, n - i);
}
template <bool Signed>
DESCENT_FN void decode_all(const uint8_t* from, const float* absmax, float* to, int64_t n) {
  const float* const entries = code_with<Signed>().entries.data();
  for (int64_t block = 0; block < n; block += kCodeBlock) {
    const float scale = *absmax++;
    const int64_t end = std::min(block + kCodeBlock, n);
    DESCENT_INDEPENDENT
    for (int64_t i = block; i < end; ++i) to[i] = entries[from[i]] * scale;
  }
}

struct Loops {
  void (*decode)(const uint8_t*, const float*, float*, int64_t);
  void (*encode)(const float*, uint8_t*, float*, int64_t);
};

#define DESCENT_INSTANCE(suffix, attribute)                                                        \
  template <bool Signed>                                                                           \
  attribute void decode_##suffix(const uint8_t* from, const float* absmax, float* to, int64_t n) { \
    decode_all<Signed>(from, absmax, to, n);                                                       \
  }                                                                                                \
  template <bool Signed>                                                                           \
  attribute void encode_##suffix(const float* from, uint8_t* to, float* absmax, int64_t n) {       \
    encode_all<Signed>(from, to, absmax, n);                                                       \
  }                                                                                                \
  template <bool Signed>                                                                           \
  constexpr Loops loops_##suffix{&decode_##suffix<Signed>, &encode_##suffix<Signed>};
DESCENT_INSTANCE(baseline, )
#if DESCENT_X86
DESCENT_INSTANCE(v3, DESCENT_V3)
DESCENT_INSTANCE(v4, DESCENT_V4)

// With instructions by their names: compilers make neither look-ups of bytes in registers (VBMI) out
// of a table, nor, unless they tune for one processor, gathers.
#ifdef __clang__
#define DESCENT_VBMI __attribute__((target("arch=x86-64-v4,avx512vbmi"), noinline))
#else
#define DESCENT_VBMI \
  __attribute__((target("arch=x86-64-v4,avx512vbmi,prefer-vector-width=512"), noinline))
#endif

/// For each byte of a register in ascending order of elements, where it is after unpacking.
struct Order {
  alignas(64) std::array<uint8_t, 64> of_decode, of_encode;
};
constexpr Order kOrder = [] {
  Order order{};
  for (size_t i = 0; i < 64; ++i) {
    const size_t vector = i / 16, group = i / 4 % 4, one = i % 4;
    // Unpacking gives vector v the elements 4 v to 4 v + 3 of each lane of 16 bytes.
    order.of_decode[16 * group + 4 * vector + one] = static_cast<uint8_t>(i);
    // Packing puts those of vectors 0 and 1, in turn, ahead of those of 2 and 3 in each lane.
    order.of_encode[i] = static_cast<uint8_t>(16 * group + 8 * (vector / 2) + 2 * one + vector % 2);
  }
  return order;
}();

/// 64 codes as the four bytes of their entries, and these as floats.
template <bool Signed>
DESCENT_VBMI void decode_vbmi(const uint8_t* from, const float* absmax, float* to, int64_t n) {
  const Code& code = code_with<Signed>();
  const __m512i order = _mm512_load_si512(kOrder.of_decode.data());
  __m512i table[4][4];
  for (int k = 0; k < 4; ++k)
    for (int j = 0; j < (Signed ? 2 : 4); ++j)
      table[k][j] = _mm512_load_si512(code.bytes[static_cast<size_t>(k)].data() + 64 * j);
  int64_t i = 0;
  for (; i + kCodeBlock <= n; i += kCodeBlock, ++absmax) {
    const __m512 scale = _mm512_set1_ps(*absmax);
    for (int64_t at = i; at < i + kCodeBlock; at += 64) {
      const __m512i codes = _mm512_permutexvar_epi8(order, _mm512_loadu_si512(from + at));
      __m512i byte[4];
      if constexpr (Signed) {
        // Entry and sign; 1 alone is the 128th.
        const __m512i above = _mm512_sub_epi8(codes, _mm512_set1_epi8(127));
        const __m512i entry = _mm512_abs_epi8(above);
        const __mmask64 one = _mm512_movepi8_mask(entry);
        const __mmask64 negative =
            _mm512_mask_cmplt_epi8_mask(_knot_mask64(one), above, _mm512_setzero_si512());
        for (int k = 0; k < 4; ++k)
          byte[k] = _mm512_permutex2var_epi8(table[k][0], entry, table[k][1]);
        byte[2] = _mm512_mask_mov_epi8(byte[2], one, _mm512_set1_epi8(static_cast<char>(0x80)));
        byte[3] = _mm512_mask_mov_epi8(byte[3], one, _mm512_set1_epi8(0x3f));
        byte[3] = _mm512_mask_add_epi8(byte[3], negative, byte[3],
                                       _mm512_set1_epi8(static_cast<char>(0x80)));
      } else {
        const __mmask64 upper = _mm512_movepi8_mask(codes);
        for (int k = 0; k < 4; ++k)
          byte[k] = _mm512_mask_blend_epi8(
              upper, _mm512_permutex2var_epi8(table[k][0], codes, table[k][1]),
              _mm512_permutex2var_epi8(table[k][2], codes, table[k][3]));
      }
      const __m512i low = _mm512_unpacklo_epi8(byte[0], byte[1]);
      const __m512i high = _mm512_unpacklo_epi8(byte[2], byte[3]);
      const __m512i low_2 = _mm512_unpackhi_epi8(byte[0], byte[1]);
      const __m512i high_2 = _mm512_unpackhi_epi8(byte[2], byte[3]);
      const __m512i entry[4] = {_mm512_unpacklo_epi16(low, high), _mm512_unpackhi_epi16(low, high),
                                _mm512_unpacklo_epi16(low_2, high_2),
                                _mm512_unpackhi_epi16(low_2, high_2)};
      for (int k = 0; k < 4; ++k)
        _mm512_storeu_ps(to + at + 16 * k, _mm512_mul_ps(_mm512_castsi512_ps(entry[k]), scale));
    }
  }
  if (i < n) decode_v4<Signed>(from + i, absmax, to + i, n - i);
}

template <bool Signed>
DESCENT_VBMI void encode_vbmi(const float* from, uint8_t* to, float* absmax, int64_t n) {
  const Code& code = code_with<Signed>();
  const __m512i order = _mm512_load_si512(kOrder.of_encode.data());
  const __m512i magnitude = _mm512_set1_epi32(static_cast<int>(kMagnitude));
  int64_t i = 0;
  for (; i + kCodeBlock <= n; i += kCodeBlock, ++absmax) {
    __m512i largest[4] = {};
    for (int64_t at = i; at < i + kCodeBlock; at += 64)
      for (int k = 0; k < 4; ++k)
        largest[k] = _mm512_max_epi32(
            largest[k], _mm512_and_si512(magnitude, _mm512_loadu_si512(from + at + 16 * k)));
    const auto of_all = static_cast<uint32_t>(_mm512_reduce_max_epi32(_mm512_max_epi32(
        _mm512_max_epi32(largest[0], largest[1]), _mm512_max_epi32(largest[2], largest[3]))));
    const float divisor = *absmax = float_of(of_all);
    if (encode_other<Signed>(code, from + i, to + i, divisor, kCodeBlock)) continue;
    const float reciprocal = 1 / divisor;
    const __m512 factor = _mm512_set1_ps(reciprocal);
    for (int64_t at = i; at < i + kCodeBlock; at += 64) {
      __m512i found[4];
      for (int k = 0; k < 4; ++k) {
        const __m512i bits =
            _mm512_castps_si512(_mm512_mul_ps(_mm512_loadu_ps(from + at + 16 * k), factor));
        found[k] = _mm512_sub_epi32(
            bits, _mm512_i32gather_epi32(_mm512_srli_epi32(bits, 16), code.apart.data(), 4));
      }
      // The codes are the upper halves, two vectors of which share one.
      constexpr __mmask32 kUpper = 0xaaaaaaaa;
      __m512i first = _mm512_mask_mov_epi16(_mm512_srli_epi32(found[0], 16), kUpper, found[1]);
      __m512i second = _mm512_mask_mov_epi16(_mm512_srli_epi32(found[2], 16), kUpper, found[3]);
      if constexpr (Signed) {
        first = _mm512_abs_epi16(first);
        second = _mm512_abs_epi16(second);
      }
      _mm512_storeu_si512(to + at,
                          _mm512_permutexvar_epi8(order, _mm512_packus_epi16(first, second)));
      const __m512i least = _mm512_min_epu16(_mm512_min_epu16(found[0], found[1]),
                                             _mm512_min_epu16(found[2], found[3]));
      if (_mm512_mask_cmple_epu16_mask(~kUpper, least, _mm512_set1_epi16(Code::kNear)) != 0)
        encode_near_ones<Signed>(code, from + at, to + at, divisor, reciprocal, 64);
    }
  }
  if (i < n) encode_v4<Signed>(from + i, to + i, absmax, n - i);
}

template <bool Signed>
constexpr Loops loops_vbmi{&decode_vbmi<Signed>, &encode_vbmi<Signed>};
#endif
#undef DESCENT_INSTANCE

template <bool Signed>
const Loops& loops_of([[maybe_unused]] CodeLoops loops) {
#if DESCENT_X86
  if (loops == CodeLoops::V3) return loops_v3<Signed>;
  if (loops == CodeLoops::V4) return loops_v4<Signed>;
  if (loops == CodeLoops::Vbmi) return loops_vbmi<Signed>;
#endif
  return loops_baseline<Signed>;
}
const Loops& loops_of(Kept kept, CodeLoops loops) {
  return kept == Kept::Signed8 ? loops_of<true>(loops) : loops_of<false>(loops);
}

/// VBMI, and FP16 for its processors: gathers are quick on all of them. Those of earlier ones were
/// made slow against attacks, or always were.
bool has_vbmi() {
#if DESCENT_X86
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & 1u << 1) != 0 && (d & 1u << 23) != 0;
#else
  return false;
#endif
}

}  // namespace

bool supported(CodeLoops loops) {
  switch (loops) {
    case CodeLoops::V3:
      return descent::supported(Pass::V3);
    case CodeLoops::V4:
      return descent::supported(Pass::V4);
    case CodeLoops::Vbmi:
      return descent::supported(Pass::V4) && has_vbmi();
    default:
      return true;
  }
}

CodeLoops code_loops(Isa isa) {
  static const bool vbmi = supported(CodeLoops::Vbmi);
  if (isa == Isa::V4) return vbmi ? CodeLoops::Vbmi : CodeLoops::V4;
  return isa == Isa::V3 ? CodeLoops::V3 : CodeLoops::Baseline;
}

const std::array<float, 256>& codes(Kept kept) {
  return kept == Kept::Signed8 ? code_with<true>().entries : code_with<false>().entries;
}
void decode(Kept kept, CodeLoops loops, const uint8_t* from, const float* absmax, float* to,
            int64_t n) {
  loops_of(kept, loops).decode(from, absmax, to, n);
}
void encode(Kept kept, CodeLoops loops, const float* from, uint8_t* to, float* absmax, int64_t n) {
  loops_of(kept, loops).encode(from, to, absmax, n);
}

}  // namespace descent::engine

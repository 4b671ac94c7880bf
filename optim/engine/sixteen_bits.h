#pragma once
// Numbers of 16 bits: widened to float, and rounded to the nearest (ties to even) or so that nothing is
// lost. The loops and the kernels for CUDA have the same bits.
#include <bit>
#include <cstdint>

#include <descent/base/fields.h>

namespace descent::engine {

DESCENT_FN float float_of(uint32_t bits) { return std::bit_cast<float>(bits); }
DESCENT_FN uint32_t bits_of(float x) { return std::bit_cast<uint32_t>(x); }

struct BFloat16Format {
  DESCENT_FN static float widen(uint16_t h) { return float_of(uint32_t{h} << 16); }
  DESCENT_FN static uint16_t round(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    uint16_t nearest = 0;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(nearest) : "f"(x));
    return x != x ? uint16_t{0x7fc0} : nearest;
#else
    const uint32_t u = bits_of(x);
    const uint32_t nearest = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    return static_cast<uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : nearest);
#endif
  }
};

/// IEEE binary16 in integer operations and one multiplication, so that every instruction set
/// vectorises it.
struct HalfFormat {
  DESCENT_FN static float widen(uint16_t h) {
#if defined(__CUDA_ARCH__)
    float x = 0;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h));
    return x;
#else
    const uint32_t magnitude = uint32_t{h} & 0x7fffu;
    const uint32_t sign = (uint32_t{h} & 0x8000u) << 16;
    // Exponent bias 15 becomes 127 by a factor of 2^112, which also normalises subnormal halves
    // exactly.
    const uint32_t finite = bits_of(float_of(magnitude << 13) * float_of((127u + 112u) << 23));
    const uint32_t special = 0x7f800000u | (magnitude << 13);
    return float_of((magnitude >= 0x7c00u ? special : finite) | sign);
#endif
  }
  DESCENT_FN static uint16_t round(float x) {
    const uint32_t u = bits_of(x);
    const uint32_t sign = (u >> 16) & 0x8000u;
#if defined(__CUDA_ARCH__)
    uint16_t nearest = 0;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(nearest) : "f"(x));
    return x != x ? static_cast<uint16_t>(0x7e00u | sign) : nearest;
#else
    const uint32_t magnitude = u & 0x7fffffffu;
    // Below 2^-14 the result is subnormal: adding 0.5 lets the float adder round at the right
    // place.
    const uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
    const uint32_t normal = (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - (112u << 23)) >> 13;
    const uint32_t large = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
    const uint32_t small = magnitude < (113u << 23) ? subnormal : normal;
    // 65520 = 0x477ff000 is the first float that rounds to infinity.
    return static_cast<uint16_t>((magnitude >= 0x477ff000u ? large : small) | sign);
#endif
  }
};

/// A float as the nearest bfloat16, ties away from zero, and its lower 16 bits.
struct SplitFloat {
  uint16_t upper, lower;
};
DESCENT_FN SplitFloat split(float x) {
  const uint32_t u = bits_of(x);
  const bool no_number = (u & 0x7fffffffu) > 0x7f800000u;
  const uint32_t low = no_number ? 0u : u & 0xffffu;
  return {static_cast<uint16_t>(no_number ? (u >> 16) | 0x40u : (u >> 16) + (low >> 15)),
          static_cast<uint16_t>(low)};
}
DESCENT_FN float join(uint16_t upper, uint16_t lower) {
  const uint32_t low = lower;
  return float_of(((uint32_t{upper} - (low >> 15)) << 16) | low);
}

/// To bfloat16, up or down by 16 random bits.
DESCENT_FN uint16_t round_by(float x, uint32_t noise) {
  const uint32_t u = bits_of(x);
  const bool special = (u & 0x7f800000u) == 0x7f800000u;
  const uint32_t chosen = (u + noise) >> 16, nearest = BFloat16Format::round(x);
  return static_cast<uint16_t>(special ? nearest : chosen);
}

/// Kahan's sum: a number of 16 bits that is moved from `before` to `wanted`, and what is left of that.
struct Compensated {
  uint16_t to, error;
};
template <class Format>
DESCENT_FN Compensated compensated(float before, float wanted, uint16_t error) {
  const float move = Format::widen(Format::round(Format::widen(error) + (wanted - before)));
  const uint16_t to = Format::round(before + move);
  return {to, Format::round(move + (before - Format::widen(to)))};
}

}  // namespace descent::engine

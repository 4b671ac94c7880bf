#pragma once
// The formats of launch.h: `Number` is what a step computes in, `Memory` parameter and gradient,
// `Buffer` what a buffer holds.
#include <descent/optim/engine/cuda/launch.h>
#include <descent/optim/engine/sixteen_bits.h>

namespace descent::engine::cuda {

template <class T>
struct Plain {
  using Number = T;
  using Memory = T;
  using Buffer = T;
  DESCENT_FN static T widen(T x) { return x; }
  DESCENT_FN static T round(T x) { return x; }
  DESCENT_FN static T widen_buffer(T x) { return x; }
  DESCENT_FN static T round_buffer(T x) { return x; }
};

/// All in 16 bits.
template <class Bits>
struct Short {
  using Number = float;
  using Memory = uint16_t;
  using Buffer = uint16_t;
  DESCENT_FN static float widen(uint16_t x) { return Bits::widen(x); }
  DESCENT_FN static uint16_t round(float x) { return Bits::round(x); }
  DESCENT_FN static float widen_buffer(uint16_t x) { return Bits::widen(x); }
  DESCENT_FN static uint16_t round_buffer(float x) { return Bits::round(x); }
};

/// Parameter and gradient in 16 bits, buffers in float.
template <class Bits>
struct ShortFloatState : Short<Bits> {
  using Buffer = float;
  DESCENT_FN static float widen_buffer(float x) { return x; }
  DESCENT_FN static float round_buffer(float x) { return x; }
};

/// Each number as a Layout of low_precision.h says, see mixed.h.
struct Mixed {
  using Number = float;
};

/// In the order of Format.
using Formats = std::tuple<Plain<float>, Plain<double>, Short<BFloat16Format>, Short<HalfFormat>,
                           ShortFloatState<BFloat16Format>, ShortFloatState<HalfFormat>, Mixed>;
static_assert(std::tuple_size_v<Formats> == kFormats);

}  // namespace descent::engine::cuda

#include <algorithm>

#include <descent/optim/engine/instruction_sets.h>
#include <descent/optim/engine/low_precision.h>
#include <descent/optim/engine/sixteen_bits.h>

namespace descent::engine {
namespace {

template <class Format>
DESCENT_FN void widen_all(const uint16_t* from, float* to, int64_t n) {
  DESCENT_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) to[i] = Format::widen(from[i]);
}
template <class Format>
DESCENT_FN void round_all(const float* from, uint16_t* to, int64_t n) {
  DESCENT_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) to[i] = Format::round(from[i]);
}

#define DESCENT_INSTANCE(suffix, attribute)                                   \
  template <class Format>                                                     \
  attribute void widen_##suffix(const uint16_t* from, float* to, int64_t n) { \
    widen_all<Format>(from, to, n);                                           \
  }                                                                           \
  template <class Format>                                                     \
  attribute void round_##suffix(const float* from, uint16_t* to, int64_t n) { \
    round_all<Format>(from, to, n);                                           \
  }
DESCENT_INSTANCE(baseline, )
#if DESCENT_X86
DESCENT_INSTANCE(v3, DESCENT_V3)
DESCENT_INSTANCE(v4, DESCENT_V4)
#endif
#undef DESCENT_INSTANCE

struct Conversion {
  void (*widen)(const uint16_t*, float*, int64_t);
  void (*round)(const float*, uint16_t*, int64_t);
};

template <class Format>
Conversion conversion(Isa isa) {
#if DESCENT_X86
  if (isa == Isa::V3) return {&widen_v3<Format>, &round_v3<Format>};
  if (isa == Isa::V4) return {&widen_v4<Format>, &round_v4<Format>};
#endif
  return {&widen_baseline<Format>, &round_baseline<Format>};
}

Conversion conversion(NumberType type, Isa isa) {
  return type == NumberType::BFloat16 ? conversion<BFloat16Format>(isa)
                                      : conversion<HalfFormat>(isa);
}

uint16_t* at(void* base, int64_t i) { return static_cast<uint16_t*>(base) + i; }
const uint16_t* at(const void* base, int64_t i) { return static_cast<const uint16_t*>(base) + i; }

/// Calls `kernel` on float copies of `Tile` elements at a time.
template <int64_t Tile, class Kernel>
void in_tiles(const Conversion& convert, const Span& span, bool writes_parameter, Kernel kernel) {
  alignas(64) float p[Tile], g[Tile], s[kMaxBuffers][Tile];
  for (int64_t i = 0; i < span.n; i += Tile) {
    const int64_t n = std::min(Tile, span.n - i);
    Span tile{p, g, {}, n};
    convert.widen(at(span.p, i), p, n);
    convert.widen(at(span.g, i), g, n);
    for (int b = 0; b < kMaxBuffers; ++b) {
      if (span.s[b] == nullptr) continue;
      tile.s[b] = s[b];
      convert.widen(at(span.s[b], i), s[b], n);
    }
    kernel(tile);
    if (writes_parameter) convert.round(p, at(span.p, i), n);
    for (int b = 0; b < kMaxBuffers; ++b)
      if (span.s[b] != nullptr) convert.round(s[b], at(span.s[b], i), n);
  }
}

constexpr int64_t kTile = 512;  // elements: all of a tile's numbers stay in the first cache

}  // namespace

void sweep_short(NumberType type, Isa isa, const Kernels& kernels, const Span& span,
                 const void* k) {
  in_tiles<kTile>(conversion(type, isa), span, true,
                  [&](const Span& tile) { kernels.sweep(tile, k); });
}

void measure_short(NumberType type, Isa isa, const Kernels& kernels, const Span& span,
                   const void* k, double* sums) {
  sums[0] = sums[1] = 0;
  in_tiles<kBlock>(conversion(type, isa), span, false, [&](const Span& tile) {
    double block[2];
    kernels.measure(tile, k, block);
    sums[0] += block[0];
    sums[1] += block[1];
  });
}

void apply_short(NumberType type, Isa isa, const Kernels& kernels, const Span& span, const void* k,
                 double trust) {
  in_tiles<kTile>(conversion(type, isa), span, true,
                  [&](const Span& tile) { kernels.apply(tile, k, trust); });
}

void widen(NumberType type, Isa isa, const uint16_t* from, float* to, int64_t n) {
  conversion(type, isa).widen(from, to, n);
}
void round(NumberType type, Isa isa, const float* from, uint16_t* to, int64_t n) {
  conversion(type, isa).round(from, to, n);
}

}  // namespace descent::engine

#include <algorithm>

#include <descent/optim/engine/codes.h>
#include <descent/optim/engine/instruction_sets.h>
#include <descent/optim/engine/low_precision.h>
#include <descent/optim/engine/sixteen_bits.h>
#include <descent/optim/pieces/philox.h>

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

DESCENT_FN void split_all(const float* from, uint16_t* upper, uint16_t* lower, int64_t n) {
  DESCENT_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    const SplitFloat x = split(from[i]);
    lower[i] = x.lower;
    upper[i] = x.upper;
  }
}
DESCENT_FN void join_all(const uint16_t* upper, const uint16_t* lower, float* to, int64_t n) {
  DESCENT_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) to[i] = join(upper[i], lower[i]);
}

constexpr int64_t kTile = 256;  // elements: all of a tile's numbers stay in the first cache

DESCENT_FN void round_by_chance_all(const float* from, uint16_t* to, const Draw& draw,
                                    int64_t first, int64_t n) {
  constexpr int64_t kDraws = kTile / 8;
  for (int64_t tile = 0; tile < n; tile += kTile) {
    const int64_t count = std::min(kTile, n - tile);
    const auto block = static_cast<uint64_t>((first + tile) / 8);
    uint32_t c0[kDraws], c1[kDraws], c2[kDraws], c3[kDraws], words[4 * kDraws];
    DESCENT_INDEPENDENT
    for (int64_t b = 0; b < kDraws; ++b) {
      const uint64_t at = block + static_cast<uint64_t>(b);
      c0[b] = static_cast<uint32_t>(at);
      c1[b] = static_cast<uint32_t>(at >> 32);
      c2[b] = draw.position;
      c3[b] = draw.step;
    }
    rules::for_each_philox_key(
        draw.seed, [&](uint32_t low, uint32_t high) __attribute__((always_inline)) {
          DESCENT_INDEPENDENT
          for (int64_t b = 0; b < kDraws; ++b)
            rules::philox_round(c0[b], c1[b], c2[b], c3[b], low, high);
        });
    DESCENT_INDEPENDENT
    for (int64_t b = 0; b < kDraws; ++b) {
      words[4 * b] = c0[b];
      words[4 * b + 1] = c1[b];
      words[4 * b + 2] = c2[b];
      words[4 * b + 3] = c3[b];
    }
    uint16_t noise[kTile];
    DESCENT_INDEPENDENT
    for (int64_t w = 0; w < 4 * kDraws; ++w) {
      noise[2 * w] = static_cast<uint16_t>(words[w]);
      noise[2 * w + 1] = static_cast<uint16_t>(words[w] >> 16);
    }
    DESCENT_INDEPENDENT
    for (int64_t i = 0; i < count; ++i) to[tile + i] = round_by(from[tile + i], noise[i]);
  }
}

template <class Format>
DESCENT_FN void compensate_all(const float* from, uint16_t* to, uint16_t* error, int64_t n) {
  DESCENT_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    const Compensated x = compensated<Format>(Format::widen(to[i]), from[i], error[i]);
    error[i] = x.error;
    to[i] = x.to;
  }
}

/// What one instruction set does with these numbers.
struct Conversions {
  struct Short {
    void (*widen)(const uint16_t*, float*, int64_t);
    void (*round)(const float*, uint16_t*, int64_t);
    void (*compensate)(const float*, uint16_t*, uint16_t*, int64_t);
  };
  std::array<Short, 2> of_16_bits;  ///< bfloat16, half
  void (*split)(const float*, uint16_t*, uint16_t*, int64_t);
  void (*join)(const uint16_t*, const uint16_t*, float*, int64_t);
  void (*round_by_chance)(const float*, uint16_t*, const Draw&, int64_t, int64_t);

  const Short& of(NumberType type) const { return of_16_bits[type == NumberType::Half]; }
};

#define DESCENT_INSTANCE(suffix, attribute)                                                       \
  template <class Format>                                                                         \
  attribute void widen_##suffix(const uint16_t* from, float* to, int64_t n) {                     \
    widen_all<Format>(from, to, n);                                                               \
  }                                                                                               \
  template <class Format>                                                                         \
  attribute void round_##suffix(const float* from, uint16_t* to, int64_t n) {                     \
    round_all<Format>(from, to, n);                                                               \
  }                                                                                               \
  template <class Format>                                                                         \
  attribute void compensate_##suffix(const float* from, uint16_t* to, uint16_t* error,            \
                                     int64_t n) {                                                 \
    compensate_all<Format>(from, to, error, n);                                                   \
  }                                                                                               \
  attribute void split_##suffix(const float* from, uint16_t* upper, uint16_t* lower, int64_t n) { \
    split_all(from, upper, lower, n);                                                             \
  }                                                                                               \
  attribute void join_##suffix(const uint16_t* upper, const uint16_t* lower, float* to,           \
                               int64_t n) {                                                       \
    join_all(upper, lower, to, n);                                                                \
  }                                                                                               \
  attribute void round_by_chance_##suffix(const float* from, uint16_t* to, const Draw& draw,      \
                                          int64_t first, int64_t n) {                             \
    round_by_chance_all(from, to, draw, first, n);                                                \
  }                                                                                               \
  template <class Format>                                                                         \
  constexpr Conversions::Short short_##suffix{&widen_##suffix<Format>, &round_##suffix<Format>,   \
                                              &compensate_##suffix<Format>};                      \
  constexpr Conversions conversions_##suffix{                                                     \
      {short_##suffix<BFloat16Format>, short_##suffix<HalfFormat>},                               \
      &split_##suffix,                                                                            \
      &join_##suffix,                                                                             \
      &round_by_chance_##suffix};
DESCENT_INSTANCE(baseline, )
#if DESCENT_X86
DESCENT_INSTANCE(v3, DESCENT_V3)
DESCENT_INSTANCE(v4, DESCENT_V4)
#endif
#undef DESCENT_INSTANCE

const Conversions& conversions([[maybe_unused]] Isa isa) {
#if DESCENT_X86
  if (isa == Isa::V3) return conversions_v3;
  if (isa == Isa::V4) return conversions_v4;
#endif
  return conversions_baseline;
}
const Conversions::Short& conversion(NumberType type, Isa isa) { return conversions(isa).of(type); }

uint16_t* at(void* base, int64_t i) { return static_cast<uint16_t*>(base) + i; }
const uint16_t* at(const void* base, int64_t i) { return static_cast<const uint16_t*>(base) + i; }
float* float_at(void* base, int64_t i) { return static_cast<float*>(base) + i; }

/// Asks for n bytes of memory, which a later tile reads while this one is computed.
inline __attribute__((always_inline)) void fetch(const void* base, int64_t first, int64_t n) {
  const char* const start = static_cast<const char*>(base) + first;
  for (int64_t line = 0; line < n; line += 64) __builtin_prefetch(start + line);
}

/// Calls `kernel` on float copies of `Tile` elements at a time.
template <int64_t Tile, class Kernel>
void in_tiles(const Conversions::Short& convert, const Span& span, bool writes_parameter,
              Kernel kernel) {
  alignas(64) float p[Tile], g[Tile], s[kMaxBuffers][Tile];
  for (int64_t i = 0; i < span.n; i += Tile) {
    const int64_t n = std::min(Tile, span.n - i);
    Span tile{p, g, {}, n};
    if (span.is_far && i + 2 * Tile <= span.n) {
      fetch(span.p, 2 * (i + Tile), 2 * Tile);
      fetch(span.g, 2 * (i + Tile), 2 * Tile);
      for (const void* const buffer : span.s)
        if (buffer != nullptr) fetch(buffer, 2 * (i + Tile), 2 * Tile);
    }
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

/// A tile's numbers in float. What lies in memory as float is stepped there, unless it must not
/// change.
template <int64_t Tile>
class WideTile {
 public:
  WideTile(const Layout& x, Isa isa) : x_(x), convert_(conversions(isa)), loops_(code_loops(isa)) {}

  Span load(int64_t i, int64_t n, bool may_write_state) {
    const bool is_short = has_16_bits(x_.type);
    ahead_ = x_.whole.is_far && i + 2 * Tile <= x_.whole.n ? i + Tile : 0;
    ask(x_.whole.g, is_short ? 2 : 4);
    Span tile{p_, g_, {}, n};
    if (is_short)
      convert_.of(x_.type).widen(at(x_.whole.g, i), g_, n);
    else
      tile.g = static_cast<const float*>(x_.whole.g) + i;
    if (!is_short)
      tile.p = float_at(x_.whole.p, i);
    else if (x_.master == Master::Float32)
      tile.p = float_at(x_.beside, i);
    else if (x_.master == Master::Remainder)
      convert_.join(at(x_.whole.p, i), at(x_.beside, i), p_, n);
    else
      convert_.of(x_.type).widen(at(x_.whole.p, i), p_, n);
    for (size_t b = 0; b < kMaxBuffers; ++b) {
      void* const from = x_.whole.s[b];
      if (from == nullptr) continue;
      tile.s[b] = s_[b];
      switch (x_.kept[b]) {
        case Kept::AsParameter:
        case Kept::Float:
          if (is_short && x_.kept[b] == Kept::AsParameter)
            convert_.of(x_.type).widen(at(from, i), s_[b], n);
          else if (may_write_state)
            tile.s[b] = float_at(from, i);
          else
            std::copy_n(float_at(from, i), n, s_[b]);
          break;
        case Kept::Signed8:
        case Kept::Unsigned8:
          decode(x_.kept[b], loops_, static_cast<const uint8_t*>(from) + i,
                 x_.absmax[b] + i / kCodeBlock, s_[b], n);
      }
    }
    return tile;
  }

  void store_parameter(const Span& tile, int64_t i) const {
    const bool is_short = has_16_bits(x_.type);
    if (x_.master != Master::Float32) ask(x_.whole.p, is_short ? 2 : 4);
    if (x_.master != Master::None) ask(x_.beside, x_.master == Master::Float32 ? 4 : 2);
    if (!is_short) return;
    const auto* const p = static_cast<const float*>(tile.p);
    uint16_t* const to = at(x_.whole.p, i);
    if (x_.master == Master::Remainder)
      convert_.split(p, to, at(x_.beside, i), tile.n);
    else if (x_.master == Master::Kahan)
      convert_.of(x_.type).compensate(p, to, at(x_.beside, i), tile.n);
    else if (x_.by_chance)
      convert_.round_by_chance(p, to, x_.draw, i, tile.n);
    else
      convert_.of(x_.type).round(p, to, tile.n);
  }

  void store_state(const Span& tile, int64_t i) const {
    for (size_t b = 0; b < kMaxBuffers; ++b) {
      void* const to = x_.whole.s[b];
      if (to == nullptr) continue;
      const bool is_short = has_16_bits(x_.type) && x_.kept[b] == Kept::AsParameter;
      ask(to, has_codes(x_.kept[b]) ? 1 : is_short ? 2 : 4);
      const auto* const from = static_cast<const float*>(tile.s[b]);
      if (has_codes(x_.kept[b]))
        encode(x_.kept[b], loops_, from, static_cast<uint8_t*>(to) + i,
               x_.absmax[b] + i / kCodeBlock, tile.n);
      else if (is_short)
        convert_.of(x_.type).round(from, at(to, i), tile.n);
    }
    if (x_.subtracted) keep_above(*x_.subtracted, i, tile.n);
  }

 private:
  void keep_above(const Subtracted& pair, int64_t i, int64_t n) const {
    const auto bytes = [&](size_t b) { return static_cast<uint8_t*>(x_.whole.s[b]) + i; };
    const auto absmax = [&](size_t b) { return x_.absmax[b] + i / kCodeBlock; };
    keep_above_means(bytes(pair.means), absmax(pair.means), bytes(pair.squares),
                     absmax(pair.squares), n);
  }

  /// Asks for the next tile of a kind of numbers. Each kind has a time of its own, because a
  /// processor waits where it has more requests than it can keep under way.
  void ask(const void* base, int64_t size) const {
    if (ahead_ != 0) fetch(base, size * ahead_, size * Tile);
  }

  const Layout& x_;
  const Conversions& convert_;
  const CodeLoops loops_;
  int64_t ahead_ = 0;  ///< where the tile begins that is asked for; 0: none
  alignas(64) float p_[Tile], g_[Tile], s_[kMaxBuffers][Tile];
};

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

void sweep_layout(const Layout& x, Isa isa, const Kernels& kernels, int64_t first, int64_t n,
                  const void* k) {
  WideTile<kTile> wide(x, isa);
  for (int64_t i = first; i < first + n; i += kTile) {
    const Span tile = wide.load(i, std::min(kTile, first + n - i), true);
    kernels.sweep(tile, k);
    wide.store_parameter(tile, i);
    wide.store_state(tile, i);
  }
}

void measure_layout(const Layout& x, Isa isa, const Kernels& kernels, int64_t first, int64_t n,
                    const void* k, double* sums) {
  WideTile<kBlock> wide(x, isa);
  sums[0] = sums[1] = 0;
  for (int64_t i = first; i < first + n; i += kBlock) {
    const Span tile = wide.load(i, std::min(kBlock, first + n - i), !x.coded);
    double block[2];
    kernels.measure(tile, k, block);
    sums[0] += block[0];
    sums[1] += block[1];
    if (!x.coded) wide.store_state(tile, i);
  }
}

void apply_layout(const Layout& x, Isa isa, const Kernels& kernels, int64_t first, int64_t n,
                  const void* k, double trust) {
  WideTile<kTile> wide(x, isa);
  for (int64_t i = first; i < first + n; i += kTile) {
    const Span tile = wide.load(i, std::min(kTile, first + n - i), true);
    double unused[2];
    if (x.coded) kernels.measure(tile, k, unused);
    kernels.apply(tile, k, trust);
    wide.store_parameter(tile, i);
    wide.store_state(tile, i);
  }
}

void widen(NumberType type, Isa isa, const uint16_t* from, float* to, int64_t n) {
  conversion(type, isa).widen(from, to, n);
}
void round(NumberType type, Isa isa, const float* from, uint16_t* to, int64_t n) {
  conversion(type, isa).round(from, to, n);
}
void decode(Kept kept, Isa isa, const uint8_t* from, const float* absmax, float* to, int64_t n) {
  decode(kept, code_loops(isa), from, absmax, to, n);
}
void encode(Kept kept, Isa isa, const float* from, uint8_t* to, float* absmax, int64_t n) {
  encode(kept, code_loops(isa), from, to, absmax, n);
}
void keep_above_means(const uint8_t* means, const float* absmax_of_means, uint8_t* squares,
                      const float* absmax_of_squares, int64_t n) {
  const auto &of_means = codes(Kept::Signed8), &of_squares = codes(Kept::Unsigned8);
  for (int64_t i = 0; i < n; ++i) {
    const float mean = of_means[means[i]] * absmax_of_means[i / kCodeBlock];
    const float absmax = absmax_of_squares[i / kCodeBlock], least = mean * mean;
    while (squares[i] < 255 && of_squares[squares[i]] * absmax < least) ++squares[i];
  }
}
void split(Isa isa, const float* from, uint16_t* upper, uint16_t* lower, int64_t n) {
  conversions(isa).split(from, upper, lower, n);
}
void join(Isa isa, const uint16_t* upper, const uint16_t* lower, float* to, int64_t n) {
  conversions(isa).join(upper, lower, to, n);
}
void round_by_chance(Isa isa, const float* from, uint16_t* to, const Draw& draw, int64_t first,
                     int64_t n) {
  conversions(isa).round_by_chance(from, to, draw, first, n);
}
void compensate(NumberType type, Isa isa, const float* from, uint16_t* to, uint16_t* error,
                int64_t n) {
  conversion(type, isa).compensate(from, to, error, n);
}

}  // namespace descent::engine

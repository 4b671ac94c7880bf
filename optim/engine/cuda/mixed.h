#pragma once
// The kernels of kernels.h where a parameter's numbers are not all of one type, or not as they are
// computed in: a Layout of low_precision.h. A thread takes eight neighbours, so that a warp takes a
// block that shares an absmax, and a thread the bits of one draw.
#include <descent/optim/engine/agreed_decay.h>
#include <descent/optim/engine/code_table.h>
#include <descent/optim/engine/cuda/kernels.h>
#include <descent/optim/engine/low_precision.h>
#include <descent/optim/pieces/philox.h>

namespace descent::engine::cuda {

static_assert(kVector<Mixed> * kWarp == kCodeBlock);

/// What the kernels look up of 8 bits.
struct CodeTable {
  /// The upper bits of the least magnitude that is looked up, which the first midpoint is above. Those
  /// of 1 are the last ones.
  static constexpr uint32_t kFirst = 0x3400, kLast = 0x3f80;

  std::array<float, 256> entries{};
  std::array<uint32_t, 257>
      middles{};  ///< the bits of the midpoints from 0 up, then ones above all
  /// How many midpoints lie below what has these upper 16 bits, among which is one more at most.
  std::array<uint8_t, kLast - kFirst + 1> passed{};
};

constexpr CodeTable make_code_table(bool with_sign) {
  CodeTable table;
  table.entries = make_entries(with_sign);
  table.middles.fill(UINT32_MAX);
  const std::size_t zero = with_sign ? 127 : 0;
  for (std::size_t i = zero; i + 1 < table.entries.size(); ++i)
    table.middles[i - zero] =
        std::bit_cast<uint32_t>((table.entries[i] + table.entries[i + 1]) / 2);
  uint8_t passed = 0;
  for (std::size_t i = 0; i < table.passed.size(); ++i) {
    table.passed[i] = passed;
    const auto upper = CodeTable::kFirst + static_cast<uint32_t>(i);
    if (table.middles[passed] >> 16 == upper) ++passed;
  }
  return table;
}

// A function for device code can read no array that is only constexpr.
[[maybe_unused]] static __device__ const CodeTable kWithSign = make_code_table(true);
[[maybe_unused]] static __device__ const CodeTable kWithoutSign = make_code_table(false);

inline __device__ const CodeTable& code_table(bool with_sign) {
  return with_sign ? kWithSign : kWithoutSign;
}

/// The byte of the entry nearest to x, of two that are equally near the lower one. That of what is no
/// number is 0, as infinity divided by itself has it on x86.
inline __device__ uint8_t nearest_code(const CodeTable& table, bool with_sign, float x) {
  const uint32_t bits = bits_of(x), magnitude = bits & 0x7fffffffu, upper = magnitude >> 16;
  const bool negative = bits != magnitude;
  if (upper > CodeTable::kLast || (negative && !with_sign)) return 0;
  uint32_t entries = table.passed[upper < CodeTable::kFirst ? 0 : upper - CodeTable::kFirst];
  if (table.middles[entries] < magnitude + (negative ? 1 : 0)) ++entries;
  if (!with_sign) return static_cast<uint8_t>(entries);
  return static_cast<uint8_t>(!negative ? 127 + entries : entries < 127 ? 127 - entries : 0);
}

/// The largest of a warp's numbers; every thread of it has to ask.
inline __device__ uint32_t largest_of_warp(uint32_t x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  return __reduce_max_sync(0xffffffffu, x);
#elif defined(__CUDACC__)
#pragma unroll
  for (int apart = kWarp / 2; apart > 0; apart /= 2) {
    const uint32_t other = __shfl_xor_sync(0xffffffffu, x, apart);
    x = other > x ? other : x;
  }
  return x;
#else
  return emulated::largest_of_warp(x);
#endif
}

/// V neighbours as they lie in memory, which E, an unsigned type, has the size of.
template <int V>
struct Raw {
  alignas(16) uint32_t words[V];

  template <class E>
  __device__ E get(int e) const {
    constexpr int kEach = 4 / sizeof(E);
    return static_cast<E>(words[e / kEach] >> (8 * static_cast<int>(sizeof(E)) * (e % kEach)));
  }
  template <class E>
  __device__ void set(int e, E x) {
    constexpr int kEach = 4 / sizeof(E);
    const uint32_t there = e % kEach == 0 ? 0 : words[e / kEach];
    words[e / kEach] = there | uint32_t{x} << (8 * static_cast<int>(sizeof(E)) * (e % kEach));
  }

  /// All from element i on at once, if they are `whole`, or else the first `count`.
  template <class E>
  __device__ void fetch(const void* place, int64_t i, bool whole, int count) {
    constexpr int kBytes = sizeof(E) * V;
    const E* const from = static_cast<const E*>(place) + i;
    if (!whole) {
#pragma unroll
      for (int e = 0; e < V; ++e) set<E>(e, e < count ? from[e] : E{});
    } else if constexpr (kBytes == 4) {
      words[0] = *reinterpret_cast<const uint32_t*>(from);
    } else if constexpr (kBytes == 8) {
      *reinterpret_cast<uint2*>(words) = *reinterpret_cast<const uint2*>(from);
    } else {
#pragma unroll
      for (int w = 0; w < kBytes / 16; ++w)
        reinterpret_cast<uint4*>(words)[w] = reinterpret_cast<const uint4*>(from)[w];
    }
  }
  template <class E>
  __device__ void put(void* place, int64_t i, bool whole, int count) const {
    constexpr int kBytes = sizeof(E) * V;
    E* const to = static_cast<E*>(place) + i;
    if (!whole) {
#pragma unroll
      for (int e = 0; e < V; ++e)
        if (e < count) to[e] = get<E>(e);
    } else if constexpr (kBytes == 4) {
      *reinterpret_cast<uint32_t*>(to) = words[0];
    } else if constexpr (kBytes == 8) {
      store_words(reinterpret_cast<uint2*>(to), uint2{words[0], words[1]});
    } else {
#pragma unroll
      for (int w = 0; w < kBytes / 4; w += 4)
        store_words(reinterpret_cast<uint4*>(to) + w / 4,
                    uint4{words[w], words[w + 1], words[w + 2], words[w + 3]});
    }
  }

  /// Of float, or of 16 bits.
  __device__ void fetch(NumberType type, const void* place, int64_t i, bool whole, int count) {
    if (type == NumberType::Float)
      fetch<uint32_t>(place, i, whole, count);
    else
      fetch<uint16_t>(place, i, whole, count);
  }
  __device__ void widen(NumberType type, float* to) const {
    if (type == NumberType::Float) {
#pragma unroll
      for (int e = 0; e < V; ++e) to[e] = float_of(words[e]);
    } else if (type == NumberType::BFloat16) {
#pragma unroll
      for (int e = 0; e < V; ++e) to[e] = BFloat16Format::widen(get<uint16_t>(e));
    } else {
#pragma unroll
      for (int e = 0; e < V; ++e) to[e] = HalfFormat::widen(get<uint16_t>(e));
    }
  }
  /// Rounds to the nearest.
  __device__ void round(NumberType type, const float* from) {
    if (type == NumberType::Float) {
#pragma unroll
      for (int e = 0; e < V; ++e) words[e] = bits_of(from[e]);
    } else if (type == NumberType::BFloat16) {
#pragma unroll
      for (int e = 0; e < V; ++e) set<uint16_t>(e, BFloat16Format::round(from[e]));
    } else {
#pragma unroll
      for (int e = 0; e < V; ++e) set<uint16_t>(e, HalfFormat::round(from[e]));
    }
  }
};

/// V neighbours from element i on, of which `count` are the parameter's.
template <int V, int InUse>
struct MixedNeighbours {
  const MixedListed<2 + InUse>& item;
  int64_t i;
  int count;
  bool whole;  ///< they may be read and written at once
  Raw<V> p, g, beside, s[InUse == 0 ? 1 : InUse];

  __device__ MixedNeighbours(const MixedListed<2 + InUse>& of, int64_t first, int64_t left)
      : item(of),
        i(first),
        count(left >= V  ? V
              : left > 0 ? static_cast<int>(left)
                         : 0),
        whole(item.aligned && count == V) {}

  __device__ NumberType type_of_state(int slot) const {
    return (item.lies.in_float >> slot & 1) != 0 ? NumberType::Float : item.lies.type;
  }
  __device__ bool has_codes(int slot) const { return (item.lies.coded >> slot & 1) != 0; }
  __device__ bool has_sign(int slot) const { return (item.lies.with_sign >> slot & 1) != 0; }

  /// Asks for all of them before the first is used.
  __device__ void load() {
    const Lies lies = item.lies;
    if (lies.master != Master::Float32) p.fetch(lies.type, item.places[0], i, whole, count);
    g.fetch(lies.type, item.places[1], i, whole, count);
    if (lies.master == Master::Float32)
      beside.template fetch<uint32_t>(item.beside, i, whole, count);
    else if (lies.master != Master::None)
      beside.template fetch<uint16_t>(item.beside, i, whole, count);
#pragma unroll
    for (int slot = 0; slot < InUse; ++slot)
      if (has_codes(slot))
        s[slot].template fetch<uint8_t>(item.places[2 + slot], i, whole, count);
      else
        s[slot].fetch(type_of_state(slot), item.places[2 + slot], i, whole, count);
  }

  /// What a step starts from.
  __device__ void widen_parameter(float* to) const {
    if (item.lies.master == Master::Float32) {
      beside.widen(NumberType::Float, to);
    } else if (item.lies.master == Master::Remainder) {
#pragma unroll
      for (int e = 0; e < V; ++e)
        to[e] = join(p.template get<uint16_t>(e), beside.template get<uint16_t>(e));
    } else {
      p.widen(item.lies.type, to);
    }
  }
  __device__ void widen_state(int slot, float* to) const {
    if (!has_codes(slot)) return s[slot].widen(type_of_state(slot), to);
    const CodeTable& table = code_table(has_sign(slot));
    const float absmax = count > 0 ? item.absmax[slot][i / kCodeBlock] : 0;
#pragma unroll
    for (int e = 0; e < V; ++e) to[e] = table.entries[s[slot].template get<uint8_t>(e)] * absmax;
  }

  __device__ void store_parameter(const float* before, const float* now, uint64_t seed,
                                  uint32_t step) {
    const Lies lies = item.lies;
    if (lies.master == Master::Float32) {
      beside.round(NumberType::Float, now);
      beside.template put<uint32_t>(item.beside, i, whole, count);
    }
    if (lies.type == NumberType::Float) {
      p.round(lies.type, now);
      return p.template put<uint32_t>(item.places[0], i, whole, count);
    }
    if (lies.master == Master::Remainder) {
#pragma unroll
      for (int e = 0; e < V; ++e) {
        const SplitFloat x = split(now[e]);
        p.template set<uint16_t>(e, x.upper);
        beside.template set<uint16_t>(e, x.lower);
      }
    } else if (lies.master == Master::Kahan) {
      if (lies.type == NumberType::BFloat16)
        compensate<BFloat16Format>(before, now);
      else
        compensate<HalfFormat>(before, now);
    } else if (lies.by_chance) {
      round_by_chance(now, seed, step);
    } else {
      p.round(lies.type, now);
    }
    p.template put<uint16_t>(item.places[0], i, whole, count);
    if (lies.master == Master::Remainder || lies.master == Master::Kahan)
      beside.template put<uint16_t>(item.beside, i, whole, count);
  }
  template <class Format>
  __device__ void compensate(const float* before, const float* now) {
    uint16_t errors[V];
#pragma unroll
    for (int e = 0; e < V; ++e) errors[e] = beside.template get<uint16_t>(e);
#pragma unroll
    for (int e = 0; e < V; ++e) {
      const Compensated x = compensated<Format>(before[e], now[e], errors[e]);
      p.template set<uint16_t>(e, x.to);
      beside.template set<uint16_t>(e, x.error);
    }
  }
  __device__ void round_by_chance(const float* now, uint64_t seed, uint32_t step) {
    static_assert(V <= 8);
    const auto draw = static_cast<uint64_t>(i / 8);
    const auto words = rules::philox(
        seed,
        {static_cast<uint32_t>(draw), static_cast<uint32_t>(draw >> 32), item.position, step});
#pragma unroll
    for (int e = 0; e < V; ++e)
      p.template set<uint16_t>(e, round_by(now[e], words[e / 2] >> (16 * (e % 2)) & 0xffffu));
  }

  /// Where there are codes, all threads of the warp have to call it: they have a block in common.
  __device__ void store_state(int slot, const float* now) {
    if (!has_codes(slot)) {
      const NumberType type = type_of_state(slot);
      s[slot].round(type, now);
      if (type == NumberType::Float) return put_state<uint32_t>(slot);
      return put_state<uint16_t>(slot);
    }
    uint32_t largest = 0;
#pragma unroll
    for (int e = 0; e < V; ++e) {
      const uint32_t magnitude = bits_of(now[e]) & 0x7fffffffu;
      if (e < count && magnitude > largest) largest = magnitude;
    }
    largest = largest_of_warp(largest);
    if (count == 0) return;
    if (i % kCodeBlock == 0) item.absmax[slot][i / kCodeBlock] = float_of(largest);
    const bool with_sign = has_sign(slot);
    const CodeTable& table = code_table(with_sign);
    const float divisor = largest == 0 ? 1 : float_of(largest);
#pragma unroll
    for (int e = 0; e < V; ++e)
      s[slot].template set<uint8_t>(e, nearest_code(table, with_sign, now[e] / divisor));
    put_state<uint8_t>(slot);
  }
  template <class E>
  __device__ void put_state(int slot) const {
    s[slot].template put<E>(item.places[2 + slot], i, whole, count);
  }
};

template <class R, std::size_t F, bool Coupled, int V, bool Parameter, bool Buffers, class Act>
__device__ void walk_mixed(const WalkArguments<R, F, Mixed>& a, const Place& at, int thread,
                           int threads, const SetOf<R, Mixed>& set, const Act& act) {
  constexpr int kInUse = std::popcount(used_bits<R, F>());
  const auto& item = a.items[at.item];
  const auto& more = set.more;
  // Measuring leaves a state of 8 bits as it is, and apply measures again: low_precision.h.
  const bool coded = item.lies.coded != 0;
  const bool stores_state = Parameter ? Buffers || coded : Buffers && !coded;
  const int lane = thread % kWarp;
  for (int64_t row = at.begin + V * (thread - lane); row < at.end; row += V * threads) {
    MixedNeighbours<V, kInUse> x(item, row + V * lane, at.end - (row + V * lane));
    x.load();
    float before[V], p[V], g[V], s[kInUse == 0 ? 1 : kInUse][V];
    x.widen_parameter(before);
    x.g.widen(item.lies.type, g);
#pragma unroll
    for (int slot = 0; slot < kInUse; ++slot) x.widen_state(slot, s[slot]);
#pragma unroll
    for (int e = 0; e < V; ++e) {
      p[e] = before[e];
      auto state = state_from<R, F, float>([&](int slot) { return s[slot][e]; });
      prepare<Coupled>(p[e], g[e], set.constants.prologue);
      act(e, e < x.count, p[e], g[e], state);
      state_to<R, F, float>(state, [&](int slot, float value) { s[slot][e] = value; });
    }
    if constexpr (Parameter) {
      if (more.agreed_decay != 0) {
#pragma unroll
        for (int e = 0; e < V; ++e) p[e] = decayed_where_agreed(p[e], before[e], more.agreed_decay);
      }
      x.store_parameter(before, p, more.seed, more.step);
    }
    if (stores_state) {
#pragma unroll
      for (int slot = 0; slot < kInUse; ++slot) x.store_state(slot, s[slot]);
    }
  }
}

}  // namespace descent::engine::cuda

#pragma once
// A rule's text as kernels: `sweep`, or for a form with norms `measure`, `judge` and `apply`. One
// launch steps a list of parameters. The list and the numbers of the step travel as the kernel's
// argument, so there is no table in device memory that could be out of date, nothing to copy and
// nothing to free. nvcc compiles this, or g++ after the header of the tests that stands for CUDA.
//
// A unit is kBlock elements of one parameter, so that sums are added up in the order of the loops.
// Nothing here is faster or slower by its order: it gives the same bits as the loops.
#include <bit>
#include <cstddef>

#include <descent/optim/engine/agreed_decay.h>
#include <descent/optim/engine/cuda/formats.h>
#include <descent/optim/engine/instruction_sets.h>
#include <descent/optim/engine/low_precision.h>
#include <descent/optim/engine/norms.h>
#include <descent/optim/engine/text.h>

namespace descent::engine::cuda {

inline constexpr int kWarp = 32;
inline constexpr int kThreads = 256;
inline constexpr int kWarps = kThreads / kWarp;
inline constexpr int kArgumentBytes = 32764;  // since CUDA 12.1 and compute capability 7.0
inline constexpr int kSets = 16;              // that one launch may have
static_assert(kLanes == 4 * kWarp, "a warp is the lanes of a block, four to a thread");

/// Neighbours that a thread takes at once: 16 bytes of a parameter.
template <class M>
inline constexpr int kVector = 16 / sizeof(typename M::Memory);
template <>
inline constexpr int kVector<Mixed> = 8;

/// The buffers that a form uses, as bits: device code cannot read an array that is constexpr.
template <class R, std::size_t F>
constexpr uint32_t used_bits() {
  uint32_t bits = 0;
  for (int b = 0; b < kMaxBuffers; ++b)
    if (used_buffers<R, F>()[b]) bits |= 1u << b;
  return bits;
}

/// A parameter in a launch.
template <int Places>
struct Listed {
  void* places[Places];  ///< parameter, gradient, the buffers in use
  int64_t n;
  uint32_t set;
  bool aligned;  ///< all places are multiples of 16
};

template <>
struct Listed<0> {
  int64_t n;
  uint32_t set;
};

/// How the numbers of a Layout lie. The buffers in use are bits, in their order.
struct Lies {
  NumberType type;  ///< of parameter and gradient
  Master master;
  bool by_chance;
  uint8_t coded, with_sign, in_float;
};

/// As Listed, of Mixed.
template <int Places>
struct MixedListed {
  void* places[Places];
  void* beside;
  float* absmax[Places == 2 ? 1 : Places - 2];
  int64_t n;
  uint32_t set;
  uint32_t position;  ///< see Draw
  Lies lies;
  bool aligned;
};

/// The argument of a kernel. What a set of numbers is made of only the kernel knows, so that kernels
/// of many rules have one argument.
template <class Item, int SetBytes>
struct Arguments {
  static constexpr int kSetBytes = SetBytes;
  static constexpr int kOthers = 80;  ///< bytes that are neither of an item nor of a set
  static constexpr int kCapacity = (kArgumentBytes - kOthers - kSets * SetBytes) /
                                   static_cast<int>(sizeof(Item) + sizeof(uint32_t));

  const float* found_inf;
  const float* inverse_scale;
  double* sums;            ///< of the first unit
  const int32_t* skipped;  ///< these four as in Launch
  const Replay* replay;
  const char* sets_there;
  int32_t known;
  void* judged;           ///< of the first item of the whole list,
  uint32_t first_judged;  ///< in which this launch begins here
  int count;
  uint32_t first[kCapacity + 1];  ///< each item's first unit, and then how many units there are
  alignas(8) char sets[kSets][SetBytes];
  Item items[kCapacity];
};

constexpr int in_eights(std::size_t bytes) { return static_cast<int>((bytes + 7) / 8 * 8); }

/// What the kernels of some formats have of a set besides its constants.
template <class T>
struct More {
  uint64_t seed;   ///< see Draw
  T agreed_decay;  ///< see agreed_decay.h; 0: none
  uint32_t step;
};
template <class M>
inline constexpr bool has_more = std::is_same_v<M, Mixed> || std::is_same_v<M, Plain<double>>;

/// What a kernel that walks over parameters has of a set.
template <class R, class M, bool HasMore = has_more<M>>
struct SetOf {
  Constants<R, typename M::Number> constants;
};
template <class R, class M>
struct SetOf<R, M, true> {
  Constants<R, typename M::Number> constants;
  More<typename M::Number> more;
};

/// Of a kernel that walks over parameters.
template <class R, std::size_t F, class M, int Places = 2 + std::popcount(used_bits<R, F>())>
using WalkArguments =
    Arguments<std::conditional_t<std::is_same_v<M, Mixed>, MixedListed<Places>, Listed<Places>>,
              in_eights(sizeof(SetOf<R, M>))>;

/// What `judge` has to know of a set.
template <class R>
struct Question {
  typename R::Options options;
  StepInfo at;
};
template <class R>
using JudgeArguments = Arguments<Listed<0>, in_eights(sizeof(Question<R>))>;

/// One store: nvcc 13.0 splits an assignment whose numbers come of conversions to 16 bits.
inline __device__ void store_words(uint4* to, const uint4& x) {
#if defined(__CUDA_ARCH__)
  asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(to)),
               "r"(x.x), "r"(x.y), "r"(x.z), "r"(x.w)
               : "memory");
#else
  *to = x;
#endif
}
inline __device__ void store_words(uint2* to, const uint2& x) {
#if defined(__CUDA_ARCH__)
  asm volatile("st.global.v2.b32 [%0], {%1, %2};" ::"l"(__cvta_generic_to_global(to)), "r"(x.x),
               "r"(x.y)
               : "memory");
#else
  *to = x;
#endif
}

/// One element's state of the numbers of the buffers in use: get(slot) is that of each.
template <class R, std::size_t F, class T, class Get>
__device__ typename R::template State<T> state_from(const Get& get) {
  constexpr int kBuffers = count_buffers<R>();
  typename R::template State<T> result{};
  if constexpr (kBuffers > 0) {
    T raw[kBuffers] = {};
    int slot = 0;
#pragma unroll
    for (int b = 0; b < kBuffers; ++b)
      if ((used_bits<R, F>() >> b & 1) != 0) raw[b] = get(slot++);
    std::memcpy(&result, raw, sizeof result);
  }
  return result;
}
/// Calls put(slot, number) for each.
template <class R, std::size_t F, class T, class Put>
__device__ void state_to(const typename R::template State<T>& state, const Put& put) {
  constexpr int kBuffers = count_buffers<R>();
  if constexpr (kBuffers > 0) {
    T raw[kBuffers];
    std::memcpy(raw, &state, sizeof raw);
    int slot = 0;
#pragma unroll
    for (int b = 0; b < kBuffers; ++b)
      if ((used_bits<R, F>() >> b & 1) != 0) put(slot++, raw[b]);
  }
}

/// V neighbours in registers.
template <class R, std::size_t F, class M, int V>
struct Neighbours {
  using T = typename M::Number;
  using Memory = typename M::Memory;
  using Buffer = typename M::Buffer;
  using State = typename R::template State<T>;
  static constexpr int kInUse = std::popcount(used_bits<R, F>());
  using All = std::integral_constant<int, V>;

  alignas(16) Memory p[V];
  alignas(16) Memory g[V];
  alignas(16) Buffer s[kInUse == 0 ? 1 : kInUse][V];

  /// All at once, or the first `count` one by one.
  template <class E>
  DESCENT_FN static void fetch(E* to, const void* place, int64_t i, All) {
    constexpr int kBytes = sizeof(E) * V;
    const E* const from = static_cast<const E*>(place) + i;
    if constexpr (kBytes == 8) {
      *reinterpret_cast<uint2*>(to) = *reinterpret_cast<const uint2*>(from);
    } else {
#pragma unroll
      for (int w = 0; w < kBytes / 16; ++w)
        reinterpret_cast<uint4*>(to)[w] = reinterpret_cast<const uint4*>(from)[w];
    }
  }
  template <class E>
  DESCENT_FN static void fetch(E* to, const void* place, int64_t i, int count) {
#pragma unroll
    for (int e = 0; e < V; ++e) to[e] = e < count ? static_cast<const E*>(place)[i + e] : E{};
  }
  template <class E>
  __device__ static void put(void* place, const E* from, int64_t i, All) {
    const auto word = [&](int w) {
      uint32_t x = 0;
      if constexpr (sizeof(E) == 2)
        x = uint32_t{from[2 * w]} | uint32_t{from[2 * w + 1]} << 16;
      else
        std::memcpy(&x, reinterpret_cast<const char*>(from) + 4 * w, sizeof x);
      return x;
    };
    constexpr int kBytes = sizeof(E) * V;
    E* const to = static_cast<E*>(place) + i;
    if constexpr (kBytes == 8) {
      store_words(reinterpret_cast<uint2*>(to), uint2{word(0), word(1)});
    } else {
#pragma unroll
      for (int w = 0; w < kBytes / 4; w += 4)
        store_words(reinterpret_cast<uint4*>(to) + w / 4,
                    uint4{word(w), word(w + 1), word(w + 2), word(w + 3)});
    }
  }
  template <class E>
  __device__ static void put(void* place, const E* from, int64_t i, int count) {
#pragma unroll
    for (int e = 0; e < V; ++e)
      if (e < count) static_cast<E*>(place)[i + e] = from[e];
  }
  template <class Item, class Count>
  __device__ void load(const Item& item, int64_t i, Count count) {
    fetch(p, item.places[0], i, count);
    fetch(g, item.places[1], i, count);
#pragma unroll
    for (int b = 0; b < kInUse; ++b) fetch(s[b], item.places[2 + b], i, count);
  }
  template <bool Parameter, bool Buffers, class Item, class Count>
  __device__ void store(const Item& item, int64_t i, Count count) const {
    if constexpr (Parameter) put(item.places[0], p, i, count);
    if constexpr (Buffers) {
#pragma unroll
      for (int b = 0; b < kInUse; ++b) put(item.places[2 + b], s[b], i, count);
    }
  }

  __device__ State state(int e) const {
    return state_from<R, F, T>([&](int slot) { return M::widen_buffer(s[slot][e]); });
  }
  __device__ void set_state(int e, const State& state) {
    state_to<R, F, T>(state, [&](int slot, T value) { s[slot][e] = M::round_buffer(value); });
  }
};

/// Elements of one item.
struct Place {
  int item;
  int64_t begin, end;
};

/// Where a unit is, by bisection.
template <class A>
__device__ Place place_of(const A& a, uint32_t unit) {
  int low = 0, high = a.count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (a.first[middle] <= unit)
      low = middle;
    else
      high = middle;
  }
  const int64_t begin = static_cast<int64_t>(unit - a.first[low]) * kBlock;
  const int64_t n = a.items[low].n;
  return {low, begin, begin + kBlock < n ? begin + kBlock : n};
}

template <class A>
__device__ bool is_stopped(const A& a) {
  return (a.found_inf != nullptr && *a.found_inf != 0) ||
         (a.replay != nullptr && a.replay->is_ready == 0);
}

/// What the host has put there, word by word: with one pointer for this and for the argument a
/// compiler would not know that all other memory is global.
template <class S>
__device__ S read_there(const char* from) {
  static_assert(std::is_trivially_copyable_v<S> && sizeof(S) % sizeof(uint32_t) == 0);
  uint32_t words[sizeof(S) / sizeof(uint32_t)];
#pragma unroll
  for (std::size_t w = 0; w < sizeof(S) / sizeof(uint32_t); ++w) {
#if defined(__CUDA_ARCH__)
    asm volatile("ld.global.b32 %0, [%1];"
                 : "=r"(words[w])
                 : "l"(__cvta_generic_to_global(from + sizeof(uint32_t) * w)));
#else
    std::memcpy(&words[w], from + sizeof(uint32_t) * w, sizeof(uint32_t));
#endif
  }
  S read;
  std::memcpy(&read, words, sizeof read);
  return read;
}

/// Calls act(set) with the item's set, which is an S, in the argument or on the device.
template <class S, class A, class Act>
__device__ void with_set_of(const A& a, int item, const Act& act) {
  uint32_t set = a.items[item].set;
  if (a.skipped != nullptr)
    set += static_cast<uint32_t>(*a.skipped - (a.replay != nullptr ? a.replay->known : a.known));
  if (a.replay == nullptr)
    act(*reinterpret_cast<const S*>(a.sets[set]));
  else
    act(read_there<S>(a.sets_there + std::size_t{A::kSetBytes} * set));
}

template <class R, class M, class A>
__device__ SetOf<R, M> set_of(const A& a, int item) {
  using T = typename M::Number;
  SetOf<R, M> set;
  with_set_of<SetOf<R, M>>(a, item, [&](const auto& found) { set = found; });
  T& scale = set.constants.prologue.scale;
  if (a.inverse_scale != nullptr) scale = scale * static_cast<T>(*a.inverse_scale);
  return set;
}

/// In mixed.h.
template <class R, std::size_t F, bool Coupled, int V, bool Parameter, bool Buffers, class Act>
__device__ void walk_mixed(const WalkArguments<R, F, Mixed>& a, const Place& at, int thread,
                           int threads, const SetOf<R, Mixed>& set, const Act& act);

/// Steps through the elements of one of `threads` threads, V neighbours at a time: calls act(e,
/// inside, p, g, s) for each, and what it may change is written back.
template <class R, std::size_t F, bool Coupled, class M, int V, bool Parameter, bool Buffers,
          class Act, class T = typename M::Number>
__device__ void walk(const WalkArguments<R, F, M>& a, const Place& at, int thread, int threads,
                     const SetOf<R, M>& set, const Act& act) {
  if constexpr (std::is_same_v<M, Mixed>) {
    walk_mixed<R, F, Coupled, V, Parameter, Buffers>(a, at, thread, threads, set, act);
  } else {
    const auto& item = a.items[at.item];
    const auto visit = [&](int64_t i, auto count) {
      Neighbours<R, F, M, V> x;
      x.load(item, i, count);
#pragma unroll
      for (int e = 0; e < V; ++e) {
        T p = M::widen(x.p[e]), g = M::widen(x.g[e]);
        auto s = x.state(e);
        prepare<Coupled>(p, g, set.constants.prologue);
        act(e, e < count, p, g, s);
        if constexpr (Parameter && has_more<M>) {
          const T decay = set.more.agreed_decay;
          if (decay != 0) p = decayed_where_agreed(p, M::widen(x.p[e]), decay);
        }
        if constexpr (Parameter) x.p[e] = M::round(p);
        if constexpr (Buffers) x.set_state(e, s);
      }
      x.template store<Parameter, Buffers>(item, i, count);
    };
    int64_t i = at.begin + V * thread;
    if (item.aligned)
      for (; i + V <= at.end; i += V * threads) visit(i, std::integral_constant<int, V>{});
    for (; i < at.end; i += V * threads)
      visit(i, at.end - i < V ? static_cast<int>(at.end - i) : V);
  }
}

template <class R, std::size_t F, bool Coupled, class M>
__global__ void __launch_bounds__(kThreads)
    sweep(const __grid_constant__ WalkArguments<R, F, M> a) {
  using T = typename M::Number;
  if (is_stopped(a)) return;
  const Place at = place_of(a, blockIdx.x);
  const auto set = set_of<R, M>(a, at.item);
  walk<R, F, Coupled, M, kVector<M>, true, true>(
      a, at, threadIdx.x, kThreads, set, [&](int, bool, T& p, const T& g, auto& s) {
        Text<R, F>::template update<T, T>(p, g, s, set.constants.coefficients);
      });
}

/// A thread's part of the lanes: of the two sums, and of the same in double.
struct Lanes {
  double first[4], second[4], wide_first[4], wide_second[4];
};

/// Those of the thread `down` further in the warp; every thread of it has to ask.
inline __device__ Lanes lanes_of_later(Lanes x, int down) {
#if defined(__CUDACC__)
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    x.first[e] = __shfl_down_sync(0xffffffffu, x.first[e], down);
    x.second[e] = __shfl_down_sync(0xffffffffu, x.second[e], down);
    x.wide_first[e] = __shfl_down_sync(0xffffffffu, x.wide_first[e], down);
    x.wide_second[e] = __shfl_down_sync(0xffffffffu, x.wide_second[e], down);
  }
  return x;
#else
  return emulated::of_later(x, down);
#endif
}

/// The warp's lanes added up in the order of add_up() of instruction_sets.h; right in thread 0.
inline __device__ Lanes added_up(Lanes x) {
  const auto add = [](double* to, const double* other) {
#pragma unroll
    for (int e = 0; e < 4; ++e) to[e] = to[e] + other[e];
  };
  const auto close = [](double* to) { to[0] = (to[0] + to[2]) + (to[1] + to[3]); };
#pragma unroll
  for (int down = kWarp / 2; down > 0; down /= 2) {
    const Lanes later = lanes_of_later(x, down);
    add(x.first, later.first);
    add(x.second, later.second);
    add(x.wide_first, later.wide_first);
    add(x.wide_second, later.wide_second);
  }
  close(x.first);
  close(x.second);
  close(x.wide_first);
  close(x.wide_second);
  return x;
}

/// A warp measures a unit: its threads are the lanes of the loops, four each. Where float may not
/// hold the squares, their sum is made in double beside it: a second reading would find a state
/// that this one has advanced.
template <class R, std::size_t F, bool Coupled, class M>
__global__ void __launch_bounds__(kThreads)
    measure(const __grid_constant__ WalkArguments<R, F, M> a) {
  using T = typename M::Number;
  using Of = Text<R, F>;
  constexpr bool kWide = std::is_same_v<T, float> && !Of::adds_values;
  if (is_stopped(a)) return;
  const uint32_t unit = blockIdx.x * kWarps + threadIdx.x / kWarp;
  if (unit >= a.first[a.count]) return;
  const Place at = place_of(a, unit);
  const auto set = set_of<R, M>(a, at.item);
  T first[4] = {}, second[4] = {};
  Lanes lanes{};
  walk<R, F, Coupled, M, 4, false, !Of::template measure_only_reads<T>>(
      a, at, threadIdx.x % kWarp, kWarp, set, [&](int e, bool inside, T& p, const T& g, auto& s) {
        const Pair<T> pair = Of::template measure<T, T>(p, g, s, set.constants.coefficients);
        if (!inside) return;
        if constexpr (Of::adds_values) {
          first[e] = first[e] + pair.first;
          second[e] = second[e] + pair.second;
        } else {
          first[e] = first[e] + pair.first * pair.first;
          second[e] = second[e] + pair.second * pair.second;
        }
        if constexpr (kWide) {
          const double one = pair.first, two = pair.second;
          lanes.wide_first[e] = lanes.wide_first[e] + one * one;
          lanes.wide_second[e] = lanes.wide_second[e] + two * two;
        }
      });
#pragma unroll
  for (int e = 0; e < 4; ++e) {
    lanes.first[e] = first[e];
    lanes.second[e] = second[e];
  }
  lanes = added_up(lanes);
  if (threadIdx.x % kWarp != 0) return;
  double one = lanes.first[0], two = lanes.second[0];
  if constexpr (kWide) {
    if (is_lost<T>(one)) one = lanes.wide_first[0];
    if (is_lost<T>(two)) two = lanes.wide_second[0];
  }
  a.sums[2 * unit] = one;
  a.sums[2 * unit + 1] = two;
}

/// Whether a rule's trust follows from options, sums and step alone.
template <class R>
inline constexpr bool judges = requires(const typename R::Options& o, const Sums& sums,
                                        const StepInfo& at) {
  R::trust(o, sums, at);
};

/// A block of threads adds up one item's units, each thread one of the pieces in which the loops do
/// it, and asks the rule.
template <class R, class T>
__global__ void __launch_bounds__(kThreads) judge(const __grid_constant__ JudgeArguments<R> a) {
  static_assert(kThreads == kPieces);
  if (is_stopped(a)) return;
  __shared__ Pair<double> pieces[kThreads];
  const uint32_t begin = a.first[blockIdx.x], units = a.first[blockIdx.x + 1] - begin;
  const uint32_t length = (units + kThreads - 1) / kThreads;
  Pair<double> sum{0, 0};
  for (uint32_t i = threadIdx.x * length; i < units && i < (threadIdx.x + 1) * length; ++i) {
    sum.first = sum.first + a.sums[2 * (begin + i)];
    sum.second = sum.second + a.sums[2 * (begin + i) + 1];
  }
  pieces[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  Pair<double> total{0, 0};
  for (uint32_t i = 0; i * length < units; ++i) {
    total.first = total.first + pieces[i].first;
    total.second = total.second + pieces[i].second;
  }
  const uint32_t item = a.first_judged + blockIdx.x;
  if constexpr (judges<R>) {
    const Sums sums{total.first, total.second, a.items[blockIdx.x].n};
    with_set_of<Question<R>>(a, static_cast<int>(blockIdx.x), [&](const auto& question) {
      static_cast<T*>(a.judged)[item] =
          static_cast<T>(R::trust(question.options, sums, question.at));
    });
  } else {
    static_cast<Pair<double>*>(a.judged)[item] = total;
  }
}

template <class R, std::size_t F, bool Coupled, class M>
__global__ void __launch_bounds__(kThreads)
    apply(const __grid_constant__ WalkArguments<R, F, M> a) {
  using T = typename M::Number;
  using Of = Text<R, F>;
  if (is_stopped(a)) return;
  const Place at = place_of(a, blockIdx.x);
  const auto set = set_of<R, M>(a, at.item);
  const T ratio = static_cast<const T*>(a.judged)[a.first_judged + static_cast<uint32_t>(at.item)];
  walk<R, F, Coupled, M, kVector<M>, true, !Of::template apply_only_reads<T>>(
      a, at, threadIdx.x, kThreads, set, [&](int, bool, T& p, const T& g, auto& s) {
        const auto& k = set.constants.coefficients;
        if constexpr (std::is_same_v<M, Mixed> && !Of::template measure_only_reads<T>)
          if (a.items[at.item].lies.coded != 0) Of::template measure<T, T>(p, g, s, k);
        Of::template apply<T, T>(p, g, s, k, ratio);
      });
}

}  // namespace descent::engine::cuda

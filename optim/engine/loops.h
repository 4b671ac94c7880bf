#pragma once
// A rule's text as loops over the numbers of a parameter, one for each form, kind of decay, number
// type and instruction set.
#include <algorithm>
#include <bit>

#include <descent/optim/engine/instruction_sets.h>
#include <descent/optim/engine/text.h>

namespace descent::engine {

/// The pointers of a span, with the type of the numbers. Those of the buffers stay in the span and are
/// read one by one: a span that was written just before is not to be had in wider pieces until the
/// writes are done, which takes longer than a step of a hundred elements.
template <class T>
struct Pointers {
  T* p;
  const T* g;
  const std::array<void*, kMaxBuffers>& buffers;

  DESCENT_FN explicit Pointers(const Span& span)
      : p(static_cast<T*>(span.p)), g(static_cast<const T*>(span.g)), buffers(span.s) {}
  DESCENT_FN T* s(std::size_t b) const { return static_cast<T*>(buffers[b]); }
};

/// One element's state, gathered from and scattered to the buffers that the form uses.
template <class R, std::size_t F, class T>
struct Element {
  static constexpr int N = count_buffers<R>();
  static constexpr auto used = used_buffers<R, F>();
  using State = typename R::template State<T>;

  DESCENT_FN static State load(const Pointers<T>& x, int64_t i) {
    if constexpr (N == 0) {
      return State{};
    } else {
      std::array<T, N> raw{};
      gather(raw, x, i, std::make_index_sequence<N>{});
      return std::bit_cast<State>(raw);
    }
  }
  DESCENT_FN static void store(const State& state, const Pointers<T>& x, int64_t i) {
    if constexpr (N > 0) {
      const auto raw = std::bit_cast<std::array<T, N>>(state);
      scatter(raw, x, i, std::make_index_sequence<N>{});
    }
  }

 private:
  template <std::size_t... I>
  DESCENT_FN static void gather(std::array<T, N>& raw, const Pointers<T>& x, int64_t i,
                                std::index_sequence<I...>) {
    ((used[I] ? void(raw[I] = x.s(I)[i]) : void()), ...);
  }
  template <std::size_t... I>
  DESCENT_FN static void scatter(const std::array<T, N>& raw, const Pointers<T>& x, int64_t i,
                                 std::index_sequence<I...>) {
    ((used[I] ? void(x.s(I)[i] = raw[I]) : void()), ...);
  }
};

/// Asks for the numbers of a row of lanes, so that they are in the cache when their turn comes:
/// processors foresee the rest of a page, but neither the next one nor, where a row has much to
/// compute, enough of this one. It may ask for what lies beyond the end.
constexpr int64_t kFetchAhead = 4 * kLanes;
template <class R, std::size_t F, class T, bool OnlyGradients = false>
__attribute__((always_inline)) inline void fetch(const Pointers<T>& x, int64_t row) {
  constexpr auto used = used_buffers<R, F>();
  for (int64_t i = row; i < row + kLanes; i += 64 / static_cast<int64_t>(sizeof(T))) {
    __builtin_prefetch(x.g + i);
    if constexpr (OnlyGradients) continue;
    __builtin_prefetch(x.p + i);
    for (std::size_t b = 0; b < used.size(); ++b)
      if (used[b]) __builtin_prefetch(x.s(b) + i);
  }
}

template <class R, std::size_t F, bool Coupled, class T>
DESCENT_FN void sweep(const Span& span, const void* numbers) {
  const auto k = constants<R, T>(numbers);
  const Pointers<T> x(span);
  const int64_t row = span.is_far ? kLanes : span.n;
  for (int64_t first = 0; first < span.n; first += row) {
    if (span.is_far) fetch<R, F>(x, first + kFetchAhead);
    const int64_t end = std::min(first + row, span.n);
    DESCENT_INDEPENDENT
    for (int64_t i = first; i < end; ++i) {
      T parameter = x.p[i], gradient = x.g[i];
      auto state = Element<R, F, T>::load(x, i);
      prepare<Coupled>(parameter, gradient, k.prologue);
      Text<R, F>::template update<T, T>(parameter, gradient, state, k.coefficients);
      x.p[i] = parameter;
      Element<R, F, T>::store(state, x, i);
    }
  }
}

/// The two values that the rule measures at element i, whose state it may advance.
template <class R, std::size_t F, bool Coupled, class T>
DESCENT_FN Pair<T> measured(const Pointers<T>& x, const Constants<R, T>& k, int64_t i) {
  T parameter = x.p[i], gradient = x.g[i];
  auto state = Element<R, F, T>::load(x, i);
  prepare<Coupled>(parameter, gradient, k.prologue);
  const Pair<T> pair =
      Text<R, F>::template measure<T, T>(parameter, gradient, state, k.coefficients);
  if constexpr (!Text<R, F>::template measure_only_reads<T>) Element<R, F, T>::store(state, x, i);
  return pair;
}

// Norms are added up in a fixed order, so that no instruction set, thread count or chunk changes a
// bit: 128 lanes, enough that no addition waits for the one before it, walk over a block, and then
// lanes and blocks are added up in double. A block whose squares float could not hold is added up
// again in double: its values are kept for that where measuring advances the state, and else they
// are measured again.
template <class R, std::size_t F, bool Coupled, class T>
DESCENT_FN void measure(const Span& span, const void* numbers, double* sums) {
  constexpr bool values = Text<R, F>::adds_values;
  constexpr bool keeps =
      std::is_same_v<T, float> && !values && !Text<R, F>::template measure_only_reads<T>;
  const auto k = constants<R, T>(numbers);
  const Pointers<T> x(span);
  const bool fetches = !values && span.is_far;
  T firsts[kBlock], seconds[kBlock];
  sums[0] = sums[1] = 0;
  for (int64_t block = 0; block < span.n; block += kBlock) {
    const int64_t end = std::min(block + kBlock, span.n);
    T first[kLanes] = {}, second[kLanes] = {};
    const auto add = [&](int64_t i, int64_t count) __attribute__((always_inline)) {
      DESCENT_INDEPENDENT
      for (int64_t lane = 0; lane < count; ++lane) {
        const Pair<T> pair = measured<R, F, Coupled>(x, k, i + lane);
        if constexpr (keeps) {
          firsts[i - block + lane] = pair.first;
          seconds[i - block + lane] = pair.second;
        }
        if constexpr (values) {
          first[lane] += pair.first;
          second[lane] += pair.second;
        } else {
          first[lane] += pair.first * pair.first;
          second[lane] += pair.second * pair.second;
        }
      }
    };
    int64_t i = block;
    for (; i + kLanes <= end; i += kLanes) {
      if (fetches) fetch<R, F, T, Text<R, F>::measures_gradients>(x, i + kFetchAhead);
      add(i, kLanes);
    }
    add(i, end - i);
    double first_sum = add_up(first), second_sum = add_up(second);
    if (!values && (is_lost<T>(first_sum) || is_lost<T>(second_sum))) {
      if constexpr (!keeps)
        for (int64_t at = block; at < end; ++at) {
          const Pair<T> pair = measured<R, F, Coupled>(x, k, at);
          firsts[at - block] = pair.first;
          seconds[at - block] = pair.second;
        }
      if (is_lost<T>(first_sum)) first_sum = wide_square_sum(firsts, end - block);
      if (is_lost<T>(second_sum)) second_sum = wide_square_sum(seconds, end - block);
    }
    sums[0] += first_sum;
    sums[1] += second_sum;
  }
}

template <class R, std::size_t F, bool Coupled, class T>
DESCENT_FN void apply(const Span& span, const void* numbers, double trust) {
  const auto k = constants<R, T>(numbers);
  const T ratio = static_cast<T>(trust);
  const Pointers<T> x(span);
  const int64_t n = span.n;
  DESCENT_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    T parameter = x.p[i], gradient = x.g[i];
    auto state = Element<R, F, T>::load(x, i);
    prepare<Coupled>(parameter, gradient, k.prologue);
    Text<R, F>::template apply<T, T>(parameter, gradient, state, k.coefficients, ratio);
    x.p[i] = parameter;
    if constexpr (!Text<R, F>::template apply_only_reads<T>) Element<R, F, T>::store(state, x, i);
  }
}

// One function per instruction set; the text above is inlined into each.
#define DESCENT_INSTANCE(suffix, attribute)                                                     \
  template <class R, std::size_t F, bool Coupled, class T>                                      \
  attribute void sweep_##suffix(const Span& x, const void* k) {                                 \
    sweep<R, F, Coupled, T>(x, k);                                                              \
  }                                                                                             \
  template <class R, std::size_t F, bool Coupled, class T>                                      \
  attribute void measure_##suffix(const Span& x, const void* k, double* sums) {                 \
    measure<R, F, Coupled, T>(x, k, sums);                                                      \
  }                                                                                             \
  template <class R, std::size_t F, bool Coupled, class T>                                      \
  attribute void apply_##suffix(const Span& x, const void* k, double trust) {                   \
    apply<R, F, Coupled, T>(x, k, trust);                                                       \
  }                                                                                             \
  template <class R, std::size_t F, bool Coupled, class T>                                      \
  Kernels kernels_##suffix() {                                                                  \
    if constexpr (Text<R, F>::reads_twice)                                                      \
      return {nullptr, &measure_##suffix<R, F, Coupled, T>, &apply_##suffix<R, F, Coupled, T>}; \
    else                                                                                        \
      return {&sweep_##suffix<R, F, Coupled, T>, nullptr, nullptr};                             \
  }
DESCENT_INSTANCE(baseline, )
#if DESCENT_X86
DESCENT_INSTANCE(v3, DESCENT_V3)
DESCENT_INSTANCE(v4, DESCENT_V4)
#endif
#undef DESCENT_INSTANCE

template <class R, std::size_t F, bool Coupled, class T>
std::array<Kernels, 3> kernels() {
#if DESCENT_X86
  return {kernels_baseline<R, F, Coupled, T>(), kernels_v3<R, F, Coupled, T>(),
          kernels_v4<R, F, Coupled, T>()};
#else
  return {kernels_baseline<R, F, Coupled, T>(), Kernels{}, Kernels{}};
#endif
}

}  // namespace descent::engine

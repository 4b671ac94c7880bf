#pragma once
// Turns a rule's text into loops. Included only by the one file that compiles a rule, ahead of the
// rule and after <descent/optim.h>, if that file needs it (every DESCENT_RULE that follows is
// compiled here):
//
//   #include <descent/optim/engine/compile.h>
//   #include "my_rule.h"                        // ends with DESCENT_RULE(MyRule)
//
// The loops are plain C++ over float and double that the compiler vectorises, once for each
// instruction set. They need their own flags: without -O3 -fno-math-errno -fno-trapping-math they
// are 7 times slower, and without -ffp-contract=off the instruction sets differ in the last bit.
// CMake's descent_rules(target file.cpp) sets them.
#include <algorithm>
#include <bit>
#include <cstring>

#include <descent/optim/engine/table.h>

#ifndef DESCENT_KERNEL_FLAGS
#error \
    "compile a rule with descent_rules(<target> <file>.cpp) of CMake: its loops need flags of their own"
#endif

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__CUDACC__)
#define DESCENT_X86 1
#define DESCENT_V3 __attribute__((target("arch=x86-64-v3"), noinline))
#if defined(__clang__)
#define DESCENT_V4 __attribute__((target("arch=x86-64-v4"), noinline))
#else
#define DESCENT_V4 __attribute__((target("arch=x86-64-v4,prefer-vector-width=512"), noinline))
#endif
#else
#define DESCENT_X86 0
#endif
#if defined(__clang__)
#define DESCENT_INDEPENDENT _Pragma("clang loop vectorize(enable)")
#else
#define DESCENT_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace descent::engine {

/// Stands for the Form of a rule that has only one.
struct OneForm {};

template <class R>
constexpr auto forms_of() {
  if constexpr (requires { R::forms; })
    return std::to_array(R::forms);
  else
    return std::array<OneForm, 1>{};
}

template <class R>
constexpr int count_buffers() {
  using S = typename R::template State<float>;
  return std::is_empty_v<S> ? 0 : static_cast<int>(sizeof(S) / sizeof(float));
}

template <class R, std::size_t F>
constexpr std::array<bool, kMaxBuffers> used_buffers() {
  std::array<bool, kMaxBuffers> used{};
  for (int i = 0; i < count_buffers<R>(); ++i) {
    if constexpr (requires { R::buffers(forms_of<R>()[F]); })
      used[i] = R::buffers(forms_of<R>()[F])[i];
    else
      used[i] = true;
  }
  if constexpr (requires { &R::pull; }) used[count_buffers<R>() - 1] = false;  // the slow weights
  return used;
}

/// The rule's text with its form filled in; `T` is a number type, `S` its scalar.
template <class R, std::size_t F>
struct Text {
  static constexpr bool formed = requires { R::forms; };

  /// Whether this form has measure and apply instead of update.
  static constexpr bool reads_twice = [] {
    if constexpr (requires { R::reads_twice(forms_of<R>()[F]); })
      return R::reads_twice(forms_of<R>()[F]);
    else
      return requires { &R::trust; };
  }();
  /// Whether measure, or apply, takes its state as const.
  template <class T, class State = const typename R::template State<T>>
  static constexpr bool measure_only_reads =
      requires(const T& p, State& s, const typename R::template Coefficients<T>& k) {
    requires formed;
    R::template measure<R::forms[F]>(p, p, s, k);
  }
  || requires(const T& p, State& s, const typename R::template Coefficients<T>& k) {
    R::measure(p, p, s, k);
  };
  template <class T, class State = const typename R::template State<T>>
  static constexpr bool apply_only_reads = requires(T& p, State& s,
                                                    const typename R::template Coefficients<T>& k) {
    requires formed;
    R::template apply<R::forms[F]>(p, p, s, k, T{});
  }
  || requires(T& p, State& s, const typename R::template Coefficients<T>& k) {
    R::apply(p, p, s, k, T{});
  };

  template <class T, class S>
  DESCENT_FN static void update(T& p, const T& g, typename R::template State<T>& s,
                                const typename R::template Coefficients<S>& k) {
    if constexpr (formed)
      R::template update<R::forms[F]>(p, g, s, k);
    else
      R::update(p, g, s, k);
  }
  template <class T, class S>
  DESCENT_FN static Pair<T> measure(const T& p, const T& g, typename R::template State<T>& s,
                                    const typename R::template Coefficients<S>& k) {
    if constexpr (formed)
      return R::template measure<R::forms[F]>(p, g, s, k);
    else
      return R::measure(p, g, s, k);
  }
  template <class T, class S>
  DESCENT_FN static void apply(T& p, const T& g, typename R::template State<T>& s,
                               const typename R::template Coefficients<S>& k, const S& trust) {
    if constexpr (formed)
      R::template apply<R::forms[F]>(p, g, s, k, trust);
    else
      R::apply(p, g, s, k, trust);
  }
};

/// Prologue and Coefficients as the kernels use them, from the numbers in memory.
template <class R, class T>
struct Constants {
  Prologue<T> prologue;
  typename R::template Coefficients<T> coefficients;
};
template <class R, class T>
DESCENT_FN Constants<R, T> constants(const void* k) {
  using C = Constants<R, T>;
  static_assert(
      std::is_trivially_copyable_v<C> &&
          sizeof(C) == sizeof(typename R::template Coefficients<T>) + kPrologue * sizeof(T),
      "all members of Coefficients<T> must be of type T");
  C c;
  std::memcpy(&c, k, sizeof(C));
  return c;
}

/// One element's state, gathered from and scattered to the buffers that the form uses.
template <class R, std::size_t F, class T>
struct Element {
  static constexpr int N = count_buffers<R>();
  static constexpr auto used = used_buffers<R, F>();
  using State = typename R::template State<T>;

  DESCENT_FN static State load(T* const* s, int64_t i) {
    if constexpr (N == 0) {
      return State{};
    } else {
      std::array<T, N> raw{};
      gather(raw, s, i, std::make_index_sequence<N>{});
      return std::bit_cast<State>(raw);
    }
  }
  DESCENT_FN static void store(const State& state, T* const* s, int64_t i) {
    if constexpr (N > 0) {
      const auto raw = std::bit_cast<std::array<T, N>>(state);
      scatter(raw, s, i, std::make_index_sequence<N>{});
    }
  }

 private:
  template <std::size_t... I>
  DESCENT_FN static void gather(std::array<T, N>& raw, T* const* s, int64_t i,
                                std::index_sequence<I...>) {
    ((used[I] ? void(raw[I] = s[I][i]) : void()), ...);
  }
  template <std::size_t... I>
  DESCENT_FN static void scatter(const std::array<T, N>& raw, T* const* s, int64_t i,
                                 std::index_sequence<I...>) {
    ((used[I] ? void(s[I][i] = raw[I]) : void()), ...);
  }
};

/// g after the steps common to all rules, and p after a decoupled decay.
template <bool Coupled, class P, class S>
DESCENT_FN void prepare(P& p, P& g, const Prologue<S>& k) {
  g = k.scale * g;
  if constexpr (Coupled)
    g = g + k.decay * p;
  else
    p = k.keep * p;
}

template <class R, std::size_t F, bool Coupled, class T>
DESCENT_FN void sweep(const Span& x, const void* numbers) {
  const auto k = constants<R, T>(numbers);
  T* const p = static_cast<T*>(x.p);
  const T* const g = static_cast<const T*>(x.g);
  T* s[kMaxBuffers];
  for (int b = 0; b < kMaxBuffers; ++b) s[b] = static_cast<T*>(x.s[b]);
  const int64_t n = x.n;
  DESCENT_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    T parameter = p[i], gradient = g[i];
    auto state = Element<R, F, T>::load(s, i);
    prepare<Coupled>(parameter, gradient, k.prologue);
    Text<R, F>::template update<T, T>(parameter, gradient, state, k.coefficients);
    p[i] = parameter;
    Element<R, F, T>::store(state, s, i);
  }
}

/// The lanes' sum in double, in the fixed order of a tree, which has few additions that wait for
/// others.
template <class T>
DESCENT_FN double add_up(const T* lanes) {
  double sums[kLanes / 2];
  DESCENT_INDEPENDENT
  for (int i = 0; i < kLanes / 2; ++i)
    sums[i] = static_cast<double>(lanes[i]) + static_cast<double>(lanes[i + kLanes / 2]);
  for (int half = kLanes / 4; half > 0; half /= 2) {
    DESCENT_INDEPENDENT
    for (int i = 0; i < half; ++i) sums[i] += sums[i + half];
  }
  return sums[0];
}

// Norms in a fixed order, so that no instruction set, thread count or chunk changes a bit: 128 lanes
// (enough that no addition waits for the one before it) walk over a block, then lanes and blocks are
// added up in double.
template <class R, std::size_t F, bool Coupled, class T>
DESCENT_FN void measure(const Span& x, const void* numbers, double* sums) {
  const auto k = constants<R, T>(numbers);
  const T* const p = static_cast<const T*>(x.p);
  const T* const g = static_cast<const T*>(x.g);
  T* s[kMaxBuffers];
  for (int b = 0; b < kMaxBuffers; ++b) s[b] = static_cast<T*>(x.s[b]);
  sums[0] = sums[1] = 0;
  for (int64_t block = 0; block < x.n; block += kBlock) {
    const int64_t end = std::min(block + kBlock, x.n);
    T first[kLanes] = {}, second[kLanes] = {};
    int64_t i = block;
    for (; i + kLanes <= end; i += kLanes) {
      DESCENT_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) {
        T parameter = p[i + lane], gradient = g[i + lane];
        auto state = Element<R, F, T>::load(s, i + lane);
        prepare<Coupled>(parameter, gradient, k.prologue);
        const Pair<T> pair =
            Text<R, F>::template measure<T, T>(parameter, gradient, state, k.coefficients);
        if constexpr (!Text<R, F>::template measure_only_reads<T>)
          Element<R, F, T>::store(state, s, i + lane);
        first[lane] += pair.first * pair.first;
        second[lane] += pair.second * pair.second;
      }
    }
    const int64_t rest = end - i;
    DESCENT_INDEPENDENT
    for (int64_t lane = 0; lane < rest; ++lane) {
      T parameter = p[i + lane], gradient = g[i + lane];
      auto state = Element<R, F, T>::load(s, i + lane);
      prepare<Coupled>(parameter, gradient, k.prologue);
      const Pair<T> pair =
          Text<R, F>::template measure<T, T>(parameter, gradient, state, k.coefficients);
      if constexpr (!Text<R, F>::template measure_only_reads<T>)
        Element<R, F, T>::store(state, s, i + lane);
      first[lane] += pair.first * pair.first;
      second[lane] += pair.second * pair.second;
    }
    sums[0] += add_up(first);
    sums[1] += add_up(second);
  }
}

template <class R, std::size_t F, bool Coupled, class T>
DESCENT_FN void apply(const Span& x, const void* numbers, double trust) {
  const auto k = constants<R, T>(numbers);
  const T ratio = static_cast<T>(trust);
  T* const p = static_cast<T*>(x.p);
  const T* const g = static_cast<const T*>(x.g);
  T* s[kMaxBuffers];
  for (int b = 0; b < kMaxBuffers; ++b) s[b] = static_cast<T*>(x.s[b]);
  const int64_t n = x.n;
  DESCENT_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) {
    T parameter = p[i], gradient = g[i];
    auto state = Element<R, F, T>::load(s, i);
    prepare<Coupled>(parameter, gradient, k.prologue);
    Text<R, F>::template apply<T, T>(parameter, gradient, state, k.coefficients, ratio);
    p[i] = parameter;
    if constexpr (!Text<R, F>::template apply_only_reads<T>) Element<R, F, T>::store(state, s, i);
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

/// The same text on whole tensors.
template <class R, std::size_t F, bool Coupled>
struct OnArrays {
  using State = typename R::template State<Array>;
  static State load(const Array* s) {
    State state;
    State::each(state, [&](const char*, Array& buffer) { buffer = *s++; });
    return state;
  }
  static void store(const State& state, Array* s) {
    State::each(state, [&](const char*, const Array& buffer) { *s++ = buffer; });
  }
  static void sweep(Array& p, const Array& gradient, Array* s, const double* numbers) {
    const auto k = constants<R, double>(numbers);
    Array g = gradient;
    State state = load(s);
    prepare<Coupled>(p, g, k.prologue);
    Text<R, F>::template update<Array, double>(p, g, state, k.coefficients);
    store(state, s);
  }
  static Pair<Array> measure(const Array& parameter, const Array& gradient, Array* s,
                             const double* numbers) {
    const auto k = constants<R, double>(numbers);
    Array p = parameter, g = gradient;
    State state = load(s);
    prepare<Coupled>(p, g, k.prologue);
    Pair<Array> pair = Text<R, F>::template measure<Array, double>(p, g, state, k.coefficients);
    store(state, s);
    return pair;
  }
  static void apply(Array& p, const Array& gradient, Array* s, const double* numbers,
                    double trust) {
    const auto k = constants<R, double>(numbers);
    Array g = gradient;
    State state = load(s);
    prepare<Coupled>(p, g, k.prologue);
    Text<R, F>::template apply<Array, double>(p, g, state, k.coefficients, trust);
    store(state, s);
  }
  static ArrayKernels kernels() {
    if constexpr (Text<R, F>::reads_twice)
      return {nullptr, &measure, &apply};
    else
      return {&sweep, nullptr, nullptr};
  }
};

template <class R, std::size_t F>
RuleForm form() {
  RuleForm form;
  form.buffers = used_buffers<R, F>();
  form.reads_twice = Text<R, F>::reads_twice;
  // p both ways, g, each buffer both ways; with norms also what is read ahead of that.
  const auto used = static_cast<int>(std::count(form.buffers.begin(), form.buffers.end(), true));
  if constexpr (!Text<R, F>::reads_twice)
    form.traffic = 12 + 8 * used;
  else if constexpr (Text<R, F>::template measure_only_reads<float>)
    form.traffic = 8 + 12 + 8 * used;
  else
    form.traffic = 8 + 8 * used + 8 + 4 * used;
  form.kernels[0] = {kernels<R, F, false, float>(), kernels<R, F, false, double>()};
  form.arrays[0] = OnArrays<R, F, false>::kernels();
  if constexpr (requires(typename R::Options o) { o.decay_mode; }) {
    form.kernels[1] = {kernels<R, F, true, float>(), kernels<R, F, true, double>()};
    form.arrays[1] = OnArrays<R, F, true>::kernels();
  }
  return form;
}

template <class R, std::size_t... F>
std::vector<RuleForm> all_forms(std::index_sequence<F...>) {
  return {form<R, F>()...};
}

/// What concerns the options only, for every shape of rule.
template <class R>
RuleTable options_table() {
  using O = typename R::Options;
  RuleTable t;
  t.about = R::about;
  t.defaults = fields::describe(O{});
  t.make_options = [](const void* from) -> std::shared_ptr<void> {
    return std::make_shared<O>(from ? *static_cast<const O*>(from) : O{});
  };
  t.problem = [](const void* o) { return fields::problem(*static_cast<const O*>(o)); };
  t.set = [](void* o, std::string_view name, const OptionValue& value) {
    return fields::set(*static_cast<O*>(o), name, value);
  };
  t.describe = [](const void* o) { return fields::describe(*static_cast<const O*>(o)); };
  t.lr = [](void* o) { return &static_cast<O*>(o)->lr; };
  t.coupled = [](const void* options) {
    if constexpr (requires(O o) { o.decay_mode; }) {
      const O& o = *static_cast<const O*>(options);
      return o.decay_mode == DecayMode::Coupled && o.weight_decay != 0;
    } else {
      return false;
    }
  };
  t.prologue = [](const void* options) {
    [[maybe_unused]] const O& o = *static_cast<const O*>(options);
    Prologue<double> prologue{1, 0, 1};
    if constexpr (requires { o.maximize; }) prologue.scale = o.maximize ? -1 : 1;
    if constexpr (requires { o.decay_mode; }) {
      prologue.decay = o.weight_decay;
      if (o.decay_mode == DecayMode::Decoupled) prologue.keep = 1 - o.lr * o.weight_decay;
    }
    return prologue;
  };
  typename R::template State<char> state{};
  R::template State<char>::each(state,
                                [&](const char* name, char&) { t.buffers.emplace_back(name); });
  return t;
}

template <class R>
RuleTable make_table() {
  using O = typename R::Options;
  using C = typename R::template Coefficients<double>;
  static_assert(count_buffers<R>() <= kMaxBuffers);
  static_assert(count_buffers<R>() == R::template State<float>::listed,
                "DESCENT_BUFFERS must list every member of State");
  static_assert(kPrologue + sizeof(C) / sizeof(double) <= kMaxConstants);
  RuleTable t = options_table<R>();
  t.forms = all_forms<R>(std::make_index_sequence<forms_of<R>().size()>{});
  t.form = [](const void* o) {
    if constexpr (requires { R::forms; }) {
      const auto wanted = R::form(*static_cast<const O*>(o));
      for (std::size_t i = 0; i < std::size(R::forms); ++i)
        if (R::forms[i] == wanted) return static_cast<int>(i);
      return -1;
    } else {
      return 0;
    }
  };
  t.begin = [](const void* o, const StepInfo& at, [[maybe_unused]] double* scalars,
               double* coefficients) {
    const O& options = *static_cast<const O*>(o);
    C c;
    if constexpr (requires { typename R::Scalars; }) {
      std::array<double, sizeof(typename R::Scalars) / sizeof(double)> numbers;
      std::copy_n(scalars, numbers.size(), numbers.begin());
      auto remembered = std::bit_cast<typename R::Scalars>(numbers);
      c = R::begin(options, at, remembered);
      numbers = std::bit_cast<decltype(numbers)>(remembered);
      std::copy(numbers.begin(), numbers.end(), scalars);
    } else {
      c = R::begin(options, at);
    }
    std::memcpy(coefficients, &c, sizeof(C));
    return static_cast<int>(sizeof(C) / sizeof(double));
  };
  if constexpr (requires { typename R::Scalars; }) {
    const typename R::Scalars first;
    R::Scalars::each(first, [&](const char* name, double value) {
      t.first_scalars.at(t.scalars.size()) = value;
      t.scalars.emplace_back(name);
    });
    static_assert(sizeof first == R::Scalars::listed * sizeof(double),
                  "DESCENT_BUFFERS must list every member of Scalars");
    static_assert(R::Scalars::listed <= kMaxScalars);
  }
  if constexpr (requires { &R::trust; })
    t.trust = [](const void* o, const Sums& sums, const StepInfo& at) {
      return R::trust(*static_cast<const O*>(o), sums, at);
    };
  if constexpr (requires(const O& o, const Array& p) { R::initial(o, p); })
    t.initial = [](const void* o, const Array& p, Array* s) {
      OnArrays<R, 0, false>::store(R::initial(*static_cast<const O*>(o), p), s);
    };
  if constexpr (requires { &R::decays; })
    t.decays = [](const void* o, const StepInfo& at) {
      return R::decays(*static_cast<const O*>(o), at);
    };
  if constexpr (requires { &R::centralizes; })
    t.centralizes = [](const void* o, int64_t dim) {
      return R::centralizes(*static_cast<const O*>(o), dim);
    };
  if constexpr (requires { &R::look_ahead; })
    t.look_ahead = [](const void* o) { return R::look_ahead(*static_cast<const O*>(o)); };
  if constexpr (requires { &R::pull; })
    t.pull = [](const void* o) { return R::pull(*static_cast<const O*>(o)); };
  if constexpr (requires { R::divides_by_lr; }) t.divides_by_lr = R::divides_by_lr;
  if constexpr (requires { &R::gradient_scale; }) {
    t.needs_gradient_norm = [](const void* o) {
      return R::needs_gradient_norm(*static_cast<const O*>(o));
    };
    t.gradient_scale = [](const void* o, double norm) {
      return R::gradient_scale(*static_cast<const O*>(o), norm);
    };
  }
  return t;
}

/// A tensor algorithm has one function on tensors and no loops.
template <class R>
concept TensorAlgorithm = requires(const typename R::Options& o, const TensorStep& step) {
  R::update(o, step);
};

template <class R>
RuleTable make_tensor_table() {
  using O = typename R::Options;
  RuleTable t = options_table<R>();
  t.tensor_update = [](const void* o, const TensorStep& step) {
    R::update(*static_cast<const O*>(o), step);
  };
  t.state_problem = [](const void* o, const at::Tensor* s, int64_t numel) {
    return R::state_problem(*static_cast<const O*>(o), s, numel);
  };
  if constexpr (requires { &R::block_problem; })
    t.block_problem = [](const void* o, int64_t numel) {
      return R::block_problem(*static_cast<const O*>(o), numel);
    };
  if constexpr (requires { &R::joins_group; })
    t.joins_group = [](const void* o) { return R::joins_group(*static_cast<const O*>(o)); };
  return t;
}

template <class Rule>
const RuleTable& rule_table() {
  static const RuleTable table = [] {
    if constexpr (TensorAlgorithm<Rule>)
      return make_tensor_table<Rule>();
    else
      return make_table<Rule>();
  }();
  return table;
}

}  // namespace descent::engine

#define DESCENT_JOIN_(a, b) a##b
#define DESCENT_JOIN(a, b) DESCENT_JOIN_(a, b)
#undef DESCENT_RULE
#define DESCENT_RULE(Rule)                                                            \
  template const ::descent::engine::RuleTable& ::descent::engine::rule_table<Rule>(); \
  [[maybe_unused]] static const bool DESCENT_JOIN(descent_registered_, __COUNTER__) = \
      ::descent::engine::register_rule(::descent::engine::rule_table<Rule>());

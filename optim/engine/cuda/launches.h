#pragma once
// The host's side of the kernels: packs parameters and numbers into as few launches as they fit.
#include <memory>
#include <utility>

#include <descent/optim/engine/cuda/mixed.h>

namespace descent::engine::cuda {

template <class A>
using Kernel = void (*)(A);

/// `meets`: threads of the kernel wait for each other, which only the emulation has to know.
template <class A>
const char* start(Kernel<A> kernel, uint32_t blocks, [[maybe_unused]] bool meets, const A& a,
                  [[maybe_unused]] void* stream) {
#if defined(__CUDACC__)
  void* arguments[] = {const_cast<A*>(&a)};
  const cudaError_t error =
      cudaLaunchKernel(reinterpret_cast<const void*>(kernel), dim3(blocks), dim3(kThreads),
                       arguments, 0, static_cast<cudaStream_t>(stream));
  if (error == cudaSuccess) return nullptr;
  cudaGetLastError();  // or the next caller of CUDA would be told of it
  return cudaGetErrorString(error);
#else
  emulated::start(blocks, kThreads, meets, kernel, a);
  return nullptr;
#endif
}

/// How many blocks of threads a list takes.
enum class Blocks { OneForAUnit, OneForUnitsOfItsWarps, OneForAnItem };

/// A kernel that weighs sums has none.
inline void set_places(Listed<0>&, const Work&) {}

template <int Places>
void set_places(Listed<Places>& item, const Work& work) {
  uintptr_t bits = 0;
  for (int i = 0; i < Places; ++i) {
    item.places[i] = work.places[i];
    bits |= reinterpret_cast<uintptr_t>(work.places[i]);
  }
  item.aligned = bits % 16 == 0;
}

template <int Places>
void set_places(MixedListed<Places>& item, const Work& work) {
  const Layout& x = *work.layout;
  uintptr_t bits = reinterpret_cast<uintptr_t>(x.beside);
  for (int i = 0; i < Places; ++i) {
    item.places[i] = work.places[i];
    bits |= reinterpret_cast<uintptr_t>(work.places[i]);
  }
  item.aligned = bits % 16 == 0;
  item.beside = x.beside;
  item.position = x.draw.position;
  item.lies = {x.type, x.master, x.by_chance, 0, 0, 0};
  int slot = 0;
  for (size_t b = 0; b < x.whole.s.size(); ++b) {
    if (x.whole.s[b] == nullptr) continue;
    const auto mark = [&](uint8_t& slots, bool is_so) {
      slots = static_cast<uint8_t>(slots | (is_so ? 1 << slot : 0));
    };
    mark(item.lies.coded, has_codes(x.kept[b]));
    mark(item.lies.with_sign, x.kept[b] == Kept::Signed8);
    mark(item.lies.in_float, x.kept[b] == Kept::Float);
    item.absmax[slot++] = x.absmax[b];
  }
}

/// Calls the kernel with as few lists as the work fits into. copy(to, set) makes a set, unless they
/// are on the device.
template <class A, class Copy>
const char* start_all(Kernel<A> kernel, Blocks blocks, bool meets, const Launch& launch,
                      const char* sets_there, const Copy& copy) {
  static_assert(sizeof(A) <= kArgumentBytes && A::kCapacity > 0);
  const auto a = std::make_unique_for_overwrite<A>();
  a->found_inf = launch.found_inf;
  a->inverse_scale = launch.inverse_scale;
  a->sums = launch.sums;
  a->judged = launch.judged;
  a->skipped = launch.skipped;
  a->known = launch.known;
  a->replay = launch.replay;
  a->sets_there = sets_there;
  a->first_judged = 0;
  a->count = 0;
  a->first[0] = 0;
  std::array<uint32_t, kSets> known{};
  uint32_t sets = 0;
  const char* problem = nullptr;
  const auto flush = [&] {
    if (a->count == 0 || problem != nullptr) return;
    const uint32_t units = a->first[a->count], items = static_cast<uint32_t>(a->count);
    const uint32_t count = blocks == Blocks::OneForAnItem  ? items
                           : blocks == Blocks::OneForAUnit ? units
                                                           : (units + kWarps - 1) / kWarps;
    problem = start(kernel, count, meets, *a, launch.stream);
    if (a->sums != nullptr) a->sums += 2 * static_cast<std::size_t>(units);
    a->first_judged += items;
    a->count = 0;
    sets = 0;
  };
  for (const Work& work : launch.work) {
    if (work.n == 0) continue;
    const auto units = static_cast<uint64_t>((work.n + kBlock - 1) / kBlock);
    const bool is_elsewhere = launch.replay != nullptr;
    uint32_t set = 0;
    if (!is_elsewhere)
      while (set < sets && known[set] != work.set) ++set;
    if (a->count == A::kCapacity || (set + 1) * launch.candidates > kSets ||
        a->first[a->count] + units > INT32_MAX) {
      flush();
      set = 0;
    }
    if (!is_elsewhere && set == sets) {
      known[sets++] = work.set;
      for (uint32_t c = 0; c < launch.candidates; ++c)
        copy(a->sets[set * launch.candidates + c], launch.sets[work.set * launch.candidates + c]);
    }
    auto& item = a->items[a->count];
    item.n = work.n;
    item.set = (is_elsewhere ? work.set : set) * launch.candidates;
    set_places(item, work);
    a->first[a->count + 1] = a->first[a->count] + static_cast<uint32_t>(units);
    ++a->count;
  }
  flush();
  return problem;
}

template <class R, class M>
void put_set(char* to, const Set& set) {
  using T = typename M::Number;
  SetOf<R, M> made;
  made.constants = constants<R, T>(set.constants);
  if constexpr (has_more<M>)
    made.more = {set.seed, static_cast<T>(set.agreed_decay), static_cast<uint32_t>(set.at.step)};
  std::memcpy(to, &made, sizeof made);
}

/// The same of a kernel that walks over parameters.
template <class R, class M, class A>
const char* start_walks(Kernel<A> kernel, Blocks blocks, bool meets, const Launch& launch) {
  if constexpr (std::is_same_v<M, Mixed>)
    meets = meets || std::any_of(launch.work.begin(), launch.work.end(),
                                 [](const Work& work) { return work.layout->coded; });
  return start_all(kernel, blocks, meets, launch, launch.sets_there, &put_set<R, M>);
}

template <class R, std::size_t F, bool Coupled, class M>
FormLaunches form_launches() {
  FormLaunches form;
  form.set_bytes = WalkArguments<R, F, M>::kSetBytes;
  form.put_set = &put_set<R, M>;
  if constexpr (Text<R, F>::reads_twice) {
    form.measure = [](const Launch& launch) {
      return start_walks<R, M>(&measure<R, F, Coupled, M>, Blocks::OneForUnitsOfItsWarps, true,
                               launch);
    };
    form.apply = [](const Launch& launch) {
      return start_walks<R, M>(&apply<R, F, Coupled, M>, Blocks::OneForAUnit, false, launch);
    };
  } else {
    form.sweep = [](const Launch& launch) {
      return start_walks<R, M>(&sweep<R, F, Coupled, M>, Blocks::OneForAUnit, false, launch);
    };
  }
  return form;
}

template <class R>
void put_question(char* to, const Set& set) {
  static_assert(std::is_trivially_copyable_v<Question<R>>);
  const Question<R> question{*static_cast<const typename R::Options*>(set.options), set.at};
  std::memcpy(to, &question, sizeof question);
}
template <class R, class T>
const char* start_judge(const Launch& launch) {
  return start_all(&judge<R, T>, Blocks::OneForAnItem, true, launch, launch.questions_there,
                   &put_question<R>);
}

/// All kernels of a rule are compiled for the same devices: one speaks for all.
template <auto OfRule>
const char* problem() {
#if defined(__CUDACC__)
  cudaFuncAttributes attributes;
  const cudaError_t error =
      cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(OfRule));
  if (error == cudaSuccess) return nullptr;
  cudaGetLastError();  // or the next caller of CUDA would be told of it
  return cudaGetErrorString(error);
#else
  return nullptr;
#endif
}

template <class R, std::size_t F>
constexpr auto any_kernel() {
  if constexpr (Text<R, F>::reads_twice)
    return &apply<R, F, false, Plain<float>>;
  else
    return &sweep<R, F, false, Plain<float>>;
}

template <class R, std::size_t F, bool Coupled, std::size_t... M>
std::array<FormLaunches, kFormats> all_formats(std::index_sequence<M...>) {
  return {form_launches<R, F, Coupled, std::tuple_element_t<M, Formats>>()...};
}

template <class R, std::size_t... F>
RuleLaunches all_launches(std::index_sequence<F...>) {
  using L = typename decltype(loops_of<R>())::type;
  constexpr auto kEach = std::make_index_sequence<kFormats>{};
  RuleLaunches all;
  if constexpr (requires(typename R::Options o) { o.decay_mode; })
    all.forms = {{all_formats<L, F, false>(kEach), all_formats<L, F, true>(kEach)}...};
  else
    all.forms = {{all_formats<L, F, false>(kEach), {}}...};
  all.problem = &problem<any_kernel<L, 0>()>;
  if constexpr ((Text<R, F>::reads_twice || ...)) {
    all.judge = {&start_judge<R, float>, &start_judge<R, double>};
    all.judges = judges<R>;
    all.question_bytes = JudgeArguments<R>::kSetBytes;
    all.put_question = &put_question<R>;
  }
  return all;
}

template <class R>
const RuleLaunches& launches_of() {
  static const RuleLaunches all = [] {
    if constexpr (requires { typename R::template Coefficients<float>; })
      return all_launches<R>(std::make_index_sequence<forms_of<R>().size()>{});
    else
      return RuleLaunches{};  // an algorithm on whole tensors
  }();
  return all;
}

}  // namespace descent::engine::cuda

/// Stands at global scope. The rule's kernels are compiled here.
#define DESCENT_COMPILE(Rule)                                                                 \
  template const ::descent::engine::cuda::RuleLaunches& ::descent::engine::cuda::launches_of< \
      Rule>();

#pragma once
// A rule's text on whole tensors: the reference pass.
#include <descent/optim/engine/text.h>

namespace descent::engine {

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

}  // namespace descent::engine

#include <algorithm>

#include <descent/optim/engine/agreed_decay.h>

namespace descent::engine {
namespace {

/// Calls step(part) for each block of the span, and lets what agreed decay.
template <class T, class Step>
void step_blocks(const Span& span, const AgreedDecay& agreed, const Step& step) {
  const T decay = static_cast<T>(agreed.decay);
  for (int64_t first = 0; first < span.n; first += kBlock) {
    Span part = span;
    part.n = std::min(kBlock, span.n - first);
    T* const p = static_cast<T*>(span.p) + first;
    part.p = p;
    part.g = static_cast<const T*>(span.g) + first;
    for (auto& s : part.s)
      if (s != nullptr) s = static_cast<T*>(s) + first;
    T start[kBlock];
    std::copy_n(p, part.n, start);
    step(part);
    for (int64_t i = 0; i < part.n; ++i) p[i] = decayed_where_agreed(p[i], start[i], decay);
  }
}

template <class T>
void sweep_and_decay(const Span& span, const void* k) {
  const auto& agreed = *static_cast<const AgreedDecay*>(k);
  step_blocks<T>(span, agreed, [&](const Span& part) { agreed.loops.sweep(part, agreed.k); });
}

void measure_alone(const Span& span, const void* k, double* sums) {
  const auto& agreed = *static_cast<const AgreedDecay*>(k);
  agreed.loops.measure(span, agreed.k, sums);
}

template <class T>
void apply_and_decay(const Span& span, const void* k, double trust) {
  const auto& agreed = *static_cast<const AgreedDecay*>(k);
  step_blocks<T>(span, agreed,
                 [&](const Span& part) { agreed.loops.apply(part, agreed.k, trust); });
}

template <class T>
constexpr Kernels kAgreed{&sweep_and_decay<T>, &measure_alone, &apply_and_decay<T>};

}  // namespace

const Kernels& with_agreed_decay(bool in_double) {
  return in_double ? kAgreed<double> : kAgreed<float>;
}

}  // namespace descent::engine

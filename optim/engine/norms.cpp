#include <descent/optim/engine/instruction_sets.h>
#include <descent/optim/engine/norms.h>

namespace descent::engine {
namespace {

template <bool Squares, class T>
DESCENT_FN T term(T x) {
  return Squares ? x * x : x;
}

template <bool Squares, class T>
DESCENT_FN double sum(const void* numbers, int64_t n) {
  const T* const x = static_cast<const T*>(numbers);
  double total = 0;
  for (int64_t block = 0; block < n; block += kBlock) {
    const int64_t end = std::min(block + kBlock, n);
    T lanes[kLanes] = {};
    int64_t i = block;
    for (; i + kLanes <= end; i += kLanes) {
      DESCENT_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += term<Squares>(x[i + lane]);
    }
    const int64_t rest = end - i;
    DESCENT_INDEPENDENT
    for (int64_t lane = 0; lane < rest; ++lane) lanes[lane] += term<Squares>(x[i + lane]);
    const double part = add_up(lanes);
    total += Squares && is_lost<T>(part) ? wide_square_sum(x + block, end - block) : part;
  }
  return total;
}

#define DESCENT_INSTANCE(suffix, attribute)                 \
  template <bool Squares, class T>                          \
  attribute double sum_##suffix(const void* x, int64_t n) { \
    return sum<Squares, T>(x, n);                           \
  }
DESCENT_INSTANCE(baseline, )
#if DESCENT_X86
DESCENT_INSTANCE(v3, DESCENT_V3)
DESCENT_INSTANCE(v4, DESCENT_V4)
#endif
#undef DESCENT_INSTANCE

template <bool Squares, class T>
double sum(Isa isa, const void* x, int64_t n) {
#if DESCENT_X86
  if (isa == Isa::V3) return sum_v3<Squares, T>(x, n);
  if (isa == Isa::V4) return sum_v4<Squares, T>(x, n);
#endif
  return sum_baseline<Squares, T>(x, n);
}
template <bool Squares>
double sum(NumberType type, Isa isa, const void* x, int64_t n) {
  return type == NumberType::Float ? sum<Squares, float>(isa, x, n)
                                   : sum<Squares, double>(isa, x, n);
}

}  // namespace

double square_sum(NumberType type, Isa isa, const void* x, int64_t n) {
  return sum<true>(type, isa, x, n);
}
double value_sum(NumberType type, Isa isa, const void* x, int64_t n) {
  return sum<false>(type, isa, x, n);
}

}  // namespace descent::engine

#include <descent/optim/engine/instruction_sets.h>
#include <descent/optim/engine/norms.h>

namespace descent::engine {
namespace {

template <class T>
DESCENT_FN double sum(const void* numbers, int64_t n) {
  const T* const x = static_cast<const T*>(numbers);
  double total = 0;
  for (int64_t block = 0; block < n; block += kBlock) {
    const int64_t end = std::min(block + kBlock, n);
    T lanes[kLanes] = {};
    int64_t i = block;
    for (; i + kLanes <= end; i += kLanes) {
      DESCENT_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += x[i + lane] * x[i + lane];
    }
    const int64_t rest = end - i;
    DESCENT_INDEPENDENT
    for (int64_t lane = 0; lane < rest; ++lane) lanes[lane] += x[i + lane] * x[i + lane];
    const double squares = add_up(lanes);
    total += is_lost<T>(squares) ? wide_square_sum(x + block, end - block) : squares;
  }
  return total;
}

#define DESCENT_INSTANCE(suffix, attribute)                 \
  template <class T>                                        \
  attribute double sum_##suffix(const void* x, int64_t n) { \
    return sum<T>(x, n);                                    \
  }
DESCENT_INSTANCE(baseline, )
#if DESCENT_X86
DESCENT_INSTANCE(v3, DESCENT_V3)
DESCENT_INSTANCE(v4, DESCENT_V4)
#endif
#undef DESCENT_INSTANCE

template <class T>
double sum(Isa isa, const void* x, int64_t n) {
#if DESCENT_X86
  if (isa == Isa::V3) return sum_v3<T>(x, n);
  if (isa == Isa::V4) return sum_v4<T>(x, n);
#endif
  return sum_baseline<T>(x, n);
}

}  // namespace

double square_sum(NumberType type, Isa isa, const void* x, int64_t n) {
  return type == NumberType::Float ? sum<float>(isa, x, n) : sum<double>(isa, x, n);
}

}  // namespace descent::engine

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include <ATen/Parallel.h>
#include <ATen/ops/dot.h>

#include <descent/optim/engine/instruction_sets.h>
#include <descent/optim/engine/isa.h>
#include <descent/optim/engine/norms.h>
#include <descent/optim/pieces/vectors.h>

namespace descent::vectors {
namespace {

using engine::kBlock;
using engine::kLanes;

/// A part of the vectors.
template <class T>
struct Part {
  T* y;
  const T* x;
  const T* z;
  T a;
  int64_t n;
};

template <class T>
DESCENT_FN double run_dot(const Part<T>& v) {
  double total = 0;
  for (int64_t block = 0; block < v.n; block += kBlock) {
    const int64_t end = std::min(block + kBlock, v.n);
    T lanes[kLanes] = {};
    const auto look = [&](int64_t i, int64_t count) __attribute__((always_inline)) {
      DESCENT_INDEPENDENT
      for (int64_t lane = 0; lane < count; ++lane) lanes[lane] += v.x[i + lane] * v.z[i + lane];
    };
    int64_t i = block;
    for (; i + kLanes <= end; i += kLanes) look(i, kLanes);
    look(i, end - i);
    total += engine::add_up(lanes);
  }
  return total;
}

template <class T>
DESCENT_FN double run_add(const Part<T>& v) {
  DESCENT_INDEPENDENT
  for (int64_t i = 0; i < v.n; ++i) v.y[i] = v.y[i] + v.a * v.x[i];
  return 0;
}

/// The sum is that of run_dot afterwards. Vectors of a memory are read for the first time since the
/// iteration before, so that the next rows are asked for, which may lie beyond the end.
template <class T>
DESCENT_FN double run_add_then_dot(const Part<T>& v) {
  constexpr int64_t kAhead = 4 * kLanes, kLine = 64 / static_cast<int64_t>(sizeof(T));
  double total = 0;
  for (int64_t block = 0; block < v.n; block += kBlock) {
    const int64_t end = std::min(block + kBlock, v.n);
    T lanes[kLanes] = {};
    const auto look = [&](int64_t i, int64_t count) __attribute__((always_inline)) {
      DESCENT_INDEPENDENT
      for (int64_t lane = 0; lane < count; ++lane) {
        const T moved = v.y[i + lane] + v.a * v.x[i + lane];
        v.y[i + lane] = moved;
        lanes[lane] += moved * v.z[i + lane];
      }
    };
    int64_t i = block;
    for (; i + kLanes <= end; i += kLanes) {
      for (int64_t line = 0; line < kLanes; line += kLine) {
        __builtin_prefetch(v.x + i + kAhead + line);
        __builtin_prefetch(v.z + i + kAhead + line);
      }
      look(i, kLanes);
    }
    look(i, end - i);
    total += engine::add_up(lanes);
  }
  return total;
}

/// Magnitudes are in the order of their bits, with NaN above all.
template <class T>
DESCENT_FN double run_largest(const Part<T>& v) {
  using Bits = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  constexpr Bits kMagnitude = std::numeric_limits<Bits>::max();
  Bits lanes[kLanes] = {};
  const auto look = [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    DESCENT_INDEPENDENT
    for (int64_t lane = 0; lane < count; ++lane) {
      const Bits bits = std::bit_cast<Bits>(v.x[i + lane]) & kMagnitude;
      lanes[lane] = bits > lanes[lane] ? bits : lanes[lane];
    }
  };
  int64_t i = 0;
  for (; i + kLanes <= v.n; i += kLanes) look(i, kLanes);
  look(i, v.n - i);
  return std::bit_cast<T>(*std::max_element(lanes, lanes + kLanes));
}

template <class T>
using Loop = double (*)(const Part<T>&);

#define DESCENT_INSTANCE(suffix, attribute)                  \
  template <class T>                                         \
  attribute double dot_##suffix(const Part<T>& v) {          \
    return run_dot(v);                                       \
  }                                                          \
  template <class T>                                         \
  attribute double add_##suffix(const Part<T>& v) {          \
    return run_add(v);                                       \
  }                                                          \
  template <class T>                                         \
  attribute double add_then_dot_##suffix(const Part<T>& v) { \
    return run_add_then_dot(v);                              \
  }                                                          \
  template <class T>                                         \
  attribute double largest_##suffix(const Part<T>& v) {      \
    return run_largest(v);                                   \
  }
DESCENT_INSTANCE(baseline, )
#if DESCENT_X86
DESCENT_INSTANCE(v3, DESCENT_V3)
DESCENT_INSTANCE(v4, DESCENT_V4)
#endif
#undef DESCENT_INSTANCE

enum Work { Dot, Add, AddThenDot, Largest };

template <class T>
Loop<T> loop_for(Work work) {
#if DESCENT_X86
  static constexpr Loop<T> kLoops[4][3] = {
      {&dot_baseline<T>, &dot_v3<T>, &dot_v4<T>},
      {&add_baseline<T>, &add_v3<T>, &add_v4<T>},
      {&add_then_dot_baseline<T>, &add_then_dot_v3<T>, &add_then_dot_v4<T>},
      {&largest_baseline<T>, &largest_v3<T>, &largest_v4<T>}};
  return kLoops[work][static_cast<size_t>(engine::current_isa().value_or(engine::Isa::Baseline))];
#else
  static constexpr Loop<T> kLoops[4] = {&dot_baseline<T>, &add_baseline<T>,
                                        &add_then_dot_baseline<T>, &largest_baseline<T>};
  return kLoops[work];
#endif
}

/// The sum of what the pieces give, or the largest.
template <class T>
double over_all(Work work, const Part<T>& whole) {
  constexpr int64_t kSerial = 32768;
  const Loop<T> loop = loop_for<T>(work);
  const int64_t length = engine::piece_length(whole.n);
  const int64_t pieces = (whole.n + length - 1) / length;
  double found[engine::kPieces];
  const auto some = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i * length;
      const auto from = [&](auto* p) { return p == nullptr ? nullptr : p + first; };
      found[i] = loop({from(whole.y), from(whole.x), from(whole.z), whole.a,
                       std::min(length, whole.n - first)});
    }
  };
  if (whole.n < kSerial)
    some(0, pieces);
  else
    at::parallel_for(0, pieces, 1, some);
  double all = 0;
  for (int64_t i = 0; i < pieces; ++i)
    all = work != Largest ? all + found[i] : found[i] <= all || std::isnan(all) ? all : found[i];
  return all;
}

/// Null for tensors that are none.
double run(Work work, const at::Tensor* y, double a, const at::Tensor& x, const at::Tensor* z) {
  const auto of = [&]<class T>(T) {
    const auto read = [](const at::Tensor* v) {
      return v == nullptr ? nullptr : v->const_data_ptr<T>();
    };
    return over_all<T>(work, {y == nullptr ? nullptr : y->mutable_data_ptr<T>(), read(&x), read(z),
                              static_cast<T>(a), x.numel()});
  };
  return x.scalar_type() == at::kDouble ? of(double{}) : of(float{});
}

}  // namespace

double dot(const at::Tensor& x, const at::Tensor& y) {
  return x.device().is_cpu() ? run(Dot, nullptr, 0, x, &y) : at::dot(x, y).item<double>();
}

void add(const at::Tensor& y, double a, const at::Tensor& x) {
  if (x.device().is_cpu())
    run(Add, &y, a, x, nullptr);
  else
    y.add_(x, a);
}

double add_then_dot(const at::Tensor& y, double a, const at::Tensor& x, const at::Tensor& z) {
  if (x.device().is_cpu()) return run(AddThenDot, &y, a, x, &z);
  vectors::add(y, a, x);
  return vectors::dot(y, z);
}

double largest(const at::Tensor& x) {
  if (x.device().is_cpu()) return run(Largest, nullptr, 0, x, nullptr);
  return x.numel() == 0 ? 0 : x.abs().max().item<double>();
}

}  // namespace descent::vectors

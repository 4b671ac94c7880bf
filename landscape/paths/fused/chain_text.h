// What kernels of chains of Linear and activations have in common: vectors, activations, a Linear on
// a block of samples, sums. The text is compiled once for each instruction set, behind one of
// isa_baseline.h, isa_v3.h and isa_v4.h. No #pragma once.
//
// Samples lie along the lanes of a vector, so every number of a prediction is computed by the same
// operations in the same order wherever its sample stands, and the squared errors are added in an
// order that depends on the samples only. Hence the values depend neither on the number of threads
// nor on the tiling, and are the same bits on v3 and v4. Fused multiply-adds are explicit; the
// compiler adds none
// (-ffp-contract=off).
#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>
#include <utility>

#ifndef DESCENT_KERNEL_FLAGS
#error \
    "compile this file with the flags of descent_rules() in cmake/Rules.cmake: it is slow without"
#endif

namespace descent::landscape {
namespace {

template <class T>
struct Vectors;
template <>
struct Vectors<float> {
  using Type = float __attribute__((vector_size(kVectorBytes), may_alias));
  using Integers = int32_t __attribute__((vector_size(kVectorBytes), may_alias));
};
template <>
struct Vectors<double> {
  using Type = double __attribute__((vector_size(kVectorBytes), may_alias));
};

template <class T>
using Vector = typename Vectors<T>::Type;

template <class T>
constexpr int64_t kLanes = kVectorBytes / static_cast<int64_t>(sizeof(T));

template <class T>
DESCENT_INLINE Vector<T> all(T value) {
  return value - Vector<T>{};
}

template <class T>
DESCENT_INLINE Vector<T>& at(T* p) {
  return *reinterpret_cast<Vector<T>*>(p);
}
template <class T>
DESCENT_INLINE const Vector<T>& at(const T* p) {
  return *reinterpret_cast<const Vector<T>*>(p);
}

// ---- activations --------------------------------------------------------------------------------
// float: within 3 ulp or 1e-7, coefficients from S. Moshier's Cephes library (expf, ndtrf).
// double: the C library, lane by lane.

using F = Vector<float>;

/// a * x + b for constants, Horner's rule.
DESCENT_INLINE F horner(F x, float last) {
  (void)x;
  return all(last);
}
template <class... Lower>
DESCENT_INLINE F horner(F x, float constant, float next, Lower... rest) {
  return fma(horner(x, next, rest...), x, all(constant));
}

using Integers = Vectors<float>::Integers;

/// 2^n for whole numbers n from -126 to 127.
DESCENT_INLINE F power_of_two(Integers n) {
  const Integers bits = (n + 127) << 23;
  return reinterpret_cast<const F&>(bits);
}

/// x as n ln 2 + r with |r| <= ln 2 / 2, and exp(r) - 1.
struct Reduced {
  Integers n;
  F rest;
};
DESCENT_INLINE Reduced reduced(F x) {
  const F magic = all(12582912.f);  // 1.5 * 2^23: adding it rounds to an integer
  const F n = fma(x, all(1.44269504088896341f), magic) - magic;
  F r = fma(n, all(-0.693359375f), x);
  r = fma(n, all(2.12194440e-4f), r);
  const F p = horner(r, 5.0000001201e-1f, 1.6666665459e-1f, 4.1665795894e-2f, 8.3334519073e-3f,
                     1.3981999507e-3f, 1.9875691500e-4f);
  return {__builtin_convertvector(n, Integers), fma(p, r * r, r)};
}

DESCENT_INLINE F exponential(F x) {
  x = x > 88.7f ? all(88.7f) : x;  // NaN passes both comparisons unchanged
  x = x < -87.3f ? all(-87.3f) : x;
  const auto [n, rest] = reduced(x);
  // 2^n in two factors, as 2^128 itself is not a float.
  const Integers half = n >> 1;
  return (rest + 1.f) * power_of_two(half) * power_of_two(n - half);
}

DESCENT_INLINE F magnitude(F x) {
  const Integers bits = reinterpret_cast<const Integers&>(x) & 0x7fffffff;
  return reinterpret_cast<const F&>(bits);
}

/// m / (m + 2) for m = exp(2 |x|) - 1, with the sign of x: one formula, as m is as exact where x is
/// small.
DESCENT_INLINE F hyperbolic_tangent(F x) {
  const F a = magnitude(x);
  const auto [n, rest] = reduced(a > 9.1f ? all(18.2f) : a + a);
  const F power = power_of_two(n);
  const F m = fma(power, rest, power - 1.f);
  const F t = m / (m + 2.f);
  const Integers bits = reinterpret_cast<const Integers&>(t) |
                        (reinterpret_cast<const Integers&>(x) & int32_t{INT32_MIN});
  return reinterpret_cast<const F&>(bits);
}

DESCENT_INLINE F logistic(F x) { return 1.f / (1.f + exponential(-x)); }

/// Phi(x), the normal distribution function: (1 + erf(x / sqrt 2)) / 2.
DESCENT_INLINE F normal(F x) {
  const F t = x * 0.70710678118654752f, a = magnitude(t), z = t * t;
  const F erf = t * horner(z, 1.128379165726710f, -3.761262582423300e-1f, 1.128358514861418e-1f,
                           -2.685381193529856e-2f, 5.188327685732524e-3f, -8.010193625184903e-4f,
                           7.853861353153693e-5f);
  const F q = 1.f / (a < 1.f ? all(1.f) : a), y = q * q;
  const F near = horner(y, 5.638259427386472e-1f, -2.741127028184656e-1f, 3.404879937665872e-1f,
                        -4.944515323274145e-1f, 6.210004621745983e-1f, -5.824733027278666e-1f,
                        3.687424674597105e-1f, -1.387039388740657e-1f, 2.326819970068386e-2f);
  const F far = horner(y, 5.641895067754075e-1f, -2.820767439740514e-1f, 4.218463358204948e-1f,
                       -1.015265279202700f, 2.921019019210786f, -7.495518717768503f,
                       1.297719955372516e+1f, -1.047766399936249e+1f);
  const F tail = 0.5f * exponential(-z) * q * (a < 2.f ? near : far);
  const F big = t < 0.f ? tail : 1.f - tail;
  return a < 1.f ? 0.5f + 0.5f * erf : big;
}

template <Activation A>
DESCENT_INLINE F activated(F x) {
  if constexpr (A == Activation::ReLU) return relu(x);
  if constexpr (A == Activation::Tanh) return hyperbolic_tangent(x);
  if constexpr (A == Activation::Sigmoid) return logistic(x);
  if constexpr (A == Activation::SiLU) return x * logistic(x);
  if constexpr (A == Activation::GELU) return x * normal(x);
  if constexpr (A == Activation::GELUTanh) {
    const F inner = 0.79788456080286536f * fma(x * x * x, all(0.044715f), x);
    return 0.5f * x * (1.f + hyperbolic_tangent(inner));
  }
}

template <Activation A>
inline double activated(double x) {
  if constexpr (A == Activation::Tanh) return std::tanh(x);
  if constexpr (A == Activation::Sigmoid) return 1 / (1 + std::exp(-x));
  if constexpr (A == Activation::SiLU) return x / (1 + std::exp(-x));
  if constexpr (A == Activation::GELU) return 0.5 * x * std::erfc(x * -0.70710678118654752440);
  if constexpr (A == Activation::GELUTanh) {
    return 0.5 * x * (1 + std::tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
  }
}

/// The activation of `rows` rows of kBlock samples, of which the first `columns` vectors are
/// filled.
template <class T, Activation A>
DESCENT_TARGET __attribute__((noinline)) void activate_rows(T* panel, int64_t rows,
                                                            int64_t columns) {
  for (int64_t r = 0; r < rows; ++r, panel += kBlock<T>) {
    for (int64_t c = 0; c < columns; ++c) {
      T* const p = panel + c * kLanes<T>;
      if constexpr (A == Activation::ReLU) {
        at(p) = relu(at(p));
      } else if constexpr (std::is_same_v<T, float>) {
        at(p) = activated<A>(at(p));
      } else {
        for (int64_t l = 0; l < kLanes<T>; ++l) p[l] = activated<A>(p[l]);
      }
    }
  }
}

template <class T>
void activate(Activation activation, T* panel, int64_t rows, int64_t columns) {
  switch (activation) {
    case Activation::ReLU:
      return activate_rows<T, Activation::ReLU>(panel, rows, columns);
    case Activation::Tanh:
      return activate_rows<T, Activation::Tanh>(panel, rows, columns);
    case Activation::GELU:
      return activate_rows<T, Activation::GELU>(panel, rows, columns);
    case Activation::GELUTanh:
      return activate_rows<T, Activation::GELUTanh>(panel, rows, columns);
    case Activation::Sigmoid:
      return activate_rows<T, Activation::Sigmoid>(panel, rows, columns);
    case Activation::SiLU:
      return activate_rows<T, Activation::SiLU>(panel, rows, columns);
  }
}

// ---- one Linear on one block of samples ---------------------------------------------------------

/// out[o][n] = bias[o] + sum_i weight[o][i] * in[i][n] for kRows outputs and kColumns vectors of
/// samples, all sums in registers.
template <class T, int kRows, int kColumns>
DESCENT_INLINE void tile(const T* in, int64_t inputs, const T* weight, const T* bias, bool rectify,
                         T* out) {
  Vector<T> sum[kRows][kColumns];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) sum[r][c] = all(bias ? bias[r] : T(0));
  }
  for (int64_t i = 0; i < inputs; ++i) {
    Vector<T> x[kColumns];
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) x[c] = at(in + i * kBlock<T> + c * kLanes<T>);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vector<T> w = all(weight[r * inputs + i]);
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) sum[r][c] = fma(w, x[c], sum[r][c]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
      at(out + r * kBlock<T> + c * kLanes<T>) = rectify ? relu(sum[r][c]) : sum[r][c];
    }
  }
}

template <class T, int kColumns>
DESCENT_TARGET __attribute__((noinline)) void columns(const T* in, int64_t inputs, const T* weight,
                                                      const T* bias, int64_t outputs, bool rectify,
                                                      T* out) {
  constexpr int kRows = kTileRows[kColumns];
  const auto position = [&](int64_t o) { return bias ? bias + o : nullptr; };
  int64_t o = 0;
  for (; o + kRows <= outputs; o += kRows) {
    tile<T, kRows, kColumns>(in, inputs, weight + o * inputs, position(o), rectify,
                             out + o * kBlock<T>);
  }
  if (o + 4 <= outputs) {
    tile<T, 4, kColumns>(in, inputs, weight + o * inputs, position(o), rectify,
                         out + o * kBlock<T>);
    o += 4;
  }
  if (o + 2 <= outputs) {
    tile<T, 2, kColumns>(in, inputs, weight + o * inputs, position(o), rectify,
                         out + o * kBlock<T>);
    o += 2;
  }
  for (; o < outputs; ++o) {
    tile<T, 1, kColumns>(in, inputs, weight + o * inputs, position(o), rectify,
                         out + o * kBlock<T>);
  }
}

template <class T>
void linear(const T* in, const KernelLayer& layer, const T* theta, int64_t vectors, bool rectify,
            T* out) {
  const T* weight = theta + layer.weight;
  const T* bias = layer.bias < 0 ? nullptr : theta + layer.bias;
  for (int64_t c = 0; c < vectors; c += kMostColumns) {
    const T* x = in + c * kLanes<T>;
    T* y = out + c * kLanes<T>;
    const int64_t count = vectors - c < kMostColumns ? vectors - c : kMostColumns;
    if (count == 1) columns<T, 1>(x, layer.in, weight, bias, layer.out, rectify, y);
    if (count == 2) columns<T, 2>(x, layer.in, weight, bias, layer.out, rectify, y);
    if constexpr (kMostColumns > 2) {
      if (count == 3) columns<T, 3>(x, layer.in, weight, bias, layer.out, rectify, y);
      if (count == 4) columns<T, 4>(x, layer.in, weight, bias, layer.out, rectify, y);
    }
  }
}

// ---- sums ---------------------------------------------------------------------------------------

/// Adds the squared errors of `valid` samples to 16 sums, sample n to sum n mod 16.
template <class T>
DESCENT_TARGET void add_squares(const T* prediction, int64_t prediction_stride, const T* target,
                                int64_t target_stride, int64_t outputs, int64_t valid,
                                double* sums) {
  for (int64_t o = 0; o < outputs; ++o) {
    const T* p = prediction + o * prediction_stride;
    const T* t = target + o * target_stride;
    int64_t n = 0;
    for (; n + 16 <= valid; n += 16) {
      for (int64_t l = 0; l < 16; ++l) {
        const double e = static_cast<double>(p[n + l]) - static_cast<double>(t[n + l]);
        sums[l] += e * e;
      }
    }
    for (int64_t l = 0; n + l < valid; ++l) {
      const double e = static_cast<double>(p[n + l]) - static_cast<double>(t[n + l]);
      sums[l] += e * e;
    }
  }
}

/// exp(x), lane by lane in double.
DESCENT_INLINE F exponentials(F x) { return exponential(x); }
DESCENT_INLINE Vector<double> exponentials(Vector<double> x) {
  Vector<double> result{};
  for (int64_t l = 0; l < kLanes<double>; ++l) result[l] = std::exp(x[l]);
  return result;
}

inline double total(const double* sums) {
  double result = 0;
  for (int l = 0; l < 16; ++l) result += sums[l];
  return result;
}

inline int64_t vectors_for(int64_t samples, int64_t lanes) { return (samples + lanes - 1) / lanes; }

/// The lanes of a and b in groups of kGroup, of each group the first half added to the second: a
/// vector of groups half as long, those of a first.
template <class T, int kGroup, size_t... kLane>
DESCENT_INLINE Vector<T> halved(Vector<T> a, Vector<T> b, std::index_sequence<kLane...>) {
  constexpr size_t kHalf = kGroup / 2;
  const Vector<T> low = __builtin_shufflevector(a, b, (kLane / kHalf * kGroup + kLane % kHalf)...);
  const Vector<T> high =
      __builtin_shufflevector(a, b, (kLane / kHalf * kGroup + kLane % kHalf + kHalf)...);
  return low + high;
}

/// One vector whose lane r is the sum of row r of kRows rows of kRow numbers, lane l and lane l +
/// half first, so that the order does not depend on the length of vectors.
template <class T, int kRows>
DESCENT_INLINE Vector<T> row_sums(const T* rows) {
  if constexpr (kRows == 1) {
    constexpr int kVectors = static_cast<int>(kRow<T> / kLanes<T>);
    Vector<T> part[kVectors];
#pragma GCC unroll 8
    for (int q = 0; q < kVectors; ++q) part[q] = at(rows + q * kLanes<T>);
#pragma GCC unroll 4
    for (int half = kVectors / 2; half > 0; half /= 2) {
#pragma GCC unroll 4
      for (int q = 0; q < half; ++q) part[q] += part[q + half];
    }
    return part[0];
  } else {
    constexpr int kGroup = static_cast<int>(kLanes<T> / (kRows / 2));
    return halved<T, kGroup>(row_sums<T, kRows / 2>(rows),
                             row_sums<T, kRows / 2>(rows + kRows / 2 * kRow<T>),
                             std::make_index_sequence<kLanes<T>>());
  }
}

}  // namespace

}  // namespace descent::landscape

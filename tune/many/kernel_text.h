// The text of train_many's kernels, compiled once for each instruction set by kernel_<name>.cpp,
// which defines DESCENT_KERNELS and DESCENT_KERNEL_NAME. No #pragma once.
//
// A layer's numbers lie in panels, [unit][sample], samples along the lanes. Three products make a
// step: the outputs (chain_text.h), the slopes at the inputs, and the gradient of the weights, whose
// sums run over the samples one after another. No sum's order depends on the length of vectors or on
// the number of threads.
#include <descent/landscape/paths/fused/chain_text.h>
#include <descent/tune/many/kernel.h>

namespace descent::many {
namespace {

using namespace landscape;

template <class T>
struct LooseOf;
template <>
struct LooseOf<float> {
  using Type = float __attribute__((vector_size(kVectorBytes), may_alias, aligned(4)));
};
template <>
struct LooseOf<double> {
  using Type = double __attribute__((vector_size(kVectorBytes), may_alias, aligned(8)));
};

/// A vector that begins anywhere.
template <class T>
DESCENT_INLINE typename LooseOf<T>::Type& loose(T* p) {
  return *reinterpret_cast<typename LooseOf<T>::Type*>(p);
}

// ---- products -----------------------------------------------------------------------------------

/// Numbers of a matrix at a[r * row + k * step].
template <class T>
struct Strided {
  const T* a;
  int64_t row, step;
};

/// sum[r][c] = the output's start + sum over k < count of a[r][k] * vector c of b[k * next], for kRows
/// rows from `first` on and kColumns vectors from `column` on.
template <class T, int kRows, int kColumns, class Output>
DESCENT_INLINE void product_tile(const Strided<T>& a, const T* b, int64_t next, int64_t count,
                                 const Output& output, int64_t first, int64_t column) {
  Vector<T> sum[kRows][kColumns];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) sum[r][c] = output.start(first + r, column + c * kLanes<T>);
  }
  const T* const from = a.a + first * a.row;
  for (int64_t k = 0; k < count; ++k) {
    Vector<T> x[kColumns];
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) x[c] = at(b + k * next + column + c * kLanes<T>);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vector<T> w = all(from[r * a.row + k * a.step]);
#pragma GCC unroll 4
      for (int c = 0; c < kColumns; ++c) sum[r][c] = fma(w, x[c], sum[r][c]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) output.finish(first + r, column + c * kLanes<T>, sum[r][c]);
  }
}

template <class T, int kColumns, class Output>
DESCENT_TARGET __attribute__((noinline)) void product_columns(const Strided<T>& a, int64_t rows,
                                                              const T* b, int64_t next,
                                                              int64_t count, const Output& output,
                                                              int64_t column) {
  constexpr int kRows = kTileRows[kColumns];
  int64_t r = 0;
  for (; r + kRows <= rows; r += kRows)
    product_tile<T, kRows, kColumns>(a, b, next, count, output, r, column);
  for (; r + 4 <= rows; r += 4) product_tile<T, 4, kColumns>(a, b, next, count, output, r, column);
  for (; r < rows; ++r) product_tile<T, 1, kColumns>(a, b, next, count, output, r, column);
}

/// `rows` rows and `vectors` vectors of a product over `count` numbers.
template <class T, class Output>
void product(const Strided<T>& a, int64_t rows, const T* b, int64_t next, int64_t vectors,
             int64_t count, const Output& output) {
  for (int64_t c = 0; c < vectors; c += kMostColumns) {
    const int64_t left = vectors - c < kMostColumns ? vectors - c : kMostColumns;
    const int64_t column = c * kLanes<T>;
    if (left == 1) product_columns<T, 1>(a, rows, b, next, count, output, column);
    if (left == 2) product_columns<T, 2>(a, rows, b, next, count, output, column);
    if constexpr (kMostColumns > 2) {
      if (left == 3) product_columns<T, 3>(a, rows, b, next, count, output, column);
      if (left == 4) product_columns<T, 4>(a, rows, b, next, count, output, column);
    }
  }
}

/// A panel.
template <class T>
struct ToPanel {
  T* out;
  DESCENT_INLINE Vector<T> start(int64_t, int64_t) const { return Vector<T>{}; }
  DESCENT_INLINE void finish(int64_t r, int64_t c, Vector<T> sum) const {
    at(out + r * kBlock<T> + c) = sum;
  }
};

/// The first `count` numbers at p[l * step], and zeros. By way of memory of its own: lanes of a sum that
/// is asked for one by one would be kept in memory throughout the loop around it.
template <class T>
DESCENT_INLINE Vector<T> some(const T* p, int64_t step, int64_t count) {
  alignas(kVectorBytes) T lanes[kLanes<T>] = {};
  for (int64_t l = 0; l < count; ++l) lanes[l] = p[l * step];
  return at(lanes);
}
/// The inverse.
template <class T>
DESCENT_INLINE void put_some(Vector<T> numbers, T* p, int64_t step, int64_t count) {
  alignas(kVectorBytes) T lanes[kLanes<T>];
  at(lanes) = numbers;
  for (int64_t l = 0; l < count; ++l) p[l * step] = lanes[l];
}

/// Rows of `width` numbers, one behind the other; what stands there is added unless this is the
/// `first` block.
template <class T>
struct ToRows {
  T* out;
  int64_t width;
  bool first;
  DESCENT_INLINE Vector<T> start(int64_t r, int64_t c) const {
    if (first) return Vector<T>{};
    T* const p = out + r * width + c;
    return c + kLanes<T> <= width ? loose(p) : some(p, 1, width - c);
  }
  DESCENT_INLINE void finish(int64_t r, int64_t c, Vector<T> sum) const {
    T* const p = out + r * width + c;
    if (c + kLanes<T> <= width)
      loose(p) = sum;
    else
      put_some(sum, p, 1, width - c);
  }
};

/// The same with rows and columns exchanged: number (r, c) stands at out[c * width + r], c < height.
template <class T>
struct ToColumns {
  T* out;
  int64_t width, height;
  bool first;
  DESCENT_INLINE int64_t count(int64_t c) const { return std::min(height - c, kLanes<T>); }
  DESCENT_INLINE Vector<T> start(int64_t r, int64_t c) const {
    return first ? Vector<T>{} : some(out + c * width + r, width, count(c));
  }
  DESCENT_INLINE void finish(int64_t r, int64_t c, Vector<T> sum) const {
    put_some(sum, out + c * width + r, width, count(c));
  }
};

/// Exchanges lanes of two vectors so that blocks of kHalf by kHalf numbers are turned.
template <class T, int kHalf, size_t... kLane>
DESCENT_INLINE void exchange(Vector<T>& a, Vector<T>& b, std::index_sequence<kLane...>) {
  constexpr size_t kCount = sizeof...(kLane), kShift = kHalf;
  const Vector<T> first =
      __builtin_shufflevector(a, b, (kLane & kShift ? kCount + kLane - kShift : kLane)...);
  b = __builtin_shufflevector(a, b, (kLane & kShift ? kCount + kLane : kLane + kShift)...);
  a = first;
}
template <class T, int kHalf>
DESCENT_INLINE void turn_square(Vector<T> (&rows)[kLanes<T>]) {
#pragma GCC unroll 16
  for (int r = 0; r < kLanes<T>; ++r)
    if ((r & kHalf) == 0)
      exchange<T, kHalf>(rows[r], rows[r + kHalf], std::make_index_sequence<kLanes<T>>());
  if constexpr (kHalf > 1) turn_square<T, kHalf / 2>(rows);
}

template <class T>
DESCENT_TARGET __attribute__((noinline)) void turn(const T* panel, int64_t units, int64_t samples,
                                                   T* rows, int64_t stride) {
  constexpr int64_t kSide = kLanes<T>;
  for (int64_t u = 0; u < units; u += kSide) {
    for (int64_t n = 0; n < samples; n += kSide) {
      Vector<T> square[kSide];
      if (u + kSide <= units) {
#pragma GCC unroll 16
        for (int64_t r = 0; r < kSide; ++r) square[r] = at(panel + (u + r) * kBlock<T> + n);
      } else {
#pragma GCC unroll 16
        for (int64_t r = 0; r < kSide; ++r)
          square[r] = u + r < units ? at(panel + (u + r) * kBlock<T> + n) : Vector<T>{};
      }
      turn_square<T, kSide / 2>(square);
#pragma GCC unroll 16
      for (int64_t r = 0; r < kSide; ++r) at(rows + (n + r) * stride + u) = square[r];
    }
  }
}

/// out[u * step] = sum over the samples of slopes[u] * factor, or of slopes[u] without a factor: in
/// kRow sums, sample n in sum n mod kRow. It is added unless this is the `first` block.
template <class T>
DESCENT_TARGET __attribute__((noinline)) void dots(const T* slopes, const T* factor, int64_t units,
                                                   int64_t vectors, bool first, T* sums, T* out,
                                                   int64_t step) {
  constexpr int64_t kPerRow = kRow<T> / kLanes<T>;
  for (int64_t u = 0; u < units; ++u) {
    Vector<T> part[kPerRow] = {};
    const T* const row = slopes + u * kBlock<T>;
    for (int64_t v = 0; v < vectors; v += kPerRow) {
#pragma GCC unroll 4
      for (int64_t q = 0; q < kPerRow; ++q) {
        if (v + q >= vectors) break;
        const Vector<T> x = at(row + (v + q) * kLanes<T>);
        part[q] = factor ? fma(x, at(factor + (v + q) * kLanes<T>), part[q]) : part[q] + x;
      }
    }
#pragma GCC unroll 4
    for (int64_t q = 0; q < kPerRow; ++q) at(sums + u * kRow<T> + q * kLanes<T>) = part[q];
  }
  for (int64_t u = 0; u < units; u += kLanes<T>) {
    const Vector<T> total = row_sums<T, kLanes<T>>(sums + u * kRow<T>);
    for (int64_t l = 0; l < kLanes<T> && u + l < units; ++l) {
      T& number = out[(u + l) * step];
      number = first ? total[l] : number + total[l];
    }
  }
}

// ---- slopes -------------------------------------------------------------------------------------

constexpr double kRootOfTwoOverPi = 0.79788456080286535588, kCube = 0.044715,
                 kDensity = 0.39894228040143267794;

/// The slope of an activation with argument x.
template <Activation A>
DESCENT_INLINE F slope_at(F x) {
  if constexpr (A == Activation::SiLU) {
    const F s = logistic(x);
    return s * (1.f + x * (1.f - s));
  }
  if constexpr (A == Activation::GELU) {
    const F density = static_cast<float>(kDensity) * exponential(-0.5f * x * x);
    return normal(x) + x * density;
  }
  if constexpr (A == Activation::GELUTanh) {
    constexpr auto k = static_cast<float>(kRootOfTwoOverPi), cube = static_cast<float>(kCube);
    const F square = x * x, t = hyperbolic_tangent(k * x * (1.f + cube * square));
    return 0.5f * (1.f + t) + 0.5f * x * (1.f - t * t) * k * (1.f + 3.f * cube * square);
  }
}
template <Activation A>
inline double slope_at(double x) {
  if constexpr (A == Activation::SiLU) {
    const double s = 1 / (1 + std::exp(-x));
    return s * (1 + x * (1 - s));
  }
  if constexpr (A == Activation::GELU)
    return 0.5 * std::erfc(x * -0.70710678118654752440) + x * kDensity * std::exp(-0.5 * x * x);
  if constexpr (A == Activation::GELUTanh) {
    const double t = std::tanh(kRootOfTwoOverPi * x * (1 + kCube * x * x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * kRootOfTwoOverPi * (1 + 3 * kCube * x * x);
  }
}

/// slopes *= the activation's slope, of `rows` rows; `panel` holds what it is computed from.
template <class T, Activation A>
DESCENT_TARGET __attribute__((noinline)) void multiply_slopes(const T* panel, T* slopes,
                                                              int64_t rows, int64_t vectors) {
  for (int64_t r = 0; r < rows; ++r, panel += kBlock<T>, slopes += kBlock<T>) {
    for (int64_t n = 0; n < vectors * kLanes<T>; n += kLanes<T>) {
      const Vector<T> y = at(panel + n);
      Vector<T>& d = at(slopes + n);
      if constexpr (A == Activation::ReLU) {
        d = y <= 0 ? Vector<T>{} : d;
      } else if constexpr (A == Activation::Tanh) {
        d *= all(T(1)) - y * y;
      } else if constexpr (A == Activation::Sigmoid) {
        d *= (all(T(1)) - y) * y;
      } else if constexpr (std::is_same_v<T, float>) {
        d *= slope_at<A>(y);
      } else {
        for (int64_t l = 0; l < kLanes<T>; ++l) slopes[n + l] *= slope_at<A>(panel[n + l]);
      }
    }
  }
}

template <class T>
void multiply_slopes(Activation activation, const T* panel, T* slopes, int64_t rows,
                     int64_t vectors) {
  switch (activation) {
    case Activation::ReLU:
      return multiply_slopes<T, Activation::ReLU>(panel, slopes, rows, vectors);
    case Activation::Tanh:
      return multiply_slopes<T, Activation::Tanh>(panel, slopes, rows, vectors);
    case Activation::GELU:
      return multiply_slopes<T, Activation::GELU>(panel, slopes, rows, vectors);
    case Activation::GELUTanh:
      return multiply_slopes<T, Activation::GELUTanh>(panel, slopes, rows, vectors);
    case Activation::Sigmoid:
      return multiply_slopes<T, Activation::Sigmoid>(panel, slopes, rows, vectors);
    case Activation::SiLU:
      return multiply_slopes<T, Activation::SiLU>(panel, slopes, rows, vectors);
  }
}

/// The slopes of a mean of squares: factor * (prediction - target).
template <class T>
DESCENT_TARGET void slope_of_squares(const T* prediction, const T* target, int64_t outputs,
                                     int64_t vectors, T factor, T* slopes) {
  for (int64_t o = 0; o < outputs * kBlock<T>; o += kBlock<T>)
    for (int64_t n = 0; n < vectors * kLanes<T>; n += kLanes<T>)
      at(slopes + o + n) = (at(prediction + o + n) - at(target + o + n)) * factor;
}

/// Adds log(sum over o of exp(logits[o])) - logits[class] of `valid` samples to 16 sums. With
/// `slopes`, these become factor * (softmax - 1 at the class).
template <class T>
DESCENT_TARGET void entropies(const T* logits, const int64_t* classes, int64_t outputs,
                              int64_t valid, double* sums, T factor, T* slopes) {
  for (int64_t n = 0; n < valid; n += kLanes<T>) {
    Vector<T> most = at(logits + n);
    for (int64_t o = 1; o < outputs; ++o) {
      const Vector<T> z = at(logits + o * kBlock<T> + n);
      most = z > most ? z : most;
    }
    // Without the one of the largest, which would hide the others of a sample far from a boundary.
    Vector<T> rest{};
    decltype(most == most) left_out{};
    for (int64_t o = 0; o < outputs; ++o) {
      const Vector<T> gap = at(logits + o * kBlock<T> + n) - most;
      const auto is_most = (gap == 0) & ~left_out;
      const Vector<T> e = exponentials(gap);
      rest += is_most ? gap : e;
      left_out |= is_most;
      if (slopes) at(slopes + o * kBlock<T> + n) = e;
    }
    if (slopes) {
      const Vector<T> share = factor / (all(T(1)) + rest);
      for (int64_t o = 0; o < outputs; ++o) at(slopes + o * kBlock<T> + n) *= share;
    }
    for (int64_t l = 0; l < kLanes<T> && n + l < valid; ++l) {
      const int64_t place = classes[n + l] * kBlock<T> + n + l;
      sums[(n + l) % 16] += std::log1p(static_cast<double>(rest[l])) +
                            (static_cast<double>(most[l]) - static_cast<double>(logits[place]));
      if (slopes) slopes[place] -= factor;
    }
  }
}

// ---- networks -----------------------------------------------------------------------------------

/// Fills the panels of one block from its input on; returns the predictions.
template <class T>
const T* run_forward(const TrainJob<T>& job, const TrainScratch<T>& s, const T* theta,
                     const T* input, int64_t vectors) {
  for (const TrainLayer& layer : job.layers) {
    linear(&layer == &job.layers.front() ? input : s.panels[layer.from], layer.linear, theta,
           vectors, layer.rectifies, s.panels[layer.to]);
    for (const Activating& a : layer.activations) {
      if (a.from != a.to)
        std::copy_n(s.panels[a.from], layer.linear.out * kBlock<T>, s.panels[a.to]);
      activate(a.activation, s.panels[a.to], layer.linear.out, vectors);
    }
  }
  return s.panels[job.layers.back().last];
}

/// From the slopes at the predictions, in s.slopes[0], to the gradient of all weights.
template <class T>
void run_backward(const TrainJob<T>& job, const TrainBatch<T>& batch, const TrainScratch<T>& s,
                  const T* theta, int64_t block, int64_t valid, T* gradient) {
  const int64_t vectors = vectors_for(valid, kLanes<T>);
  const bool is_first_block = block == 0;
  int now = 0;
  for (size_t k = job.layers.size(); k-- > 0; now = 1 - now) {
    const TrainLayer& layer = job.layers[k];
    const int64_t in = layer.linear.in, out = layer.linear.out;
    T* const slopes = s.slopes[now];
    for (size_t a = layer.activations.size(); a-- > 0;) {
      const Activating& step = layer.activations[a];
      multiply_slopes(step.activation,
                      s.panels[is_of_result(step.activation) ? step.to : step.from], slopes, out,
                      vectors);
    }
    if (layer.rectifies)
      multiply_slopes(Activation::ReLU, s.panels[layer.to], slopes, out, vectors);

    T* const weights = gradient + layer.linear.weight;
    const T* const input = k == 0 ? batch.input + block * in * kBlock<T> : s.panels[layer.from];
    switch (layer.turn) {
      case Turn::DotsOfOutputs:
        for (int64_t o = 0; o < out; ++o)
          dots(input, slopes + o * kBlock<T>, in, vectors, is_first_block, s.sums, weights + o * in,
               1);
        break;
      case Turn::DotsOfInputs:
        for (int64_t i = 0; i < in; ++i)
          dots(slopes, input + i * kBlock<T>, out, vectors, is_first_block, s.sums, weights + i,
               in);
        break;
      case Turn::ByInput: {
        const int64_t stride = (in + kRow<T> - 1) / kRow<T> * kRow<T>;
        const T* rows = s.turned;
        if (k == 0)
          rows = batch.rows + block * kBlock<T> * stride;
        else
          turn(input, in, valid, s.turned, stride);
        product(Strided<T>{slopes, kBlock<T>, 1}, out, rows, stride, vectors_for(in, kLanes<T>),
                valid, ToRows<T>{weights, in, is_first_block});
        break;
      }
      case Turn::ByOutput: {
        const int64_t stride = (out + kRow<T> - 1) / kRow<T> * kRow<T>;
        turn(slopes, out, valid, s.turned, stride);
        product(Strided<T>{input, kBlock<T>, 1}, in, s.turned, stride, vectors_for(out, kLanes<T>),
                valid, ToColumns<T>{weights, in, out, is_first_block});
        break;
      }
    }
    if (layer.linear.bias >= 0)
      dots<T>(slopes, nullptr, out, vectors, is_first_block, s.sums, gradient + layer.linear.bias,
              1);
    if (k > 0)
      product(Strided<T>{theta + layer.linear.weight, 1, in}, in, slopes, kBlock<T>, vectors, out,
              ToPanel<T>{s.slopes[1 - now]});
  }
}

/// The loss of a batch; its gradient, too, unless that is nullptr.
template <class T>
double gradient_of(const TrainJob<T>& job, const TrainBatch<T>& batch, const TrainScratch<T>& s,
                   const T* theta, T* gradient) {
  const double terms =
      static_cast<double>(batch.samples) * (job.has_classes ? 1 : static_cast<double>(job.outputs));
  const T factor = static_cast<T>((job.has_classes ? 1 : 2) / terms);
  const int64_t inputs = job.layers.front().linear.in;
  double sums[16] = {};
  for (int64_t n = 0, block = 0; n < batch.samples; n += kBlock<T>, ++block) {
    const int64_t valid = std::min(batch.samples - n, kBlock<T>);
    const int64_t vectors = vectors_for(valid, kLanes<T>);
    const T* const prediction =
        run_forward(job, s, theta, batch.input + block * inputs * kBlock<T>, vectors);
    T* const slopes = gradient ? s.slopes[0] : nullptr;
    if (job.has_classes) {
      entropies(prediction, batch.classes + n, job.outputs, valid, sums, factor, slopes);
    } else {
      const T* const target = batch.target + block * job.outputs * kBlock<T>;
      add_squares(prediction, kBlock<T>, target, kBlock<T>, job.outputs, valid, sums);
      if (slopes) slope_of_squares(prediction, target, job.outputs, vectors, factor, slopes);
    }
    if (!gradient) continue;
    for (int64_t o = 0; o < job.outputs; ++o)
      std::fill(slopes + o * kBlock<T> + valid, slopes + o * kBlock<T> + vectors * kLanes<T>, T(0));
    run_backward(job, batch, s, theta, block, valid, gradient);
  }
  return total(sums) / terms;
}

template <class T>
double loss_of(const TrainJob<T>& job, const TrainBatch<T>& batch, const TrainScratch<T>& s,
               const T* theta) {
  return gradient_of<T>(job, batch, s, theta, nullptr);
}

template <class T>
constexpr TrainKernels<T> kTable = {DESCENT_KERNEL_NAME, loss_of<T>, gradient_of<T>, turn<T>};

}  // namespace

template <>
const TrainKernels<float>* DESCENT_KERNELS<float>() {
  return &kTable<float>;
}
template <>
const TrainKernels<double>* DESCENT_KERNELS<double>() {
  return &kTable<double>;
}

}  // namespace descent::many

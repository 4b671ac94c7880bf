// The text of the fused kernels, compiled once for each instruction set by kernel_<name>.cpp, which
// defines DESCENT_KERNELS and DESCENT_KERNEL_NAME. No #pragma once.
#include <descent/landscape/paths/fused/chain_text.h>

namespace descent::landscape {
namespace {

// ---- networks -----------------------------------------------------------------------------------

template <class T>
DESCENT_TARGET void combine(T* out, const T* a, const T* b, T s, int64_t n) {
  const Vector<T> factor = all(s);
  for (int64_t k = 0; k < n; k += kLanes<T>) at(out + k) = fma(factor, at(b + k), at(a + k));
}

/// Whether output `label` of sample n is the largest, the first of several, NaN above all.
template <class T>
bool is_right(const T* logits, int64_t outputs, int64_t n, int64_t label) {
  T most = logits[n];
  int64_t best = 0;
  for (int64_t o = 1; o < outputs; ++o) {
    const T z = logits[o * kBlock<T> + n];
    if (most == most && !(z <= most)) {
      most = z;
      best = o;
    }
  }
  return best == label;
}

/// Adds log(sum over o of exp(logits[o])) - logits[class] of `valid` samples to 16 sums, and those
/// that are classified right to `right`.
template <class T>
DESCENT_TARGET void add_entropies(const KernelJob<T>& job, const T* logits, const int64_t* classes,
                                  int64_t valid, double* sums, double* right) {
  for (int64_t n = 0; n < valid; n += kLanes<T>) {
    Vector<T> most = at(logits + n);
    for (int64_t o = 1; o < job.outputs; ++o) {
      const Vector<T> z = at(logits + o * kBlock<T> + n);
      most = z > most ? z : most;
    }
    // Without the one of the largest, which would hide the others of a sample far from a boundary.
    Vector<T> rest{};
    decltype(most == most) left_out{};
    for (int64_t o = 0; o < job.outputs; ++o) {
      const Vector<T> gap = at(logits + o * kBlock<T> + n) - most;
      const auto is_most = (gap == 0) & ~left_out;
      rest += is_most ? gap : exponentials(gap);
      left_out |= is_most;
    }
    for (int64_t l = 0; l < kLanes<T> && n + l < valid; ++l) {
      const T z = logits[classes[n + l] * kBlock<T> + n + l];
      sums[(n + l) % 16] += std::log1p(static_cast<double>(rest[l])) +
                            (static_cast<double>(most[l]) - static_cast<double>(z));
    }
  }
  if (!job.count_right) return;
  for (int64_t n = 0; n < valid; ++n) *right += is_right(logits, job.outputs, n, classes[n]);
}

/// Layers from `begin` on of one block whose activations before layer `begin` are in panel[0].
/// Returns the panel of the predictions.
template <class T>
const T* run_layers(const KernelJob<T>& job, const KernelScratch<T>& s, size_t begin,
                    int64_t vectors) {
  int now = 0;
  for (size_t k = begin; k < job.layers.size(); ++k) {
    const KernelLayer& layer = job.layers[k];
    const bool rectify =
        !layer.activations.empty() && layer.activations.front() == Activation::ReLU;
    linear(s.panel[now], layer, s.theta, vectors, rectify, s.panel[1 - now]);
    now = 1 - now;
    for (size_t a = rectify ? 1 : 0; a < layer.activations.size(); ++a) {
      activate(layer.activations[a], s.panel[now], layer.out, vectors);
    }
  }
  return s.panel[now];
}

template <class T>
DESCENT_TARGET KernelValues multiply(const KernelJob<T>& job, const KernelScratch<T>& s, T alpha) {
  const bool affine = job.first_u != nullptr;
  const KernelLayer& first = job.layers.front();
  // The first layer comes first in the array and is not needed when its pre-activations are at
  // hand.
  const int64_t skip = affine && job.layers.size() > 1 ? job.layers[1].weight : 0;
  combine(s.theta + skip, s.base + skip, job.u + skip, alpha, job.parameters - skip);
  double sums[16] = {}, right = 0;
  for (int64_t n = 0, block = 0; n < job.samples; n += kBlock<T>, ++block) {
    const int64_t valid = job.samples - n < kBlock<T> ? job.samples - n : kBlock<T>;
    const int64_t vectors = vectors_for(valid, kLanes<T>);
    if (affine) {
      const int64_t offset = block * first.out * kBlock<T>;
      const Vector<T> factor = all(alpha);
      for (int64_t o = 0; o < first.out * kBlock<T>; o += kBlock<T>) {
        for (int64_t c = 0; c < vectors * kLanes<T>; c += kLanes<T>) {
          at(s.panel[0] + o + c) =
              fma(factor, at(job.first_u + offset + o + c), at(s.first_base + offset + o + c));
        }
      }
    } else {
      linear(job.input + block * first.in * kBlock<T>, first, s.theta, vectors, false, s.panel[0]);
    }
    for (const Activation a : first.activations) activate(a, s.panel[0], first.out, vectors);
    const T* prediction = run_layers(job, s, 1, vectors);
    if (job.classes) {
      add_entropies(job, prediction, job.classes + n, valid, sums, &right);
    } else {
      add_squares(prediction, kBlock<T>, job.target + block * job.outputs * kBlock<T>, kBlock<T>,
                  job.outputs, valid, sums);
    }
  }
  const auto samples = static_cast<double>(job.samples);
  const double terms = samples * (job.classes ? 1 : static_cast<double>(job.outputs));
  return {total(sums) / terms, right / samples};
}

// ---- scalar input: the first two layers by pieces -----------------------------------------------

// With z(x) = b2 + sum_i W[i] * max(0, w_i x + b_i) the units that are on at x contribute A x + B,
//   A = sum W[i] w_i,   B = sum W[i] b_i,
// and A and B change only where a unit switches, at its kink x = -b_i / w_i. Units with w < 0 are
// on to the left of their kink; a sweep downwards over the kinks alone keeps their A and B between
// each two of them. Units with w > 0 are on to the right and are added in a sweep upwards through
// the sorted samples. A unit costs one update of A and B instead of one multiply-add for each
// sample.
//
// Nothing is ever subtracted again, so the rounding error is at most
//   c * hidden * eps * sum over units on at x of |W| (|w x| + |b|),
// which is also the effect of rounding the weights w and b themselves.

/// Lists the units at the sample where they switch.
template <class T>
DESCENT_TARGET __attribute__((noinline)) void list_units(const KernelJob<T>& job,
                                                         const KernelScratch<T>& s) {
  const Pieces& p = job.pieces;
  const T* w = s.theta + p.weight1;
  const T* b = s.theta + p.bias1;
  const T* x = job.sorted_input;
  const int64_t chunks = job.samples / kChunk + 1;
  std::fill_n(s.side[kRight].kinks, chunks, 0);
  std::fill_n(s.side[kLeft].kinks, chunks, 0);
  for (int32_t i = 0; i < p.hidden; ++i) {
    const T t = s.kink[i];
    int64_t n = job.first_in_cell[s.cell[i]];
    int64_t last = job.first_in_cell[s.cell[i] + 1];
    if (w[i] == 0) n = last = b[i] > 0 ? 0 : job.samples;
    while (n < last) {  // the first sample with x >= t; at x = t the unit is 0 but for rounding
      const int64_t middle = (n + last) / 2;
      if (x[middle] < t) {
        n = middle + 1;
      } else {
        last = middle;
      }
    }
    const Switches& side = s.side[w[i] < 0];  // without a branch, which no one could predict
    const auto position = static_cast<uint64_t>(n);
    uint64_t& kinks = side.kinks[position / kChunk];
    const int32_t listed = kinks >> position % kChunk & 1;
    s.next[i] = side.first[n] | (listed - 1);
    kinks |= uint64_t{1} << position % kChunk;
    side.first[n] = i;
  }
  // These units are never on.
  s.side[kLeft].kinks[0] &= ~uint64_t{1};
  s.side[kRight].kinks[chunks - 1] &= ~(uint64_t{1} << job.samples % kChunk);
}

/// A x + B for kVectors vectors of outputs.
template <class T, int kVectors>
struct __attribute__((may_alias)) Line {
  Vector<T> slope[kVectors], level[kVectors];
};

/// Adds the listed units from i on.
template <class T, int kVectors>
DESCENT_INLINE void add_units(const KernelJob<T>& job, const KernelScratch<T>& s, T alpha,
                              int64_t output, int32_t i, Line<T, kVectors>& line) {
  const Pieces& p = job.pieces;
  const Vector<T> a = all(alpha);
  const int64_t weight2 = p.weight2 + output;
  for (; i >= 0; i = s.next[i]) {
    const Vector<T> w = all(s.theta[p.weight1 + i]), b = all(s.theta[p.bias1 + i]);
#pragma GCC unroll 4
    for (int q = 0; q < kVectors; ++q) {
      const int64_t k = weight2 + i * p.width + q * kLanes<T>;
      const Vector<T> weight = fma(a, at(job.u + k), at(s.base + k));
      line.slope[q] = fma(w, weight, line.slope[q]);
      line.level[q] = fma(b, weight, line.level[q]);
    }
  }
}

/// The lines of the second layer's bias and the units on to the left of their kink, for kVectors
/// vectors of outputs from `output` on, into s.left: one for each piece, from the right on, down to
/// that of sample `begin`. Returns the one to the left of all kinks from there on.
template <class T, int kVectors>
DESCENT_TARGET __attribute__((noinline)) const Line<T, kVectors>* sweep_left(
    const KernelJob<T>& job, const KernelScratch<T>& s, T alpha, int64_t begin, int64_t output) {
  Line<T, kVectors> line{};
#pragma GCC unroll 4
  for (int q = 0; q < kVectors; ++q) {
    line.level[q] = at(s.theta + job.pieces.bias2 + output + q * kLanes<T>);
  }
  auto* to = reinterpret_cast<Line<T, kVectors>*>(s.left);
  *to = line;
  for (int64_t chunk = job.samples / kChunk; chunk >= begin / kChunk; --chunk) {
    for (uint64_t rest = s.side[kLeft].kinks[chunk]; rest != 0;) {
      const int n = 63 - std::countl_zero(rest);
      rest ^= uint64_t{1} << n;
      add_units(job, s, alpha, output, s.side[kLeft].first[chunk * kChunk + n], line);
      *++to = line;
    }
  }
  return to;
}

/// Upwards through the samples [begin, end) of one chunk for kVectors vectors of outputs from
/// `output` on; `left` is the line left of all kinks from there on, as is the returned one for `end`. With
/// kFold the rectified values go through the last layer into s.partial, else the pre-activations
/// into s.rows.
template <class T, int kVectors, bool kFold>
DESCENT_TARGET __attribute__((noinline)) const Line<T, kVectors>* sweep_right(
    const KernelJob<T>& job, const KernelScratch<T>& s, T alpha, int64_t begin, int64_t end,
    const Line<T, kVectors>* left, int64_t output) {
  using V = Vector<T>;
  constexpr int kPerRow = static_cast<int>(kRow<T> / kLanes<T>);
  const int64_t width = job.pieces.width, outputs = job.outputs, samples = end - begin;
  const T* const input = job.sorted_input + begin;
  const T* const weight3 = s.theta + job.pieces.weight3 + output;
  T* const rows = s.rows + begin % kPart * width + output;
  T* const partials = s.partial + begin % kPart * kRow<T>;
  const uint64_t rightwards = s.side[kRight].kinks[begin / kChunk],
                 leftwards = s.side[kLeft].kinks[begin / kChunk];
  uint64_t kinks = rightwards | leftwards | 1;
  auto* const kept = reinterpret_cast<Line<T, kVectors>*>(s.right + 2 * output);
  Line<T, kVectors> right = *kept;
  for (int64_t n = 0; n < samples;) {
    if (rightwards >> n & 1) {
      add_units(job, s, alpha, output, s.side[kRight].first[begin + n], right);
    }
    if (leftwards >> n & 1) --left;
    Line<T, kVectors> both = *left;
#pragma GCC unroll 4
    for (int q = 0; q < kVectors; ++q) {
      both.slope[q] += right.slope[q];
      both.level[q] += right.level[q];
    }
    kinks &= kinks - 1;
    const int64_t next = std::min<int64_t>(std::countr_zero(kinks), samples);
    for (; n < next; ++n) {
      const V x = all(input[n]);
      V z[kVectors];
#pragma GCC unroll 4
      for (int q = 0; q < kVectors; ++q) {
        z[q] = fma(both.slope[q], x, both.level[q]);
        if constexpr (!kFold) at(rows + n * width + q * kLanes<T>) = z[q];
      }
      if constexpr (kFold) {
#pragma GCC unroll 4
        for (int q = 0; q < kVectors; ++q) z[q] = relu(z[q]);
        for (int64_t o = 0; o < outputs; ++o) {
          const T* last = weight3 + o * width;
          T* const partial = partials + (o * kPart + n) * kRow<T>;
          V sum[kPerRow];
#pragma GCC unroll 4
          for (int q = 0; q < kPerRow; ++q) sum[q] = output > 0 ? at(partial + q * kLanes<T>) : V{};
#pragma GCC unroll 4
          for (int q = 0; q < kVectors; ++q) {
            sum[q % kPerRow] = fma(at(last + q * kLanes<T>), z[q], sum[q % kPerRow]);
          }
#pragma GCC unroll 4
          for (int q = 0; q < kPerRow; ++q) at(partial + q * kLanes<T>) = sum[q];
        }
      }
    }
  }
  *kept = right;
  return left;
}

/// Calls sweep(number of vectors, first output) for at most 4 vectors of outputs at a time.
template <class T, class Sweep>
void for_outputs(const Pieces& p, const Sweep& sweep) {
  for (int64_t output = 0; output < p.width; output += 4 * kLanes<T>) {
    const int64_t left = (p.width - output) / kLanes<T>;
    if (left >= 4) sweep(std::integral_constant<int, 4>{}, output);
    if (left == 3) sweep(std::integral_constant<int, 3>{}, output);
    if (left == 2) sweep(std::integral_constant<int, 2>{}, output);
    if (left == 1) sweep(std::integral_constant<int, 1>{}, output);
  }
}

/// prediction[n] = bias + the sum of row n; works on whole vectors, up to kLanes - 1 rows past
/// `count`.
template <class T>
DESCENT_TARGET void add_lanes(const T* partial, T bias, int64_t count, T* prediction) {
  for (int64_t n = 0; n < count; n += kLanes<T>) {
    at(prediction + n) = row_sums<T, kLanes<T>>(partial + n * kRow<T>) + bias;
  }
}

/// The squared errors of the samples [begin, end) of one chunk from s.partial or s.rows on.
template <class T>
DESCENT_TARGET __attribute__((noinline)) void add_losses(const KernelJob<T>& job,
                                                         const KernelScratch<T>& s, int64_t begin,
                                                         int64_t end, double* sums) {
  const Pieces& p = job.pieces;
  if (p.folded) {
    alignas(kAlignment) T prediction[kChunk];
    for (int64_t o = 0; o < job.outputs; ++o) {
      add_lanes(s.partial + (o * kPart + begin % kPart) * kRow<T>, s.theta[p.bias3 + o],
                end - begin, prediction);
      add_squares(prediction, 0, job.sorted_target + o * job.sorted_stride + begin, 0, 1,
                  end - begin, sums);
    }
    return;
  }
  const KernelLayer& second = job.layers[1];
  for (int64_t n = begin; n < end; n += kBlock<T>) {
    const int64_t valid = std::min(end - n, kBlock<T>);
    const int64_t vectors = vectors_for(valid, kLanes<T>);
    const T* rows = s.rows + n % kPart * p.width;
    for (int64_t k = 0; k < second.out; ++k) {
      for (int64_t l = 0; l < vectors * kLanes<T>; ++l) {
        s.panel[0][k * kBlock<T> + l] = rows[std::min(l, valid - 1) * p.width + k];
      }
    }
    for (const Activation activation : second.activations) {
      activate(activation, s.panel[0], second.out, vectors);
    }
    const T* prediction = run_layers(job, s, 2, vectors);
    add_squares(prediction, kBlock<T>, job.sorted_target + n, job.sorted_stride, job.outputs, valid,
                sums);
  }
}

template <class T>
DESCENT_TARGET double by_pieces(const KernelJob<T>& job, const KernelScratch<T>& s, T alpha) {
  const Pieces& p = job.pieces;
  // The second layer's weights are formed where they are used, all others here.
  const int64_t before = p.weight2, after = p.weight2 + p.hidden * p.width;
  combine(s.theta, s.base, job.u, alpha, before);
  combine(s.theta + after, s.base + after, job.u + after, alpha, job.parameters - after);
  const T most = static_cast<T>(job.cells - 1);
  for (int64_t i = 0; i < p.hidden; ++i) {
    const T t = -s.theta[p.bias1 + i] / s.theta[p.weight1 + i];
    T cell = (t - job.cell_origin) * job.cells_per_unit;
    cell = cell > 0 ? cell : 0;  // NaN becomes 0
    cell = cell < most ? cell : most;
    s.kink[i] = t;
    s.cell[i] = static_cast<int32_t>(cell);
  }
  list_units(job, s);
  std::fill_n(s.right, 2 * p.width, T(0));
  double sums[16] = {};
  const int64_t part = p.width > 4 * kLanes<T> ? kPart : job.samples;
  for (int64_t from = 0; from < job.samples; from += part) {
    const int64_t to = std::min(from + part, job.samples);
    for_outputs<T>(p, [&](auto vectors, int64_t output) {
      auto* left = sweep_left<T, vectors>(job, s, alpha, from, output);
      for (int64_t begin = from; begin < to; begin += kChunk) {
        const int64_t end = std::min(begin + kChunk, to);
        left = p.folded ? sweep_right<T, vectors, true>(job, s, alpha, begin, end, left, output)
                        : sweep_right<T, vectors, false>(job, s, alpha, begin, end, left, output);
        if (output + vectors * kLanes<T> == p.width) add_losses(job, s, begin, end, sums);
      }
    });
  }
  return total(sums) / (static_cast<double>(job.samples) * static_cast<double>(job.outputs));
}

template <class T>
constexpr Kernels<T> kTable = {DESCENT_KERNEL_NAME, combine<T>, multiply<T>, by_pieces<T>};

}  // namespace

template <>
const Kernels<float>* DESCENT_KERNELS<float>() {
  return &kTable<float>;
}
template <>
const Kernels<double>* DESCENT_KERNELS<double>() {
  return &kTable<double>;
}

}  // namespace descent::landscape

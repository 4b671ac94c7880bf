#pragma once
// How weights and data lie in memory for the kernels of the fused path.
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include <ATen/core/Tensor.h>

#include <descent/landscape/paths/fused/aligned.h>
#include <descent/landscape/paths/fused/kernel.h>
#include <descent/landscape/planes/plane.h>

namespace descent::landscape {

inline int64_t rounded_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

template <class T>
constexpr at::ScalarType kType = std::is_same_v<T, float> ? at::kFloat : at::kDouble;

/// A parameter array in the making: where each tensor lies, row by row or transposed, with padded
/// rows.
class Layout {
 public:
  explicit Layout(int64_t unit) : unit_(unit) {}

  /// Space for a (rows, columns) tensor whose rows are `stride` apart; `slot` is empty for zeros.
  int64_t add(std::optional<size_t> slot, int64_t rows, int64_t columns, int64_t stride,
              bool transposed = false) {
    const int64_t position = size_;
    if (slot) parts_.push_back({*slot, position, rows, columns, stride, transposed});
    size_ = rounded_up(size_ + rows * stride, unit_);
    return position;
  }

  int64_t size() const { return size_; }

  template <class T>
  Aligned<T> packed(const std::vector<at::Tensor>& tensors) const {
    Aligned<T> result(size_);
    for (const Part& part : parts_) {
      const at::Tensor tensor = tensors[part.slot].detach();
      const at::Tensor matrix =
          part.transposed ? tensor.t() : tensor.reshape({part.rows, part.columns});
      const T* from = matrix.const_data_ptr<T>();
      for (int64_t r = 0; r < part.rows; ++r) {
        T* to = result.data() + part.position + r * part.stride;
        for (int64_t c = 0; c < part.columns; ++c) {
          to[c] = from[r * matrix.stride(0) + c * matrix.stride(1)];
        }
      }
    }
    return result;
  }

 private:
  struct Part {
    size_t slot;
    int64_t position, rows, columns, stride;
    bool transposed;
  };
  int64_t unit_, size_ = 0;
  std::vector<Part> parts_;
};

/// The weights of a plane.
template <class T>
struct Packed {
  Packed() = default;
  Packed(const Layout& layout, const Plane& plane)
      : center(layout.packed<T>(plane.center)),
        u(layout.packed<T>(plane.u)),
        v(layout.packed<T>(plane.v)) {}
  Aligned<T> center, u, v;
};

/// A (samples, units) matrix in blocks of samples: [block][unit][kBlock], the last block filled up
/// by repeating its last sample.
template <class T>
class Blocks {
 public:
  static int64_t size(int64_t samples, int64_t units) {
    return rounded_up(samples, kBlock<T>) * units;
  }

  explicit Blocks(int64_t samples = 0, int64_t units = 0)
      : samples_(samples), units_(units), numbers_(size(samples, units)) {}

  /// The next samples.
  void append(const at::Tensor& rows) {
    const at::Tensor dense = rows.to(kType<T>).contiguous();
    const T* from = dense.const_data_ptr<T>();
    for (int64_t n = 0; n < dense.size(0); ++n, from += units_) add(from);
    if (filled_ < samples_) return;
    from -= units_;
    while (filled_ % kBlock<T> != 0) add(from);
  }

  T at(int64_t sample, int64_t unit) const {
    return numbers_.data()[place(sample) + unit * kBlock<T>];
  }
  const T* data() const { return numbers_.data(); }

 private:
  int64_t place(int64_t sample) const {
    return sample / kBlock<T> * units_ * kBlock<T> + sample % kBlock<T>;
  }

  void add(const T* row) {
    T* to = numbers_.data() + place(filled_++);
    for (int64_t k = 0; k < units_; ++k) to[k * kBlock<T>] = row[k];
  }

  int64_t samples_, units_, filled_ = 0;
  Aligned<T> numbers_;
};

}  // namespace descent::landscape

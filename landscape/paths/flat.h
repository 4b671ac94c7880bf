#pragma once
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/util/DimVector.h>
#include <c10/util/accumulate.h>

namespace descent::landscape {

/// Tensors that move over the plane, laid out one behind the other.
struct Flat {
  Flat() = default;
  Flat(const std::vector<at::Tensor>& center_of, const std::vector<at::Tensor>& u_of,
       const std::vector<at::Tensor>& v_of) {
    for (const at::Tensor& tensor : center_of) {
      offsets.push_back(entries);
      entries += (tensor.numel() + kAlign - 1) / kAlign * kAlign;
      shapes.emplace_back(tensor.sizes());
    }
    center = joined(center_of);
    u = joined(u_of);
    v = joined(v_of);
  }

  at::Tensor joined(const std::vector<at::Tensor>& tensors) const {
    at::Tensor result = at::zeros({entries}, tensors.front().options());
    for (size_t k = 0; k < tensors.size(); ++k) {
      result.narrow(0, offsets[k], tensors[k].numel()).copy_(tensors[k].reshape({-1}));
    }
    return result;
  }

  /// The tensor `slot` of such a row, [...], or of each of several, [rows, ...].
  at::Tensor view(const at::Tensor& rows, size_t slot) const {
    const auto& shape = shapes[slot];
    std::vector<int64_t> sizes, strides;
    if (rows.dim() == 2) {
      sizes.push_back(rows.size(0));
      strides.push_back(entries);
    }
    int64_t step = c10::multiply_integers(shape);
    for (const int64_t size : shape) {
      step = size > 0 ? step / size : step;
      sizes.push_back(size);
      strides.push_back(step);
    }
    return rows.as_strided(sizes, strides, offsets[slot]);
  }

  int64_t bytes() const { return entries * (center.defined() ? center.element_size() : 0); }

  static constexpr int64_t kAlign = 16;  // entries: each tensor begins at a cache line
  int64_t entries = 0;
  std::vector<int64_t> offsets;
  std::vector<c10::DimVector> shapes;
  at::Tensor center, u, v;
};

}  // namespace descent::landscape

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/sub.h>

#include <descent/tensors/centralized.h>
#include <descent/tensors/computed_in.h>

namespace descent::tensors {
namespace {

/// Rows of `length` numbers; 32 partial sums, so that the compiler can keep them in registers.
template <class T>
void centralize(const T* g, T* out, int64_t rows, int64_t length) {
  constexpr int kLanes = 32;
  for (int64_t row = 0; row < rows; ++row, g += length, out += length) {
    double lanes[kLanes] = {};
    int64_t i = 0;
    for (; i + kLanes <= length; i += kLanes)
      for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += static_cast<double>(g[i + lane]);
    for (int lane = 0; i < length; ++i, ++lane) lanes[lane] += static_cast<double>(g[i]);
    double sum = 0;
    for (const double lane : lanes) sum += lane;
    const T mean = static_cast<T>(sum / static_cast<double>(length));
    for (i = 0; i < length; ++i) out[i] = g[i] - mean;
  }
}

}  // namespace

at::Tensor centralized(const at::Tensor& g) {
  if (g.dim() < 2 || g.numel() == 0) return g;
  const at::ScalarType type = computed_in(g);
  if (!g.device().is_cpu()) {
    const at::Tensor wide = g.to(type).flatten(1);
    return at::sub(wide, wide.mean(1, true)).view(g.sizes()).to(g.scalar_type());
  }
  const at::Tensor rows = g.resolve_neg().to(type).contiguous();
  at::Tensor result = at::empty_like(rows);
  if (type == at::kDouble)
    centralize(rows.const_data_ptr<double>(), result.mutable_data_ptr<double>(), g.size(0),
               g.numel() / g.size(0));
  else
    centralize(rows.const_data_ptr<float>(), result.mutable_data_ptr<float>(), g.size(0),
               g.numel() / g.size(0));
  return result.to(g.scalar_type());
}

}  // namespace descent::tensors

#include <cmath>

#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_vector_norm.h>

#include <descent/tensors/norm.h>
#include <descent/tensors/real_view.h>

namespace descent::tensors {

at::Tensor norm(const at::Tensor& numbers, double order, at::IntArrayRef axes, bool keep) {
  const at::Tensor x = real_view(numbers);
  at::OptionalIntArrayRef along;
  if (!axes.empty()) along = axes;
  // Elsewhere than on the CPU a look at the result would wait for the device.
  if (x.device().is_cpu() && x.scalar_type() != at::kDouble) {
    const at::Tensor found =
        at::linalg_vector_norm(x, order, along, keep, at::kFloat).to(at::kDouble);
    constexpr double kLeastSum = 0x1p-100;  // of powers, below which float loses some
    const double least = std::isinf(order) ? 0 : std::pow(kLeastSum, 1 / order);
    if (at::isfinite(found).logical_and(found.ge(least)).all().item<bool>()) return found;
  }
  return at::linalg_vector_norm(x, order, along, keep, at::kDouble);
}

}  // namespace descent::tensors

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/isfinite.h>

#include <descent/landscape/paths/loop/batching.h>

namespace descent::landscape {

using at::Tensor;

Data part_of(const Data& batch, int64_t first, int64_t count, int64_t step) {
  const int64_t samples = samples_of(batch);
  const auto part = [&](const Tensor& tensor) {
    const bool has_samples = tensor.dim() > 0 && tensor.size(0) == samples;
    return has_samples ? tensor.slice(0, first, first + (count - 1) * step + 1, step) : tensor;
  };
  Data result{part(batch.input), part(batch.target)};
  for (const auto& [name, tensor] : batch.named) result.named.emplace_back(name, part(tensor));
  return result;
}

Batches in_parts(const Batches& data, int64_t samples) {
  std::vector<Data> result;
  for (const Data& batch : data) {
    const int64_t all = samples_of(batch);
    const int64_t most = samples > 1 ? std::max<int64_t>(all / 2, 1) : all;
    const int64_t parts = std::min((all + samples - 1) / samples, most);
    for (int64_t k = 0; k < parts; ++k) {
      const int64_t from = k * all / parts, to = (k + 1) * all / parts;
      result.push_back(part_of(batch, from, to - from));
    }
  }
  return result;
}

bool is_divisible(const Problem& problem) {
  if (problem.batch_norm != BatchNorm::Keep && problem.batch_norm != BatchNorm::Interpolate) {
    return false;  // each batch has statistics of its own
  }
  return std::all_of(problem.metrics.begin(), problem.metrics.end(),
                     [](const Metric& metric) { return static_cast<bool>(metric.count); }) &&
         std::all_of(problem.data.begin(), problem.data.end(), [](const Data& batch) {
           return batch.input.dim() > 0 && batch.target.dim() > 0 &&
                  batch.target.size(0) == batch.input.size(0);
         });
}

bool agree(const Tensor& a, const Tensor& b) {
  if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) return false;
  if (!a.is_floating_point()) return at::equal(a, b);
  const Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
  if (!at::isfinite(x).all().item<bool>() || !at::isfinite(y).all().item<bool>()) return false;
  const double rounding = a.element_size() > 4 ? 1e-8 : a.element_size() > 2 ? 1e-3 : 0.05;
  return (x - y).abs().max().item<double>() <= rounding * y.abs().max().item<double>();
}

bool treats_samples_alike(const Problem& problem, const Data& batch, int64_t samples,
                          const Look& look) {
  const size_t count = problem.metrics.size();
  // From all over the batch: those that stand side by side may be nearly the same.
  const int64_t step = samples_of(batch) / (2 * samples);
  std::vector<double> values(3 * count);
  const auto at = [&](int64_t first, int64_t of, double* to) {
    return look(part_of(batch, first * step, of, step), to);
  };
  const Tensor first = at(0, samples, values.data());
  const Tensor second = at(samples, samples, values.data() + count);
  const Tensor both = at(0, 2 * samples, values.data() + 2 * count);
  if (first.dim() == 0 || first.size(0) != samples || second.sizes() != first.sizes()) return false;
  if (!agree(at::cat({first, second}), both)) return false;
  for (size_t m = 0; m < count; ++m) {
    const auto counted = [&](int64_t from, int64_t of) {
      return problem.metrics[m].count(part_of(batch, from * step, of, step).target);
    };
    const double weights[] = {counted(0, samples), counted(samples, samples)};
    double sum = 0;
    for (size_t half = 0; half < 2; ++half) {
      if (weights[half] > 0) sum += weights[half] * values[half * count + m];
    }
    const double whole = counted(0, 2 * samples);
    if (std::abs(whole - weights[0] - weights[1]) > 1e-9 * whole) return false;
    if (whole > 0 && !(std::abs(sum / whole - values[2 * count + m]) <=
                       1e-3 * (1 + std::abs(values[2 * count + m])))) {
      return false;
    }
  }
  return true;
}

}  // namespace descent::landscape

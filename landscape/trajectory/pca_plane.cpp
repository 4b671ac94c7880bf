#include <algorithm>
#include <stdexcept>
#include <string>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <descent/landscape/planes/weights.h>
#include <descent/landscape/trajectory/pca_plane.h>
#include <descent/landscape/trajectory/rounded.h>
#include <descent/landscape/trajectory/snapshots.h>
#include <descent/tensors/one_thread.h>
#include <descent/tensors/workers.h>

namespace descent {
namespace {

using at::Tensor;
using landscape::SnapshotsAsWeights;
using landscape::Tensors;

/// Rows that are in work at one time beside the two blocks of a product.
constexpr int64_t kRowsInWork = 5;

/// Rows of a product that one thread computes.
constexpr int64_t kRows = 32;

/// The way from the network's weights to snapshot k, as one row of doubles on the CPU.
Tensor row(const SnapshotsAsWeights& snapshots, size_t k) {
  std::vector<Tensor> parts;
  for (const Tensor& d : landscape::way(snapshots.own().tensors, snapshots.weights(k))) {
    parts.push_back(d.reshape(-1).cpu());
  }
  return at::cat(parts);
}

Tensor rows(const SnapshotsAsWeights& snapshots, int64_t first, int64_t count, int64_t length) {
  const Tensor result = at::empty({count, length}, at::kDouble);
  for (int64_t k = 0; k < count; ++k) {
    result[k].copy_(row(snapshots, static_cast<size_t>(first + k)));
  }
  return result;
}

/// The products of all rows with each other. Each number is summed up on one thread.
Tensor gram(const SnapshotsAsWeights& snapshots, int threads, int64_t memory) {
  const auto n = static_cast<int64_t>(snapshots.size());
  int64_t length = 0;
  for (const Tensor& tensor : snapshots.own().tensors) length += tensor.numel();
  const int64_t fit = memory / (8 * std::max<int64_t>(length, 1));
  const int64_t most = std::clamp<int64_t>((fit - kRowsInWork) / 2, 1, n);
  Tensor lower = at::zeros({n, n}, at::kDouble);
  for (int64_t i = 0; i < n; i += most) {
    const int64_t height = std::min(most, n - i);
    const Tensor block = rows(snapshots, i, height, length);
    for (int64_t j = 0; j <= i; j += most) {
      const Tensor other = j == i ? block : rows(snapshots, j, most, length);
      const Tensor products = lower.narrow(0, i, height).narrow(1, j, other.size(0));
      tensors::for_each_item(
          threads, (height + kRows - 1) / kRows,
          [&](int, int64_t item, const tensors::Pulse&) {
            const int64_t from = item * kRows, count = std::min(kRows, height - from);
            products.narrow(0, from, count).copy_(block.narrow(0, from, count).mm(other.t()));
          },
          {});
    }
  }
  return lower.tril() + lower.tril(-1).t();
}

/// The sum of all rows times their weights, of length 1.
Tensor direction(const SnapshotsAsWeights& snapshots, const Tensor& weights) {
  Tensor sum = row(snapshots, 0) * weights[0];
  for (size_t k = 1; k < snapshots.size(); ++k) {
    sum.add_(row(snapshots, k), weights[static_cast<int64_t>(k)].item<double>());
  }
  return sum / sum.norm();
}

/// A row as tensors like those of the network.
Tensors unrolled(const Tensor& row, const Tensors& like) {
  Tensors result;
  int64_t from = 0;
  for (const Tensor& tensor : like) {
    result.push_back(row.narrow(0, from, tensor.numel()).view(tensor.sizes()));
    from += tensor.numel();
  }
  return landscape::as(result, like);
}

/// With the sign that makes the largest of `coordinates` positive.
Tensor oriented(const Tensor& direction, const Tensor& coordinates) {
  return coordinates[coordinates.abs().argmax()].item<double>() < 0 ? -direction : direction;
}

}  // namespace

Plane pca_plane(const Network& center, const Trajectory& trajectory, int64_t memory) {
  const at::NoGradGuard no_grad;
  const SnapshotsAsWeights snapshots("pca_plane", center, trajectory);
  const std::string count = std::to_string(snapshots.size()) + " snapshots";
  if (snapshots.size() < 3) {
    throw std::invalid_argument("pca_plane: the trajectory has " + count + ", must have >= 3");
  }
  const int threads = at::get_num_threads();
  const tensors::OneThread one;
  const Tensor products = gram(snapshots, threads, memory);
  const Tensor centered =
      products - products.mean(0, true) - products.mean(1, true) + products.mean();
  const auto [values, vectors] = at::linalg_eigh(centered);  // ascending
  const auto n = static_cast<int64_t>(snapshots.size());
  const double total = centered.trace().item<double>(), first = values[n - 1].item<double>(),
               second = values[n - 2].item<double>();
  if (!(second > 1e-12 * products.trace().item<double>())) {
    throw std::invalid_argument("pca_plane: the " + count +
                                " lie on one line or in one point, and span no plane");
  }
  Plane plane;
  plane.names = snapshots.own().names;
  plane.aliases = snapshots.own().aliases;
  plane.center = landscape::copied(snapshots.own().tensors);
  // The weights of a principal direction sum up to 0, which takes the mean off the rows.
  const Tensor a = vectors.select(1, n - 1), b = vectors.select(1, n - 2);
  const Tensor u = oriented(direction(snapshots, a), products.mv(a));
  Tensor v = oriented(direction(snapshots, b), products.mv(b));
  v = v - u * at::dot(u, v);
  plane.u = unrolled(u, plane.center);
  plane.v = unrolled(v / v.norm(), plane.center);
  plane.explained = {first / total, second / total};
  plane.how = "first two principal directions of " + count + ", " +
              landscape::rounded(100 * plane.explained[0]) + " % and " +
              landscape::rounded(100 * plane.explained[1]) + " % of their variance";
  return plane;
}

}  // namespace descent

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <descent/base/atomic_file.h>
#include <descent/grid/files/formats.h>
#include <descent/grid/files/json_text.h>
#include <descent/landscape/evaluate/arguments.h>
#include <descent/landscape/trajectory/snapshots.h>
#include <descent/landscape/trajectory/trajectory.h>
#include <descent/tensors/memory.h>
#include <descent/tensors/one_thread.h>
#include <descent/tensors/workers.h>

// {
//   "format": "descent-projection-1",
//   "about": "The path is 12.4 long, at most 3.21 away from the plane (step 40) ...",
//   "length": 12.44, "is_line": false, "explained": [0.81, 0.12], "stopped": "",
//   "step": [0, 40],
//   "alpha": [3.5, 0],
//   "beta": [-1.25, 0],
//   "distance": [3.21, 0],
//   "plane_loss": [0.5, 0.25],
//   "true_loss": [0.75, "nan"]
// }

namespace descent {
namespace {

using at::Tensor;
using landscape::dot;
using landscape::moved;
using landscape::SnapshotsAsWeights;
using landscape::Tensors;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Rows that are in work at one time beside the two blocks of a product.
constexpr int64_t kRowsInWork = 5;

/// Rows of a product that one thread computes.
constexpr int64_t kRows = 32;

/// Three significant digits.
std::string rounded(double x) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, x, std::chars_format::general, 3);
  return {digits, end.ptr};
}

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
          [&](int, int64_t item) {
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

/// Coordinates of the point of a plane that is nearest to another.
class Nearest {
 public:
  explicit Nearest(const Plane& plane) : plane_(plane), uu_(dot(plane.u, plane.u)) {
    if (plane.is_line()) return;
    uv_ = dot(plane.u, plane.v);
    vv_ = dot(plane.v, plane.v);
    determinant_ = uu_ * vv_ - uv_ * uv_;
    if (!(determinant_ > 1e-12 * uu_ * vv_)) {
      throw std::invalid_argument(
          "project: the plane's directions are parallel, so that no point has coordinates of its "
          "own; take plane.line()");
    }
  }

  /// `way` leads from the center to the point.
  Point operator()(const Tensors& way) const {
    const double u = dot(way, plane_.u);
    if (plane_.is_line()) return {u / uu_, 0};
    const double v = dot(way, plane_.v);
    return {(vv_ * u - uv_ * v) / determinant_, (uu_ * v - uv_ * u) / determinant_};
  }

 private:
  const Plane& plane_;
  double uu_ = 0, uv_ = 0, vv_ = 0, determinant_ = 0;
};

/// x + point.x * u + point.y * v in double.
Tensors moved(const Tensors& x, const Plane& plane, const Point& point) {
  const Tensors along_u = moved(x, point.x, plane.u);
  return plane.is_line() ? along_u : moved(along_u, point.y, plane.v);
}

/// The plane's buffers at a point.
Tensors buffers_at(const Plane::Buffers& buffers, const Point& point) {
  Tensors result = moved(buffers.center, point.x, buffers.u);
  if (!buffers.v.empty()) result = moved(result, point.y, buffers.v);
  return landscape::as(result, buffers.center);
}

/// Whose running statistics the losses are with, for captions.
std::string statistics_of(const SnapshotsAsWeights& snapshots, BatchNorm mode) {
  if (snapshots.own_buffers().names.empty()) return "";
  if (mode == BatchNorm::Recompute) return "Running statistics are averages over the data.";
  if (mode == BatchNorm::Batch) return "Each batch is normalised by its own statistics.";
  const std::string plane =
      mode == BatchNorm::Interpolate ? "those that move along the plane" : "those of the network";
  if (!snapshots.have_buffers()) {
    return "The snapshots have no running statistics: true losses are with those of the network, "
           "losses on the plane with " +
           plane + ".";
  }
  std::string text = "True losses are with each snapshot's own running statistics";
  const auto& missing = snapshots.missing_buffers();
  for (const std::string& name : missing) {
    text += (&name == &missing.front() ? ", but the network's " : ", ") + name;
  }
  return text + "; losses on the plane are with " + plane + ".";
}

void check_plane(const Plane& plane, const landscape::Parameters& own) {
  landscape::check_fits("project: the plane's center", own.names, own.tensors, plane.center);
  landscape::check_direction("project", "u", own.names, own.tensors, plane.u);
  if (!plane.is_line()) {
    landscape::check_direction("project", "v", own.names, own.tensors, plane.v);
  }
}

using Columns = std::vector<std::pair<const char*, const std::vector<double>*>>;

std::string to_csv(const std::vector<int64_t>& steps, const Columns& columns) {
  std::string text = "step";
  for (const auto& [name, values] : columns) text += std::string(",") + name;
  text += '\n';
  for (size_t k = 0; k < steps.size(); ++k) {
    text += std::to_string(steps[k]);
    for (const auto& [name, values] : columns) {
      text += ',';
      formats::append(text, (*values)[k]);
    }
    text += '\n';
  }
  return text;
}

template <class Number>
std::string json_list(const std::vector<Number>& numbers) {
  std::string text;
  for (const Number number : numbers) {
    text += text.empty() ? "" : ", ";
    if constexpr (std::is_same_v<Number, double>) {
      formats::append_json(text, number);
    } else {
      text += std::to_string(number);
    }
  }
  return '[' + text + ']';
}

std::string to_json(const Projection& projection, const Columns& columns) {
  std::string text = "{\n  \"format\": \"descent-projection-1\",\n  \"about\": " +
                     formats::quoted(projection.about(), "about") + ",\n  \"length\": ";
  formats::append_json(text, projection.length);
  text += std::string(", \"is_line\": ") + (projection.is_line ? "true" : "false") +
          ", \"explained\": " + json_list(projection.explained) +
          ", \"stopped\": " + formats::quoted(projection.true_loss.stopped, "stopped") +
          ",\n  \"step\": " + json_list(projection.steps);
  for (const auto& [name, values] : columns) {
    text += std::string(",\n  \"") + name + "\": " + json_list(*values);
  }
  return text + "\n}\n";
}

/// The largest of numbers that are finite, and where.
struct Largest {
  double value = -1;
  size_t k = 0;

  void take(double candidate, size_t at) {
    if (std::isfinite(candidate) && candidate > value) *this = {candidate, at};
  }
};

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
              rounded(100 * plane.explained[0]) + " % and " + rounded(100 * plane.explained[1]) +
              " % of their variance";
  return plane;
}

Projection project(const Trajectory& trajectory, const Plane& plane, const Network& network,
                   const Metric& metric, const Batches& data, const EvaluateOptions& options) {
  const at::NoGradGuard no_grad;
  const SnapshotsAsWeights snapshots("project", network, trajectory);
  check_plane(plane, snapshots.own());
  const Nearest nearest(plane);
  const size_t n = snapshots.size();
  const BatchNorm mode = landscape::chosen(options.batch_norm, plane);
  const bool moves = mode == BatchNorm::Interpolate;
  if (moves) landscape::check_buffers("project", plane, snapshots.own_buffers());
  const Tensors own_now = landscape::copied(snapshots.own_buffers().tensors);

  Projection result;
  result.is_line = plane.is_line();
  result.explained = plane.explained;
  result.statistics = statistics_of(snapshots, mode);
  for (size_t k = 0; k < n; ++k) result.steps.push_back(trajectory.step(k));
  result.distance.assign(n, kNone);
  Track &on_plane = result.on_plane, &true_loss = result.true_loss;
  for (auto* numbers : {&on_plane.x, &on_plane.y, &on_plane.losses, &true_loss.losses}) {
    numbers->assign(n, kNone);
  }

  bool stopped = false;
  const int64_t bytes = 2 * tensors::bytes_of(plane.center);
  const auto at_once = static_cast<size_t>(std::clamp<int64_t>(
      options.memory / 4 / std::max<int64_t>(bytes, 1), 1, static_cast<int64_t>(n)));
  Tensors before;
  for (size_t from = 0; from < n && !stopped; from += at_once) {
    const size_t to = std::min(from + at_once, n);
    std::vector<Tensors> weights, buffers;  // of each snapshot, and of its nearest point
    for (size_t k = from; k < to; ++k) {
      const tensors::OneThread one;
      auto [snapshot, own_buffers] = snapshots.state(k);
      const Tensors way = landscape::way(plane.center, snapshot);
      const Point point = nearest(way);
      const Tensors rest = moved(way, plane, {-point.x, -point.y});
      on_plane.x[k] = point.x;
      on_plane.y[k] = point.y;
      result.distance[k] = std::sqrt(dot(rest, rest));
      if (k > 0) {
        const Tensors step = landscape::way(before, snapshot);
        result.length += std::sqrt(dot(step, step));
      }
      before = snapshot;
      weights.push_back(std::move(snapshot));
      weights.push_back(landscape::as(moved(plane.center, plane, point), plane.center));
      buffers.push_back(std::move(own_buffers));
      buffers.push_back(moves ? buffers_at(plane.buffers, point) : own_now);
    }
    EvaluateOptions part = options;
    if (moves) part.batch_norm = BatchNorm::Keep;  // of the buffers that are handed over
    if (options.on_progress) {
      part.on_progress = [&](double done) {
        const double reached = static_cast<double>(from) + done * static_cast<double>(to - from);
        stopped = !options.on_progress(reached / static_cast<double>(n));
        return !stopped;
      };
    }
    const std::vector<double> losses = losses_at(network, metric, data, weights, part, buffers);
    for (size_t k = from; k < to; ++k) {
      true_loss.losses[k] = losses[2 * (k - from)];
      on_plane.losses[k] = losses[2 * (k - from) + 1];
    }
  }

  on_plane.label = "training, on the plane";
  true_loss.label = "training, true loss";
  true_loss.x = on_plane.x;
  true_loss.y = on_plane.y;
  for (Track* track : {&on_plane, &true_loss}) {
    track->smooth_losses = track->losses;
    track->gradient_norms.assign(n - 1, kNone);
    track->diverged = !stopped && !std::isfinite(track->losses.back());
    if (stopped) track->stopped = "stopped";
  }
  return result;
}

std::string Projection::about() const {
  Largest off, error;
  for (size_t k = 0; k < distance.size(); ++k) {
    off.take(distance[k], k);
    error.take(std::abs(on_plane.losses[k] - true_loss.losses[k]), k);
  }
  const std::string plane = is_line ? "line" : "plane";
  std::string text = "The path is " + rounded(length) + " long";
  if (off.value >= 0) {
    text += ", at most " + rounded(off.value) + " away from the " + plane + " (step " +
            std::to_string(steps[off.k]) + ") and " + rounded(distance.back()) + " at its end";
  }
  text += '.';
  if (error.value >= 0) {
    text += " The loss on the " + plane + " differs from the true one by at most " +
            rounded(error.value) + " (step " + std::to_string(steps[error.k]) +
            "), at the end by " +
            rounded(std::abs(on_plane.losses.back() - true_loss.losses.back())) + ".";
  }
  return statistics.empty() ? text : text + " " + statistics;
}

void Projection::save(const std::filesystem::path& path) const {
  const std::string extension = formats::extension_of(path);
  if (extension != ".csv" && extension != ".json") {
    throw std::invalid_argument("Projection::save: " + path.string() +
                                " must end in .csv or .json");
  }
  const Columns columns{{"alpha", &on_plane.x},
                        {"beta", &on_plane.y},
                        {"distance", &distance},
                        {"plane_loss", &on_plane.losses},
                        {"true_loss", &true_loss.losses}};
  if (steps.empty()) throw std::invalid_argument("Projection::save: there are no steps");
  for (const auto& [name, values] : columns) {
    if (values->size() == steps.size()) continue;
    throw std::invalid_argument("Projection::save: " + std::to_string(values->size()) +
                                " values of " + name + " for " + std::to_string(steps.size()) +
                                " steps");
  }
  write_atomically(path, extension == ".csv" ? to_csv(steps, columns) : to_json(*this, columns));
}

std::pair<Axis, Axis> axes_around(const Projection& projection, int64_t n, double margin) {
  if (n < 2) {
    throw std::invalid_argument("axes_around: n = " + std::to_string(n) + ", must be >= 2");
  }
  if (!(margin >= 0 && std::isfinite(margin))) {
    throw std::invalid_argument("axes_around: margin = " + std::to_string(margin) +
                                ", must be finite and >= 0");
  }
  const auto around = [&](const std::vector<double>& coordinates) {
    Axis axis{0, 0, n};
    for (const double x : coordinates) {
      if (!std::isfinite(x)) continue;
      axis.lo = std::min(axis.lo, x);
      axis.hi = std::max(axis.hi, x);
    }
    const double room = margin * (axis.hi - axis.lo);
    return axis.lo == axis.hi ? Axis{-1, 1, n} : Axis{axis.lo - room, axis.hi + room, n};
  };
  return {around(projection.on_plane.x),
          projection.is_line ? Axis{0, 0, 1} : around(projection.on_plane.y)};
}

}  // namespace descent

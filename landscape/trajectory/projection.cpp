#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include <ATen/core/grad_mode.h>

#include <descent/landscape/evaluate/arguments.h>
#include <descent/landscape/planes/weights.h>
#include <descent/landscape/trajectory/projection.h>
#include <descent/landscape/trajectory/rounded.h>
#include <descent/landscape/trajectory/snapshots.h>
#include <descent/tensors/memory.h>
#include <descent/tensors/one_thread.h>

namespace descent {
namespace {

using landscape::dot;
using landscape::moved;
using landscape::rounded;
using landscape::SnapshotsAsWeights;
using landscape::Tensors;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

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
std::string sentence_on_statistics(const SnapshotsAsWeights& snapshots, BatchNorm mode) {
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

/// The largest of numbers that are finite, and where.
struct Largest {
  double value = -1;
  size_t k = 0;

  void take(double candidate, size_t at) {
    if (std::isfinite(candidate) && candidate > value) *this = {candidate, at};
  }
};

}  // namespace

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
  result.statistics = sentence_on_statistics(snapshots, mode);
  for (size_t k = 0; k < n; ++k) result.steps.push_back(trajectory.step(k));
  result.distance.assign(n, kNone);
  Track &on_plane = result.on_plane, &true_loss = result.true_loss;
  for (auto* numbers : {&on_plane.x, &on_plane.y, &on_plane.losses, &true_loss.losses}) {
    numbers->assign(n, kNone);
  }

  bool stopped = false;
  const int64_t bytes = 2 * tensors::bytes_of(plane.center);
  const auto at_once = static_cast<size_t>(std::clamp<int64_t>(
      landscape::memory_of(options) / 4 / std::max<int64_t>(bytes, 1), 1, static_cast<int64_t>(n)));
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

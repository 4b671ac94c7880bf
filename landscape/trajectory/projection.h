#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/grid/track.h>
#include <descent/landscape/evaluate/evaluate.h>
#include <descent/landscape/network/network.h>
#include <descent/landscape/planes/plane.h>
#include <descent/landscape/trajectory/trajectory.h>

namespace descent {

/// A trajectory over a plane.
struct Projection {
  Track on_plane;   ///< coordinates of the nearest points of the plane, with the metric there
  Track true_loss;  ///< the same coordinates, with the metric at the snapshots themselves
  std::vector<double> distance;  ///< of each snapshot from the plane, in Euclidean length
  std::vector<int64_t> steps;    ///< before each snapshot
  double length = 0;             ///< of the path from snapshot to snapshot
  bool is_line = false;          ///< the plane has no v: all y are 0
  std::string statistics{};  ///< whose running statistics the losses are with; "": there are none
  std::vector<double> explained{};  ///< as Plane::explained

  /// For captions: how far the path is from the plane, and what the metric makes of it.
  std::string about() const;

  /// Writes it, the format chosen by the extension:
  ///   .csv   "step,alpha,beta,distance,plane_loss,true_loss", one line a snapshot with the
  ///          shortest digits that read back exactly
  ///   .json  everything, laid out as landscape/trajectory/projection_file.cpp says
  /// The file is complete or absent. std::invalid_argument: another extension, lists that are empty
  /// or of several lengths. std::runtime_error: the file cannot be written.
  void save(const std::filesystem::path& path) const;
};

/// Each snapshot's nearest point in the plane (least squares; u and v need not be orthogonal) and
/// the metric at both: on the plane as evaluate() finds it, at the snapshot with the snapshot's own
/// buffers, which are the running statistics of batch normalisation; Projection::statistics says
/// where a snapshot has none. gradient_norms are NaN. Beside
/// options.memory it needs up to a quarter of it, at least two networks, for weights that wait.
/// What was not reached because of options.on_progress is NaN.
///
/// Throws std::invalid_argument that names the parameter if snapshots, plane and network do not fit
/// each other or are not finite, and as losses_at() does; std::runtime_error as
/// Trajectory::weights() does.
Projection project(const Trajectory& trajectory, const Plane& plane, const Network& network,
                   const Metric& metric, const Batches& data, const EvaluateOptions& options = {});

/// Axes of n points each for a landscape around the projected path: they hold all of its points and
/// 0, with `margin` times their extent on either side; without extent they are from -1 to 1. The
/// second axis of a line has one point.
/// Throws std::invalid_argument unless n >= 2, and margin is finite and >= 0.
std::pair<Axis, Axis> axes_around(const Projection& projection, int64_t n, double margin = 0.1);

}  // namespace descent

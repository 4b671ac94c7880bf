#pragma once
#include <cstddef>
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

namespace descent {

/// The way of a network through its weights: snapshots of its parameters and buffers by name, in
/// memory or in files that are read one at a time.
class Trajectory {
 public:
  /// The snapshots in a folder: every file whose name ends in digits and ".pt", ".pth", ".ckpt" or
  /// ".safetensors", and every folder whose name does, as checkpoint-500, with a model.safetensors,
  /// in the order of these numbers. A Recorder writes them, or Python:
  ///   torch.save(net.state_dict(), f"{folder}/{step:08}.pt")
  /// The state_dict may also be a part of a training's checkpoint, as "state_dict",
  /// "model_state_dict" or "model" of a dict; names may have a prefix in common, as "module." of a
  /// DataParallel, and the "_orig_mod." of torch.compile.
  /// The tensors of the first file count; what others have beside them is passed over. Throws
  /// std::runtime_error that names the folder or the file if there are none, or a file is damaged,
  /// no state_dict, or lacks a tensor.
  static Trajectory load(const std::filesystem::path& folder);

  size_t size() const { return snapshots_.size(); }

  /// Optimizer steps before snapshot k.
  int64_t step(size_t k) const { return snapshots_.at(k).step; }

  /// Snapshot k on the CPU, in the order of names(); not to be changed in place. Throws
  /// std::runtime_error that names the file if it is damaged or gone.
  std::vector<at::Tensor> weights(size_t k) const;

  /// Under which the network registers the tensors: one that is registered several times (tied
  /// weights) appears under each.
  const std::vector<std::string>& names() const { return names_; }

 private:
  friend class Recorder;

  struct Snapshot {
    int64_t step;
    std::filesystem::path file;       ///< empty: in memory
    std::vector<at::Tensor> weights;  ///< empty: in the file
  };

  std::vector<std::string> names_;
  std::vector<Snapshot> snapshots_;
};

struct RecorderOptions {
  int64_t every = 1;                          ///< steps between two snapshots, >= 1
  int64_t memory = EvaluateOptions::kMemory;  ///< bytes for snapshots, if they are kept in memory
  std::filesystem::path folder{};  ///< for a file each, made if missing; empty: in memory
  int64_t most = 1000;             ///< snapshots, in memory or in files, >= 2
  bool resume = false;             ///< go on after the snapshots that are in the folder
};

/// Takes snapshots of a network in training, for pca_plane() and project():
///   Recorder recorder(*net);
///   for (...) { ...; opt.step(); recorder.step(); }
///
/// One is taken at the beginning, then one after every `every` steps. Before they become more than
/// `most`, or than `memory` holds, all but every second are dropped and `every` doubles; the first
/// and the newest stay. Files are complete or absent, in the layout of Python's state_dict
/// (parameters only): net.load_state_dict(torch.load(file), strict=False). Old ones are removed
/// after the new one is written: a full disk costs none of them, and for a moment there is one more
/// than `most`.
class Recorder {
 public:
  /// The module must outlive the recorder. Throws std::invalid_argument for options out of range, a
  /// budget of less than two snapshots, a network without parameters or with some of no floating
  /// type or not finite, a folder with snapshots unless `resume` is set, and one whose snapshots
  /// are of another network; std::runtime_error if a file cannot be read or written.
  explicit Recorder(const Network& network, RecorderOptions options = {});

  /// To be called after each step of the optimizer. Throws std::runtime_error if a file cannot be
  /// written or removed.
  void step();

  /// What is kept now. Files that later steps remove are gone from it as well.
  Trajectory trajectory() const { return kept_; }

 private:
  void resume();
  void take();
  /// Makes room for one more among the first `older` snapshots.
  void thin(size_t older);
  void drop(size_t k);
  bool is_due(int64_t step) const;

  Network network_;
  RecorderOptions options_;
  int64_t most_ = 0;  ///< snapshots, also by the memory
  int64_t step_ = 0;
  bool records_buffers_ = true;
  Trajectory kept_;
};

/// The plane through the network's present weights along the first two principal directions of the
/// snapshots (Li et al. 2018, arXiv:1712.09913, section 7.2), both of length 1, so that alpha and
/// beta are distances between weights. As in their program, the mean is taken off the differences
/// to the network before, and the last snapshot counts as the others do. Plane::explained are the
/// shares of the snapshots' variance. The sign is such that the snapshot which is farthest along a
/// direction lies at a positive coordinate.
///
/// Sums are in double; the values depend neither on the number of threads nor on where the
/// snapshots are. Beside the plane and size() * size() numbers it needs at most `memory` bytes, but
/// at least seven snapshots in double. With less of it, snapshots are read more often, and the last
/// bits may be others.
///
/// Throws std::invalid_argument that names the parameter and the step if a snapshot does not fit
/// the network or is not finite, and if there are less than three different snapshots or all lie on
/// one line; std::runtime_error as Trajectory::weights() does.
Plane pca_plane(const Network& center, const Trajectory& trajectory,
                int64_t memory = EvaluateOptions::kMemory);

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
  ///   .csv   "step,alpha,beta,distance,plane_loss,true_loss", one line a snapshot with the shortest
  ///          digits that read back exactly
  ///   .json  everything, laid out as landscape/projection.cpp says
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

#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>

#include <descent/landscape/evaluate/evaluate.h>
#include <descent/landscape/network/network.h>
#include <descent/landscape/trajectory/trajectory.h>

namespace descent {

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

}  // namespace descent

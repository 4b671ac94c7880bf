#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

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

}  // namespace descent

#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include <descent/distributed/world.h>

/// c10d's own ways between the ranks of a world: gloo's ring, and the Reducer, which stands behind Python's
/// DistributedDataParallel.
class Rivals {
 public:
  /// The ranks meet in a file, which must not be there.
  Rivals(const descent::World& world, const std::filesystem::path& file);
  ~Rivals();

  void ring(const at::Tensor& values);

  /// One step of training: forward() gives the loss, and then every gradient is the mean over the ranks.
  /// Empty where LibTorch's Reducer is another one than that of 2.13.
  using Step = std::function<void(const std::function<at::Tensor()>& forward)>;
  Step reducer(const std::vector<at::Tensor>& parameters);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include <descent/distributed/world.h>

namespace descent {

/// A network's tensors with their names. Made of a torch::nn::Module, or whatever lists its parameters
/// and buffers as modules do.
struct NamedTensors {
  std::vector<std::pair<std::string, at::Tensor>> parameters{}, buffers{};

  NamedTensors() = default;
  template <class Module>
  requires requires(const Module& module) {
    module.named_parameters();
    module.named_buffers();
  }
  NamedTensors(const Module& module) {
    for (const auto& item : module.named_parameters())
      parameters.emplace_back(item.key(), item.value());
    for (const auto& item : module.named_buffers()) buffers.emplace_back(item.key(), item.value());
  }
};

/// Gives all ranks the parameters and buffers of one. Throws WorldError, on all ranks, naming the first
/// tensor that differs in name, sizes or type; then nothing has changed. Collective.
void broadcast_parameters(const NamedTensors& network, World& world, int from = 0);

/// Makes every gradient the mean over the ranks, on all of them. A rank without a gradient counts as
/// zero; where no rank has one, there is none afterwards. For training loops of one's own. Collective.
void average_gradients(const std::vector<at::Tensor>& parameters, World& world,
                       Sum how = Sum::Ordered);

struct DataParallelOptions {
  /// Into how many parts of equal weight every batch is cut, whatever the number of ranks; 0: one for
  /// each rank. Their gradients are added as one balanced tree, so any number of ranks that gives each
  /// 1, 2, 4, ... shards computes the same bits, and so does one rank alone.
  int64_t shards = 0;
  int64_t bucket_bytes = 25 << 20;       ///< of gradients that travel together during backward
  int64_t first_bucket_bytes = 1 << 20;  ///< of the first bucket, for which the others wait
  Sum sum = Sum::Ordered;
};

/// Averages gradients over the shards of a batch, while backward goes on:
///
///   descent::DataParallel parallel(*net, world, {.shards = 8});
///   for (int64_t shard : parallel.shards()) parallel.backward(loss(net, batch(step, shard)));
///   parallel.finish();  // every gradient is the mean over all shards
///   opt.step();
///   opt.zero_grad();
///
/// A gradient that is there before a shard's backward() counts as a part of that shard, so a shard too
/// large for one pass is taken by loss.backward() for all parts but the last. Where no shard has a
/// gradient, there is none after finish(). Parameters may be frozen, thawed and added between steps.
/// A World of its own carries the gradients (see World::twin); failures are WorldErrors of finish().
/// Where backward() throws, this step cannot be finished, and this is good for nothing but to be
/// destroyed. All tensors are on the CPU.
class DataParallel {
 public:
  using Options = DataParallelOptions;

  /// Gives all ranks the parameters and buffers of rank 0, as broadcast_parameters() does. Throws
  /// c10::Error if the shards cannot be dealt out, and WorldError, on all ranks, where their options
  /// differ. Collective, as are finish(), add() and broadcast_buffers().
  DataParallel(const NamedTensors& network, World& world, const Options& options = {});
  DataParallel(const DataParallel&) = delete;
  DataParallel& operator=(const DataParallel&) = delete;
  /// If an exception came between backward() and finish(), the other ranks fail too, at once.
  ~DataParallel();

  /// Those of this rank, consecutive.
  std::vector<int64_t> shards() const;
  /// loss.backward() of the next of them. With the last one, gradients begin to travel.
  void backward(const at::Tensor& loss);
  /// Waits for all gradients. They lie in memory of this, until the next step's backward().
  void finish();

  /// More parameters, between finish() and backward(): rank 0's values are given to all.
  void add(const NamedTensors& more);
  /// Gives all ranks the buffers of one, between finish() and backward(): the statistics of batch
  /// normalisation, which go their own way on each rank.
  void broadcast_buffers(int from = 0);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace descent

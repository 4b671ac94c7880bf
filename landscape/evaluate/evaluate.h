#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include <descent/base/fields.h>
#include <descent/grid/grid.h>
#include <descent/landscape/data/data.h>
#include <descent/landscape/data/metric.h>
#include <descent/landscape/network/batch_norm.h>
#include <descent/landscape/network/network.h>
#include <descent/landscape/network/precision.h>
#include <descent/landscape/planes/plane.h>
#include <descent/sharing/store.h>

namespace descent {

/// How the values are computed.
///   Auto     the first of Fused, Batched and Loop that applies and agrees with Loop
///   Loop     any network: a clone for each thread takes the weights of one point after the other
///   Batched  many networks at once, their weights stacked, by LibTorch's vmap, in float32 or
///            float64: on the CPU where one network and its activations take up to 256 KiB, on other
///            devices where 16 of them fit into options.memory
///   Fused    chains of Linear and activations under mse, or cross_entropy of class indices with or
///            without accuracy, on the CPU, in float32 or float64
DESCENT_ENUM(Path, Auto, Loop, Batched, Fused)

struct EvaluateOptions {
  static constexpr int64_t kMemory = int64_t{384} << 20;

  Path path = Path::Auto;
  int threads = 0;  ///< 0: at::get_num_threads(). The values do not depend on it.
  BatchNorm batch_norm = BatchNorm::Auto;

  /// Bfloat16 is for the loop, for weights of float32, and for processors with AVX-512 BF16 or AMX;
  /// it is refused elsewhere. Grid::notes say how far it moves the value at the network.
  Precision precision = Precision::Own;

  /// Bytes for weights and activations of the networks in work, beside the data and the plane. Then
  /// the number of samples, of threads and of networks at once is what fits. One network must fit;
  /// where the loop may take batches in parts, on one sample. 0: kMemory, or what one network takes
  /// so, if that is more.
  int64_t memory = 0;

  /// A folder in which what is computed is kept as it is computed, made if missing; empty: none. A
  /// run that is repeated after an interruption of any kind takes what is there and computes the
  /// rest, with the same values as an uninterrupted run. Files are recognised by a fingerprint of
  /// plane, data, axes, options and versions, and of what network and metrics give at the center and
  /// at two corners of the grid: those of other jobs are left alone, damaged and unreadable ones
  /// computed again. A network that gives other bits in each run finds none.
  std::filesystem::path tiles{};

  /// A table that processes share which compute one landscape together, as folder_store() of a folder
  /// or World::store() is one; none: this process works alone. All make the same call, with the same
  /// folder for `tiles`, and all return the whole grid, with the values of a single process. They may
  /// begin late and die: then the others take over their tiles, of which there are at most 256.
  /// Processes whose tiles have other fingerprints, as those of processors with other kernels, work
  /// apart.
  std::optional<Store> store{};

  /// Called on the calling thread with the finished fraction, of what all processes do, between
  /// networks and, where these are large, between parts of a batch; false stops the work, and the
  /// points that were not reached stay NaN (Grid::notes says "stopped").
  std::function<bool(double)> on_progress{};

  DESCENT_OPTIONS((path), (threads, non_negative), (batch_norm), (precision),
                  (memory, non_negative), (tiles, not_text), (store, not_text),
                  (on_progress, not_text))
  /// The options that values do not depend on, but by the path, the chunks and the samples at once
  /// that are chosen. All others are a part of the tiles' fingerprint.
  static constexpr std::array<std::string_view, 2> kNotInResult{"threads", "memory"};
};

/// A metric over a plane through the weights of `network`:
///   values[i * x.n + j] = metric(network with weights center + x.at(j) * u + y.at(i) * v)
///
/// The network is cloned and never changed, also when an exception passes; but see clones that share
/// submodules, in network.h. It is evaluated without gradients. Metrics are called from several
/// threads at once unless options.threads is 1. Mse, cross_entropy and nll are averaged in double.
///
/// Batches that make more activations than a cache holds are taken by the loop in parts of up to 32
/// samples, and weights of convolutions and images with their channels last, which is faster and
/// keeps to the memory. It is so where values do not depend on it but by rounding: with metrics that
/// have a count(), without statistics of the batch, and if the network gives the same numbers for a
/// few samples at the center.
///
/// The three paths give the same numbers up to rounding, which is checked at the center and on three
/// points of the grid. Values depend neither on the number of threads nor on what was taken from
/// `tiles`. The environment variable DESCENT_PASS = baseline | v3 | v4
/// chooses the instruction set of the fused path, tensor forbids it.
///
/// Grid::value_name is the metric's name; where a known loss is measured alone, "loss". Grid::notes:
///   metric, batch_norm, samples, data_hash (inputs and targets)
///   statistics (of a network with running statistics: whose they are, in words)
///   network (its type), parameters (their number), dtype, weights (hash of the center, and buffers)
///   plane (how it was made), directions (Plane::hash), seed where there is one
///   precision (of Bfloat16: what it makes of the value at the network)
///   path, reason, kernel (of the fused path), samples_at_once (of the loop, where it takes batches in
///   parts), self_check, tiles (how their files' names begin)
///   descent and torch (versions), stopped if on_progress said so
///
/// Throws std::invalid_argument before any work for an axis without points or with ends that are
/// not finite, or too large for the type of the weights, more points than memory can have, a plane
/// that does not fit the network, empty data, shapes of prediction and target that differ (mse), a
/// metric of more than one element, a budget too small for one network, a store without tiles, and
/// for a path that does not apply, with the reason; std::runtime_error if a tile cannot be written,
/// and WorldError if the store cannot be reached. Refused as well, as they
/// show at the center: forward() or a metric that changes its arguments in place, or draws random
/// numbers; and a network that predicts the same whatever its parameters are, since it keeps views
/// or copies of its weights. One that keeps some weights so and takes others from its parameters
/// cannot be told from a right one, and comes out wrong.
Grid evaluate(const Network& network, const Metric& metric, const Batches& data, const Plane& plane,
              const Axis& x, const Axis& y, const EvaluateOptions& options = {});

/// Several metrics in one pass over the networks: a grid for each, value_name being its name.
std::vector<Grid> evaluate(const Network& network, const std::vector<Metric>& metrics,
                           const Batches& data, const Plane& plane, const Axis& x, const Axis& y,
                           const EvaluateOptions& options = {});

/// The same along a line: a grid of one row.
Grid evaluate(const Network& network, const Metric& metric, const Batches& data, const Plane& plane,
              const Axis& x, const EvaluateOptions& options = {});
std::vector<Grid> evaluate(const Network& network, const std::vector<Metric>& metrics,
                           const Batches& data, const Plane& plane, const Axis& x,
                           const EvaluateOptions& options = {});

/// The metric at any weights, one list of tensors for each network, each as Plane::center, and at
/// any buffers, each as Plane::Buffers::center; an empty list of these, or none at all: the
/// network's own. Every network is taken by the loop, whatever options.path is; options.tiles must
/// be empty.
std::vector<double> losses_at(const Network& network, const Metric& metric, const Batches& data,
                              const std::vector<std::vector<at::Tensor>>& weights,
                              const EvaluateOptions& options = {},
                              const std::vector<std::vector<at::Tensor>>& buffers = {});

}  // namespace descent

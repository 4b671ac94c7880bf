#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include <descent/base/fields.h>
#include <descent/landscape/data/data.h>
#include <descent/landscape/data/metric.h>
#include <descent/landscape/evaluate/evaluate.h>
#include <descent/landscape/network/network.h>
#include <descent/optim/schedules/classic.h>

namespace descent {

/// What one training of many has of its own.
struct Candidate {
  /// Options of the optimizer by name. "2.lr" is the rate of the parameters whose names begin with
  /// "2.", a layer's own, or of one that is called "2"; the others have the plain one.
  OptionValues options{};
  /// Of the initial weights, which are drawn as LibTorch draws those of a Linear: evenly between -b
  /// and b = 1 / sqrt(inputs), matrices, kernels and their biases; what has no matrix beside it (a
  /// LayerNorm) stays. None: the weights that the network has.
  std::optional<uint64_t> seed{};
  double scale = 1;  ///< by which those weights are multiplied, drawn or not
};

struct TrainManyOptions {
  int64_t steps = 0;  ///< of each training; must be given
  int threads = 0;    ///< 0: at::get_num_threads(). The results do not depend on it.
  /// Fused: chains of Linear and activations under mse, or cross_entropy of class indices. Batched:
  /// other networks of float or double on the CPU that LibTorch's vmap takes. Both by an optimizer
  /// that steps each parameter by itself. Loop: all. Auto: the first of these that applies and is
  /// faster.
  Path path = Path::Auto;
  Schedule schedule = ConstantLR{.factor = 1};  ///< of every rate
  /// A training whose loss is not finite, or above so many times its first, has diverged and ends.
  double limit = 1e6;
  bool keep_losses = false;   ///< of each step
  bool keep_weights = false;  ///< the last ones
  /// Called on the calling thread with the finished fraction; false ends the work, and trainings
  /// that have not ended have NaN.
  std::function<bool(double)> on_progress{};

  DESCENT_OPTIONS((steps, at_least_one), (threads, non_negative), (path), (schedule, not_text),
                  (limit, above_one_or_infinite), (keep_losses), (keep_weights),
                  (on_progress, not_text))
};

/// What became of one training. Losses of steps are those that a closure returns: of the step's
/// batch, ahead of the step. Of one that has diverged, final, mean and tail are infinite.
struct Trained {
  double first;                       ///< the loss at the initial weights
  double final;                       ///< the loss of the last weights over all batches
  double mean;                        ///< of the losses of all steps
  double best;                        ///< the lowest of them and of `final`
  double tail;                        ///< the mean of the last 20 of them
  int64_t diverged = -1;              ///< the step, from 0, whose loss was out of bounds; -1: none
  std::vector<double> losses{};       ///< if asked for; they end where it diverged
  std::vector<at::Tensor> weights{};  ///< if asked for: as named_parameters(), tied ones once

  /// Whether it got better, on the whole: it has not diverged, and tail < first.
  bool converged() const { return diverged < 0 && tail < first; }
};

struct TrainedMany {
  std::vector<Trained> trainings{};  ///< of each candidate
  Path path = Path::Loop;            ///< Fused, Batched or Loop
  std::string reason{};              ///< why
  std::string kernel{};              ///< of Fused: the instruction set
  std::string check{};               ///< of Fused and Batched: how it was checked
  bool stopped = false;              ///< on_progress said so
};

/// Trains a copy of a network for each candidate, from its own weights on, many at once:
///
///   std::vector<descent::Candidate> candidates;
///   for (double lr : {1e-3, 1e-2, 1e-1}) candidates.push_back({.options = {{"lr", lr}}});
///   const auto done = descent::train_many(*net, descent::mse, {x, y}, "adamw", candidates,
///                                         {.steps = 500});
///   done.trainings[1].final
///
/// Step t takes batch t modulo their number. Mse, cross_entropy and nll are averaged in double. Each
/// training is what a loop of closure, optimizer and Scheduler makes of its candidate, up to rounding:
/// on the fused and the batched path three of them are trained so beside it, for up to 100 steps, and
/// compared until rounding alone decides (a training at the edge of stability amplifies it without
/// bound); where they differ, or the network cannot run there, the next path trains all. The fused
/// path runs the optimizer's own loops on the memory of a network, whose weights, gradient and state
/// stay in a core's cache; the batched one takes the losses and gradients of up to 256 copies in one
/// run of the network by LibTorch's vmap, and steps each by the optimizer's own loops. The same call
/// gives the same bits for any number of threads; DESCENT_PASS chooses the instruction set.
///
/// The network is cloned and never changed. Its mode is that of the copies: in training mode layers
/// of batch normalisation average as they do in training, and a network that draws random numbers is
/// refused, since its copies would share one generator.
///
/// Throws std::invalid_argument for options out of range, no candidates, names and values that the
/// optimizer refuses (with the number of the candidate and the nearest names), a scale that is not
/// finite, empty data, shapes that do not fit, a metric that is no loss, and a path that does not
/// apply, with the reason.
TrainedMany train_many(const Network& network, const Metric& loss, const Batches& data,
                       std::string_view optimizer, const std::vector<Candidate>& candidates,
                       const TrainManyOptions& options = {});

}  // namespace descent

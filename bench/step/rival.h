#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <torch/optim/optimizer.h>

#include "profile.h"
#include "race.h"

namespace bench {

/// A rule's memory traffic in float32.
struct Cost {
  std::string optimizer;
  int bytes;    ///< that one step reads and writes, a parameter: p and state both ways, g once
  int buffers;  ///< of the parameter's size
};

/// sgd (momentum 0.9) 20 bytes, adamw 28, lion 20, lamb 40: 24 for the norms and 16 to apply them.
const std::vector<Cost>& costs();

/// What the rivals of a profile work on. All of them take turns on the same tensors, because the
/// speed of memory differs from one allocation to the next by more than the rivals do.
struct Tensors {
  explicit Tensors(const Profile& profile);
  std::vector<at::Tensor> parameters;  ///< leaves that hold their gradient, which nobody writes
  std::vector<at::Tensor> buffers[2];  ///< the optimizers' state
};

/// The optimizers of a rule, ours ("descent") and LibTorch's ("torch::optim") if it has one.
std::vector<std::pair<std::string, std::function<std::shared_ptr<torch::optim::Optimizer>()>>>
optimizers(const Cost& cost, const Tensors& tensors);

/// All that can take the optimizer's step, "descent" first.
/// - torch::optim: sgd and adamw;
/// - at::_fused_sgd_, its lists of tensors made ready;
/// - at::_fused_adamw_, the same. Its caller has to count the steps: here a plain loop over their
///   numbers, which is the fastest way.
/// - triad: in place, over parameters, gradients and as many buffers as the optimizer has.
std::vector<Rival> rivals(const Cost& cost, const Tensors& tensors);

/// descent::FullAdagrad, made anew, takes one step for each of 8 gradients of 1024 float64 numbers.
Rival full_adagrad();

}  // namespace bench

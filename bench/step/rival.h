#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/optim/engine/table.h>

#include "profile.h"
#include "race.h"

namespace bench {

/// A rule with the options it is measured at, and its memory traffic in float32.
struct Cost {
  std::string optimizer;  ///< the registry's name, with what the options change: "rmsprop centered"
  descent::OptionValues options;
  int bytes;    ///< that one step reads and writes, a parameter: p and state both ways, g once
  int buffers;  ///< of the parameter's size

  std::string key() const { return optimizer.substr(0, optimizer.find(' ')); }
};

/// Every rule that has loops, at its defaults and at options that change what it moves.
const std::vector<Cost>& costs();

/// What the rivals of a profile work on. All of them take turns on the same tensors, because the
/// speed of memory differs from one allocation to the next by more than the rivals do.
struct Tensors {
  explicit Tensors(const Profile& profile);
  std::vector<at::Tensor> parameters;  ///< leaves that hold their gradient, which nobody writes
  std::vector<at::Tensor> buffers[descent::engine::kMaxBuffers];  ///< the optimizers' state
};

/// The optimizers of a rule, ours ("descent") and LibTorch's ("torch::optim") if it has one.
std::vector<std::pair<std::string, std::function<std::shared_ptr<torch::optim::Optimizer>()>>>
optimizers(const Cost& cost, const Tensors& tensors);

/// A step. A rule that steps by the loss gets one, of 1.
void take_step(torch::optim::Optimizer& optimizer);

/// All that can take the optimizer's step, "descent" first.
/// - descent tensor: the same rule in tensor operations, if `with_tensor_pass`;
/// - torch::optim: sgd momentum and adamw;
/// - at::_fused_sgd_, its lists of tensors made ready;
/// - at::_fused_adamw_, the same. Its caller has to count the steps: here a plain loop over their
///   numbers, which is the fastest way.
/// - triad: in place, over parameters, gradients and as many buffers as the optimizer has.
std::vector<Rival> rivals(const Cost& cost, const Tensors& tensors, bool with_tensor_pass);

/// AdamW where parameters and state are kept in fewer bits than it computes in.
struct Kept {
  const char* dtype;    ///< of the parameters
  const char* options;  ///< the base options, "state_bits=8"
  int bytes;            ///< that one step reads and writes, a parameter
  Rival rival;
};
/// float32 as it is comes first. All have tensors of their own.
std::vector<Kept> kept_in_fewer_bits(const Profile& profile);

/// descent::FullAdagrad, made anew, takes one step for each of 8 gradients of 1024 float64 numbers.
Rival full_adagrad();

}  // namespace bench

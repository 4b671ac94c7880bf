#pragma once
#include <functional>
#include <optional>

#include <torch/optim/optimizer.h>

namespace descent {

/// The momentum of a group: betas[0] where its options have `betas`, else `momentum`, as Python's
/// OneCycleLR and CyclicLR choose; none if they have neither. Finds it in the optimizers of this
/// library, in LibTorch's SGD, RMSprop, Adam and AdamW, and in wrappers around them.
std::optional<double> momentum_of(torch::optim::Optimizer& optimizer, size_t group);

/// What sets that momentum when it is called, which then cannot fail. Throws c10::Error if there is
/// no momentum or the group's options do not allow the value.
std::function<void()> momentum_change(torch::optim::Optimizer& optimizer, size_t group,
                                      double momentum);

}  // namespace descent

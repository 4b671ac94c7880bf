#pragma once
#include <string>

#include <torch/optim/optimizer.h>

#include <descent/optim/optimizer/optimizer.h>

namespace descent {

/// Options of one of LibTorch's own optimizers by name, and which optimizer of this library they
/// belong to:
///
///   const auto [optimizer, values] = options_of(torch::optim::AdamWOptions(3e-4));   // "adamw"
///   make_optimizer(optimizer, net->parameters(), values);
struct NamedOptions {
  std::string optimizer;  ///< the registry's name
  OptionValues values;
};

/// Takes torch::optim::SGDOptions, AdamOptions, AdamWOptions, RMSpropOptions and AdagradOptions;
/// c10::Error for all others.
NamedOptions options_of(const torch::optim::OptimizerOptions& options);

}  // namespace descent

#pragma once
#include <filesystem>
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

/// Writes what LibTorch's own class of the same rule reads: torch::load(theirs, path). This library
/// reads it too. The file is complete or absent. Throws c10::Error for a rule that LibTorch has not
/// and for an option that LibTorch's class has not unless it is at its default;
/// std::runtime_error if the file cannot be written.
void save_libtorch(const OptimizerBase& optimizer, const std::filesystem::path& path);

}  // namespace descent

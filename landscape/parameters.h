#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>

namespace descent::landscape {

/// The parameters of a model, those that are registered several times (tied weights) counted once.
struct Parameters {
  std::vector<std::string> names;      ///< of the distinct parameters, by first registration
  std::vector<torch::Tensor> tensors;  ///< the distinct parameters
  std::vector<size_t> slot;  ///< for each entry of named_parameters(): its distinct parameter
};

Parameters parameters_of(const torch::nn::Module& module);

/// A deep copy of the model, in the model's mode. `who` opens the message of std::invalid_argument,
/// which is thrown if the model cannot be cloned or its clone shares parameters with it.
std::shared_ptr<torch::nn::Module> clone_of(const torch::nn::Module& module, const char* who);

}  // namespace descent::landscape

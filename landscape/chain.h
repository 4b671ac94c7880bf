#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <descent/landscape/activation.h>
#include <descent/landscape/network.h>

namespace descent::landscape {

/// A Linear and the activations that follow it. `weight` and `bias` are positions in
/// Parameters::tensors.
struct ChainLayer {
  int64_t in, out;
  size_t weight;
  std::optional<size_t> bias;
  std::vector<Activation> activations;
};

/// Reads a network's module as a chain of Linear and activations: a Linear or a torch::nn::Sequential, nested
/// or not. Identity and Dropout, which is the identity in eval mode, are passed over. Returns
/// nothing, and in `why_not` what is in the way, for everything else.
std::optional<std::vector<ChainLayer>> chain_of(const Model& model, std::string* why_not);

}  // namespace descent::landscape

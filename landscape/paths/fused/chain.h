#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <descent/landscape/network/network.h>
#include <descent/landscape/paths/fused/activation.h>

namespace descent::landscape {

/// A Linear and the activations that follow it. `weight` and `bias` are positions in
/// Parameters::tensors.
struct ChainLayer {
  int64_t in, out;
  size_t weight;
  std::optional<size_t> bias;
  std::vector<Activation> activations;
};

/// Reads a network as a chain of Linear and activations: of torch::nn a Linear or a Sequential of
/// modules, of TorchScript the code of forward(), scripted or traced. What changes nothing is passed
/// over: Identity, Dropout, which is the identity in eval mode, and flattening, as the order of
/// numbers and the widths of layers say which rows there are. Returns nothing, and in `why_not` what
/// is in the way, for everything else.
std::optional<std::vector<ChainLayer>> chain_of(const Model& model, std::string* why_not);

}  // namespace descent::landscape

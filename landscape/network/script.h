#pragma once
#include <descent/landscape/network/network.h>
#include <descent/networks/saved_network.h>

namespace descent {

/// A module of TorchScript as a network: it takes one tensor and returns one. The handle shares the
/// module's weights, which are never changed.
///
/// Traced modules have the mode in which they were traced for good: trace them in eval mode.
/// BatchNorm::Batch and BatchNorm::Recompute need layers of batch normalisation that were scripted,
/// with a momentum, and std::invalid_argument says so otherwise.
Network network_of(const torch::jit::Module& module);

}  // namespace descent

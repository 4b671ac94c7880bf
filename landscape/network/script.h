#pragma once
#include <filesystem>

#include <descent/landscape/network/network.h>

namespace descent {

/// A module of TorchScript as a network: it takes one tensor and returns one. The handle shares the
/// module's weights, which are never changed.
///
/// Traced modules have the mode in which they were traced for good: trace them in eval mode.
/// BatchNorm::Batch and BatchNorm::Recompute need layers of batch normalisation that were scripted,
/// with a momentum, and std::invalid_argument says so otherwise.
Network network_of(const torch::jit::Module& module);

/// The network in a file of torch.jit.save() or torch::jit::Module::save(), on the CPU. Throws
/// std::runtime_error if the file cannot be read and std::invalid_argument if it is damaged or holds
/// something else, with what it seems to be (a state_dict, an archive of torch.export), or a frozen
/// module, which has no parameters.
Network load_network(const std::filesystem::path& file);

}  // namespace descent

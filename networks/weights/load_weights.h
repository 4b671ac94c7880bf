#pragma once
#include <filesystem>

#include <descent/networks/saved_network.h>

namespace descent {

/// Gives a network the weights of a file, in place:
///   - torch.save(net.state_dict(), file) of Python, or a checkpoint that holds it
///   - FILE.safetensors, or the FILE.safetensors.index.json of several
///   - a folder of transformers, such as checkpoint-500
/// A prefix that all names of the file have before those of the network ("module.", "model.") falls
/// away, as does "_orig_mod." of torch.compile; and of tied weights one name is enough. Floating
/// numbers take the type of the network's.
///
/// Throws std::runtime_error if the file cannot be read or is damaged, and std::invalid_argument if
/// it has not the network's tensors, with up to ten names that are missing and ten that are too
/// much, or a shape does not fit. Then the network is as it was.
void load_weights(SavedNetwork& network, const std::filesystem::path& file);

/// The same for any module; its buffers count as saved ones.
void load_weights(torch::nn::Module& module, const std::filesystem::path& file);

}  // namespace descent

#pragma once
#include <filesystem>
#include <memory>

#include <descent/networks/saved_network.h>

namespace descent::networks {

/// A file of TorchScript, on the CPU. Throws std::invalid_argument, without the path.
std::shared_ptr<SavedNetwork> load_script(const std::filesystem::path& file);

}  // namespace descent::networks

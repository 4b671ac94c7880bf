#pragma once
#include <filesystem>
#include <memory>

#include "commands/landscape/job.h"

namespace CLI {
class App;
}

/// The network, the data and what is measured.
namespace descent::cli {

void add_inputs(CLI::App& command, Job& job);

/// Reads the files of the network and of the data.
void load_inputs(Job& job);

/// A network of --plane: a file of its own, or other weights of that of --model.
std::shared_ptr<SavedNetwork> other_network(const SavedNetwork& model,
                                            const std::filesystem::path& file);

}  // namespace descent::cli

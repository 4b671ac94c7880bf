#pragma once
#include <filesystem>
#include <memory>
#include <vector>

#include "commands/landscape/job.h"

namespace descent::cli {

/// A network of --plane: a file of its own, or other weights of that of --model.
std::shared_ptr<SavedNetwork> other_network(const SavedNetwork& model,
                                            const std::filesystem::path& file);

Batches data_of(const LandscapeSettings& settings);
std::shared_ptr<SavedNetwork> network_of(const LandscapeSettings& settings);
std::vector<Metric> metrics_of(const LandscapeSettings& settings);

}  // namespace descent::cli

#pragma once
#include <filesystem>

#include <torch/optim/optimizer.h>

namespace descent {

/// Writes an optimizer's state to a file, of any optimizer that can be saved: those of this
/// library, their wrappers, LibTorch's own. The file is complete or absent. torch::save(optimizer,
/// path) writes the same bytes without that care. Throws std::runtime_error naming the path and the
/// reason.
void save(const torch::optim::Optimizer& optimizer, const std::filesystem::path& path);

/// Reads what save() or torch::save() wrote. Throws c10::Error naming the path and what is wrong
/// with it; an optimizer of this library is then as it was.
void load(torch::optim::Optimizer& optimizer, const std::filesystem::path& path);

}  // namespace descent

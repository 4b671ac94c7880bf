#pragma once
#include <filesystem>

#include <descent/landscape/data/data.h>

namespace descent {

/// The data in a file of Python's torch.save: one batch, as {"input": x, "target": y} or as (x, y),
/// or a list of such batches. On the CPU. Throws std::runtime_error that names the file and what is
/// wrong with it.
Batches load_data(const std::filesystem::path& path);

}  // namespace descent

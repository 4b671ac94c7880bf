#pragma once
#include <filesystem>

#include <descent/landscape/data/data.h>

namespace descent {

/// The data in a file of Python's torch.save: one batch, as {"input": x, "target": y} or as (x, y),
/// or a list of such batches; or by the names of a network's inputs, {"input_ids": ids,
/// "attention_mask": mask, "target": y}, where "labels" may stand for the target. One batch of NumPy:
/// FILE.npz with the arrays input and target, not compressed, or "x.npy,y.npy". On the CPU. Throws
/// std::runtime_error that names the file and what is wrong with it.
Batches load_data(const std::filesystem::path& path);

}  // namespace descent

#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include <torch/optim/optimizer.h>

#include <descent/distributed/world.h>
#include <descent/optim/files/checkpoint.h>

namespace descent {

namespace distributed {

/// One thing of a checkpoint.
struct Part {
  std::function<void(torch::serialize::OutputArchive&)> save{};
  std::function<void(torch::serialize::InputArchive&)> load{};
};
template <Saved Thing>
Part part_of(Thing& thing) {
  return {[&thing](auto& archive) { thing.save(archive); },
          [&thing](auto& archive) { thing.load(archive); }};
}

void checkpoint(const std::filesystem::path& folder, int64_t step, World& world,
                const std::vector<Part>& parts);
int64_t resume(const std::filesystem::path& folder, World& world, const std::vector<Part>& parts);

}  // namespace distributed

/// Writes what a training needs to go on, in one file of `folder`: whatever saves itself to an archive
/// of LibTorch's, as modules, optimizers, their wrappers, schedulers and samplers do. Rank 0 writes the
/// file, which is whole or absent, and removes all but the newest two; the others wait. `step` is the
/// number of steps that are done. Collective. Throws WorldError on all ranks, naming file and reason,
/// if the file cannot be written, or if the folder has a whole checkpoint of a later step: a folder is
/// for one training.
///
///   descent::checkpoint("run", step, world, *net, opt, schedule);
template <Saved... Things>
void checkpoint(const std::filesystem::path& folder, int64_t step, World& world,
                Things&... things) {
  distributed::checkpoint(folder, step, world, {distributed::part_of(things)...});
}

/// Brings all things to where the newest whole checkpoint of `folder` left them, on all ranks, whatever
/// their number was then, and returns its step; 0 if there is none. Only rank 0 reads the folder. Files
/// of other things, a folder whose files are all damaged, and one that cannot be read are refused by a
/// WorldError on all ranks, and things stay as they were. Collective.
template <Saved... Things>
int64_t resume(const std::filesystem::path& folder, World& world, Things&... things) {
  return distributed::resume(folder, world, {distributed::part_of(things)...});
}

}  // namespace descent

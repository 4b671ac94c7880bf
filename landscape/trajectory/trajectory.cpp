#include <stdexcept>

#include <descent/landscape/trajectory/numbered_files.h>
#include <descent/landscape/trajectory/trajectory.h>
#include <descent/networks/weights/weights_file.h>

namespace descent {

Trajectory Trajectory::load(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder))
    throw std::runtime_error(folder.string() + ": is no folder");
  Trajectory result;
  for (const auto& [number, path] : landscape::numbered_files(folder)) {
    const networks::WeightsFile file(path);
    if (result.names_.empty()) result.names_ = file.names();
    for (const std::string& name : result.names_) {
      if (file.holds(name)) continue;
      throw std::runtime_error(path.string() + ": has no tensor '" + name +
                               "', which the first snapshot has");
    }
    result.snapshots_.push_back({number, path, {}});
  }
  if (result.size() == 0) {
    throw std::runtime_error(folder.string() +
                             ": has no snapshots, which are files with names that end in digits "
                             "and \".pt\", \".pth\", \".ckpt\" or \".safetensors\", as "
                             "00000100.pt, or folders as checkpoint-100 with a model.safetensors");
  }
  return result;
}

std::vector<at::Tensor> Trajectory::weights(size_t k) const {
  const Snapshot& snapshot = snapshots_.at(k);
  if (snapshot.file.empty()) return snapshot.weights;
  networks::WeightsFile file(snapshot.file);
  std::vector<at::Tensor> result;
  for (const std::string& name : names_) result.push_back(file.tensor(name));
  return result;
}

}  // namespace descent

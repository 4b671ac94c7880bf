#include <descent/landscape/trajectory/trajectory.h>

#include "archive.h"
#include "fuzz.h"

/// The input is the pickle of a state_dict among the snapshots of a training.
void descent::fuzz::take(std::string_view bytes) {
  static const auto snapshots = folder() / "snapshots";
  std::filesystem::create_directories(snapshots);
  std::filesystem::copy_file(file_of(archive_of(bytes), ".pt"), snapshots / "1.pt",
                             std::filesystem::copy_options::overwrite_existing);
  const Trajectory trajectory = Trajectory::load(snapshots);
  for (size_t k = 0; k < trajectory.size(); ++k) trajectory.weights(k);
}

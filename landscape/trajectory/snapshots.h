#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <descent/landscape/planes/weights.h>
#include <descent/landscape/trajectory/trajectory.h>
#include <descent/networks/weights/weights_file.h>

namespace descent::landscape {

/// The snapshots of a trajectory as weights of a network, which are found by name, but for a
/// prefix, see NamesInFile. Network and trajectory
/// must outlive it; `who` opens the messages of std::invalid_argument.
class SnapshotsAsWeights {
 public:
  /// Throws if the trajectory has no snapshots or the network a parameter that it has not.
  SnapshotsAsWeights(const char* who, const Network& network, const Trajectory& trajectory);

  /// The network's present weights.
  const Parameters& own() const { return own_; }
  /// Its present buffers of floating types: running statistics, for example.
  const Parameters& own_buffers() const { return own_buffers_; }

  size_t size() const { return trajectory_.size(); }

  /// The buffers that no snapshot has, by name.
  const std::vector<std::string>& missing_buffers() const { return missing_buffers_; }
  bool have_buffers() const { return missing_buffers_.size() < own_buffers_.names.size(); }

  struct State {
    Tensors weights;
    Tensors buffers;  ///< those that are missing are the network's present ones
  };
  /// Snapshot k with the types and devices of own(). Throws if it is of another shape or has values
  /// that are not finite.
  State state(size_t k) const;
  Tensors weights(size_t k) const { return state(k).weights; }

 private:
  std::optional<size_t> place_of(const std::string& name) const;
  static Tensors fitted(const Tensors& snapshot, const Parameters& own,
                        const std::vector<size_t>& places);

  const char* who_;
  const Trajectory& trajectory_;
  Parameters own_, own_buffers_;
  networks::NamesInFile names_;
  std::vector<size_t> places_, buffer_places_;  ///< of each tensor of the network: in a snapshot
  std::vector<std::string> missing_buffers_;
};

}  // namespace descent::landscape

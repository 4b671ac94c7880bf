#pragma once
#include <cstddef>
#include <vector>

#include <descent/landscape/planes/weights.h>
#include <descent/landscape/trajectory/trajectory.h>

namespace descent::landscape {

/// The snapshots of a trajectory as weights of a network, which are found by name. Both must
/// outlive it; `who` opens the messages of std::invalid_argument.
class Fitted {
 public:
  /// Throws if the trajectory has no snapshots or the network a parameter that it has not.
  Fitted(const char* who, const Network& network, const Trajectory& trajectory);

  /// The network's present weights.
  const Parameters& own() const { return own_; }

  size_t size() const { return trajectory_.size(); }

  /// Snapshot k with the types and devices of own(). Throws if it is of another shape or has values
  /// that are not finite.
  Tensors weights(size_t k) const;

 private:
  const char* who_;
  const Trajectory& trajectory_;
  Parameters own_;
  std::vector<size_t> places_;  ///< for each of own(): in a snapshot
};

}  // namespace descent::landscape

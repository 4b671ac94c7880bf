#include <algorithm>
#include <stdexcept>

#include <descent/base/nearest.h>
#include <descent/landscape/trajectory/snapshots.h>

namespace descent::landscape {
namespace {

std::vector<std::string> names_of(const Named& named) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : named) names.push_back(name);
  return names;
}

}  // namespace

SnapshotsAsWeights::SnapshotsAsWeights(const char* who, const Network& network,
                                       const Trajectory& trajectory)
    : who_(who),
      trajectory_(trajectory),
      own_(parameters_of(network.model())),
      own_buffers_(floating_buffers_of(network.model())),
      names_(names_of(network.model().parameters()), trajectory.names()),
      places_(own_.names.size(), kNoSlot),
      buffer_places_(own_buffers_.names.size(), kNoSlot) {
  if (trajectory.size() == 0) {
    throw std::invalid_argument(std::string(who) + ": the trajectory has no snapshots");
  }
  check_center(who, own_.names, own_.tensors);
  const auto find = [&](const Named& named, const Parameters& own, std::vector<size_t>& places) {
    for (size_t k = 0; k < named.size(); ++k) {
      if (own.slot[k] == kNoSlot) continue;
      size_t& place = places[own.slot[k]];
      if (place == kNoSlot) place = place_of(named[k].first).value_or(kNoSlot);
    }
  };
  find(network.model().parameters(), own_, places_);
  find(network.model().buffers(), own_buffers_, buffer_places_);
  for (size_t k = 0; k < buffer_places_.size(); ++k) {
    if (buffer_places_[k] == kNoSlot) missing_buffers_.push_back(own_buffers_.names[k]);
  }
  const auto missing = std::find(places_.begin(), places_.end(), kNoSlot);
  if (missing == places_.end()) return;
  const std::string& name = own_.names[static_cast<size_t>(missing - places_.begin())];
  throw std::invalid_argument(std::string(who) + ": the trajectory has no tensor '" + name +
                              "', a parameter of the network" +
                              did_you_mean(name, trajectory.names()));
}

std::optional<size_t> SnapshotsAsWeights::place_of(const std::string& name) const {
  const auto& names = trajectory_.names();
  const auto found = std::find(names.begin(), names.end(), names_.of(name));
  if (found == names.end()) return std::nullopt;
  return static_cast<size_t>(found - names.begin());
}

Tensors SnapshotsAsWeights::fitted(const Tensors& snapshot, const Parameters& own,
                                   const std::vector<size_t>& places) {
  Tensors result;
  for (size_t slot = 0; slot < places.size(); ++slot) {
    const at::Tensor mine = own.tensors[slot].detach();
    const at::Tensor tensor = places[slot] == kNoSlot ? mine : snapshot[places[slot]];
    const bool fits = tensor.is_floating_point() && tensor.sizes() == mine.sizes();
    result.push_back(fits ? tensor.to(mine.options()) : tensor);
  }
  return result;
}

SnapshotsAsWeights::State SnapshotsAsWeights::state(size_t k) const {
  const Tensors snapshot = trajectory_.weights(k);
  State state{fitted(snapshot, own_, places_), fitted(snapshot, own_buffers_, buffer_places_)};
  const std::string what =
      std::string(who_) + ": the snapshot of step " + std::to_string(trajectory_.step(k));
  check_fits(what, own_.names, own_.tensors, state.weights);
  check_alike(what, "buffer", own_buffers_.names, own_buffers_.tensors, state.buffers);
  return state;
}

}  // namespace descent::landscape

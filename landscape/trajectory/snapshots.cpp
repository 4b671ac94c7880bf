#include <algorithm>
#include <stdexcept>

#include <descent/base/nearest.h>
#include <descent/landscape/trajectory/snapshots.h>

namespace descent::landscape {

Fitted::Fitted(const char* who, const Network& network, const Trajectory& trajectory)
    : who_(who),
      trajectory_(trajectory),
      own_(parameters_of(network.model())),
      places_(own_.names.size(), kNoSlot) {
  if (trajectory.size() == 0) {
    throw std::invalid_argument(std::string(who) + ": the trajectory has no snapshots");
  }
  check_center(who, own_.names, own_.tensors);
  const Named named = network.model().parameters();
  const auto& names = trajectory.names();
  for (size_t k = 0; k < named.size(); ++k) {
    size_t& place = places_[own_.slot[k]];
    const auto found = std::find(names.begin(), names.end(), named[k].first);
    if (place == kNoSlot && found != names.end()) {
      place = static_cast<size_t>(found - names.begin());
    }
  }
  const auto missing = std::find(places_.begin(), places_.end(), kNoSlot);
  if (missing == places_.end()) return;
  const std::string& name = own_.names[static_cast<size_t>(missing - places_.begin())];
  throw std::invalid_argument(std::string(who) + ": the trajectory has no tensor '" + name +
                              "', a parameter of the network" + did_you_mean(name, names));
}

Tensors Fitted::weights(size_t k) const {
  const Tensors snapshot = trajectory_.weights(k);
  Tensors result;
  for (size_t slot = 0; slot < places_.size(); ++slot) {
    const at::Tensor &tensor = snapshot[places_[slot]], &own = own_.tensors[slot];
    const bool fits = tensor.is_floating_point() && tensor.sizes() == own.sizes();
    result.push_back(fits ? tensor.to(own.options()) : tensor);
  }
  check_fits(std::string(who_) + ": the snapshot of step " + std::to_string(trajectory_.step(k)),
             own_.names, own_.tensors, result);
  return result;
}

}  // namespace descent::landscape

#pragma once
#include <functional>
#include <string>
#include <vector>

namespace bench {

/// A competitor: one call of `step` is what is timed.
struct Rival {
  std::string who;
  std::function<void()> step;
};

/// The least microseconds a step of each rival. They take turns, so that a slow moment of the
/// machine meets all; a turn is one step that is not timed, which fetches the rival's own data into
/// the caches, and then as many as fill 200 us. `rounds` turns each; 0: for 0.4 s a rival, but 5.
std::vector<double> race(const std::vector<Rival>& rivals, int rounds);

}  // namespace bench

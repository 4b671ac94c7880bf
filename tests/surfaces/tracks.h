#pragma once
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <descent/surfaces.h>

#include "commands/gallery/families.h"

// Questions that one asks of a track.
namespace tracks {

using descent::Track;

/// The first point whose smooth loss is below `level`; -1 if none is.
inline int64_t first_below(const Track& track, double level) {
  const auto& losses = track.smooth_losses;
  const auto found =
      std::find_if(losses.begin(), losses.end(), [&](double loss) { return loss < level; });
  return found == losses.end() ? -1 : found - losses.begin();
}

inline bool crosses_x0(const Track& track) {
  return std::any_of(track.x.begin(), track.x.end(), [](double x) { return x < 0; });
}

/// How often two neighbours have different signs, from point `first` on.
inline int64_t sign_changes(const std::vector<double>& z, size_t first = 0) {
  int64_t count = 0;
  for (size_t i = first + 1; i < z.size(); ++i) count += z[i] * z[i - 1] < 0;
  return count;
}

inline int64_t loss_rises(const Track& track) {
  int64_t count = 0;
  for (size_t i = 1; i < track.smooth_losses.size(); ++i)
    count += track.smooth_losses[i] > track.smooth_losses[i - 1];
  return count;
}

/// The length of step i, from point i - 1 to point i.
inline double step_length(const Track& track, size_t i) {
  return std::hypot(track.x[i] - track.x[i - 1], track.y[i] - track.y[i - 1]);
}

/// From the start to point `end`, along the way.
inline double path_length(const Track& track, int64_t end) {
  double length = 0;
  for (int64_t i = 1; i <= end; ++i) length += step_length(track, static_cast<size_t>(i));
  return length;
}

inline double lowest(const std::vector<double>& z) { return *std::min_element(z.begin(), z.end()); }
inline double highest(const std::vector<double>& z) {
  return *std::max_element(z.begin(), z.end());
}

/// Tracks of one race, by label.
class Field {
 public:
  explicit Field(std::vector<Track> tracks) : tracks_(std::move(tracks)) {}
  /// A family's racers on one of its surfaces, `steps` steps (0: as many as it has).
  Field(const std::string& family, const std::string& surface, int64_t steps = 0) {
    const descent::Family found = descent::find_family(family);
    for (const descent::Heat& heat : found.heats) {
      if (heat.surface.name != surface) continue;
      descent::RaceOptions options = heat.options;
      if (steps > 0) options.steps = steps;
      tracks_ = descent::race(heat.surface, found.racers, options);
    }
    if (tracks_.empty()) throw std::invalid_argument(family + " does not race on " + surface);
  }

  const Track& operator[](const std::string& label) const& {
    for (const Track& track : tracks_)
      if (track.label == label) return track;
    throw std::invalid_argument("nobody is called " + label);
  }
  Track operator[](const std::string& label) && { return std::as_const(*this)[label]; }
  const std::vector<Track>& all() const { return tracks_; }

 private:
  std::vector<Track> tracks_;
};

/// One racer's way on a surface from its start.
inline Track way(const std::string& surface, const std::string& racer, int64_t steps = 100) {
  return descent::race(descent::find_surface(surface), descent::racer(racer), {.steps = steps});
}

/// What an exception says; "" if there is none.
template <class F>
std::string message(F work) {
  try {
    work();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace tracks

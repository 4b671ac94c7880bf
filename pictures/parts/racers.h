#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/grid/track.h>
#include <descent/pictures/scene/color.h>
#include <descent/pictures/scene/point.h>

namespace descent::pictures {

/// How a racer looks in every picture: by its place in the list of tracks.
struct RacerStyle {
  Color color;
  Color border;                ///< around trail and marker, to be seen on any ground
  bool dashed = false;         ///< from the 19th on, whose colours have been there before
  std::vector<Point> outline;  ///< of the marker, radius 1
};
RacerStyle racer_style(size_t racer);

/// A track of a picture and what to say about it.
struct Racer {
  const Track& track;
  RacerStyle style;
  size_t drawable;  ///< points that can be drawn
  int64_t left_at;  ///< the first point outside of the picture; -1: none
  bool log;         ///< whether losses may be far below 1

  /// Points from the start to a step.
  size_t points(int64_t step) const;
  /// Diverged or left at `step` or before: drawn with a hollow marker.
  bool gone(int64_t step) const;
  /// The loss at a step, or the last one before it that is a number; "" if there is none.
  std::string loss(int64_t step) const;
  /// "diverged at step 37", "left at step 12", why it stopped, or "".
  std::string note(int64_t step) const;
  /// Where its marker is: at a step, or where it last left the axes; none if it never was inside.
  std::optional<descent::Point> ball(int64_t step, const Axis& x, const Axis& y) const;
  Color marker_color(int64_t step) const { return gone(step) ? kWhite : style.color; }
  Color marker_border(int64_t step) const;
};

/// All tracks. They left where their left_at says, or earlier where they are more than a cell outside
/// of the axes if given.
std::vector<Racer> racers_of(std::span<const Track> tracks, const Axis* x = nullptr,
                             const Axis* y = nullptr, bool log = false);

/// Steps of the longest track.
int64_t steps_of(const std::vector<Racer>& racers);

}  // namespace descent::pictures

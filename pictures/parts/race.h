#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/grid/track.h>
#include <descent/pictures/draw.h>
#include <descent/pictures/files/canvas.h>

namespace descent::pictures {

/// How a racer looks in every picture: by its place in the list of tracks.
struct RacerStyle {
  Color color;
  Color border;                ///< around trail and marker, to be seen on any ground
  bool dashed = false;         ///< from the 19th on, whose colours have been there before
  std::vector<Point> outline;  ///< of the marker, radius 1
};
RacerStyle racer_style(size_t racer);

/// A straight step from one point to the next.
struct Way {
  descent::Point from, to;
  descent::Point at(double s) const;
};

/// The part of a way that lies inside of the axes, both in [0, 1].
struct Inside {
  double from, to;
};
std::optional<Inside> inside(const Way& way, const Axis& x, const Axis& y);

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

/// Names, markers, losses and what happened, in columns.
class Legend {
 public:
  /// For at most `width` and `height` pixels; letters of `font` or smaller. It has room for all
  /// steps to `last`, so that nothing moves on the way.
  Legend(const std::vector<Racer>& racers, int64_t last, double width, double height, double font);

  double height() const { return static_cast<double>(rows_) * kLine * size_; }
  void draw(Canvas& canvas, const Rect& room, int64_t step) const;

 private:
  /// Widths in letters.
  struct Column {
    double name = 0, loss = 0, note = 0;
    double width() const;
  };
  static constexpr double kLine = 1.55, kMarker = 1.9, kGap = 0.9, kColumnGap = 2.2;  // in letters

  double width() const;  // in letters
  void divide(const std::vector<Column>& widths, size_t rows);

  const std::vector<Racer>& racers_;
  double size_;
  size_t rows_ = 0;
  std::vector<Column> columns_;
};

}  // namespace descent::pictures

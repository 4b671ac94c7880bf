#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/pictures/files/canvas.h>
#include <descent/pictures/parts/racers.h>
#include <descent/pictures/scene/minima.h>
#include <descent/pictures/scene/ticks.h>
#include <descent/pictures/scene/value_scale.h>

/// The parts that a picture is put together from. Each draws into a rectangle of the canvas and
/// keeps its labels inside of it.
namespace descent::pictures {

/// A part of a picture: what stands still, and what a race draws over it.
class Part {
 public:
  virtual ~Part() = default;
  virtual void draw_still(Canvas& canvas) const = 0;
  /// The race at a step, over draw_still().
  virtual void draw_race(Canvas&, int64_t /*step*/) {}
};
using Parts = std::vector<std::unique_ptr<Part>>;

/// Where a part has drawn something of which a page has a table.
struct Spot {
  size_t row;  ///< of the table
  Point at;
};

/// What all parts of one picture of a grid share.
struct Plot {
  const Grid& grid;  ///< both axes ascending, at least one finite value; exponents of ten if log
  bool log;
  ValueScale scale;           ///< of what the grid holds
  Ticks ticks;                ///< of what the grid holds
  std::vector<Level> levels;  ///< of the contour lines
  std::vector<Mark> minima;
  std::string minima_text;  ///< "lowest value -4.605 at alpha = 0, beta = 0.1"
  std::vector<Racer> racers;
  double font;  ///< size of tick labels in pixels; all other measures follow from it
  std::vector<descent::Point> dots{};  ///< on the map: what the values were made from

  double title_font() const { return font * 1.06; }
  /// What the grid would hold for a value; -infinity where there is no logarithm.
  double shown(double value) const {
    if (!log) return value;
    return value > 0 ? std::log10(value) : -std::numeric_limits<double>::infinity();
  }
  /// The position of a value on the scale; what has no logarithm is at the bottom.
  float height(double value) const { return log && value <= 0 ? 0 : scale.at(shown(value)); }
};

/// The grid as a lit surface, its contour map on the floor below, a box with three axes, trails.
/// What the surface hides of minima and trails shines through. `turning`: at a size and a place that
/// are the same from all sides, which come kTurnFrames to a turn.
std::unique_ptr<Part> surface_part(const Rect& room, const Plot& plot, double azimuth_degrees,
                                   double elevation_degrees, bool turning = false);
constexpr int kTurnFrames = 36;

/// The grid from above: colours, contour lines with numbers, the minima, a legend above and the
/// colour bar to the right.
std::unique_ptr<Part> map_part(const Rect& room, const Plot& plot);
/// The frame of that map.
struct Frame;
Frame map_frame(const Rect& room, const Plot& plot);

/// What stands beside a surface without a map: the colour bar, and the minima above both.
std::unique_ptr<Part> scale_part(const Rect& room, const Rect& bar, const Plot& plot);

/// A grid of one row or one column as a curve.
std::unique_ptr<Part> curve_part(const Rect& room, const Plot& plot);

/// The colour bar with the name of the values; as high as the room, at its left side.
void draw_color_bar(Canvas& canvas, const Rect& room, const Plot& plot);
double color_bar_width(const Plot& plot);

/// The minima, and what a hatched area is if there is one. Text of at most the room's width,
/// centred on `y`.
void draw_minima_legend(Canvas& canvas, const Rect& room, double y, const Plot& plot,
                        bool has_holes);

/// A star with its centre at a place, as wide as a marker should be.
void draw_marker(Canvas& canvas, Point at, double font);
inline double marker_radius(double font) { return 0.72 * font; }
inline double ball_radius(double font) { return 0.46 * font; }
inline double trail_width(double font) { return std::max(1.7, 0.17 * font); }
/// Longer steps of a trail end with a dot.
inline double dotted_step(double font) { return 4 * trail_width(font); }

double widest(const Ticks& ticks, double font);

/// The frame of a plot in two dimensions: ticks and labels below and to the left of `area`, the
/// names of the axes beyond them.
struct Frame {
  Rect area;
  Axis x, y;  ///< n is not used
  Ticks x_ticks, y_ticks;
  std::string x_title, y_title;

  Point place(double at_x, double at_y) const;
  void draw(Canvas& canvas, double font) const;
  /// Thin lines at all ticks.
  void draw_ruling(Canvas& canvas) const;
  /// What it needs around the area.
  static double left(const Ticks& y_ticks, double font);
  static double below(double font);
};

/// A curve over the frame's x; what is not finite leaves a gap.
void draw_curve(Canvas& canvas, const Frame& frame, const Axis& axis,
                const std::vector<double>& values, const Pen& pen);

}  // namespace descent::pictures

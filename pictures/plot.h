#pragma once
#include <string>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/pictures/canvas.h>
#include <descent/pictures/ticks.h>
#include <descent/pictures/value_scale.h>

/// The panels that a picture of a Grid is put together from. Each draws into a rectangle of the
/// canvas and keeps its labels inside of it.
namespace descent::pictures {

/// What all panels of one picture share.
struct Plot {
  const Grid& grid;  ///< both axes ascending, at least one finite value
  ValueScale scale;
  Ticks ticks;                ///< of the values
  std::vector<Level> levels;  ///< of the contour lines
  Grid::Minimum minimum;
  double font;  ///< size of tick labels in pixels; all other measures follow from it

  double title_font() const { return font * 1.06; }
};

/// The grid as a lit surface, its contour map on the floor below, a box with three axes. The
/// minimum is a star; where the surface hides it, it shines through.
void draw_surface(Canvas& canvas, const Rect& room, const Plot& plot, double azimuth_degrees,
                  double elevation_degrees);

/// The grid from above: colours, contour lines with numbers, the minimum, a legend above and the
/// colour bar to the right.
void draw_map(Canvas& canvas, const Rect& room, const Plot& plot);

/// A grid of one row or one column as a curve.
void draw_curve(Canvas& canvas, const Rect& room, const Plot& plot);

/// The colour bar with the name of the values; as high as the room, at its left side.
void draw_color_bar(Canvas& canvas, const Rect& room, const Plot& plot);
double color_bar_width(const Plot& plot);

/// "* minimum -4.605 at alpha = 0, beta = 0.1", and what a hatched area is if there is one. Text of
/// at most the room's width, centred on `y`.
void draw_legend(Canvas& canvas, const Rect& room, double y, const Plot& plot, bool has_holes);

/// A star with its centre at a place, as wide as a marker should be.
void draw_marker(Canvas& canvas, Point at, double font);
inline double marker_radius(double font) { return 0.72 * font; }

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
  /// What it needs around the area.
  static double left(const Ticks& y_ticks, double font);
  static double below(double font);
};

}  // namespace descent::pictures

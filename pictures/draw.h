#pragma once
#include <filesystem>
#include <limits>
#include <string>

#include <descent/grid/grid.h>

namespace descent {

struct PictureOptions {
  int width = 1600;       ///< pixels, 200 to 4096
  int height = 800;       ///< pixels, 200 to 4096
  std::string title{};    ///< UTF-8, one line above the picture, made smaller if it does not fit
  std::string caption{};  ///< UTF-8, below the picture in small print: what plane, which data, ...
  double azimuth_degrees = -60;   ///< of the viewer, around the z axis; -90: x runs to the right
  double elevation_degrees = 30;  ///< of the viewer, 0 (level) to 90 (from above)
  bool contour_map = true;        ///< the map beside the surface (below it if height > width)
  /// The values that the lowest and the highest colour stand for; NaN: chosen from the data, see
  /// below. Give them to compare several pictures.
  double lo = std::numeric_limits<double>::quiet_NaN();
  double hi = std::numeric_limits<double>::quiet_NaN();
};

/// Writes a picture of a grid: a shaded surface with contour lines over its contour map, beside it
/// the contour map with numbers, axes, legend and colour bar (viridis); the smallest value is
/// marked with a star. A grid of one row or one column becomes a curve.
///
/// - Values that are NaN or infinite leave holes, hatched in the map.
/// - Heights and colours are linear in the value: draw grid.log() for losses over many magnitudes.
/// - A few far outliers do not flatten the rest: where the 1st and the 99th percentile lie closer
///   together than a fifth of what is beyond one of them, the colours end at that percentile, the
///   colour bar ends in a tip and the caption says so.
/// - The same grid and options give the same bytes on every run, independent of installed fonts.
///
/// The extension decides the format; today .png. Throws std::invalid_argument for another
/// extension, a grid that check() refuses or without a finite value, and options out of range, and
/// std::runtime_error if the file cannot be written. Then no file is left.
void draw(const Grid& grid, const std::filesystem::path& path, const PictureOptions& options = {});

/// The same as the bytes of a PNG file.
std::string draw_png(const Grid& grid, const PictureOptions& options = {});

}  // namespace descent

#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/grid/track.h>

namespace descent {

/// A minimum that is known, to be marked with a star.
struct KnownMinimum {
  double x = 0, y = 0;
  double value = std::numeric_limits<double>::quiet_NaN();  ///< NaN: the grid's nearest
  bool global = true;                                       ///< false: a local one, called so
};

struct PictureOptions {
  int width = 0;          ///< pixels, 200 to 4096; 0: 1600, in a .gif 960
  int height = 0;         ///< pixels, 200 to 4096; 0: 800, in a .gif 540
  std::string title{};    ///< UTF-8, one line above the picture, made smaller if it does not fit
  std::string caption{};  ///< UTF-8, below the picture in small print: what plane, which data, ...
  double azimuth_degrees = -60;   ///< of the viewer, around the z axis; -90: x runs to the right
  double elevation_degrees = 30;  ///< of the viewer, 0 (level) to 90 (from above)
  bool contour_map = true;        ///< the map beside the surface (below it if height > width)
  /// The values that the lowest and the highest colour stand for (> 0 if log); NaN: chosen from the
  /// data, see below. Give them to compare several pictures.
  double lo = std::numeric_limits<double>::quiet_NaN();
  double hi = std::numeric_limits<double>::quiet_NaN();
  bool log = false;  ///< logarithmic heights and colours; finite values must not be negative
  std::vector<KnownMinimum> minima{};  ///< empty: the grid's smallest value is marked
  bool mark_minima = true;  ///< false: no stars, for values of which no one wants the smallest
  int64_t step = -1;        ///< the race up to this step; -1: all of it
  /// Called in the caller's thread after each drawn frame of a .gif with the number of frames that
  /// are done and that there will be; false stops, draw() returns and leaves everything as it was.
  std::function<bool(int64_t done, int64_t all)> on_frame{};
};

/// A format of picture files.
struct PictureFormat {
  const char* extension;  ///< ".png"
  bool can_move;          ///< shows a race step by step, and a surface that turns
};

/// Those that draw() writes; not the page, which it also writes.
std::vector<PictureFormat> picture_formats();

/// Writes a picture of a grid: a shaded surface with contour lines over its contour map, beside it
/// the contour map with numbers, axes, legend and colour bar (viridis); the smallest value, or the
/// given minima, are marked with stars. A grid of one row or one column becomes a curve.
///
/// - Values that are NaN or infinite leave holes, hatched in the map.
/// - With `log`, the scale has powers of ten, and 0 is drawn where the least positive value is.
/// - A few far outliers do not flatten the rest: where the 1st and the 99th percentile lie closer
///   together than a fifth of what is beyond one of them, the colours end at that percentile, the
///   colour bar ends in a tip and the caption says so.
/// - The same grid and options give the same bytes on every run, independent of installed fonts.
///
/// The extension decides the format:
///   .png    pixels
///   .svg    lines and text as vectors, the shaded surface as an image
///   .gif    the race step by step (of more than 200 steps every second, third, ...), its end for
///           two seconds, then again; without a race the surface, turning; at most 256 colours
///   .html   an interactive page, see page.h; width, height and contour_map are not used
/// Throws std::invalid_argument for another extension, a grid that check() refuses or without a
/// finite value, and options out of range, and std::runtime_error if the file cannot be written.
/// Then no file is left, and an older one is kept.
void draw(const Grid& grid, const std::filesystem::path& path, const PictureOptions& options = {});

/// The same with the ways of optimizers over the surface, each at the height of its losses: a trail
/// that is faint where the surface hides it, and a ball where it is at `step`. A legend names them
/// with their losses, and says who diverged or left the picture and at which step; trails end
/// there. Each has a colour and a marker of its own, for the first 18 (Okabe and Ito 2008, then Tol
/// 2021, muted) also a colour that no other has; after that the colours return with dashed trails.
/// Throws std::invalid_argument for a track that check() refuses, too, and for a grid of one row or
/// column if there are tracks.
void draw(const Grid& grid, std::span<const Track> tracks, const std::filesystem::path& path,
          const PictureOptions& options = {});

/// The same as the bytes of a PNG file.
std::string draw_png(const Grid& grid, const PictureOptions& options = {});
std::string draw_png(const Grid& grid, std::span<const Track> tracks,
                     const PictureOptions& options = {});

struct LossPictureOptions {
  int width = 0;                    ///< pixels, 200 to 4096; 0: 1200, in a .gif 900
  int height = 0;                   ///< pixels, 200 to 4096; 0: 700, in a .gif 520
  std::string title{};              ///< UTF-8
  std::string caption{};            ///< UTF-8
  std::string value_name = "loss";  ///< UTF-8, beside the axis
  bool log = false;                 ///< a logarithmic axis; losses of 0 and less are not shown
  /// The ends of the axis; NaN: from the data, but a few far losses do not flatten the rest, as in
  /// draw(), nor does a racer that spreads over three times as much as the one in the middle of all.
  /// Lines end at the border, markers stay on it, and the caption says so.
  double lo = std::numeric_limits<double>::quiet_NaN();
  double hi = std::numeric_limits<double>::quiet_NaN();
  int64_t step = -1;  ///< the race up to this step; -1: all of it
  std::function<bool(int64_t done, int64_t all)> on_frame{};  ///< as in PictureOptions
};

/// Writes a picture of the losses of a race over its steps, with the colours, markers and legend
/// that draw() gives the same tracks. The extension decides: .png, .svg, or .gif, the race step by
/// step. Throws std::invalid_argument if there are no tracks, one that check() refuses, none has a
/// loss that can be shown, or options are out of range, and std::runtime_error if the file cannot
/// be written.
void draw_losses(std::span<const Track> tracks, const std::filesystem::path& path,
                 const LossPictureOptions& options = {});

/// A grid of several on one sheet.
struct NamedGrid {
  std::string name;  ///< UTF-8, above it
  Grid grid;
};

struct SheetPictureOptions {
  int width = 1600;       ///< pixels, 200 to 4096
  int height = 0;         ///< pixels, 200 to 4096; 0: as the number of grids asks for
  std::string title{};    ///< UTF-8
  std::string caption{};  ///< UTF-8
  /// The values that the lowest and the highest colour stand for, as in PictureOptions; NaN: chosen
  /// from all grids together.
  double lo = std::numeric_limits<double>::quiet_NaN();
  double hi = std::numeric_limits<double>::quiet_NaN();
  bool log = false;  ///< logarithmic colours; finite values must not be negative
};

/// Writes one picture of many grids over the same axes, as those of a network's layers: a small
/// contour map of each, or a curve where an axis has one point, under one scale of colours or of
/// heights; a dot is at the origin. The extension decides: .png or .svg. Throws
/// std::invalid_argument if there are no grids, for one that check() refuses, for axes that differ,
/// if no value of any is finite, and options out of range, and std::runtime_error if the file cannot
/// be written.
void draw_sheet(std::span<const NamedGrid> grids, const std::filesystem::path& path,
                const SheetPictureOptions& options = {});

struct TwoSidedPictureOptions {
  int width = 1000;                                           ///< pixels, 200 to 4096
  int height = 900;                                           ///< pixels, 200 to 4096
  std::string title{};                                        ///< UTF-8
  std::string caption{};                                      ///< UTF-8
  std::string first_name = "loss";                            ///< UTF-8, of the values in blue
  std::string second_name = "diverged at";                    ///< UTF-8, of the values in red
  std::function<bool(int64_t done, int64_t all)> on_frame{};  ///< as in PictureOptions
};

/// Two grids over the same axes, as a map of trainings has them: a loss where they converged, and a
/// step where they diverged.
struct TwoSides {
  Grid first, second;
  std::string name{};  ///< UTF-8, above them
};

/// Writes a picture of such grids, side by side, a cell for each point: `second` in red where it is a
/// number, `first` in blue where `second` is NaN; both on logarithmic scales, those of all panels, dark
/// where they are small, that of `second` counted from 1. Negative values of `second`, and values of
/// `first` that are not finite, are hatched. The extension decides: .png, .svg, or .gif, one panel
/// after the other, as a zoom. Throws std::invalid_argument if there are no panels, for grids that
/// check() refuses, of different or falling axes or of one row or column, and options out of range,
/// and std::runtime_error if the file cannot be written.
void draw_two_sided(std::span<const TwoSides> panels, const std::filesystem::path& path,
                    const TwoSidedPictureOptions& options = {});

/// An arrow from the origin.
struct Arrow {
  double x = 0, y = 0;        ///< of its tip, finite
  std::string label{};        ///< UTF-8, beside the tip
  uint32_t color = 0x6a6e76;  ///< 0xRRGGBB
  double strength = 1;        ///< 0 (invisible) to 1: older ones may fade
  std::string group{};  ///< UTF-8; each name is in the legend once, with its first arrow's colour
};

struct ArrowPictureOptions {
  int width = 900;                         ///< pixels, 200 to 4096
  int height = 900;                        ///< pixels, 200 to 4096
  std::string title{};                     ///< UTF-8
  std::string caption{};                   ///< UTF-8
  std::string x_name = "x", y_name = "y";  ///< UTF-8
};

/// Writes a picture of arrows from the origin with axes of one scale, later arrows over earlier
/// ones. The extension decides: .png or .svg. Throws std::invalid_argument if there are no arrows,
/// one is not finite, a strength is outside of [0, 1], or options are out of range, and
/// std::runtime_error if the file cannot be written.
void draw_arrows(std::span<const Arrow> arrows, const std::filesystem::path& path,
                 const ArrowPictureOptions& options = {});

}  // namespace descent

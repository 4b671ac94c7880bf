#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/grid/track.h>
#include <descent/pictures/draw.h>
#include <descent/pictures/files/layout.h>
#include <descent/pictures/files/output.h>
#include <descent/pictures/parts/plot.h>
#include <descent/pictures/scene/image.h>

namespace descent::pictures {

/// The options for a picture of this grid, with the given size where they have none. Throws
/// std::invalid_argument for what draw() refuses.
PictureOptions checked(const Grid& grid, std::span<const Track> tracks, PictureOptions options,
                       int width, int height);

/// Refuse, by std::invalid_argument that begins with `what`, axes without a length, and values of
/// which logarithms cannot be drawn.
void check_axes(const std::string& what, const Grid& grid);
void check_logarithms(const std::string& what, const std::vector<double>& values);

/// Contour lines at the ticks and between them; where the ticks are not even, even lines that have
/// no numbers.
std::vector<Level> levels_of(const Ticks& ticks, double lo, double hi);

/// A picture of a grid, ready to be drawn. Its options are checked().
class GridPicture {
 public:
  /// `turning`: a frame of a turn around the vertical axis.
  GridPicture(const Grid& grid, std::span<const Track> tracks, const PictureOptions& options,
              bool turning = false);
  GridPicture(const GridPicture&) = delete;  // its parts refer to it
  GridPicture& operator=(const GridPicture&) = delete;

  Image image() const { return image_of(sheet_, parts_, step_); }
  std::string png() const { return png_of(sheet_, parts_, step_); }
  void write(const std::filesystem::path& path, const Format& format,
             const OnFrame& on_frame) const {
    pictures::write(path, format, sheet_, parts_, step_, on_frame);
  }

 private:
  /// Title, caption and legend anew; what is left in the middle.
  Rect add_frame();

  Grid values_, grid_;
  Plot plot_;
  Sheet sheet_;
  Parts parts_;
  int64_t step_;
};

}  // namespace descent::pictures

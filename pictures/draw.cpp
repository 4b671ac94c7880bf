#include <algorithm>
#include <array>

#include <descent/base/atomic_file.h>
#include <descent/pictures/draw.h>
#include <descent/pictures/files/output.h>
#include <descent/pictures/files/page.h>
#include <descent/pictures/grid_picture.h>

namespace descent {
namespace {

using pictures::checked;
using pictures::Format;
using pictures::GridPicture;

/// A surface that turns once around, as the bytes of a file; "" if on_frame stops it.
std::string turn_of(pictures::Film* film, const Grid& grid, std::span<const Track> tracks,
                    const PictureOptions& options) {
  const auto frame = [&](int64_t k) {
    PictureOptions here = options;
    here.azimuth_degrees += static_cast<double>(k) * 360 / pictures::kTurnFrames;
    return GridPicture(grid, tracks, here, /*turning=*/true).image();
  };
  const std::array sides = {frame(0), frame(pictures::kTurnFrames / 2)};
  constexpr int kDelay = 10;  // hundredths of a second
  return film(pictures::kTurnFrames, frame, sides, kDelay, kDelay, options.on_frame);
}

}  // namespace

std::string draw_png(const Grid& grid, std::span<const Track> tracks,
                     const PictureOptions& options) {
  return GridPicture(grid, tracks, checked(grid, tracks, options, 1600, 800)).png();
}

std::string draw_png(const Grid& grid, const PictureOptions& options) {
  return draw_png(grid, {}, options);
}

void draw(const Grid& grid, std::span<const Track> tracks, const std::filesystem::path& path,
          const PictureOptions& options) {
  const Format& format = pictures::format_of("draw", path, pictures::is_any);
  const PictureOptions complete =
      checked(grid, tracks, options, format.can_move() ? 960 : 1600, format.can_move() ? 540 : 800);
  if (format.is_page()) {
    const Panel panel{.id = "f",
                      .title = options.title,
                      .caption = options.caption,
                      .grid = grid,
                      .tracks = {tracks.begin(), tracks.end()},
                      .picture = options};
    PageOptions page;
    if (!options.title.empty()) page.title = options.title;
    draw_page({&panel, 1}, path, page);
    return;
  }
  const bool race = std::any_of(tracks.begin(), tracks.end(),
                                [](const Track& track) { return track.x.size() > 1; });
  if (format.can_move() && !race && grid.x.n > 1 && grid.y.n > 1) {
    const std::string turn = turn_of(format.film, grid, tracks, complete);
    if (!turn.empty()) write_atomically(path, turn);
    return;
  }
  GridPicture(grid, tracks, complete).write(path, format, options.on_frame);
}

void draw(const Grid& grid, const std::filesystem::path& path, const PictureOptions& options) {
  draw(grid, {}, path, options);
}

}  // namespace descent

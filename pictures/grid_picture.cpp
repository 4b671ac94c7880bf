#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <descent/pictures/grid_picture.h>
#include <descent/pictures/parts/legend.h>
#include <descent/pictures/scene/field.h>

namespace descent::pictures {
namespace {

void check(const PictureOptions& options) {
  check_size("draw", options.width, options.height);
  require(std::isfinite(options.azimuth_degrees), "draw",
          "azimuth_degrees = " + std::to_string(options.azimuth_degrees), "finite");
  require(options.elevation_degrees >= 0 && options.elevation_degrees <= 90, "draw",
          "elevation_degrees = " + std::to_string(options.elevation_degrees), "in [0, 90]");
  check_range("draw", options.lo, options.hi, options.log);
  for (const KnownMinimum& known : options.minima)
    require(std::isfinite(known.x) && std::isfinite(known.y), "draw",
            "a minimum at " + std::to_string(known.x) + ", " + std::to_string(known.y), "finite");
  check_step("draw", options.step);
}

Grid in_exponents(Grid grid) {
  grid.values = exponents(std::move(grid.values));
  return grid;
}

bool is_stacked(const Grid& grid, const PictureOptions& options) {
  return options.contour_map && grid.x.n > 1 && grid.y.n > 1 && options.height > options.width;
}

/// `grid`: what is shown of the values.
Plot plot_of(const Grid& values, const Grid& grid, std::span<const Track> tracks,
             const PictureOptions& options) {
  const double width = options.width, height = options.height;
  const bool map = options.contour_map && grid.x.n > 1 && grid.y.n > 1;
  const bool stacked = is_stacked(grid, options);
  const double panel = std::min(map && !stacked ? width / 2 : width, stacked ? height / 2 : height);
  const auto end = [&](double value) { return options.log ? std::log10(value) : value; };
  const ValueScale scale(grid.values, end(options.lo), end(options.hi));
  const Ticks ticks = (options.log ? log_ticks : nice_ticks)(scale.lo(), scale.hi(), 7);
  const auto minima = minima_of(values, options);
  return {grid,
          options.log,
          scale,
          ticks,
          levels_of(ticks, scale.lo(), scale.hi()),
          minima,
          text_of(minima, grid, options.log ? 0 : scale.hi() - scale.lo()),
          racers_of(tracks, &grid.x, &grid.y, options.log),
          std::max(9.0, 17.0 * panel / 800)};
}

}  // namespace

std::vector<Level> levels_of(const Ticks& ticks, double lo, double hi) {
  if (ticks.step > 0) return contour_levels(ticks, lo, hi);
  auto levels = contour_levels(nice_ticks(lo, hi, 7), lo, hi);
  for (Level& level : levels) level.major = false;
  return levels;
}

void check_axes(const std::string& what, const Grid& grid) {
  for (const auto& [name, axis] : {std::pair{"x", &grid.x}, {"y", &grid.y}})
    require(axis->n == 1 || axis->lo != axis->hi, what,
            name + std::string(".hi = ") + std::to_string(axis->hi),
            "other than lo where n = " + std::to_string(axis->n));
}

void check_logarithms(const std::string& what, const std::vector<double>& values) {
  bool positive = false;
  for (const double value : values) {
    positive = positive || (std::isfinite(value) && value > 0);
    require(!std::isfinite(value) || value >= 0, what, "a value = " + std::to_string(value),
            "at least 0 where log is true");
  }
  require(positive, what, "no value", "above 0 where log is true");
}

PictureOptions checked(const Grid& grid, std::span<const Track> tracks, PictureOptions options,
                       int width, int height) {
  if (options.width == 0) options.width = width;
  if (options.height == 0) options.height = height;
  check(options);
  descent::check(grid, "draw");
  check_axes("draw", grid);
  if (std::none_of(grid.values.begin(), grid.values.end(),
                   [](double v) { return std::isfinite(v); }))
    throw std::invalid_argument("draw: none of the " + std::to_string(grid.values.size()) +
                                " values is finite");
  if (options.log) check_logarithms("draw", grid.values);
  for (const Track& track : tracks) descent::check(track, "draw: track " + track.label);
  if (!tracks.empty() && grid.is_curve())
    throw std::invalid_argument("draw: tracks over a grid of x.n = " + std::to_string(grid.x.n) +
                                " and y.n = " + std::to_string(grid.y.n) +
                                ", both must be at least 2");
  return options;
}

GridPicture::GridPicture(const Grid& grid, std::span<const Track> tracks,
                         const PictureOptions& options, bool turning)
    : values_(ascending(grid)),
      grid_(options.log ? in_exponents(values_) : values_),
      plot_(plot_of(values_, grid_, tracks, options)) {
  const int64_t last = steps_of(plot_.racers);
  step_ = options.step < 0 ? last : std::min(options.step, last);
  const bool curve = grid_.is_curve();
  const bool map = options.contour_map && !curve, stacked = is_stacked(grid_, options);
  std::string caption = beyond("Values", plot_.scale, options.log);
  if (!options.caption.empty() && !caption.empty()) caption = "\n" + caption;
  sheet_ = {options.width, options.height, plot_.font, options.title, options.caption + caption};

  Rect room = add_frame();
  // Beside each other the two panels are squares; what is left goes above and below all.
  if (const double spare = room.height() - 0.55 * room.width(); map && !stacked && spare > 0) {
    sheet_.inset = spare / 2;
    room = add_frame();
  }
  const double font = plot_.font;
  if (curve) {
    parts_.push_back(curve_part(room, plot_));
    return;
  }
  Rect surface = room, beside = room;
  if (stacked) {
    surface.bottom = (room.top + room.bottom) / 2 - font / 2;
    beside.top = surface.bottom + font;
  } else if (map) {
    surface.right = (room.left + room.right) / 2 - font / 2;
    beside.left = surface.right + font;
  } else {
    surface.right -= color_bar_width(plot_) + font;
    surface.top += 2 * font;
    beside = {surface.right + font, surface.top, room.right, surface.bottom};
  }
  parts_.push_back(
      surface_part(surface, plot_, options.azimuth_degrees, options.elevation_degrees, turning));
  parts_.push_back(map ? map_part(beside, plot_) : scale_part(room, beside, plot_));
}

Rect GridPicture::add_frame() {
  Rect room;
  parts_.clear();
  parts_.push_back(sheet_part(sheet_, room));
  if (!plot_.racers.empty()) parts_.push_back(legend_part(plot_.racers, step_, plot_.font, room));
  return room;
}

}  // namespace descent::pictures

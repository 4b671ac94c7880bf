#include <algorithm>
#include <cctype>
#include <cmath>
#include <stdexcept>

#include <descent/base/atomic_file.h>
#include <descent/pictures/canvas.h>
#include <descent/pictures/draw.h>
#include <descent/pictures/font.h>
#include <descent/pictures/plot.h>

namespace descent {
namespace {

using pictures::Canvas;
using pictures::contour_levels;
using pictures::kCapHeight;
using pictures::kDescent;
using pictures::kGreyInk;
using pictures::kWhite;
using pictures::nice_ticks;
using pictures::Plot;
using pictures::Rect;
using pictures::short_number;
using pictures::text_width;
using pictures::Ticks;
using pictures::ValueScale;

void check(const PictureOptions& options) {
  const auto require = [](bool right, const std::string& what, const std::string& allowed) {
    if (!right) throw std::invalid_argument("draw: " + what + ", must be " + allowed);
  };
  for (const auto& [name, size] : {std::pair{"width", options.width}, {"height", options.height}})
    require(size >= 200 && size <= 4096, name + (" = " + std::to_string(size)), "in [200, 4096]");
  require(std::isfinite(options.azimuth_degrees),
          "azimuth_degrees = " + std::to_string(options.azimuth_degrees), "finite");
  require(options.elevation_degrees >= 0 && options.elevation_degrees <= 90,
          "elevation_degrees = " + std::to_string(options.elevation_degrees), "in [0, 90]");
  require(!std::isinf(options.lo), "lo = " + std::to_string(options.lo), "finite or NaN");
  require(!std::isinf(options.hi), "hi = " + std::to_string(options.hi), "finite or NaN");
  require(!(options.lo >= options.hi),
          "lo = " + std::to_string(options.lo) + " and hi = " + std::to_string(options.hi),
          "ascending");
}

/// The same grid with lo <= hi on both axes.
Grid ascending(Grid grid) {
  const auto rows = static_cast<std::ptrdiff_t>(grid.x.n);
  if (grid.x.lo > grid.x.hi) {
    std::swap(grid.x.lo, grid.x.hi);
    for (auto row = grid.values.begin(); row != grid.values.end(); row += rows)
      std::reverse(row, row + rows);
  }
  if (grid.y.lo > grid.y.hi) {
    std::swap(grid.y.lo, grid.y.hi);
    std::reverse(grid.values.begin(), grid.values.end());
    for (auto row = grid.values.begin(); row != grid.values.end(); row += rows)
      std::reverse(row, row + rows);
  }
  return grid;
}

/// A text in lines of at most `width`; a word that is wider than that keeps a line of its own.
std::vector<std::string> wrapped(const std::string& text, double size, double width) {
  std::vector<std::string> lines;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const std::string word = text.substr(at, end - at);
    const bool fits = !lines.empty() && text_width(lines.back() + " " + word, size) <= width;
    const bool new_line = at > 0 && text[at - 1] == '\n';
    if (fits && !new_line)
      lines.back() += " " + word;
    else if (!word.empty())
      lines.push_back(word);
    at = end + 1;
  }
  return lines;
}

std::string caption_of(const PictureOptions& options, const Plot& plot) {
  std::string caption = options.caption;
  const auto add = [&](const char* side, double end) {
    if (!caption.empty()) caption += "\n";
    caption += std::string("Values ") + side + " " + short_number(end) + " are drawn as " +
               short_number(end) + ".";
  };
  if (plot.scale.cuts_high()) add("above", plot.scale.hi());
  if (plot.scale.cuts_low()) add("below", plot.scale.lo());
  return caption;
}

}  // namespace

std::string draw_png(const Grid& given, const PictureOptions& options) {
  check(options);
  descent::check(given, "draw");
  if (std::none_of(given.values.begin(), given.values.end(),
                   [](double v) { return std::isfinite(v); }))
    throw std::invalid_argument("draw: none of the " + std::to_string(given.values.size()) +
                                " values is finite");
  const Grid grid = ascending(given);
  const bool curve = grid.x.n == 1 || grid.y.n == 1;
  const bool map = options.contour_map && !curve;
  const bool stacked = map && options.height > options.width;
  const double width = options.width, height = options.height;
  const double panel = std::min(map && !stacked ? width / 2 : width, stacked ? height / 2 : height);
  const double font = std::max(9.0, 17.0 * panel / 800);

  const ValueScale scale(grid.values, options.lo, options.hi);
  const Ticks ticks = nice_ticks(scale.lo(), scale.hi(), 7);
  const Plot plot{grid,           scale, ticks, contour_levels(ticks, scale.lo(), scale.hi()),
                  grid.minimum(), font};

  Canvas canvas(options.width, options.height, kWhite);
  Rect room = Rect{0, 0, width, height}.grown(-font);
  if (!options.title.empty()) {
    const double wanted = 1.4 * font;
    const double size = std::min(wanted, wanted * room.width() / text_width(options.title, wanted));
    canvas.text(options.title, {width / 2, room.top + kCapHeight * wanted},
                {.size = size, .anchor_x = 0.5, .anchor_y = 0, .bold = true});
    room.top += 1.3 * wanted;
  }
  const double small = 0.88 * font;
  const auto lines = wrapped(caption_of(options, plot), small, room.width());
  for (size_t k = 0; k < lines.size(); ++k)
    canvas.text(lines[k],
                {width / 2, room.bottom - kDescent * small -
                                static_cast<double>(lines.size() - 1 - k) * 1.4 * small},
                {.size = small, .color = kGreyInk, .anchor_x = 0.5, .anchor_y = 0});
  if (!lines.empty()) room.bottom -= (1.4 * static_cast<double>(lines.size()) + 0.6) * small;
  room.bottom = std::max(room.bottom, room.top + 4 * font);

  if (curve) {
    draw_curve(canvas, room, plot);
    return canvas.png();
  }
  Rect surface = room;
  if (stacked)
    surface.bottom = (room.top + room.bottom) / 2 - font / 2;
  else if (map)
    surface.right = (room.left + room.right) / 2 - font / 2;
  else
    surface.right -= color_bar_width(plot) + font;
  if (!map) surface.top += 2 * font;
  draw_surface(canvas, surface, plot, options.azimuth_degrees, options.elevation_degrees);
  if (map) {
    Rect right = room;
    if (stacked)
      right.top = surface.bottom + font;
    else
      right.left = surface.right + font;
    draw_map(canvas, right, plot);
  } else {
    const double margin = 0.12 * surface.height();
    draw_color_bar(
        canvas, {surface.right + font, surface.top + margin, room.right, surface.bottom - margin},
        plot);
    draw_legend(canvas, room, room.top + 0.6 * font, plot, false);
  }
  return canvas.png();
}

void draw(const Grid& grid, const std::filesystem::path& path, const PictureOptions& options) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (extension != ".png")
    throw std::invalid_argument("draw: " + path.string() + ": extension \"" +
                                path.extension().string() + "\", must be .png");
  write_atomically(path, draw_png(grid, options));
}

}  // namespace descent

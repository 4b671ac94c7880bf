#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <descent/pictures/draw.h>
#include <descent/pictures/files/layout.h>
#include <descent/pictures/files/output.h>
#include <descent/pictures/font/font.h>
#include <descent/pictures/grid_picture.h>
#include <descent/pictures/parts/map.h>
#include <descent/pictures/parts/plot.h>
#include <descent/pictures/scene/field.h>

namespace descent {
namespace {

using pictures::Canvas;
using pictures::Frame;
using pictures::Plot;
using pictures::Rect;
using pictures::require;
using pictures::Ticks;

constexpr const char* kWhat = "draw_sheet";

std::vector<double> values_of(std::span<const NamedGrid> grids) {
  std::vector<double> all;
  for (const NamedGrid& named : grids)
    all.insert(all.end(), named.grid.values.begin(), named.grid.values.end());
  return all;
}

/// The grids with ascending axes, and exponents of ten in the place of values if `log`.
std::vector<NamedGrid> shown(std::span<const NamedGrid> grids, bool log) {
  std::vector<NamedGrid> result;
  for (const NamedGrid& named : grids)
    result.push_back({named.name, pictures::ascending(named.grid)});
  if (!log) return result;
  // Of all together, since 0 counts as the least there is.
  const std::vector<double> all = pictures::exponents(values_of(result));
  auto from = all.begin();
  for (NamedGrid& named : result)
    for (double& value : named.grid.values) value = *from++;
  return result;
}

Plot plot_of(const std::vector<NamedGrid>& grids, const SheetPictureOptions& options, double font) {
  const auto end = [&](double value) { return options.log ? std::log10(value) : value; };
  const pictures::ValueScale scale(values_of(grids), end(options.lo), end(options.hi));
  const Ticks ticks =
      (options.log ? pictures::log_ticks : pictures::nice_ticks)(scale.lo(), scale.hi(), 7);
  return {grids.front().grid,
          options.log,
          scale,
          ticks,
          pictures::levels_of(ticks, scale.lo(), scale.hi()),
          {},
          "",
          {},
          font};
}

/// How many grids stand beside each other.
int columns_of(size_t count) {
  return static_cast<int>(std::ceil(std::sqrt(1.6 * static_cast<double>(count))));
}

class SheetOfGrids : public pictures::Part {
 public:
  SheetOfGrids(const Rect& room, const std::vector<NamedGrid>& grids, const Plot& plot)
      : grids_(grids), plot_(plot), curve_(plot.grid.is_curve()) {
    const int count = static_cast<int>(grids.size()), columns = columns_of(grids.size()),
              rows = (count + columns - 1) / columns;
    const double font = plot.font;
    name_ = 1.7 * font;
    Frame frame = frame_of(plot.grid);
    // Numbers at the ends of two axes stand beside each other.
    const double gap = pictures::widest(frame.x_ticks, font) + 0.4 * font;
    const double left = Frame::left(frame.y_ticks, font), below = Frame::below(font),
                 bar = curve_ ? 0 : pictures::color_bar_width(plot) + font;
    const double side =
        std::floor(std::max(8.0, std::min((room.width() - left - bar) / columns - gap,
                                          (room.height() - below) / rows - name_)));
    const double wide = columns * (side + gap), high = rows * (side + name_);
    const double from = std::round(room.left + (room.width() - left - bar - wide) / 2 + left),
                 top = std::round(room.top + (room.height() - below - high) / 2);
    for (int k = 0; k < count; ++k) {
      frame.area.left = std::round(from + k % columns * (side + gap));
      frame.area.top = std::round(top + k / columns * (side + name_) + name_);
      frame.area.right = frame.area.left + side;
      frame.area.bottom = frame.area.top + side;
      frames_.push_back(bordering(frame, k % columns == 0, k + columns >= count));
    }
    bar_ = {frames_[static_cast<size_t>(std::min(columns, count)) - 1].area.right + font,
            frames_.front().area.top, room.right,
            std::max(frames_.back().area.bottom, frames_.front().area.top + 8 * font)};
  }

  void draw_still(Canvas& canvas) const override {
    for (size_t k = 0; k < frames_.size(); ++k) draw_panel(canvas, grids_[k], frames_[k]);
    if (!curve_) pictures::draw_color_bar(canvas, bar_, plot_);
  }

 private:
  Frame frame_of(const Grid& grid) const {
    constexpr int kMostTicks = 3;
    Frame frame;
    frame.x = grid.x;
    frame.y = grid.y;
    if (curve_) {
      const bool along_x = grid.y.n == 1;
      const double air = plot_.scale.hi() / 25 - plot_.scale.lo() / 25;
      frame.x = along_x ? grid.x : grid.y;
      frame.y = {plot_.scale.lo() - air, plot_.scale.hi() + air, 1};
      frame.y_ticks = plot_.ticks;
      frame.x_title = along_x ? grid.x_name : grid.y_name;
      frame.y_title = pictures::axis_title(grid.value_name, plot_.ticks);
    } else {
      frame.y_ticks = pictures::nice_ticks(grid.y.lo, grid.y.hi, kMostTicks);
      frame.x_title = grid.x_name;
      frame.y_title = pictures::axis_title(grid.y_name, frame.y_ticks);
    }
    frame.x_ticks = pictures::nice_ticks(frame.x.lo, frame.x.hi, kMostTicks);
    frame.x_title = pictures::axis_title(frame.x_title, frame.x_ticks);
    return frame;
  }

  /// Numbers and names of axes stand at the sheet's borders only.
  static Frame bordering(Frame frame, bool left, bool bottom) {
    const auto silence = [](Ticks& ticks, std::string& title) {
      for (pictures::Tick& tick : ticks.ticks) tick.label.clear();
      title.clear();
    };
    if (!left) silence(frame.y_ticks, frame.y_title);
    if (!bottom) silence(frame.x_ticks, frame.x_title);
    return frame;
  }

  void draw_panel(Canvas& canvas, const NamedGrid& named, const Frame& frame) const {
    const Rect& area = frame.area;
    const double font = plot_.font;
    if (curve_) {
      frame.draw_ruling(canvas);
      const Canvas::Clip clip(canvas, area);
      pictures::draw_curve(canvas, frame, frame.x, named.grid.values,
                           {pictures::viridis(0.3f), font / 8});
    } else {
      draw_map(canvas, named.grid, frame);
    }
    frame.draw(canvas, font);
    const double size = std::min(
        0.95 * font, 0.95 * font * area.width() / pictures::text_width(named.name, 0.95 * font));
    canvas.text(named.name, {(area.left + area.right) / 2, area.top - 0.75 * font},
                {.size = size, .anchor_x = 0.5});
  }

  void draw_map(Canvas& canvas, const Grid& grid, const Frame& frame) const {
    const Rect& area = frame.area;
    const int side = static_cast<int>(area.width());
    const pictures::Field field = pictures::field_of(grid, plot_.scale, 2000);
    canvas.hatch(area);
    canvas.image(pictures::colors(field, side, side), static_cast<int>(area.left),
                 static_cast<int>(area.top));
    const Canvas::Clip clip(canvas, area);
    const pictures::Field fine = pictures::refined(field, 100);
    for (const pictures::Level& level : plot_.levels)
      pictures::draw_level(canvas, area, fine, level, 0.7 * plot_.font);
    const bool inside = grid.x.lo <= 0 && grid.x.hi >= 0 && grid.y.lo <= 0 && grid.y.hi >= 0;
    if (inside)
      canvas.marker(pictures::racer_style(0).outline, frame.place(0, 0), 0.24 * plot_.font,
                    pictures::kInk, pictures::kWhite);
  }

  const std::vector<NamedGrid>& grids_;
  const Plot& plot_;
  bool curve_;
  double name_ = 0;
  std::vector<Frame> frames_{};
  Rect bar_{};
};

void check(std::span<const NamedGrid> grids, const SheetPictureOptions& options) {
  pictures::check_size(kWhat, options.width, options.height == 0 ? 200 : options.height);
  pictures::check_range(kWhat, options.lo, options.hi, options.log);
  require(!grids.empty(), kWhat, "grids.size() = 0", "at least 1");
  const Grid& first = grids.front().grid;
  for (const auto& [name, grid] : grids) {
    descent::check(grid, std::string(kWhat) + ": " + name);
    require(grid.x == first.x && grid.y == first.y, kWhat, "'" + name + "' has other axes",
            "the same for all");
  }
  pictures::check_axes(kWhat, first);
  const std::vector<double> all = values_of(grids);
  if (std::none_of(all.begin(), all.end(), [](double value) { return std::isfinite(value); }))
    throw std::invalid_argument(std::string(kWhat) + ": none of the values is finite");
  if (options.log) pictures::check_logarithms(kWhat, all);
}

}  // namespace

void draw_sheet(std::span<const NamedGrid> grids, const std::filesystem::path& path,
                const SheetPictureOptions& options) {
  const pictures::Format& format = pictures::format_of(kWhat, path, pictures::is_still_picture);
  check(grids, options);
  const int columns = columns_of(grids.size()),
            rows = (static_cast<int>(grids.size()) + columns - 1) / columns;
  const double font =
      std::clamp(17.0 * options.width / 1600 * std::min(1.0, 7.0 / columns), 9.0, 40.0);
  const double wanted = rows * (options.width - 12 * font) / columns + (rows + 13) * font;
  const int height = options.height != 0
                         ? options.height
                         : static_cast<int>(std::clamp(std::round(wanted), 200.0, 4096.0));
  const std::vector<NamedGrid> drawn = shown(grids, options.log);
  const Plot plot = plot_of(drawn, options, font);
  std::string caption = pictures::beyond("Values", plot.scale, options.log);
  if (!options.caption.empty() && !caption.empty()) caption = "\n" + caption;
  const pictures::Sheet sheet{options.width, height, font, options.title,
                              options.caption + caption};
  Rect room;
  pictures::Parts parts;
  parts.push_back(pictures::sheet_part(sheet, room));
  parts.push_back(std::make_unique<SheetOfGrids>(room, drawn, plot));
  pictures::write(path, format, sheet, parts, 0, {});
}

}  // namespace descent

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <descent/pictures/draw.h>
#include <descent/pictures/files/layout.h>
#include <descent/pictures/files/output.h>
#include <descent/pictures/font/font.h>

namespace descent {
namespace {

using pictures::Canvas;
using pictures::Color;
using pictures::Frame;
using pictures::Image;
using pictures::mix;
using pictures::Rect;
using pictures::require;
using pictures::rgb;

/// Colours from dark to light through a full one in the middle.
struct Ramp {
  Color dark, full, light;
  Color at(double t) const {
    const auto part = static_cast<float>(std::clamp(t, 0.0, 1.0));
    return part < 0.5f ? mix(dark, full, 2 * part) : mix(full, light, 2 * part - 1);
  }
};
constexpr Ramp kBlues{rgb(0x08306b), rgb(0x3f8fc5), rgb(0xe3eef9)},
    kReds{rgb(0x67000d), rgb(0xe4402f), rgb(0xfee5d9)};

/// One side: its numbers' logarithms between the 1st and the 99th percentile.
class Side {
 public:
  Side(std::vector<double> values, double offset) : offset_(offset) {
    if (values.empty()) return;
    std::sort(values.begin(), values.end());
    const size_t last = values.size() - 1;
    lo_ = values[last / 100];
    hi_ = values[last - last / 100];
    any_ = true;
  }
  bool any() const { return any_; }
  double lo() const { return lo_; }
  double hi() const { return hi_; }
  double at(double value) const {
    const double lo = std::log(lo_ + offset_), hi = std::log(hi_ + offset_);
    return hi > lo ? (std::log(std::max(value + offset_, 1e-300)) - lo) / (hi - lo) : 0.5;
  }

 private:
  double offset_, lo_ = 0, hi_ = 0;
  bool any_ = false;
};

bool is_on_first(const Grid& second, size_t k) { return std::isnan(second.values[k]); }

/// The numbers of one side, of all panels.
std::vector<double> values_of(std::span<const TwoSides> panels, bool first) {
  std::vector<double> result;
  for (const TwoSides& panel : panels)
    for (size_t k = 0; k < panel.first.values.size(); ++k) {
      if (is_on_first(panel.second, k) != first) continue;
      const double value = first ? panel.first.values[k] : panel.second.values[k];
      if (std::isfinite(value) && (first ? value > 0 : value >= 0)) result.push_back(value);
    }
  return result;
}

class TwoSidedPart : public pictures::Part {
 public:
  /// `moving`: one panel after the other in the same place, which are the steps of a race.
  TwoSidedPart(const Rect& room, std::span<const TwoSides> panels,
               const TwoSidedPictureOptions& options, double font, bool moving)
      : panels_(panels),
        options_(options),
        font_(font),
        moving_(moving),
        blue_(values_of(panels, true), 0),
        red_(values_of(panels, false), 1) {
    const int all = static_cast<int>(panels.size()), count = moving ? 1 : all;
    const int columns = count <= 3 ? count : (count + 1) / 2;
    const int rows = (count + columns - 1) / columns;
    const double bars = 7 * font, wide = (room.width() - bars) / columns,
                 high = room.height() / rows;
    for (int k = 0; k < all; ++k) {
      const int place = k % count;
      const double left = room.left + place % columns * wide,
                   top = room.top + place / columns * high;
      frames_.push_back(
          frame_in({left, top, left + wide, top + high}, panels[static_cast<size_t>(k)]));
    }
    bars_ = {room.right - bars, frames_.front().area.top, room.right, frames_.back().area.bottom};
    if (count == 1) {  // beside the panel, wherever that is
      const double gap = std::max(0.0, bars_.left - frames_[0].area.right);
      bars_.left -= gap;
      bars_.right -= gap;
    }
  }

  void draw_still(Canvas& canvas) const override {
    for (size_t k = 0; k < frames_.size() && !moving_; ++k) draw_panel(canvas, k);
    const double gap = 1.2 * font_, middle = (bars_.top + bars_.bottom) / 2;
    const Rect top{bars_.left + gap, bars_.top + 1.5 * font_, bars_.left + 2.2 * gap,
                   middle - 1.2 * font_};
    const Rect bottom{top.left, middle + 2.2 * font_, top.right, bars_.bottom};
    if (blue_.any()) draw_bar(canvas, top, kBlues, blue_, options_.first_name);
    if (red_.any()) draw_bar(canvas, bottom, kReds, red_, options_.second_name);
  }

  void draw_race(Canvas& canvas, int64_t step) override {
    if (moving_) draw_panel(canvas, static_cast<size_t>(step));
  }

 private:
  void draw_panel(Canvas& canvas, size_t k) const {
    const Rect& area = frames_[k].area;
    canvas.hatch(area);
    canvas.image(cells(panels_[k], static_cast<int>(area.width())), static_cast<int>(area.left),
                 static_cast<int>(area.top));
    frames_[k].draw(canvas, font_);
    canvas.text(panels_[k].name, {(area.left + area.right) / 2, area.top - 0.9 * font_},
                {.size = font_, .anchor_x = 0.5, .bold = true});
  }

  Frame frame_in(const Rect& room, const TwoSides& panel) const {
    const Grid& grid = panel.first;
    const int most = std::clamp(static_cast<int>(room.width() / (6 * font_)), 2, 8);
    Frame frame;
    frame.x = grid.x;
    frame.y = grid.y;
    frame.x_ticks = pictures::nice_ticks(grid.x.lo, grid.x.hi, most);
    frame.y_ticks = pictures::nice_ticks(grid.y.lo, grid.y.hi, most);
    frame.x_title = pictures::axis_title(grid.x_name, frame.x_ticks);
    frame.y_title = pictures::axis_title(grid.y_name, frame.y_ticks);
    const double left = Frame::left(frame.y_ticks, font_);
    const double name = panel.name.empty() ? 0.5 * font_ : 2 * font_;
    const double side = std::floor(std::max(
        8.0, std::min(room.width() - left - font_, room.height() - Frame::below(font_) - name)));
    frame.area.left = std::round(room.left + (room.width() - left - font_ - side) / 2 + left);
    frame.area.top = std::round(room.top + name);
    frame.area.right = frame.area.left + side;
    frame.area.bottom = frame.area.top + side;
    return frame;
  }

  /// Each point a cell.
  Image cells(const TwoSides& panel, int side) const {
    Image image{side, side, {}};
    image.pixels.reserve(static_cast<size_t>(side) * static_cast<size_t>(side));
    for (int y = 0; y < side; ++y) {
      const int64_t i = (side - 1 - y) * panel.first.y.n / side;
      for (int x = 0; x < side; ++x) {
        const int64_t j = x * panel.first.x.n / side;
        const auto k = static_cast<size_t>(i * panel.first.x.n + j);
        const bool first = is_on_first(panel.second, k);
        const double value = first ? panel.first.values[k] : panel.second.values[k];
        const bool drawn = first ? std::isfinite(value) : value >= 0;
        image.pixels.push_back(
            !drawn ? 0 : packed(first ? kBlues.at(blue_.at(value)) : kReds.at(red_.at(value))));
      }
    }
    return image;
  }

  void draw_bar(Canvas& canvas, const Rect& bar, const Ramp& ramp, const Side& side,
                const std::string& name) const {
    constexpr int kParts = 64;
    for (int k = 0; k < kParts; ++k) {
      // On whole pixels, so that no part shines through its neighbour.
      const double from = std::round(bar.bottom - bar.height() * k / kParts),
                   to = std::round(bar.bottom - bar.height() * (k + 1) / kParts);
      canvas.rectangle({bar.left, to, bar.right, from}, ramp.at((k + 0.5) / kParts));
    }
    canvas.frame(bar, {pictures::kInk, font_ / 16});
    canvas.text(name, {bar.left, bar.top - 0.9 * font_}, {.size = 0.9 * font_});
    char text[32];
    for (const auto& [value, y] :
         {std::pair{side.lo(), bar.bottom - 0.4 * font_}, {side.hi(), bar.top + 0.4 * font_}}) {
      std::snprintf(text, sizeof text, "%.3g", value);
      canvas.text(text, {bar.right + 0.4 * font_, y}, {.size = 0.9 * font_});
    }
  }

  std::span<const TwoSides> panels_;
  const TwoSidedPictureOptions& options_;
  double font_;
  bool moving_;
  Side blue_, red_;
  std::vector<Frame> frames_;
  Rect bars_;
};

}  // namespace

void draw_two_sided(std::span<const TwoSides> panels, const std::filesystem::path& path,
                    const TwoSidedPictureOptions& options) {
  const std::string what = "draw_two_sided";
  const pictures::Format& format = pictures::format_of(what, path, pictures::is_picture);
  pictures::check_size(what, options.width, options.height);
  require(!panels.empty(), what, "panels.size() = 0", "at least 1");
  for (const TwoSides& panel : panels) {
    const Grid &first = panel.first, &second = panel.second;
    check(first, what + ": first");
    check(second, what + ": second");
    require(first.x == second.x && first.y == second.y, what, "the grids have different axes",
            "the same");
    require(first.x.n > 1 && first.y.n > 1, what, "the grid has one row or column", "at least 2");
    require(first.x.lo < first.x.hi && first.y.lo < first.y.hi, what, "an axis falls", "rising");
  }
  const double font = std::max(9.0, 17.0 * std::min(options.width, options.height) / 800);
  const pictures::Sheet sheet{options.width, options.height, font, options.title, options.caption};
  Rect room;
  pictures::Parts parts;
  parts.push_back(pictures::sheet_part(sheet, room));
  parts.push_back(std::make_unique<TwoSidedPart>(room, panels, options, font, format.can_move()));
  pictures::write(path, format, sheet, parts, static_cast<int64_t>(panels.size()) - 1,
                  options.on_frame);
}

}  // namespace descent

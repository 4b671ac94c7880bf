#include <algorithm>
#include <array>
#include <cmath>

#include <descent/pictures/draw.h>
#include <descent/pictures/files/layout.h>
#include <descent/pictures/files/output.h>
#include <descent/pictures/font/font.h>

namespace descent {
namespace {

using pictures::Canvas;
using pictures::Format;
using pictures::Frame;
using pictures::Parts;
using pictures::Rect;
using pictures::require;
using pictures::Sheet;
using pictures::text_width;

class ArrowPart : public pictures::Part {
 public:
  ArrowPart(const Rect& room, std::span<const Arrow> arrows, const ArrowPictureOptions& options,
            double font)
      : arrows_(arrows), font_(font) {
    for (const Arrow& arrow : arrows)
      if (!arrow.group.empty() &&
          std::none_of(groups_.begin(), groups_.end(),
                       [&](const Arrow* known) { return known->group == arrow.group; }))
        groups_.push_back(&arrow);
    double left = 0, right = 0, bottom = 0, top = 0;
    for (const Arrow& arrow : arrows) {
      left = std::min(left, arrow.x);
      right = std::max(right, arrow.x);
      bottom = std::min(bottom, arrow.y);
      top = std::max(top, arrow.y);
    }
    if (left == right && bottom == top) right = top = 1;
    // The tick labels' width is not known before the ticks are.
    frame_.area = {room.left + 5 * font, room.top + (groups_.empty() ? 0.5 : 2.2) * font,
                   room.right - 1.5 * font, room.bottom - Frame::below(font)};
    // One scale for both axes; the labels at the tips need room as well.
    const double air = 0.06, labels = 6.5 * font;
    const double unit = std::min((frame_.area.width() - labels) / (right / 2 - left / 2),
                                 (frame_.area.height() - 3 * font) / (top / 2 - bottom / 2)) /
                        2 * (1 - air);
    const double wide = frame_.area.width() / unit, high = frame_.area.height() / unit;
    const double free_x = wide - (right - left) - labels / unit;
    const double free_y = high - (top - bottom);
    frame_.x = {left - free_x / 2, left - free_x / 2 + wide, 1};
    frame_.y = {bottom - free_y / 2, bottom - free_y / 2 + high, 1};
    const auto most = [&](double length) {
      return std::clamp(static_cast<int>(length / (5 * font)), 2, 8);
    };
    frame_.x_ticks = pictures::nice_ticks(frame_.x.lo, frame_.x.hi, most(frame_.area.width()));
    frame_.y_ticks = pictures::nice_ticks(frame_.y.lo, frame_.y.hi, most(frame_.area.height()));
    frame_.x_title = pictures::axis_title(options.x_name, frame_.x_ticks);
    frame_.y_title = pictures::axis_title(options.y_name, frame_.y_ticks);
  }

  void draw_still(Canvas& canvas) const override {
    frame_.draw_ruling(canvas);
    const pictures::Pen axis{pictures::kGreyInk, font_ / 14};
    canvas.line(frame_.place(0, frame_.y.lo), frame_.place(0, frame_.y.hi), axis);
    canvas.line(frame_.place(frame_.x.lo, 0), frame_.place(frame_.x.hi, 0), axis);
    frame_.draw(canvas, font_);
    for (const Arrow& arrow : arrows_)
      draw_arrow(canvas, frame_.place(0, 0), frame_.place(arrow.x, arrow.y), arrow);
    std::vector<Rect> taken;
    // Strong ones first: they keep the place beside their tip.
    std::vector<const Arrow*> order;
    for (const Arrow& arrow : arrows_) order.push_back(&arrow);
    std::stable_sort(order.begin(), order.end(),
                     [](const Arrow* a, const Arrow* b) { return a->strength > b->strength; });
    for (const Arrow* arrow : order) draw_label(canvas, *arrow, taken);
    double x = frame_.area.left;
    const double y = frame_.area.top - 1.1 * font_;
    for (const Arrow* group : groups_) {
      draw_arrow(canvas, {x, y}, {x + 2 * font_, y}, Arrow{.color = group->color});
      canvas.text(group->group, {x + 2.6 * font_, y}, {.size = font_});
      x += (4.4 + text_width(group->group, 1)) * font_;
    }
  }

 private:
  void draw_arrow(Canvas& canvas, pictures::Point from, pictures::Point to,
                  const Arrow& arrow) const {
    const pictures::Point way = to - from;
    const double long_ = length(way);
    if (long_ == 0) return;
    const pictures::Point ahead = way * (1 / long_), side{-ahead.y, ahead.x};
    const double head = std::min(0.85 * font_, long_);
    const pictures::Point neck = to - ahead * head;
    const pictures::Color color = pictures::rgb(arrow.color);
    // Faded towards white, so that shaft and head do not show through each other.
    const auto paint = pictures::mix(pictures::kWhite, color, static_cast<float>(arrow.strength));
    canvas.line(from, neck + ahead * (0.3 * head), {paint, 0.16 * font_});
    canvas.area(std::array{to, neck + side * (0.36 * head), neck + ahead * (0.2 * head),
                           neck - side * (0.36 * head)},
                paint);
  }

  /// Beside the tip, or as near to it as others leave room.
  void draw_label(Canvas& canvas, const Arrow& arrow, std::vector<Rect>& taken) const {
    if (arrow.label.empty() || arrow.strength == 0) return;
    const double size = 0.85 * font_, width = text_width(arrow.label, size);
    const pictures::Point tip = frame_.place(arrow.x, arrow.y);
    const bool left = arrow.x < 0;
    Rect box;
    for (int k = 0; k < 24; ++k) {
      const int row = k % 2 == 0 ? -(k / 2) : k / 2 + 1;
      const double x = left ? tip.x - 0.5 * font_ - width : tip.x + 0.5 * font_;
      const double y = tip.y + 0.55 * size * row;
      box = {x, y - 0.55 * size, x + width, y + 0.55 * size};
      if (std::none_of(taken.begin(), taken.end(),
                       [&](const Rect& other) { return other.overlaps(box); }))
        break;
    }
    taken.push_back(box);
    const auto ink = pictures::mix(pictures::rgb(arrow.color), pictures::kInk, 0.35f);
    canvas.text(arrow.label, {box.left, (box.top + box.bottom) / 2},
                {.size = size,
                 .color = pictures::mix(pictures::kWhite, ink,
                                        static_cast<float>(0.25 + 0.75 * arrow.strength)),
                 .halo = 0.2 * size});
  }

  std::span<const Arrow> arrows_;
  double font_;
  std::vector<const Arrow*> groups_;  // the first arrow of each
  Frame frame_;
};

}  // namespace

void draw_arrows(std::span<const Arrow> arrows, const std::filesystem::path& path,
                 const ArrowPictureOptions& options) {
  const std::string what = "draw_arrows";
  const Format& format = pictures::format_of(what, path, pictures::is_still_picture);
  pictures::check_size(what, options.width, options.height);
  require(!arrows.empty(), what, "arrows.size() = 0", "at least 1");
  for (const Arrow& arrow : arrows) {
    require(std::abs(arrow.x) <= 1e150 && std::abs(arrow.y) <= 1e150, what,
            "an arrow to " + std::to_string(arrow.x) + ", " + std::to_string(arrow.y),
            "at most 1e150 long");
    require(arrow.strength >= 0 && arrow.strength <= 1, what,
            "strength = " + std::to_string(arrow.strength), "in [0, 1]");
    require(arrow.color <= 0xffffff, what, "color = " + std::to_string(arrow.color),
            "at most 0xffffff");
  }
  const double font = std::max(9.0, 17.0 * std::min(options.width, options.height) / 800);
  const Sheet sheet{options.width, options.height, font, options.title, options.caption};
  Rect room;
  Parts parts;
  parts.push_back(pictures::sheet_part(sheet, room));
  parts.push_back(std::make_unique<ArrowPart>(room, arrows, options, font));
  pictures::write(path, format, sheet, parts, 0, {});
}

}  // namespace descent

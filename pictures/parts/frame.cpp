#include <algorithm>

#include <descent/pictures/font/font.h>
#include <descent/pictures/parts/plot.h>

namespace descent::pictures {
namespace {

constexpr double kTick = 0.35, kGap = 0.35;  // in font sizes

class ScalePart : public Part {
 public:
  ScalePart(const Rect& room, const Rect& bar, const Plot& plot)
      : room_(room), bar_(bar), plot_(plot) {}

  void draw_still(Canvas& canvas) const override {
    const double margin = 0.12 * bar_.height();
    draw_color_bar(canvas, {bar_.left, bar_.top + margin, bar_.right, bar_.bottom - margin}, plot_);
    draw_minima_legend(canvas, room_, room_.top + 0.6 * plot_.font, plot_, false);
  }

 private:
  Rect room_, bar_;
  const Plot& plot_;
};

double fraction(const Axis& axis, double at) {
  return axis.lo < axis.hi ? (at / 2 - axis.lo / 2) / (axis.hi / 2 - axis.lo / 2) : 0.5;
}

}  // namespace

double widest(const Ticks& ticks, double font) {
  double width = 0;
  for (const Tick& tick : ticks.ticks) width = std::max(width, text_width(tick.label, font));
  return width;
}

Point Frame::place(double at_x, double at_y) const {
  return {area.left + fraction(x, at_x) * area.width(),
          area.bottom - fraction(y, at_y) * area.height()};
}

double Frame::left(const Ticks& y_ticks, double font) {
  return (kTick + kGap + kGap + 1.3) * font + widest(y_ticks, font);
}

double Frame::below(double font) { return (kTick + kGap + 0.8 + kGap + 1.3) * font; }

void Frame::draw_ruling(Canvas& canvas) const {
  const Pen pen{rgb(0xe4e6ea)};
  for (const Tick& tick : x_ticks.ticks)
    canvas.line(place(tick.at, y.lo), place(tick.at, y.hi), pen);
  for (const Tick& tick : y_ticks.ticks)
    canvas.line(place(x.lo, tick.at), place(x.hi, tick.at), pen);
}

void Frame::draw(Canvas& canvas, double font) const {
  const Pen pen{kInk, std::max(1.0, font / 16), 1};
  canvas.frame(area, pen);
  double free_from = area.left - 2 * font;  // a label must not touch the one before it
  for (const Tick& tick : x_ticks.ticks) {
    const double at = place(tick.at, y.lo).x, half = text_width(tick.label, font) / 2;
    canvas.line({at, area.bottom}, {at, area.bottom + kTick * font}, pen);
    if (at - half < free_from) continue;
    canvas.text(tick.label, {at, area.bottom + (kTick + kGap) * font},
                {.size = font, .anchor_x = 0.5, .anchor_y = 1});
    free_from = at + half + 0.4 * font;
  }
  for (const Tick& tick : y_ticks.ticks) {
    const double at = place(x.lo, tick.at).y;
    canvas.line({area.left - kTick * font, at}, {area.left, at}, pen);
    canvas.text(tick.label, {area.left - (kTick + kGap) * font, at},
                {.size = font, .anchor_x = 1, .anchor_y = 0.5});
  }
  const auto fitted = [&](const std::string& title, double room) {
    return std::min(1.06 * font, 1.06 * font * room / text_width(title, 1.06 * font));
  };
  canvas.text(
      x_title,
      {(area.left + area.right) / 2, area.bottom + (kTick + kGap + 0.8 + kGap + 0.1) * font},
      {.size = fitted(x_title, area.width()), .anchor_x = 0.5, .anchor_y = 1});
  canvas.text(
      y_title,
      {area.left - (kTick + kGap + kGap) * font - widest(y_ticks, font) - 0.2 * font,
       (area.top + area.bottom) / 2},
      {.size = fitted(y_title, area.height()), .anchor_x = 0.5, .anchor_y = 0, .degrees = 90});
}

void draw_marker(Canvas& canvas, Point at, double font) {
  canvas.area(star(at, marker_radius(font) * 1.25), kWhite);
  canvas.area(star(at, marker_radius(font) * 0.9), kMark);
}

void draw_minima_legend(Canvas& canvas, const Rect& room, double y, const Plot& plot,
                        bool has_holes) {
  const std::string& text = plot.minima_text;
  const std::string hole = "not finite";
  const double marker = 2.0, swatch = 3.4;  // widths in font sizes
  const double wanted =
      text_width(text, 1) + marker + (has_holes ? swatch + text_width(hole, 1) : 0);
  const double size = std::min(plot.font, room.width() / wanted);
  if (!plot.minima.empty()) draw_marker(canvas, {room.left + 0.9 * size, y}, size);
  canvas.text(text, {room.left + marker * size, y}, {.size = size});
  if (!has_holes) return;
  const double at = room.left + (marker + 1.5) * size + text_width(text, size);
  const Rect box{at, y - 0.5 * size, at + 1.4 * size, y + 0.5 * size};
  canvas.hatch(box);
  canvas.frame(box, {kGreyInk, 1, 1});
  canvas.text(hole, {at + 1.9 * size, y}, {.size = size});
}

double color_bar_width(const Plot& plot) {
  return (1.3 + 2 * kGap + kTick + 1.5) * plot.font + widest(plot.ticks, plot.font);
}

void draw_color_bar(Canvas& canvas, const Rect& room, const Plot& plot) {
  const double font = plot.font, width = 1.3 * font;
  // Pointed where values beyond the range are drawn in the colour of the end.
  const double tip = std::round(0.9 * font);  // rows of whole pixels
  Rect bar{std::round(room.left), std::round(room.top), std::round(room.left + width),
           std::round(room.bottom)};
  if (plot.scale.cuts_high()) bar.top += tip;
  if (plot.scale.cuts_low()) bar.bottom -= tip;
  const double middle = (bar.left + bar.right) / 2;
  std::vector<Point> outline = {{bar.left, bar.bottom}, {bar.left, bar.top}};
  if (plot.scale.cuts_high()) {
    const std::vector<Point> end = {
        {bar.left, bar.top}, {middle, bar.top - tip}, {bar.right, bar.top}};
    canvas.area(end, viridis(1));
    outline.push_back(end[1]);
  }
  outline.push_back({bar.right, bar.top});
  outline.push_back({bar.right, bar.bottom});
  if (plot.scale.cuts_low()) {
    const std::vector<Point> end = {
        {bar.left, bar.bottom}, {middle, bar.bottom + tip}, {bar.right, bar.bottom}};
    canvas.area(end, viridis(0));
    outline.push_back(end[1]);
  }
  outline.push_back(outline.front());
  const int rows = static_cast<int>(bar.height());
  for (int k = 0; k < rows; ++k)
    canvas.rectangle({bar.left, bar.top + k, bar.right, bar.top + k + 1},
                     viridis(1 - (static_cast<float>(k) + 0.5f) / static_cast<float>(rows)));
  const auto at = [&](float t) { return bar.bottom - t * bar.height(); };
  for (const Level& level : plot.levels)
    canvas.line({bar.left, at(level.t)}, {bar.right, at(level.t)},
                {level.t < 0.3f ? kWhite : kInk, font / 20, level.major ? 0.6 : 0.3});
  const Pen pen{kInk, std::max(1.0, font / 16), 1};
  canvas.polyline(outline, pen);
  for (const Tick& tick : plot.ticks.ticks) {
    const double y = at(plot.scale.at(tick.at));
    canvas.line({bar.right, y}, {bar.right + kTick * font, y}, pen);
    canvas.text(tick.label, {bar.right + (kTick + kGap) * font, y}, {.size = font});
  }
  const std::string title = axis_title(plot.grid.value_name, plot.ticks);
  const double size = std::min(
      plot.title_font(), plot.title_font() * bar.height() / text_width(title, plot.title_font()));
  canvas.text(title,
              {bar.right + (kTick + 2 * kGap) * font + widest(plot.ticks, font) + 0.15 * font,
               (bar.top + bar.bottom) / 2},
              {.size = size, .anchor_x = 0.5, .anchor_y = 1, .degrees = 90});
}

std::unique_ptr<Part> scale_part(const Rect& room, const Rect& bar, const Plot& plot) {
  return std::make_unique<ScalePart>(room, bar, plot);
}

}  // namespace descent::pictures

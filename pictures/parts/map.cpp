#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <descent/pictures/font/font.h>
#include <descent/pictures/parts/map.h>
#include <descent/pictures/parts/plot.h>
#include <descent/pictures/scene/contours.h>
#include <descent/pictures/scene/field.h>
#include <descent/pictures/scene/way.h>

namespace descent::pictures {

Image colors(const Field& field, int width, int height) {
  const ViridisTable table;
  Image image{width, height, {}};
  image.pixels.reserve(static_cast<size_t>(width) * static_cast<size_t>(height));
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      Color sum;
      float drawn = 0;
      for (const double dy : {0.25, 0.75})
        for (const double dx : {0.25, 0.75}) {
          const float t = field.sample((x + dx) / width, 1 - (y + dy) / height);
          if (std::isnan(t)) continue;
          const Color c = table.at(t);
          sum = {sum.r + c.r, sum.g + c.g, sum.b + c.b};
          drawn += 1;
        }
      const auto byte = [](float part) {
        return static_cast<uint32_t>(part * (255.0f / 4) + 0.5f);
      };
      image.pixels.push_back(byte(drawn) << 24 | byte(sum.r) << 16 | byte(sum.g) << 8 |
                             byte(sum.b));
    }
  return image;
}

std::vector<Contour> draw_level(Canvas& canvas, const Rect& area, const Field& field,
                                const Level& level, double font) {
  std::vector<Contour> lines = contours(field, level.t);
  for (Contour& line : lines) {
    for (Point& p : line) p = {area.left + p.x * area.width(), area.bottom - p.y * area.height()};
    canvas.polyline(line, {level.t < 0.3f ? kWhite : kInk, font / (level.major ? 14 : 18),
                           level.major ? 0.7 : 0.4});
  }
  return lines;
}

namespace {

/// Where a contour line can carry its number.
struct LabelPlace {
  Point at;
  double degrees = 0;
  double straightness = 0;  ///< chord by arc over the width of the number, at most 1
};

class LabelPlacer {
 public:
  LabelPlacer(const Rect& area, std::vector<Rect> taken) : area_(area), taken_(std::move(taken)) {}

  /// The straightest free piece of a line that is `width` long and text of `size` fits into;
  /// straightness 0 if there is none.
  LabelPlace find(const std::vector<Point>& line, double width, double size) {
    std::vector<double> arc{0};
    for (size_t k = 1; k < line.size(); ++k)
      arc.push_back(arc.back() + length(line[k] - line[k - 1]));
    LabelPlace best;
    if (arc.back() < 3 * width) return best;
    size_t end = 0;
    for (size_t k = 0; k < line.size(); ++k) {
      while (end < line.size() && arc[end] - arc[k] < width) ++end;
      if (end == line.size()) break;
      const Point chord = line[end] - line[k];
      const Point middle = (line[end] + line[k]) * 0.5;
      // Near 1 also where a line doubles back within the number, so ask its middle as well.
      const double off = length(line[(k + end) / 2] - middle) / width;
      const double straightness = length(chord) / (arc[end] - arc[k]) - off;
      if (straightness <= best.straightness || straightness < 0.9 || !free(middle, width, size))
        continue;
      double degrees = std::atan2(-chord.y, chord.x) * 180 / std::numbers::pi;
      if (degrees > 90) degrees -= 180;
      if (degrees < -90) degrees += 180;
      best = {middle, degrees, straightness};
    }
    return best;
  }

  void take(Point at, double width) { taken_.push_back(around(at, width * 0.7)); }

 private:
  static Rect around(Point at, double radius) { return Rect{at.x, at.y, at.x, at.y}.grown(radius); }
  bool free(Point at, double width, double size) const {
    const Rect box = around(at, width / 2);
    const Rect inner = area_.grown(-size * 0.5);
    if (!inner.contains({box.left, box.top}) || !inner.contains({box.right, box.bottom}))
      return false;
    return std::none_of(taken_.begin(), taken_.end(),
                        [&](const Rect& other) { return other.overlaps(box); });
  }

  Rect area_;
  std::vector<Rect> taken_;
};

void draw_contours(Canvas& canvas, const Frame& frame, const Field& field, const Plot& plot) {
  const Rect& area = frame.area;
  std::vector<Rect> stars;
  for (const Mark& mark : plot.minima) {
    const Point star = frame.place(mark.x, mark.y);
    stars.push_back(Rect{star.x, star.y, star.x, star.y}.grown(1.3 * plot.font));
  }
  LabelPlacer placer(area, std::move(stars));
  struct Number {
    LabelPlace place;
    const Level* level;
    std::string text;
  };
  std::vector<Number> numbers;
  const double size = 0.8 * plot.font;
  size_t tick = 0;
  for (const Level& level : plot.levels) {
    std::vector<Contour> lines = draw_level(canvas, area, field, level, plot.font);
    if (!level.major) continue;
    // The colour bar's tick at this level has the text.
    while (tick + 1 < plot.ticks.ticks.size() &&
           std::fabs(plot.ticks.ticks[tick + 1].at - level.value) <=
               std::fabs(plot.ticks.ticks[tick].at - level.value))
      ++tick;
    const std::string& text = plot.ticks.ticks[tick].label;
    std::sort(lines.begin(), lines.end(),
              [](const Contour& a, const Contour& b) { return a.size() > b.size(); });
    for (size_t k = 0; k < lines.size() && k < 2; ++k) {
      const double width = text_width(text, size) + size;
      const LabelPlace place = placer.find(lines[k], width, size);
      if (place.straightness == 0) continue;
      placer.take(place.at, width);
      numbers.push_back({place, &level, text});
    }
  }
  for (const Number& number : numbers) {
    const Color ground = viridis(number.level->t);
    canvas.text(number.text, number.place.at,
                {.size = size,
                 .color = brightness(ground) < 0.5f ? kWhite : kInk,
                 .anchor_x = 0.5,
                 .degrees = number.place.degrees,
                 .halo = size * 0.22,
                 .halo_color = ground});
  }
}

double gap_of(const Plot& plot) { return 1.1 * plot.font; }

class MapPart : public Part {
 public:
  MapPart(const Rect& room, const Plot& plot) : plot_(plot), frame_(map_frame(room, plot)) {}

  void draw_still(Canvas& canvas) const override {
    const Rect& area = frame_.area;
    const double font = plot_.font;
    const Field field = field_of(plot_.grid, plot_.scale, 2000);
    const bool has_holes =
        std::any_of(field.t.begin(), field.t.end(), [](float t) { return std::isnan(t); });
    if (has_holes) canvas.hatch(area);
    const int side = static_cast<int>(area.width());
    canvas.image(colors(field, side, side), static_cast<int>(area.left),
                 static_cast<int>(area.top));
    {
      const Canvas::Clip clip(canvas, area);
      draw_contours(canvas, frame_, refined(field, 200), plot_);
    }
    frame_.draw(canvas, font);
    for (const descent::Point& dot : plot_.dots)
      canvas.marker(racer_style(0).outline, frame_.place(dot.x, dot.y), 0.24 * font, kInk, kWhite);
    for (const Mark& mark : plot_.minima) draw_marker(canvas, frame_.place(mark.x, mark.y), font);
    const double bar = area.right + gap_of(plot_);
    draw_minima_legend(canvas, {area.left, 0, bar + color_bar_width(plot_), 0},
                       area.top - 1.3 * font, plot_, has_holes);
    draw_color_bar(canvas, {bar, area.top, bar, area.bottom}, plot_);
  }

  void draw_race(Canvas& canvas, int64_t step) override {
    const Axis &x = plot_.grid.x, &y = plot_.grid.y;
    for (const Racer& racer : plot_.racers) draw_trail(canvas, racer, step);
    std::vector<Point> balls;
    for (const Racer& racer : plot_.racers)
      if (const auto ball = racer.ball(step, x, y)) {
        const Point at = frame_.place(ball->x, ball->y);
        double radius = ball_radius(plot_.font);
        const double reach = 0.6 * radius;
        for (const Point& other : balls)  // one that would hide another is smaller
          if (length(at - other) <= reach) radius *= 0.6;
        balls.push_back(at);
        canvas.marker(racer.style.outline, at, radius, racer.marker_color(step),
                      racer.marker_border(step));
      }
  }

 private:
  void draw_trail(Canvas& canvas, const Racer& racer, int64_t step) const {
    const Track& track = racer.track;
    const double width = trail_width(plot_.font), dash = racer.style.dashed ? 3 * width : 0;
    std::vector<std::vector<Point>> pieces(1);
    std::vector<Point> dots;
    for (size_t k = 1; k < racer.points(step); ++k) {
      const Way way{{track.x[k - 1], track.y[k - 1]}, {track.x[k], track.y[k]}};
      const auto part = inside(way, plot_.grid.x, plot_.grid.y);
      if (!part) continue;
      const descent::Point from = way.at(part->from), to = way.at(part->to);
      const Point a = frame_.place(from.x, from.y), b = frame_.place(to.x, to.y);
      if (part->from > 0) pieces.emplace_back();
      if (pieces.back().empty()) pieces.back().push_back(a);
      pieces.back().push_back(b);
      if (part->to == 1 && length(b - a) > dotted_step(plot_.font)) dots.push_back(b);
      if (part->to < 1) pieces.emplace_back();
    }
    for (const auto& [color, wider] :
         {std::pair{racer.style.border, 0.9 * width}, {racer.style.color, 0.0}}) {
      for (const auto& piece : pieces) canvas.polyline(piece, {color, width + wider, 1, dash});
      for (const Point& dot : dots) canvas.line(dot, dot, {color, 1.6 * width + wider});
    }
  }

  const Plot& plot_;
  Frame frame_;
};

}  // namespace

Frame map_frame(const Rect& room, const Plot& plot) {
  Frame frame;
  const double font = plot.font, legend = 2.2 * font;
  const auto& grid = plot.grid;
  frame.x = grid.x;
  frame.y = grid.y;
  // The number of ticks depends on the size, the room for their labels on the ticks.
  const double rough = std::min(room.width() * 0.75, room.height() - legend);
  const int most = std::clamp(static_cast<int>(rough / (4.2 * font)), 2, 8);
  frame.x_ticks = nice_ticks(grid.x.lo, grid.x.hi, most);
  frame.y_ticks = nice_ticks(grid.y.lo, grid.y.hi, most);
  frame.x_title = axis_title(grid.x_name, frame.x_ticks);
  frame.y_title = axis_title(grid.y_name, frame.y_ticks);
  const double left = Frame::left(frame.y_ticks, font),
               right = gap_of(plot) + color_bar_width(plot);
  const double side = std::floor(std::max(
      8.0, std::min(room.width() - left - right, room.height() - legend - Frame::below(font))));
  // Pixels of the image lie on pixels of the canvas.
  Rect& area = frame.area;
  area.left = std::round(room.left + (room.width() - left - side - right) / 2 + left);
  area.top =
      std::round(room.top + legend + (room.height() - legend - side - Frame::below(font)) / 2);
  area.right = area.left + side;
  area.bottom = area.top + side;
  return frame;
}

std::unique_ptr<Part> map_part(const Rect& room, const Plot& plot) {
  return std::make_unique<MapPart>(room, plot);
}

}  // namespace descent::pictures

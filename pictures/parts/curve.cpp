#include <algorithm>
#include <cmath>

#include <descent/pictures/parts/plot.h>

namespace descent::pictures {

void draw_curve(Canvas& canvas, const Frame& frame, const Axis& axis,
                const std::vector<double>& values, const Pen& pen) {
  std::vector<Point> piece;
  const auto finish = [&] {
    if (piece.size() == 1) piece.push_back(piece.front());  // a single point is a dot
    canvas.polyline(piece, pen);
    piece.clear();
  };
  for (int64_t k = 0; k < axis.n; ++k) {
    const double value = values[static_cast<size_t>(k)];
    if (std::isfinite(value))
      piece.push_back(frame.place(axis.at(k), std::clamp(value, frame.y.lo, frame.y.hi)));
    else
      finish();
  }
  finish();
}

namespace {

class CurvePart : public Part {
 public:
  CurvePart(const Rect& room, const Plot& plot)
      : plot_(plot), along_x_(plot.grid.y.n == 1), axis_(along_x_ ? plot.grid.x : plot.grid.y) {
    const double font = plot.font, legend = 2.2 * font;
    // Some air above and below the curve.
    const double air = plot.scale.hi() / 25 - plot.scale.lo() / 25;
    frame_.x = axis_;
    frame_.y = {plot.scale.lo() - air, plot.scale.hi() + air, 1};
    frame_.x_ticks = nice_ticks(axis_.lo, axis_.hi,
                                std::clamp(static_cast<int>(room.width() / (5 * font)), 2, 10));
    frame_.y_ticks = plot.ticks;
    frame_.x_title = axis_title(along_x_ ? plot.grid.x_name : plot.grid.y_name, frame_.x_ticks);
    frame_.y_title = axis_title(plot.grid.value_name, plot.ticks);
    frame_.area = {room.left + Frame::left(plot.ticks, font), room.top + legend,
                   room.right - 1.5 * font, room.bottom - Frame::below(font)};
  }

  void draw_still(Canvas& canvas) const override {
    frame_.draw_ruling(canvas);
    {
      const Canvas::Clip clip(canvas, frame_.area);
      draw_curve(canvas, frame_, axis_, plot_.grid.values, {viridis(0.3f), plot_.font / 7});
    }
    frame_.draw(canvas, plot_.font);
    for (const Mark& mark : plot_.minima)
      draw_marker(
          canvas,
          frame_.place(along_x_ ? mark.x : mark.y, std::max(plot_.shown(mark.height), frame_.y.lo)),
          plot_.font);
    draw_minima_legend(canvas, {frame_.area.left, 0, frame_.area.right, 0},
                       frame_.area.top - 1.1 * plot_.font, plot_, false);
  }

 private:
  const Plot& plot_;
  bool along_x_;
  const Axis& axis_;
  Frame frame_;
};

}  // namespace

std::unique_ptr<Part> curve_part(const Rect& room, const Plot& plot) {
  return std::make_unique<CurvePart>(room, plot);
}

}  // namespace descent::pictures

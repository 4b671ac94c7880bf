#include <algorithm>
#include <cmath>

#include <descent/pictures/plot.h>

namespace descent::pictures {

void draw_curve(Canvas& canvas, const Rect& room, const Plot& plot) {
  const double font = plot.font, legend = 2.2 * font;
  const auto& grid = plot.grid;
  const bool along_x = grid.y.n == 1;
  const Axis& axis = along_x ? grid.x : grid.y;
  // Some air above and below the curve.
  const double air = plot.scale.hi() / 25 - plot.scale.lo() / 25;
  Frame frame{{}, axis, {plot.scale.lo() - air, plot.scale.hi() + air, 1}, {}, plot.ticks, "", ""};
  frame.x_ticks =
      nice_ticks(axis.lo, axis.hi, std::clamp(static_cast<int>(room.width() / (5 * font)), 2, 10));
  frame.x_title = axis_title(along_x ? grid.x_name : grid.y_name, frame.x_ticks);
  frame.y_title = axis_title(grid.value_name, plot.ticks);
  frame.area = {room.left + Frame::left(plot.ticks, font), room.top + legend,
                room.right - 1.5 * font, room.bottom - Frame::below(font)};

  for (const Tick& tick : frame.x_ticks.ticks)
    canvas.line(frame.place(tick.at, frame.y.lo), frame.place(tick.at, frame.y.hi),
                {rgb(0xe4e6ea), 1, 1});
  for (const Tick& tick : frame.y_ticks.ticks)
    canvas.line(frame.place(axis.lo, tick.at), frame.place(axis.hi, tick.at),
                {rgb(0xe4e6ea), 1, 1});
  {
    const Canvas::Clip clip(canvas, frame.area);
    std::vector<Point> piece;
    const auto finish = [&] {
      const Pen pen{viridis(0.3f), font / 7, 1};
      if (piece.size() == 1) piece.push_back(piece.front());  // a single point is a dot
      canvas.polyline(piece, pen);
      piece.clear();
    };
    for (int64_t k = 0; k < axis.n; ++k) {
      const double value = grid.values[static_cast<size_t>(k)];
      if (std::isfinite(value))
        piece.push_back(frame.place(axis.at(k), std::clamp(value, frame.y.lo, frame.y.hi)));
      else
        finish();
    }
    finish();
  }
  frame.draw(canvas, font);
  draw_marker(canvas,
              frame.place(axis.at(along_x ? plot.minimum.j : plot.minimum.i),
                          std::max(plot.minimum.value, frame.y.lo)),
              font);
  draw_legend(canvas, {frame.area.left, 0, frame.area.right, 0}, frame.area.top - 1.1 * font, plot,
              false);
}

}  // namespace descent::pictures

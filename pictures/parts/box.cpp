#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include <descent/pictures/font/font.h>
#include <descent/pictures/parts/box.h>
#include <descent/pictures/scene/world.h>

namespace descent::pictures {
namespace {

Rect joined(const std::optional<Rect>& a, const Rect& b) {
  if (!a) return b;
  return {std::min(a->left, b.left), std::min(a->top, b.top), std::max(a->right, b.right),
          std::max(a->bottom, b.bottom)};
}

}  // namespace

Box::Box(const Plot& plot, const Camera& camera)
    : plot_(plot),
      camera_(camera),
      near_x_(camera.towards().x >= 0 ? 1.0f : -1.0f),
      near_y_(camera.towards().y >= 0 ? 1.0f : -1.0f) {
  const auto& grid = plot.grid;
  x_ticks_ = nice_ticks(grid.x.lo, grid.x.hi, 6);
  y_ticks_ = nice_ticks(grid.y.lo, grid.y.hi, 6);
}

double Box::scale_for(const Rect& room, bool centred) {
  double scale = std::min(room.width(), room.height()) / 4;
  for (int round = 0; round < 4; ++round) {
    camera_.place(scale, {0, 0});
    lay_out();
    const Rect all = extent(), box = corners_extent();
    const double left = box.left - all.left, right = all.right - box.right,
                 above = box.top - all.top, below = all.bottom - box.bottom;
    const double labels_x = centred ? 2 * std::max(left, right) : left + right,
                 labels_y = centred ? 2 * std::max(above, below) : above + below;
    const double by = std::min((room.width() - labels_x) / box.width(),
                               (room.height() - labels_y) / box.height());
    scale *= std::max(by, 0.1);
  }
  return scale;
}

void Box::place(const Rect& room, double scale, bool centred) {
  camera_.place(scale, {0, 0});
  lay_out();
  const Rect all = centred ? corners_extent() : extent();
  camera_.place(scale, {std::round((room.left + room.right - all.left - all.right) / 2),
                        std::round((room.top + room.bottom - all.top - all.bottom) / 2)});
  lay_out();
}

void Box::draw_walls(Canvas& canvas) const {
  const float far_x = -near_x_, far_y = -near_y_;
  const Color wall_x = rgb(0xf1f2f4), wall_y = rgb(0xf6f7f8);
  area(canvas, {{far_x, -1, kFloor}, {far_x, 1, kFloor}, {far_x, 1, kTop}, {far_x, -1, kTop}},
       wall_x);
  area(canvas, {{-1, far_y, kFloor}, {1, far_y, kFloor}, {1, far_y, kTop}, {-1, far_y, kTop}},
       wall_y);
  area(canvas, {{-1, -1, kFloor}, {1, -1, kFloor}, {1, 1, kFloor}, {-1, 1, kFloor}}, rgb(0xe9eaed));
  const Pen pen{rgb(0xd9dbe0), std::max(1.0, plot_.font / 18), 1};
  const auto line = [&](Vec3 a, Vec3 b) {
    canvas.line(camera_.project(a), camera_.project(b), pen);
  };
  for (const Tick& tick : x_ticks_.ticks) {
    const float x = in_world(plot_.grid.x, tick.at);
    line({x, far_y, kFloor}, {x, far_y, kTop});
  }
  for (const Tick& tick : y_ticks_.ticks) {
    const float y = in_world(plot_.grid.y, tick.at);
    line({far_x, y, kFloor}, {far_x, y, kTop});
  }
  for (const Tick& tick : plot_.ticks.ticks) {
    const float z = plot_.scale.at(tick.at) * kTop;
    line({far_x, -1, z}, {far_x, 1, z});
    line({-1, far_y, z}, {1, far_y, z});
  }
  line({far_x, far_y, kFloor}, {far_x, far_y, kTop});
  line({-near_x_, far_y, kTop}, {near_x_, far_y, kTop});
  line({far_x, -near_y_, kTop}, {far_x, near_y_, kTop});
}

void Box::draw_axes(Canvas& canvas) const {
  const Pen pen{kInk, std::max(1.0, plot_.font / 16), 1};
  for (const Dash& dash : dashes_) canvas.line(dash.from, dash.to, pen);
  for (const Label& label : labels_)
    canvas.text(label.text, label.centre,
                {.size = label.size, .anchor_x = 0.5, .degrees = label.degrees});
}

void Box::area(Canvas& canvas, const std::vector<Vec3>& corners, Color color) const {
  std::vector<Point> points;
  for (const Vec3& corner : corners) points.push_back(camera_.project(corner));
  canvas.area(points, color);
}

Rect Box::corners_extent() const {
  std::optional<Rect> all;
  for (const float x : {-1.0f, 1.0f})
    for (const float y : {-1.0f, 1.0f})
      for (const float z : {kFloor, kTop}) {
        const Point p = camera_.project({x, y, z});
        all = joined(all, {p.x, p.y, p.x, p.y});
      }
  return *all;
}

Rect Box::extent() const {
  std::optional<Rect> all = corners_extent();
  for (const Label& label : labels_) all = joined(all, label.box);
  return *all;
}

template <class Place>
void Box::lay_out_axis(const Ticks& ticks, const std::string& title, Vec3 a, Vec3 b, Vec3 outwards,
                       const Place& place) {
  const double font = plot_.font;
  const Point from = camera_.project(a), to = camera_.project(b);
  const Point along = to - from;
  if (length(along) < 3 * font) return;  // seen from its end
  dashes_.push_back({from, to});
  // In the picture, ticks continue the lines of the scene; names stand at a right angle.
  Point tick_way = camera_.project(a + outwards) - from;
  Point normal = Point{-along.y, along.x} * (1 / length(along));
  if (normal.x * tick_way.x + normal.y * tick_way.y < 0) normal = normal * -1;
  // Where that is almost along the axis itself they go at a right angle, too.
  const auto along_normal = [&](Point p) { return p.x * normal.x + p.y * normal.y; };
  if (along_normal(tick_way) < 0.35 * length(tick_way) || length(tick_way) < 1) tick_way = normal;
  tick_way = tick_way * (1 / length(tick_way));

  double reach = 0;  // of ticks and their labels along the normal
  std::optional<Rect> last;
  for (const Tick& tick : ticks.ticks) {
    const Point root = camera_.project(place(tick.at));
    const Point end = root + tick_way * (0.4 * font);
    dashes_.push_back({root, end});
    const double half_w = text_width(tick.label, font) / 2, half_h = kCapHeight * font / 2;
    // The label's box ends at a parallel to the axis.
    const double clear = std::fabs(normal.x) * half_w + std::fabs(normal.y) * half_h + 0.25 * font;
    const Point centre = end + tick_way * (clear / along_normal(tick_way));
    const Rect box{centre.x - half_w, centre.y - half_h, centre.x + half_w, centre.y + half_h};
    if (last && last->grown(0.15 * font).overlaps(box)) continue;
    last = box;
    labels_.push_back({tick.label, centre, font, 0, box});
    for (const Point corner : {Point{box.left, box.top}, Point{box.right, box.top},
                               Point{box.left, box.bottom}, Point{box.right, box.bottom}})
      reach = std::max(reach, along_normal(corner - from));
  }
  double degrees = std::atan2(-along.y, along.x) * 180 / std::numbers::pi;
  if (degrees > 90.01) degrees -= 180;  // upright edges read from below
  if (degrees < -89.99) degrees += 180;
  const double wanted = plot_.title_font();
  const double size = std::min(wanted, wanted * 1.1 * length(along) / text_width(title, wanted));
  const Point centre = (from + to) * 0.5 + normal * (reach + 0.95 * font);
  const double half = text_width(title, size) / 2;
  const double half_w = std::fabs(along.x) / length(along) * half + 0.5 * font;
  const double half_h = std::fabs(along.y) / length(along) * half + 0.5 * font;
  labels_.push_back({title,
                     centre,
                     size,
                     degrees,
                     {centre.x - half_w, centre.y - half_h, centre.x + half_w, centre.y + half_h}});
}

void Box::lay_out() {
  labels_.clear();
  dashes_.clear();
  lay_out_axis(x_ticks_, axis_title(plot_.grid.x_name, x_ticks_), {-1, near_y_, kFloor},
               {1, near_y_, kFloor}, {0, near_y_, 0}, [&](double at) {
                 return Vec3{in_world(plot_.grid.x, at), near_y_, kFloor};
               });
  lay_out_axis(y_ticks_, axis_title(plot_.grid.y_name, y_ticks_), {near_x_, -1, kFloor},
               {near_x_, 1, kFloor}, {near_x_, 0, 0}, [&](double at) {
                 return Vec3{near_x_, in_world(plot_.grid.y, at), kFloor};
               });
  // Of the two upright edges at the sides the one further left.
  float x = near_x_, y = -near_y_;
  if (camera_.project({x, y, 0}).x > camera_.project({-x, -y, 0}).x) x = -x, y = -y;
  lay_out_axis(plot_.ticks, axis_title(plot_.grid.value_name, plot_.ticks), {x, y, 0}, {x, y, kTop},
               camera_.right() * -1, [&](double at) {
                 return Vec3{x, y, plot_.scale.at(at) * kTop};
               });
}

}  // namespace descent::pictures

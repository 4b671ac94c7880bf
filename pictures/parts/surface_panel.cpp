#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>

#include <descent/pictures/font/font.h>
#include <descent/pictures/parts/plot.h>
#include <descent/pictures/scene/camera.h>
#include <descent/pictures/scene/field.h>
#include <descent/pictures/scene/raster.h>
#include <descent/pictures/scene/trail_layer.h>

// The scene: x and y of the grid become -1 .. 1, the lowest value shown height 0 and the highest
// kTop; the contour map lies at kFloor. Everything around the box is drawn on the canvas: its walls
// before the surface, its axes, which are edges that nothing can hide, after it.

namespace descent::pictures {
namespace {

constexpr float kTop = 0.85f, kFloor = -0.55f;
constexpr int kSamples = 2;  // a pixel is the mean of 2 x 2 samples

float scene(const Axis& axis, double at) {
  if (!(axis.lo < axis.hi)) return 0;
  return static_cast<float>((at / 2 - axis.lo / 2) / (axis.hi / 2 - axis.lo / 2) * 2 - 1);
}

/// A line of text beside the box.
struct Label {
  std::string text;
  Point centre;
  double size, degrees;
  Rect box;
};

/// A tick: a short line of the axis' pen.
struct Dash {
  Point from, to;
};

/// The box with its axes as seen by a camera: what depends on the direction of the view.
class Box {
 public:
  Box(const Plot& plot, const Camera& camera)
      : plot_(plot),
        camera_(camera),
        near_x_(camera.towards().x >= 0 ? 1.0f : -1.0f),
        near_y_(camera.towards().y >= 0 ? 1.0f : -1.0f) {
    const auto& grid = plot.grid;
    x_ticks_ = nice_ticks(grid.x.lo, grid.x.hi, 6);
    y_ticks_ = nice_ticks(grid.y.lo, grid.y.hi, 6);
  }

  /// The largest scale at which it fits into the room, labels included; `centred`: also if the
  /// middle of the box is that of the room.
  double scale_for(const Rect& room, bool centred) {
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

  /// Puts everything, or the box alone, into the middle of the room.
  void place(const Rect& room, double scale, bool centred) {
    camera_.place(scale, {0, 0});
    lay_out();
    const Rect all = centred ? corners_extent() : extent();
    camera_.place(scale, {std::round((room.left + room.right - all.left - all.right) / 2),
                          std::round((room.top + room.bottom - all.top - all.bottom) / 2)});
    lay_out();
  }

  const Camera& camera() const { return camera_; }

  void draw_walls(Canvas& canvas) const {
    const float far_x = -near_x_, far_y = -near_y_;
    const Color wall_x = rgb(0xf1f2f4), wall_y = rgb(0xf6f7f8);
    area(canvas, {{far_x, -1, kFloor}, {far_x, 1, kFloor}, {far_x, 1, kTop}, {far_x, -1, kTop}},
         wall_x);
    area(canvas, {{-1, far_y, kFloor}, {1, far_y, kFloor}, {1, far_y, kTop}, {-1, far_y, kTop}},
         wall_y);
    area(canvas, {{-1, -1, kFloor}, {1, -1, kFloor}, {1, 1, kFloor}, {-1, 1, kFloor}},
         rgb(0xe9eaed));
    const Pen pen{rgb(0xd9dbe0), std::max(1.0, plot_.font / 18), 1};
    const auto line = [&](Vec3 a, Vec3 b) {
      canvas.line(camera_.project(a), camera_.project(b), pen);
    };
    for (const Tick& tick : x_ticks_.ticks) {
      const float x = scene(plot_.grid.x, tick.at);
      line({x, far_y, kFloor}, {x, far_y, kTop});
    }
    for (const Tick& tick : y_ticks_.ticks) {
      const float y = scene(plot_.grid.y, tick.at);
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

  void draw_axes(Canvas& canvas) const {
    const Pen pen{kInk, std::max(1.0, plot_.font / 16), 1};
    for (const Dash& dash : dashes_) canvas.line(dash.from, dash.to, pen);
    for (const Label& label : labels_)
      canvas.text(label.text, label.centre,
                  {.size = label.size, .anchor_x = 0.5, .degrees = label.degrees});
  }

 private:
  void area(Canvas& canvas, const std::vector<Vec3>& corners, Color color) const {
    std::vector<Point> points;
    for (const Vec3& corner : corners) points.push_back(camera_.project(corner));
    canvas.area(points, color);
  }

  Rect corners_extent() const {
    std::optional<Rect> all;
    for (const float x : {-1.0f, 1.0f})
      for (const float y : {-1.0f, 1.0f})
        for (const float z : {kFloor, kTop}) {
          const Point p = camera_.project({x, y, z});
          all = joined(all, {p.x, p.y, p.x, p.y});
        }
    return *all;
  }
  Rect extent() const {
    std::optional<Rect> all = corners_extent();
    for (const Label& label : labels_) all = joined(all, label.box);
    return *all;
  }
  static Rect joined(const std::optional<Rect>& a, const Rect& b) {
    if (!a) return b;
    return {std::min(a->left, b.left), std::min(a->top, b.top), std::max(a->right, b.right),
            std::max(a->bottom, b.bottom)};
  }

  void lay_out() {
    labels_.clear();
    dashes_.clear();
    lay_out_axis(x_ticks_, axis_title(plot_.grid.x_name, x_ticks_), {-1, near_y_, kFloor},
                 {1, near_y_, kFloor}, {0, near_y_, 0}, [&](double at) {
                   return Vec3{scene(plot_.grid.x, at), near_y_, kFloor};
                 });
    lay_out_axis(y_ticks_, axis_title(plot_.grid.y_name, y_ticks_), {near_x_, -1, kFloor},
                 {near_x_, 1, kFloor}, {near_x_, 0, 0}, [&](double at) {
                   return Vec3{near_x_, scene(plot_.grid.y, at), kFloor};
                 });
    // Of the two upright edges at the sides the one further left.
    float x = near_x_, y = -near_y_;
    if (camera_.project({x, y, 0}).x > camera_.project({-x, -y, 0}).x) x = -x, y = -y;
    lay_out_axis(plot_.ticks, axis_title(plot_.grid.value_name, plot_.ticks), {x, y, 0},
                 {x, y, kTop}, camera_.right() * -1, [&](double at) {
                   return Vec3{x, y, plot_.scale.at(at) * kTop};
                 });
  }

  /// Ticks and labels of the edge from `a` to `b`, away from the box in direction `outwards`.
  template <class Place>
  void lay_out_axis(const Ticks& ticks, const std::string& title, Vec3 a, Vec3 b, Vec3 outwards,
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
      const double clear =
          std::fabs(normal.x) * half_w + std::fabs(normal.y) * half_h + 0.25 * font;
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
    labels_.push_back(
        {title,
         centre,
         size,
         degrees,
         {centre.x - half_w, centre.y - half_h, centre.x + half_w, centre.y + half_h}});
  }

  const Plot& plot_;
  Camera camera_;
  float near_x_, near_y_;  // the sides of the box that face the viewer
  Ticks x_ticks_, y_ticks_;
  std::vector<Label> labels_;
  std::vector<Dash> dashes_;
};

/// Colours of the surface and of the map on the floor.
class Shading {
 public:
  Shading(const std::vector<Level>& levels, double font)
      : half_width_(static_cast<float>(0.032 * font * kSamples)) {
    for (size_t k = 0; k < table_.size(); ++k)
      table_[k] = viridis((static_cast<float>(k) + 0.5f) / static_cast<float>(table_.size()));
    if (levels.empty()) return;
    first_ = levels.front().t;
    step_ = levels.size() > 1 ? levels[1].t - levels[0].t : 1;
    for (const Level& level : levels) weight_.push_back(level.major ? 0.62f : 0.34f);
  }

  /// For Raster::triangle. A contour line is where the value is within half a line's width of a
  /// level, measured on the screen through the slope of the value.
  auto operator()(const Slope& value, const Slope&) const {
    const float steepness = std::hypot(value.dx, value.dy);           // per sample
    const float spacing = steepness > 1e-6f ? step_ / steepness : 0;  // samples between lines
    // Where lines would run together they fade; a flat triangle has none.
    const float fade = weight_.empty() ? 0 : std::clamp((spacing / kSamples - 2) / 5, 0.0f, 1.0f);
    return [this, spacing, fade](float t, float light) {
      t = std::clamp(t, 0.0f, 1.0f);
      const auto k =
          std::min(static_cast<size_t>(t * static_cast<float>(table_.size())), table_.size() - 1);
      Color color = table_[k];
      const Color lit = light <= 1 ? mix({}, color, light) : mix(color, kWhite, light - 1);
      if (fade <= 0) return lit;
      const float u = (t - first_) / step_;
      const auto nearest = static_cast<int>(std::floor(u + 0.5f));
      if (nearest < 0 || nearest >= static_cast<int>(weight_.size())) return lit;
      const float distance = std::fabs(u - static_cast<float>(nearest)) * spacing;
      const float cover = std::clamp(half_width_ + 0.5f - distance, 0.0f, 1.0f);
      if (cover <= 0) return lit;
      return mix(lit, t < 0.3f ? kWhite : kInk,
                 cover * fade * weight_[static_cast<size_t>(nearest)]);
    };
  }

 private:
  std::array<Color, 1024> table_;
  std::vector<float> weight_;  // how strong the line of each level is
  float first_ = 0, step_ = 1, half_width_;
};

/// The heights of a field as triangles.
class Mesh {
 public:
  Mesh(const Field& coarse, const Camera& camera) : field_(refined(coarse, kLeastPoints)) {
    const Vec3 light =
        normalized(camera.right() * -0.5f + camera.up() * 0.62f + camera.towards() * 0.6f);
    const Vec3 half = normalized(light + camera.towards());
    // The light comes from the slopes at the given points, so that the flat pieces between
    // them do not show.
    Field dx = coarse, dy = coarse;
    for (int i = 0; i < coarse.rows; ++i)
      for (int j = 0; j < coarse.columns; ++j) {
        const auto k = static_cast<size_t>(i * coarse.columns + j);
        dx.t[k] = slope(coarse, i, j, 0, 1) * static_cast<float>(coarse.columns - 1) / 2 * kTop;
        dy.t[k] = slope(coarse, i, j, 1, 0) * static_cast<float>(coarse.rows - 1) / 2 * kTop;
      }
    dx = refined(dx, kLeastPoints);
    dy = refined(dy, kLeastPoints);
    const Field& field = field_;
    const size_t n = field.t.size();
    above_.reserve(n);
    below_.reserve(n);
    floor_.reserve(n);
    for (int i = 0; i < field.rows; ++i)
      for (int j = 0; j < field.columns; ++j) {
        const float t = field.at(i, j);
        const Vec3 place{2 * static_cast<float>(j) / static_cast<float>(field.columns - 1) - 1,
                         2 * static_cast<float>(i) / static_cast<float>(field.rows - 1) - 1,
                         t * kTop};
        const Vec3 normal = normalized({-dx.at(i, j), -dy.at(i, j), 1});
        const auto lit = [&](Vec3 up) {
          const float shine = std::pow(std::max(0.0f, dot(up, half)), 40.0f);
          return 0.56f + 0.46f * std::max(0.0f, dot(up, light)) + 0.16f * shine;
        };
        above_.push_back(corner(camera, place, t, lit(normal)));
        below_.push_back(corner(camera, place, t, 0.88f * lit(normal * -1)));
        floor_.push_back(corner(camera, {place.x, place.y, kFloor}, t, 1.1f));
      }
  }

  void draw(Raster& raster, const Shading& shading) const {
    for_each_triangle([&](size_t a, size_t b, size_t c) {
      // Counter-clockwise from above: what is clockwise in the picture (y down) shows its top.
      const Corner &p = above_[a], &q = above_[b], &r = above_[c];
      const bool top = (q.x - p.x) * (r.y - p.y) - (r.x - p.x) * (q.y - p.y) < 0;
      const auto& corners = top ? above_ : below_;
      raster.triangle(corners[a], corners[b], corners[c], shading);
    });
    for_each_triangle([&](size_t a, size_t b, size_t c) {
      raster.triangle(floor_[a], floor_[b], floor_[c], shading);
    });
  }

 private:
  static Corner corner(const Camera& camera, Vec3 place, float value, float light) {
    const Point p = camera.project(place) * kSamples;
    return {static_cast<float>(p.x), static_cast<float>(p.y), camera.depth(place), value, light};
  }

  /// Change of t from one point to the next, from both neighbours where they exist.
  static float slope(const Field& field, int i, int j, int di, int dj) {
    const auto t = [&](int row, int column) {
      return row < 0 || column < 0 || row >= field.rows || column >= field.columns
                 ? std::nanf("")
                 : field.at(row, column);
    };
    const float here = t(i, j), next = t(i + di, j + dj), previous = t(i - di, j - dj);
    if (std::isnan(next)) return std::isnan(previous) ? 0 : here - previous;
    return std::isnan(previous) ? next - here : (next - previous) / 2;
  }

  template <class Do>
  void for_each_triangle(const Do& triangle) const {
    const auto columns = static_cast<size_t>(field_.columns);
    for (int i = 0; i + 1 < field_.rows; ++i)
      for (int j = 0; j + 1 < field_.columns; ++j) {
        const size_t k = static_cast<size_t>(i) * columns + static_cast<size_t>(j);
        const float a = field_.t[k], b = field_.t[k + 1];
        const float c = field_.t[k + columns + 1], d = field_.t[k + columns];
        if (std::isnan(a + b + c + d)) continue;  // a hole
        // The diagonal between the more equal corners follows valleys and ridges better.
        if (std::fabs(a - c) <= std::fabs(b - d)) {
          triangle(k, k + 1, k + columns + 1);
          triangle(k, k + columns + 1, k + columns);
        } else {
          triangle(k, k + 1, k + columns);
          triangle(k + 1, k + columns + 1, k + columns);
        }
      }
  }

  static constexpr int kLeastPoints = 160;

  Field field_;
  std::vector<Corner> above_, below_, floor_;  // lit from above, seen from below, on the floor
};

void mark(Raster& raster, const Camera& camera, Vec3 place, double font) {
  const Point p = camera.project(place) * kSamples;
  const double radius = marker_radius(font) * kSamples;
  // As near as the surface can come within the marker where it is not steeper than 45 degrees.
  const auto lift = static_cast<float>(1.2 * marker_radius(font) / camera.scale());
  const auto outer = star({0, 0}, 1.25 * radius), inner = star({0, 0}, 0.9 * radius);
  raster.shape(static_cast<float>(p.x), static_cast<float>(p.y), static_cast<float>(1.25 * radius),
               camera.depth(place) - lift, 0.35f, [&](float x, float y, Color& color) {
                 if (!contains(outer, {x, y})) return false;
                 color = contains(inner, {x, y}) ? kMark : kWhite;
                 return true;
               });
}

class SurfacePart : public Part {
 public:
  SurfacePart(const Rect& room, const Plot& plot, double azimuth_degrees, double elevation_degrees,
              bool turning)
      : plot_(plot),
        box_(plot, Camera(azimuth_degrees, elevation_degrees)),
        left_(static_cast<int>(std::floor(room.left))),
        top_(static_cast<int>(room.top)),
        raster_(kSamples * (static_cast<int>(std::ceil(room.right)) - left_),
                kSamples * (static_cast<int>(std::ceil(room.bottom)) - top_)),
        field_(field_of(plot.grid, plot.scale, 1000)),
        camera_(box_.camera()) {
    double scale = box_.scale_for(room, turning);
    for (int k = 1; turning && k < kTurnFrames; ++k) {
      Box side(plot, Camera(azimuth_degrees + k * 360.0 / kTurnFrames, elevation_degrees));
      scale = std::min(scale, side.scale_for(room, turning));
    }
    box_.place(room, scale, turning);
    camera_ = box_.camera();
    const Point origin = camera_.project({0, 0, 0});
    camera_.place(camera_.scale(), {origin.x - left_, origin.y - top_});
    Mesh(field_, camera_).draw(raster_, Shading(plot.levels, plot.font));
    for (const Mark& minimum : plot.minima)
      mark(raster_, camera_, place(minimum.x, minimum.y, plot.height(minimum.height)), plot.font);
  }

  void draw_still(Canvas& canvas) const override {
    box_.draw_walls(canvas);
    canvas.image(raster_.image(kSamples), left_, top_);
    box_.draw_axes(canvas);
  }

  void draw_race(Canvas& canvas, int64_t step) override {
    if (plot_.racers.empty()) return;
    if (!layer_ || step + 1 < next_) {
      layer_.emplace(raster_, lift(trail_width(plot_.font)));
      trails_.assign(plot_.racers.size(), {});
      next_ = 0;
    }
    // Step by step, so that of two trails the later one lies over the other.
    for (; next_ <= step; ++next_)
      for (size_t r = 0; r < trails_.size(); ++r)
        if (next_ < static_cast<int64_t>(plot_.racers[r].drawable))
          draw_step(r, static_cast<size_t>(next_));
    for (size_t r = 0; r < trails_.size(); ++r) draw_ball(r, step);
    canvas.image(layer_->image(kSamples), left_, top_);
    layer_->take_markers_away();
  }

 private:
  /// In samples.
  struct Trail {
    double length = 0;  // for its dashes
    Point last;         // where its last point is seen
  };

  /// How much nearer than the surface something of so many pixels has to be to lie on it.
  float lift(double pixels) const { return static_cast<float>(1.2 * pixels / camera_.scale()); }

  Vec3 place(double x, double y, float t) const {
    return {scene(plot_.grid.x, x), scene(plot_.grid.y, y), std::isnan(t) ? 0 : t * kTop};
  }

  float ground(descent::Point p) const {
    return field_.sample((scene(plot_.grid.x, p.x) + 1) / 2, (scene(plot_.grid.y, p.y) + 1) / 2);
  }

  TrailLayer::Spot spot(descent::Point p, float t, float nearer) const {
    const Vec3 v = place(p.x, p.y, t);
    const Point at = camera_.project(v) * kSamples;
    return {static_cast<float>(at.x), static_cast<float>(at.y), camera_.depth(v) - nearer};
  }

  TrailLayer::Brush brush(size_t racer, double radius, double border) const {
    const RacerStyle& style = plot_.racers[racer].style;
    return {style.color, style.border, static_cast<float>(kSamples * radius),
            static_cast<float>(kSamples * (radius + border)), static_cast<uint16_t>(racer)};
  }

  /// The trail up to point k from the one before. Between its points, whose heights are its losses,
  /// it follows the ground.
  void draw_step(size_t racer, size_t k) {
    const Track& track = plot_.racers[racer].track;
    const double width = trail_width(plot_.font);
    const descent::Point here{track.x[k], track.y[k]};
    if (k > 0) {
      const Way way{{track.x[k - 1], track.y[k - 1]}, here};
      if (const auto part = inside(way, plot_.grid.x, plot_.grid.y)) draw_way(racer, k, way, *part);
    }
    Trail& trail = trails_[racer];
    const auto at = spot(here, plot_.height(track.losses[k]), 1.5f * lift(width));
    const Point last = std::exchange(trail.last, {at.x, at.y});
    if (!inside({here, here}, plot_.grid.x, plot_.grid.y)) return;
    // A dot at the end of each step that is long enough to be seen as one.
    if (k == 0 || length(trail.last - last) > kSamples * dotted_step(plot_.font))
      layer_->line(at, at, brush(racer, 0.8 * width, 0.4 * width));
  }

  /// How far a point of a track is above the ground, in parts of the range; 0 where there is none.
  float above(const Track& track, size_t k) const {
    const descent::Point p{track.x[k], track.y[k]};
    const float t = ground(p);
    return std::isnan(t) || !inside({p, p}, plot_.grid.x, plot_.grid.y)
               ? 0
               : plot_.height(track.losses[k]) - t;
  }

  void draw_way(size_t racer, size_t k, const Way& way, const Inside& part) {
    const Track& track = plot_.racers[racer].track;
    const double width = trail_width(plot_.font);
    const float from = plot_.height(track.losses[k - 1]), to = plot_.height(track.losses[k]);
    const float above_from = above(track, k - 1), above_to = above(track, k);
    const auto at = [&](double s) {
      const descent::Point p = way.at(s);
      const auto w = static_cast<float>(s);
      const float t = ground(p);
      const float over_hole = from * (1 - w) + to * w;
      return spot(p, std::isnan(t) ? over_hole : t + above_from * (1 - w) + above_to * w,
                  lift(width));
    };
    TrailLayer::Spot last = at(part.from);
    const TrailLayer::Spot end = at(part.to);
    const auto pieces = static_cast<int>(
        std::clamp(std::hypot(end.x - last.x, end.y - last.y) / 3 + 1, 1.0f, 4000.0f));
    const TrailLayer::Brush pen = brush(racer, width / 2, 0.45 * width);
    Trail& trail = trails_[racer];
    for (int piece = 1; piece <= pieces; ++piece) {
      const auto next = at(part.from + (part.to - part.from) * piece / pieces);
      trail.length += std::hypot(next.x - last.x, next.y - last.y);
      const bool gap = std::fmod(trail.length, 10 * width) > 5 * width;
      if (!plot_.racers[racer].style.dashed || !gap) layer_->line(last, next, pen);
      last = next;
    }
  }

  void draw_ball(size_t r, int64_t step) {
    const Racer& racer = plot_.racers[r];
    const auto ball = racer.ball(step, plot_.grid.x, plot_.grid.y);
    if (!ball) return;
    const size_t k = racer.points(step) - 1;
    const bool there = ball->x == racer.track.x[k] && ball->y == racer.track.y[k];
    const double radius = ball_radius(plot_.font);
    TrailLayer::Brush paint = brush(r, radius, 0.25 * radius);
    paint.color = racer.marker_color(step);
    paint.border = racer.marker_border(step);
    layer_->marker(spot(*ball, there ? plot_.height(racer.track.losses[k]) : ground(*ball),
                        1.5f * lift(marker_radius(plot_.font))),
                   racer.style.outline, paint);
  }

  const Plot& plot_;
  Box box_;
  int left_, top_;
  Raster raster_;
  Field field_;
  Camera camera_;  // whose picture begins at left_, top_
  std::optional<TrailLayer> layer_;
  std::vector<Trail> trails_;
  int64_t next_ = 0;  // step that is not in the layer yet
};

}  // namespace

std::unique_ptr<Part> surface_part(const Rect& room, const Plot& plot, double azimuth_degrees,
                                   double elevation_degrees, bool turning) {
  return std::make_unique<SurfacePart>(room, plot, azimuth_degrees, elevation_degrees, turning);
}

}  // namespace descent::pictures

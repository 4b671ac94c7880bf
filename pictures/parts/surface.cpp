#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <descent/pictures/parts/box.h>
#include <descent/pictures/parts/plot.h>
#include <descent/pictures/scene/camera.h>
#include <descent/pictures/scene/field.h>
#include <descent/pictures/scene/mesh.h>
#include <descent/pictures/scene/raster.h>
#include <descent/pictures/scene/shading.h>
#include <descent/pictures/scene/trail_layer.h>
#include <descent/pictures/scene/way.h>
#include <descent/pictures/scene/world.h>

namespace descent::pictures {
namespace {

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
    return {in_world(plot_.grid.x, x), in_world(plot_.grid.y, y), std::isnan(t) ? 0 : t * kTop};
  }

  float ground(descent::Point p) const {
    return field_.sample((in_world(plot_.grid.x, p.x) + 1) / 2,
                         (in_world(plot_.grid.y, p.y) + 1) / 2);
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

  std::optional<TrailLayer::Spot> ball_spot(size_t r, int64_t step) const {
    const Racer& racer = plot_.racers[r];
    const auto ball = racer.ball(step, plot_.grid.x, plot_.grid.y);
    if (!ball) return std::nullopt;
    const size_t k = racer.points(step) - 1;
    const bool there = ball->x == racer.track.x[k] && ball->y == racer.track.y[k];
    return spot(*ball, there ? plot_.height(racer.track.losses[k]) : ground(*ball),
                1.5f * lift(marker_radius(plot_.font)));
  }

  /// A ball that would hide another one lies in front of it and is smaller, so that both are seen.
  void draw_ball(size_t r, int64_t step) {
    auto at = ball_spot(r, step);
    if (!at) return;
    double radius = ball_radius(plot_.font);
    const double reach = 0.6 * kSamples * radius;
    for (size_t other = 0; other < r; ++other) {
      const auto behind = ball_spot(other, step);
      if (!behind || std::hypot(behind->x - at->x, behind->y - at->y) > reach) continue;
      at->depth = std::min(at->depth, behind->depth);
      radius *= 0.6;
    }
    const Racer& racer = plot_.racers[r];
    TrailLayer::Brush paint = brush(r, radius, 0.25 * radius);
    paint.color = racer.marker_color(step);
    paint.border = racer.marker_border(step);
    layer_->marker(*at, racer.style.outline, paint);
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

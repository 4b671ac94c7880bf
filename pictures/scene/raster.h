#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <descent/pictures/scene/color.h>
#include <descent/pictures/scene/image.h>
#include <descent/pictures/scene/point.h>

namespace descent::pictures {

/// A corner of a triangle: place in samples (y down), depth (larger is farther), and the two
/// numbers that the shading gets: the value from 0 to 1 and the light.
struct Corner {
  float x, y, depth, value, light;
};

/// A number that changes linearly over a triangle: at x, y it is base + dx * x + dy * y.
struct Slope {
  float base, dx, dy;
  float at(float x, float y) const { return base + dx * x + dy * y; }
};

/// Whether a polygon contains a point (even-odd rule).
bool contains(std::span<const Point> corners, Point p);

/// A picture with a depth for each sample: of what is drawn at the same place the nearest stays,
/// whatever the order. It has more samples than the image will have pixels, for smooth edges.
class Raster {
 public:
  Raster(int width, int height)
      : width_(width),
        height_(height),
        depth_(static_cast<size_t>(width) * static_cast<size_t>(height),
               std::numeric_limits<float>::infinity()),
        color_(depth_.size(), 0) {}

  int width() const { return width_; }
  int height() const { return height_; }
  float depth_at(int x, int y) const { return depth_[index(x, y)]; }

  /// Draws a triangle. `prepare(value slope, light slope)` is called once and returns
  /// `shade(value, light) -> Color`, called for each sample that is nearer than what is there.
  template <class Prepare>
  void triangle(const Corner& a, const Corner& b, const Corner& c, const Prepare& prepare);

  /// Draws a flat shape that faces the viewer at one depth: `color_at(x, y)` for the samples within
  /// `radius` of the centre returns true and sets the colour where the shape is. What lies behind
  /// something nearer shines through with the weight `hidden`.
  template <class ColorAt>
  void shape(float x, float y, float radius, float depth, float hidden, const ColorAt& color_at);

  /// The mean of each `factor` x `factor` samples, transparent where nothing was drawn.
  Image image(int factor) const;

 private:
  size_t index(int x, int y) const {
    return static_cast<size_t>(y) * static_cast<size_t>(width_) + static_cast<size_t>(x);
  }
  static Color unpacked(uint32_t c) { return c != 0 ? rgb(c & 0xffffff) : kWhite; }

  int width_, height_;
  std::vector<float> depth_;
  std::vector<uint32_t> color_;
};

template <class Prepare>
void Raster::triangle(const Corner& a, const Corner& b, const Corner& c, const Prepare& prepare) {
  const float area = (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y);
  if (!(std::fabs(area) > 1e-6f)) return;  // seen from the side, or not a number
  const auto first = [](float least) { return static_cast<int>(std::ceil(least - 0.5f)); };
  const auto last = [](float most) { return static_cast<int>(std::floor(most - 0.5f)); };
  const int left = std::max(0, first(std::min({a.x, b.x, c.x})));
  const int right = std::min(width_ - 1, last(std::max({a.x, b.x, c.x})));
  const int top = std::max(0, first(std::min({a.y, b.y, c.y})));
  const int bottom = std::min(height_ - 1, last(std::max({a.y, b.y, c.y})));
  if (left > right || top > bottom) return;

  // Weights of b and c are linear in x and y; all else follows from them. Relative to corner a,
  // so that no large numbers cancel.
  const float wb_dx = (c.y - a.y) / area, wb_dy = -(c.x - a.x) / area;
  const float wc_dx = -(b.y - a.y) / area, wc_dy = (b.x - a.x) / area;
  const auto slope = [&](float Corner::*part) {
    const float to_b = b.*part - a.*part, to_c = c.*part - a.*part;
    return Slope{a.*part, wb_dx * to_b + wc_dx * to_c, wb_dy * to_b + wc_dy * to_c};
  };
  const Slope depth = slope(&Corner::depth), value = slope(&Corner::value);
  const Slope light = slope(&Corner::light);
  const auto shade = prepare(value, light);

  constexpr float kSlack = -1e-4f;  // neighbours overlap a little rather than leave a gap
  for (int y = top; y <= bottom; ++y) {
    const float py = static_cast<float>(y) + 0.5f - a.y;
    for (int x = left; x <= right; ++x) {
      const float px = static_cast<float>(x) + 0.5f - a.x;
      const float wb = wb_dx * px + wb_dy * py, wc = wc_dx * px + wc_dy * py;
      if (wb < kSlack || wc < kSlack || wb + wc > 1 - kSlack) continue;
      const float z = depth.at(px, py);
      const size_t k = index(x, y);
      if (z >= depth_[k]) continue;
      depth_[k] = z;
      color_[k] = packed(shade(value.at(px, py), light.at(px, py)));
    }
  }
}

template <class ColorAt>
void Raster::shape(float x, float y, float radius, float depth, float hidden,
                   const ColorAt& color_at) {
  const int left = std::max(0, static_cast<int>(x - radius) - 1);
  const int right = std::min(width_ - 1, static_cast<int>(x + radius) + 1);
  const int top = std::max(0, static_cast<int>(y - radius) - 1);
  const int bottom = std::min(height_ - 1, static_cast<int>(y + radius) + 1);
  for (int row = top; row <= bottom; ++row)
    for (int column = left; column <= right; ++column) {
      Color color;
      if (!color_at(static_cast<float>(column) + 0.5f - x, static_cast<float>(row) + 0.5f - y,
                    color))
        continue;
      const size_t k = index(column, row);
      const bool visible = depth < depth_[k];
      if (!visible && hidden <= 0) continue;
      color_[k] = packed(visible ? color : mix(unpacked(color_[k]), color, hidden));
      if (visible) depth_[k] = depth;
    }
}

}  // namespace descent::pictures

#include <algorithm>
#include <cmath>

#include <descent/pictures/scene/trail_layer.h>

namespace descent::pictures {
namespace {

constexpr uint32_t kFaint = 80;  // of 255: what shines through a surface

}  // namespace

TrailLayer::TrailLayer(const Raster& behind, float same_depth)
    : behind_(behind),
      same_depth_(same_depth),
      samples_(static_cast<size_t>(behind.width()) * static_cast<size_t>(behind.height())) {}

TrailLayer::Bounds TrailLayer::around(float left, float top, float right, float bottom) const {
  const auto within = [](float at, int size) {
    return static_cast<int>(std::clamp(at, 0.0f, static_cast<float>(size)));
  };
  return {within(left, behind_.width()), within(top, behind_.height()),
          within(right + 1, behind_.width()), within(bottom + 1, behind_.height())};
}

bool TrailLayer::covers(const Sample& sample, const Sample& old) const {
  if (old.color == 0) return true;
  if (sample.owner != old.owner) return sample.depth < old.depth + same_depth_;
  // A line's border must not cut it where the next piece begins.
  if (sample.border == old.border) return sample.depth < old.depth;
  return sample.depth < old.depth + (sample.border ? -same_depth_ : same_depth_);
}

void TrailLayer::put(int x, int y, const Sample& sample) {
  const size_t k =
      static_cast<size_t>(y) * static_cast<size_t>(behind_.width()) + static_cast<size_t>(x);
  if (!covers(sample, samples_[k])) return;
  if (keep_under_) under_markers_.emplace_back(k, samples_[k]);
  samples_[k] = sample;
}

void TrailLayer::line(const Spot& a, const Spot& b, const Brush& brush) {
  const float reach = brush.border_radius;
  const Bounds box = around(std::min(a.x, b.x) - reach, std::min(a.y, b.y) - reach,
                            std::max(a.x, b.x) + reach, std::max(a.y, b.y) + reach);
  const float dx = b.x - a.x, dy = b.y - a.y, squared = dx * dx + dy * dy;
  const uint32_t inner = packed(brush.color), outer = packed(brush.border);
  for (int y = box.top; y < box.bottom; ++y)
    for (int x = box.left; x < box.right; ++x) {
      const float px = static_cast<float>(x) + 0.5f - a.x, py = static_cast<float>(y) + 0.5f - a.y;
      const float s = squared > 0 ? std::clamp((px * dx + py * dy) / squared, 0.0f, 1.0f) : 0;
      const float off = std::hypot(px - s * dx, py - s * dy);
      if (off > reach) continue;
      const bool border = off > brush.radius;
      put(x, y, {a.depth + s * (b.depth - a.depth), border ? outer : inner, brush.owner, border});
    }
}

void TrailLayer::marker(const Spot& at, std::span<const Point> outline, const Brush& brush) {
  keep_under_ = true;
  const float reach = 1.3f * brush.border_radius;
  const Bounds box = around(at.x - reach, at.y - reach, at.x + reach, at.y + reach);
  for (int y = box.top; y < box.bottom; ++y)
    for (int x = box.left; x < box.right; ++x) {
      const float px = static_cast<float>(x) + 0.5f - at.x;
      const float py = static_cast<float>(y) + 0.5f - at.y;
      const auto within = [&](float radius) {
        return contains(outline, {px / radius, py / radius});
      };
      if (!within(brush.border_radius)) continue;
      const bool border = !within(brush.radius);
      // Brighter at the top left, as the surface is.
      const float light = -0.16f * (px + py) / brush.radius;
      const Color lit = light > 0 ? mix(brush.color, kWhite, light) : mix(brush.color, {}, -light);
      put(x, y, {at.depth, packed(border ? brush.border : lit), brush.owner, border});
    }
  keep_under_ = false;
}

void TrailLayer::take_markers_away() {
  // Backwards, because one marker may lie on another.
  for (auto under = under_markers_.rbegin(); under != under_markers_.rend(); ++under)
    samples_[under->first] = under->second;
  under_markers_.clear();
}

Image TrailLayer::image(int factor) const {
  Image image{behind_.width() / factor, behind_.height() / factor, {}};
  image.pixels.assign(static_cast<size_t>(image.width) * static_cast<size_t>(image.height), 0);
  const auto all = static_cast<uint32_t>(factor * factor);
  uint32_t* pixel = image.pixels.data();
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x, ++pixel) {
      uint32_t sum[4] = {};
      for (int row = y * factor; row < (y + 1) * factor; ++row) {
        const Sample* sample = samples_.data() +
                               static_cast<size_t>(row) * static_cast<size_t>(behind_.width()) +
                               static_cast<size_t>(x * factor);
        for (int i = 0; i < factor; ++i, ++sample) {
          if (sample->color == 0) continue;
          const bool hidden = sample->depth >= behind_.depth_at(x * factor + i, row);
          const uint32_t alpha = hidden ? kFaint : 255;
          for (int part = 0; part < 4; ++part)
            sum[part] += (sample->color >> (8 * part) & 0xff) * alpha;
        }
      }
      if (sum[3] == 0) continue;
      for (int part = 0; part < 4; ++part)
        *pixel |= (sum[part] + 255 * all / 2) / (255 * all) << (8 * part);
    }
  return image;
}

}  // namespace descent::pictures

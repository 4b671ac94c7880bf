#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include <descent/pictures/scene/color.h>
#include <descent/pictures/scene/raster.h>
#include <descent/pictures/scene/ticks.h>
#include <descent/pictures/scene/world.h>

namespace descent::pictures {

/// Colours of the surface and of the map on the floor.
class Shading {
 public:
  Shading(const std::vector<Level>& levels, double font)
      : half_width_(static_cast<float>(0.032 * font * kSamples)) {
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
      const Color color = colors_.at(t);
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
  ViridisTable colors_;
  std::vector<float> weight_;  // how strong the line of each level is
  float first_ = 0, step_ = 1, half_width_;
};

}  // namespace descent::pictures

#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace descent::pictures {

/// An sRGB colour, each part in [0, 1].
struct Color {
  float r = 0, g = 0, b = 0;
};

constexpr Color rgb(uint32_t hex) {
  return {static_cast<float>(hex >> 16 & 0xff) / 255, static_cast<float>(hex >> 8 & 0xff) / 255,
          static_cast<float>(hex & 0xff) / 255};
}

/// As 0xffrrggbb; parts outside of [0, 1] are clamped.
constexpr uint32_t packed(Color c) {
  const auto byte = [](float part) {
    return static_cast<uint32_t>(std::clamp(part, 0.0f, 1.0f) * 255 + 0.5f);
  };
  return 0xff000000 | byte(c.r) << 16 | byte(c.g) << 8 | byte(c.b);
}

/// a at w = 0, b at w = 1.
constexpr Color mix(Color a, Color b, float w) {
  return {a.r + (b.r - a.r) * w, a.g + (b.g - a.g) * w, a.b + (b.b - a.b) * w};
}

constexpr Color kWhite{1, 1, 1}, kInk = rgb(0x26282c), kGreyInk = rgb(0x6a6e76),
                                 kMark = rgb(0xff4b33);

/// The colour map viridis (van der Walt and Smith 2015, CC0) at t in [0, 1], clamped outside: dark
/// violet for the smallest value, yellow for the largest, readable in grey and by the colour-blind.
Color viridis(float t);

/// The same, as quick as a picture's many samples need it: of 1024 equal parts of [0, 1] the colour
/// of the middle.
class ViridisTable {
 public:
  ViridisTable();
  Color at(float t) const {
    const float part = std::clamp(t, 0.0f, 1.0f) * static_cast<float>(colors_.size());
    return colors_[std::min(static_cast<size_t>(part), colors_.size() - 1)];
  }

 private:
  std::array<Color, 1024> colors_;
};

/// How bright a colour looks, 0 to 1.
constexpr float brightness(Color c) { return 0.299f * c.r + 0.587f * c.g + 0.114f * c.b; }

}  // namespace descent::pictures

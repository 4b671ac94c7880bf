#pragma once
#include <cstdint>
#include <vector>

namespace descent::pictures {

/// Pixels from top left, 0xAARRGGBB with the colours multiplied by alpha (Cairo's ARGB32).
struct Image {
  int width = 0, height = 0;
  std::vector<uint32_t> pixels;
};

}  // namespace descent::pictures

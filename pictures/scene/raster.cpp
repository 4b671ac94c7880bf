#include <descent/pictures/scene/raster.h>

namespace descent::pictures {

bool contains(std::span<const Point> corners, Point p) {
  bool odd = false;
  for (size_t k = 0; k < corners.size(); ++k) {
    const Point &a = corners[k], &b = corners[(k + 1) % corners.size()];
    if ((a.y > p.y) != (b.y > p.y) && p.x < a.x + (p.y - a.y) / (b.y - a.y) * (b.x - a.x))
      odd = !odd;
  }
  return odd;
}

Image Raster::image(int factor) const {
  Image image{width_ / factor, height_ / factor, {}};
  image.pixels.reserve(static_cast<size_t>(image.width) * static_cast<size_t>(image.height));
  const auto samples = static_cast<uint32_t>(factor * factor);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      uint32_t sum[4] = {};
      for (int j = 0; j < factor; ++j)
        for (int i = 0; i < factor; ++i) {
          const uint32_t c = color_[index(x * factor + i, y * factor + j)];
          for (int part = 0; part < 4; ++part) sum[part] += c >> (8 * part) & 0xff;
        }
      uint32_t pixel = 0;
      for (int part = 0; part < 4; ++part)
        pixel |= (sum[part] + samples / 2) / samples << (8 * part);
      image.pixels.push_back(pixel);
    }
  return image;
}

}  // namespace descent::pictures

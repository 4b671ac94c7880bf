#include <random>

#include <gtest/gtest.h>

#include <descent/pictures/files/png.h>

#include "pictures.h"

namespace descent::pictures {
namespace {

TEST(PngFile, HoldsEveryPixelAsItIs) {
  std::mt19937 random(1);  // noise, which no compression makes smaller
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 2}, {257, 129}}) {
    Image image{width, height, {}};
    for (int k = 0; k < width * height; ++k)
      image.pixels.push_back(0xff000000 | static_cast<uint32_t>(random()));
    const Pixels read(png_file(image));
    ASSERT_EQ(read.width, width);
    ASSERT_EQ(read.height, height);
    for (size_t k = 0; k < image.pixels.size(); ++k)
      ASSERT_EQ(read.rgb[k], image.pixels[k] & 0xffffff) << k;
  }
}

TEST(PngFile, RefusesAnImageWithoutPixels) { EXPECT_THROW(png_file({}), std::runtime_error); }

}  // namespace
}  // namespace descent::pictures

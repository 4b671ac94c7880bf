#include <array>

#include <gtest/gtest.h>

#include <descent/pictures/files/gif.h>

#include "gif_file.h"

namespace descent::pictures {
namespace {

/// A picture of a smooth run of colours with a white square at column `at`.
Image gradient(int at) {
  Image image{64, 32, {}};
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 64; ++x)
      image.pixels.push_back(x >= at && x < at + 8 && y >= 8 && y < 16
                                 ? 0xffffffff
                                 : 0xff000000 | static_cast<uint32_t>(x * 4) << 16 |
                                       static_cast<uint32_t>(y * 8) << 8 | 0x40);
  return image;
}

std::string moving_square() {
  Gif gif(std::array{gradient(0), gradient(40)}, {kWhite});
  for (int k = 0; k <= 40; k += 10) gif.add(gradient(k), k < 40 ? 5 : 200);
  return gif.finish();
}

TEST(GifTest, KeepsEveryFrameWithItsTimeAndRunsAgain) {
  const GifFile file(moving_square());
  EXPECT_EQ(file.width, 64);
  EXPECT_EQ(file.height, 32);
  EXPECT_EQ(file.delays, (std::vector<int>{5, 5, 5, 5, 200}));
  EXPECT_TRUE(file.repeats);
}

TEST(GifTest, ShowsTheColoursOfEachFrame) {
  const GifFile file(moving_square());
  ASSERT_EQ(file.frames.size(), 5u);
  for (size_t frame = 0; frame < 5; ++frame) {
    const Image image = gradient(static_cast<int>(frame) * 10);
    double off = 0;
    for (size_t k = 0; k < image.pixels.size(); ++k) {
      const uint32_t wanted = image.pixels[k] & 0xffffff, got = file.frames[frame][k];
      EXPECT_TRUE(wanted != 0xffffff || got == wanted);
      for (int part = 0; part < 24; part += 8)
        off +=
            std::abs(static_cast<int>(wanted >> part & 255) - static_cast<int>(got >> part & 255));
    }
    EXPECT_LT(off / static_cast<double>(3 * image.pixels.size()), 4);
  }
}

TEST(GifTest, HasTheSameBytesOnEveryRun) { EXPECT_EQ(moving_square(), moving_square()); }

}  // namespace
}  // namespace descent::pictures

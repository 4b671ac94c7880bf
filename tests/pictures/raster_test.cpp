#include <gtest/gtest.h>

#include <descent/pictures/scene/camera.h>
#include <descent/pictures/scene/color.h>
#include <descent/pictures/scene/raster.h>

namespace descent::pictures {
namespace {

constexpr uint32_t kRed = 0xffff0000, kBlue = 0xff0000ff;

/// A triangle that covers a raster of 8 x 8 samples, all at one depth.
void cover(Raster& raster, float depth, Color color) {
  raster.triangle({-20, -20, depth, 0, 1}, {40, -20, depth, 0, 1}, {-20, 40, depth, 0, 1},
                  [&](const Slope&, const Slope&) { return [&](float, float) { return color; }; });
}

TEST(RasterTest, KeepsTheNearerTriangleWhateverTheOrder) {
  for (const bool near_first : {true, false}) {
    Raster raster(8, 8);
    cover(raster, near_first ? 1.0f : 2.0f, near_first ? rgb(0xff0000) : rgb(0x0000ff));
    cover(raster, near_first ? 2.0f : 1.0f, near_first ? rgb(0x0000ff) : rgb(0xff0000));
    for (const uint32_t pixel : raster.image(1).pixels) EXPECT_EQ(pixel, kRed);
    EXPECT_EQ(raster.depth_at(3, 3), 1.0f);
  }
}

TEST(RasterTest, DecidesForEachSampleWhereTrianglesCross) {
  Raster raster(8, 8);
  // Depth grows to the right from 0 to 8; the other one lies at 4 everywhere.
  raster.triangle(
      {0, -20, 0, 0, 1}, {30, -20, 30, 0, 1}, {0, 40, 0, 0, 1},
      [](const Slope&, const Slope&) { return [](float, float) { return rgb(0xff0000); }; });
  cover(raster, 4, rgb(0x0000ff));
  const Image image = raster.image(1);
  for (size_t x = 0; x < 8; ++x) EXPECT_EQ(image.pixels[8 * 3 + x], x < 4 ? kRed : kBlue) << x;
}

TEST(RasterTest, LeavesNoGapBetweenNeighbours) {
  Raster raster(16, 16);
  const auto white = [](const Slope&, const Slope&) { return [](float, float) { return kWhite; }; };
  const Corner a{-1, -3, 1, 0, 1}, b{19.3f, -1.7f, 1, 0, 1}, c{17, 18.1f, 1, 0, 1};
  const Corner d{-2.2f, 17.4f, 1, 0, 1};
  raster.triangle(a, b, c, white);
  raster.triangle(a, c, d, white);
  for (const uint32_t pixel : raster.image(1).pixels) EXPECT_EQ(pixel, 0xffffffff);
}

TEST(RasterTest, InterpolatesTheValueAndGivesItsSlope) {
  Raster raster(8, 8);
  raster.triangle({0, 0, 1, 0, 1}, {80, 0, 1, 8, 1}, {0, 80, 1, 16, 1},
                  [](const Slope& value, const Slope&) {
                    EXPECT_NEAR(value.dx, 0.1f, 1e-6f);
                    EXPECT_NEAR(value.dy, 0.2f, 1e-6f);
                    return [](float t, float) { return Color{t, t, t}; };
                  });
  EXPECT_EQ(raster.image(1).pixels[8 * 1 + 2] & 0xff, 140u);  // 0.1 * 2.5 + 0.2 * 1.5 = 0.55
}

TEST(RasterTest, ShapeBehindASurfaceOnlyShinesThrough) {
  for (const bool hidden : {true, false}) {
    Raster raster(8, 8);
    cover(raster, 2, rgb(0x0000ff));
    raster.shape(4, 4, 2, hidden ? 3.0f : 1.0f, 0.5f, [](float, float, Color& color) {
      color = rgb(0xff0000);
      return true;
    });
    EXPECT_EQ(raster.image(1).pixels[8 * 4 + 4], hidden ? 0xff800080 : kRed);
  }
}

TEST(RasterTest, ImageIsTheMeanOfItsSamplesAndTransparentWhereNothingIs) {
  Raster raster(4, 2);
  raster.triangle({0, -9, 1, 0, 1}, {1, -9, 1, 0, 1}, {1, 9, 1, 0, 1},
                  [](const Slope&, const Slope&) { return [](float, float) { return kWhite; }; });
  raster.triangle({0, -9, 1, 0, 1}, {1, 9, 1, 0, 1}, {0, 9, 1, 0, 1},
                  [](const Slope&, const Slope&) { return [](float, float) { return kWhite; }; });
  const Image image = raster.image(2);
  ASSERT_EQ(image.pixels.size(), 2u);
  EXPECT_EQ(image.pixels[0], 0x80808080u);
  EXPECT_EQ(image.pixels[1], 0u);
}

TEST(CameraTest, ShowsAlphaToTheRightAndBetaAwayFromTheViewer) {
  Camera camera(-60, 30);
  camera.place(100, {400, 300});
  const Point origin = camera.project({0, 0, 0});
  EXPECT_EQ(origin, (Point{400, 300}));
  EXPECT_GT(camera.project({1, 0, 0}).x, origin.x);
  EXPECT_LT(camera.depth({1, 0, 0}), camera.depth({0, 1, 0}));
  EXPECT_LT(camera.project({0, 0, 1}).y, origin.y);
  EXPECT_NEAR(camera.project({0, 0, 1}).x, origin.x, 1e-4);
}

TEST(ViridisTest, BeginsAndEndsAsPublished) {
  const auto same = [](Color a, Color b) { return a.r == b.r && a.g == b.g && a.b == b.b; };
  EXPECT_TRUE(same(viridis(0), rgb(0x440154)));
  EXPECT_TRUE(same(viridis(1), rgb(0xfde725)));
  EXPECT_TRUE(same(viridis(-3), viridis(0)));
  EXPECT_TRUE(same(viridis(7), viridis(1)));
}

TEST(ViridisTest, GetsBrighterAllTheWay) {
  for (int k = 0; k < 100; ++k)
    EXPECT_LT(brightness(viridis(static_cast<float>(k) / 100)),
              brightness(viridis(static_cast<float>(k + 1) / 100)));
}

}  // namespace
}  // namespace descent::pictures

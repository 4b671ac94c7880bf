#include <gtest/gtest.h>

#include <descent/pictures/scene/trail_layer.h>

namespace descent::pictures {
namespace {

constexpr Color kRed{1, 0, 0}, kGreen{0, 1, 0};
constexpr float kSameDepth = 0.1f;

/// 16 x 16 samples, the left half covered at depth 2.
Raster half_covered() {
  Raster raster(16, 16);
  const auto blue = [](const Slope&, const Slope&) {
    return [](float, float) { return Color{0, 0, 1}; };
  };
  raster.triangle({8, -40, 2, 0, 1}, {8, 60, 2, 0, 1}, {-90, 8, 2, 0, 1}, blue);
  return raster;
}

TrailLayer::Brush brush(Color color, uint16_t owner) { return {color, kWhite, 1.5f, 2.5f, owner}; }

uint32_t pixel(const TrailLayer& layer, int x, int y) {
  return layer.image(1).pixels[static_cast<size_t>(16 * y + x)];
}

TEST(TrailLayerTest, IsSolidBeforeASurfaceAndFaintBehindIt) {
  const Raster raster = half_covered();
  for (const float depth : {1.0f, 3.0f}) {
    TrailLayer layer(raster, kSameDepth);
    layer.line({0, 8, depth}, {16, 8, depth}, brush(kRed, 0));
    EXPECT_EQ(pixel(layer, 12, 8), 0xffff0000u);  // nothing there that could hide it
    const uint32_t over = pixel(layer, 3, 8);
    if (depth < 2)
      EXPECT_EQ(over, 0xffff0000u);
    else
      EXPECT_EQ(over, 0x50500000u);
    EXPECT_EQ(pixel(layer, 3, 2), 0u);
  }
}

TEST(TrailLayerTest, DoesNotCutALineWhereItsPiecesMeet) {
  const Raster raster(16, 16);
  TrailLayer layer(raster, kSameDepth);
  layer.line({2, 8, 1}, {8, 8, 1}, brush(kRed, 0));
  layer.line({8, 8, 1.01f}, {14, 8, 1.02f}, brush(kRed, 0));
  for (int x = 2; x < 14; ++x) EXPECT_EQ(pixel(layer, x, 8), 0xffff0000u) << x;
  EXPECT_EQ(pixel(layer, 8, 5), 0xffffffffu);  // the border
}

TEST(TrailLayerTest, LaysTheLaterOfTwoLinesOverTheOtherUnlessItIsFarBehind) {
  const Raster raster(16, 16);
  for (const float depth : {1.05f, 2.0f}) {
    TrailLayer layer(raster, kSameDepth);
    layer.line({0, 8, 1}, {16, 8, 1}, brush(kRed, 0));
    layer.line({8, 0, depth}, {8, 16, depth}, brush(kGreen, 1));
    EXPECT_EQ(pixel(layer, 8, 8), depth < 1.5f ? 0xff00ff00u : 0xffff0000u);
    EXPECT_EQ(pixel(layer, 10, 8), depth < 1.5f ? 0xffffffffu : 0xffff0000u);  // its border
  }
}

TEST(TrailLayerTest, TakesMarkersAwayAndKeepsLines) {
  const Raster raster = half_covered();
  TrailLayer layer(raster, kSameDepth);
  layer.line({0, 8, 1}, {16, 8, 1}, brush(kRed, 0));
  const auto before = layer.image(1).pixels;
  const std::vector<Point> square = {{-1, -1}, {1, -1}, {1, 1}, {-1, 1}};
  layer.marker({8, 8, 0.5f}, square, {kGreen, kWhite, 3, 4, 1});
  layer.marker({9, 8, 0.5f}, square, {kRed, kWhite, 3, 4, 2});
  EXPECT_NE(layer.image(1).pixels, before);
  layer.take_markers_away();
  EXPECT_EQ(layer.image(1).pixels, before);
}

}  // namespace
}  // namespace descent::pictures

#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <torch/types.h>

#include "tracks.h"

namespace noise_test {
namespace {

using descent::find_surface;
using descent::Noise;
using descent::Surface;

TEST(Noise, IsTheCoarseTableResizedAsLibTorchDoes) {
  descent::Normal normal(7);
  torch::Tensor knots = torch::empty({1, 1, Noise::kKnots, Noise::kKnots}, torch::kDouble);
  for (int64_t i = 0; i < knots.numel(); ++i) knots.view(-1)[i] = normal();
  const torch::Tensor resized =
      at::upsample_bilinear2d(knots, {Noise::kCells, Noise::kCells}, false)[0][0];
  const Noise noise(7);
  const auto expected = resized.accessor<double, 2>();
  for (int64_t ix = 0; ix < Noise::kCells; ++ix)
    for (int64_t iy = 0; iy < Noise::kCells; ++iy)
      ASSERT_NEAR(noise.coarse(ix, iy), expected[ix][iy], 1e-14) << ix << ' ' << iy;
}

TEST(Noise, GrowsFineTowardsTheCorners) {
  const Noise noise(3);
  // The cells whose left corner lies on an axis have none at all.
  for (int64_t i = 0; i < Noise::kCells; ++i) {
    EXPECT_EQ(noise.fine(100, i), 0);
    EXPECT_EQ(noise.fine(i, 100), 0);
  }
  double square = 0;
  for (int64_t ix = 0; ix < Noise::kCells; ++ix)
    for (int64_t iy = 0; iy < Noise::kCells; ++iy) {
      const double x = -10 + 0.1 * static_cast<double>(ix), y = -10 + 0.1 * static_cast<double>(iy);
      if (ix == 100 || iy == 100) continue;
      const double unit = noise.fine(ix, iy) / (std::abs(x) * std::abs(y) / 100);
      square += unit * unit;
    }
  EXPECT_NEAR(square / (199 * 199), 1, 0.03);
}

TEST(Normal, IsNormalAndTheSameEverywhere) {
  descent::Normal normal(0);
  double sum = 0, square = 0, fourth = 0;
  constexpr int n = 200000;
  for (int i = 0; i < n; ++i) {
    const double z = normal();
    sum += z;
    square += z * z;
    fourth += z * z * z * z;
  }
  EXPECT_NEAR(sum / n, 0, 0.01);
  EXPECT_NEAR(square / n, 1, 0.02);
  EXPECT_NEAR(fourth / n, 3, 0.1);
  // By hand from the stream of std::mt19937_64(5489), which the C++ standard fixes:
  // 14514284786278117030, 4620546740167642908, ...
  descent::Normal known(5489);
  EXPECT_NEAR(known(), 0.789845949117, 1e-11);
  EXPECT_NEAR(known(), -0.687125849028, 1e-11);
}

TEST(Noise, FindsCellsByTruncation) {
  const auto cell = [](double z) { return Noise::cell(z, -10, 10); };
  EXPECT_EQ(cell(-10), 0);
  EXPECT_EQ(cell(-9.95), 0);
  EXPECT_EQ(cell(-9.85), 1);
  EXPECT_EQ(cell(0), 100);
  EXPECT_EQ(cell(9.99), 199);
  EXPECT_EQ(cell(10), 199);
  EXPECT_EQ(cell(-10.05), 0);
  EXPECT_EQ(cell(1e300), 199);
  EXPECT_EQ(cell(-1e300), 0);
  EXPECT_EQ(cell(std::nan("")), 0);
  // Mesh points sit on the edges of cells: rounding moves twelve of them to the cell below.
  int64_t moved = 0;
  for (int64_t k = 0; k < 200; ++k) {
    const int64_t found = cell(-10 + 0.1 * static_cast<double>(k));
    moved += found != k;
    EXPECT_TRUE(found == k || found == k - 1);
  }
  EXPECT_EQ(moved, 12);
}

TEST(Noise, OfScaleZeroIsTheSmoothSurface) {
  const Noise none(1, 0), some(1, 0.5), twice(1, 1);
  for (const Surface& surface : descent::surfaces()) {
    const double smooth = surface.value(surface.start.x, surface.start.y);
    EXPECT_EQ(surface.reported(smooth, &none, surface.start.x, surface.start.y), smooth);
    EXPECT_NEAR(2 * surface.noise_at(some, surface.start.x, surface.start.y),
                surface.noise_at(twice, surface.start.x, surface.start.y), 1e-15);
  }
  const Surface f0 = find_surface("f0");
  EXPECT_EQ(descent::mesh(f0, 200, 200, &none).values, descent::mesh(f0).values);
}

TEST(Noise, IsWeighedAsEachSurfaceSays) {
  const Noise noise(11);
  struct Weights {
    const char* surface;
    double coarse, fine;
  };
  for (const auto& [name, coarse, fine] :
       {Weights{"f0", .04, .01}, Weights{"f1", .01, .01}, Weights{"f2", .01, .01},
        Weights{"f3", .05, .01}, Weights{"f4", .05, .01}, Weights{"f5", .04, .01}})
    EXPECT_EQ(find_surface(name).noise_at(noise, -7.24, 3.31),
              coarse * noise.coarse(27, 133) + fine * noise.fine(27, 133));
}

TEST(Noise, ChangesNoTrajectory) {
  const descent::Family joint = descent::find_family("joint");
  for (const descent::Heat& heat : joint.heats) {
    descent::RaceOptions options = heat.options;
    const auto smooth = descent::race(heat.surface, joint.racers, options);
    for (const auto& [seed, scale] : {std::pair{0, 1.0}, std::pair{1, 1.0}, std::pair{0, 7.0}}) {
      options.noise = Noise(static_cast<uint64_t>(seed), scale);
      const auto noisy = descent::race(heat.surface, joint.racers, options);
      for (size_t i = 0; i < noisy.size(); ++i) {
        const size_t n = smooth[i].drawable();
        ASSERT_EQ(noisy[i].drawable(), n);
        EXPECT_TRUE(std::equal(smooth[i].x.begin(), smooth[i].x.begin() + n, noisy[i].x.begin()));
        EXPECT_TRUE(std::equal(smooth[i].y.begin(), smooth[i].y.begin() + n, noisy[i].y.begin()));
        EXPECT_EQ(smooth[i].gradient_norms, noisy[i].gradient_norms);
        EXPECT_NE(smooth[i].losses, noisy[i].losses);
      }
    }
  }
}

TEST(Noise, DependsOnTheSeedOnly) {
  EXPECT_EQ(Noise(5).fine(3, 4), Noise(5).fine(3, 4));
  EXPECT_NE(Noise(5).fine(3, 4), Noise(6).fine(3, 4));
  EXPECT_EQ(tracks::message([] { Noise(0, -1); }), "Noise: scale = -1, must be finite and >= 0");
}

}  // namespace
}  // namespace noise_test

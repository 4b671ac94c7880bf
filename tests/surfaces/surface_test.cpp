#include <cmath>
#include <random>
#include <stdexcept>

#include <gmock/gmock.h>
#include <torch/types.h>

#include "tracks.h"

namespace surface_test {
namespace {

using descent::Dual;
using descent::find_surface;
using descent::Grid;
using descent::mesh;
using descent::Minimum;
using descent::Scalar;
using descent::Surface;
using tracks::message;

class EverySurface : public testing::TestWithParam<Surface> {};
INSTANTIATE_TEST_SUITE_P(Of, EverySurface, testing::ValuesIn(descent::surfaces()),
                         [](const auto& param) { return param.param.name; });

TEST_P(EverySurface, HasTheGradientOfItsDifferences) {
  const Surface& f = GetParam();
  std::mt19937 bits(1);
  std::uniform_real_distribution<double> x(f.x.lo, f.x.hi), y(f.y.lo, f.y.hi);
  for (int i = 0; i < 200; ++i) {
    const double at_x = x(bits), at_y = y(bits), h = 1e-6;
    const Dual exact = f.gradient(at_x, at_y);
    EXPECT_EQ(exact.value, f.value(at_x, at_y));
    const double scale = 1 + std::abs(exact.value) + std::hypot(exact.dx, exact.dy);
    EXPECT_NEAR(exact.dx, (f.value(at_x + h, at_y) - f.value(at_x - h, at_y)) / (2 * h),
                1e-7 * scale);
    EXPECT_NEAR(exact.dy, (f.value(at_x, at_y + h) - f.value(at_x, at_y - h)) / (2 * h),
                1e-7 * scale);
  }
}

TEST_P(EverySurface, IsFlatAtItsMinimaAndHasTheirValues) {
  const Surface& f = GetParam();
  for (const Minimum& m : f.minima) {
    const Dual there = f.gradient(m.x, m.y);
    EXPECT_NEAR(there.value, m.value, 1e-12);
    EXPECT_NEAR(there.dx, 0, 1e-8);
    EXPECT_NEAR(there.dy, 0, 1e-8);
    EXPECT_TRUE(f.contains(m.x, m.y));
    for (const double dx : {-1e-3, 0.0, 1e-3})
      for (const double dy : {-1e-3, 0.0, 1e-3})
        EXPECT_GE(f.value(m.x + dx, m.y + dy), m.value - 1e-12);
  }
}

TEST_P(EverySurface, IsNowhereLowerThanItsGlobalMinima) {
  const Surface& f = GetParam();
  for (const Minimum& m : f.minima) {
    if (m.global)
      EXPECT_GE(mesh(f, 301, 301).minimum().value, m.value - 1e-12);
    else
      EXPECT_LT(mesh(f).minimum().value, m.value);
  }
}

TEST_P(EverySurface, HasTheSameValuesAsATensor) {
  const Surface& f = GetParam();
  const Grid grid = mesh(f, 23, 17);
  std::vector<double> xs, ys;
  for (int64_t i = 0; i < 17; ++i)
    for (int64_t j = 0; j < 23; ++j) {
      xs.push_back(grid.x.at(j));
      ys.push_back(grid.y.at(i));
    }
  const torch::Tensor values =
      f.value(torch::tensor(xs, torch::kDouble), torch::tensor(ys, torch::kDouble));
  ASSERT_EQ(values.numel(), 23 * 17);
  for (int64_t k = 0; k < values.numel(); ++k) {
    const double value = grid.values[static_cast<size_t>(k)];
    EXPECT_NEAR(values[k].item<double>(), value, 1e-12 * (1 + std::abs(value)));
  }
}

TEST_P(EverySurface, SaysWhatItIs) {
  const Surface& f = GetParam();
  EXPECT_FALSE(f.title.empty());
  EXPECT_FALSE(f.formula.empty());
  EXPECT_FALSE(f.source.empty());
  EXPECT_TRUE(f.contains(f.start.x, f.start.y));
  EXPECT_EQ(find_surface(f.name).title, f.title);
}

TEST(SearchSurfaces, HaveTheMeshOfTheirDefinition) {
  const Surface f1 = find_surface("f1");
  const Grid grid = mesh(f1);
  ASSERT_EQ(grid.values.size(), 40000);
  EXPECT_EQ(grid.x.lo, -10);
  EXPECT_DOUBLE_EQ(grid.x.hi, 9.9);
  for (int64_t i = 0; i < 200; i += 7)
    for (int64_t j = 0; j < 200; j += 11) {
      const auto at = [](int64_t k) { return -10 + 0.1 * static_cast<double>(k); };
      EXPECT_NEAR(grid.x.at(j), at(j), 1e-14);
      EXPECT_EQ(grid.at(i, j), f1.value(at(j), at(i)));
    }
}

TEST(OtherSurfaces, HaveAMeshWithBothEnds) {
  const Surface booth = find_surface("booth");
  const Grid grid = mesh(booth, 5, 3);
  EXPECT_EQ(grid.x, (descent::Axis{-10, 10, 5}));
  EXPECT_EQ(grid.y, (descent::Axis{-10, 10, 3}));
  EXPECT_EQ(grid.at(2, 4), booth.value(10, 10));
  EXPECT_EQ(grid.at(1, 0), booth.value(-10, 0));
}

TEST(Mesh, AddsTheNoiseOfEachPoint) {
  const Surface f4 = find_surface("f4");
  const descent::Noise noise(2);
  const Grid smooth = mesh(f4), noisy = mesh(f4, 200, 200, &noise);
  const double x = -10 + 0.1 * 150, y = -10 + 0.1 * 33;
  EXPECT_EQ(noisy.at(33, 150), smooth.at(33, 150) + f4.noise_at(noise, x, y));
  EXPECT_EQ(noisy.notes.at("noise"), "seed 2, scale 1");
  EXPECT_FALSE(smooth.notes.contains("noise"));
  EXPECT_EQ(message([&] { mesh(f4, 0, 3); }), "mesh: nx = 0, must be >= 1");
}

TEST(Losses, AreReportedClippedOnTheSearchSurfaces) {
  const Surface f0 = find_surface("f0"), booth = find_surface("booth");
  EXPECT_EQ(f0.reported(1e9, nullptr, 0, 0), 999.99999);
  EXPECT_EQ(f0.reported(-1e9, nullptr, 0, 0), -999.99999);
  EXPECT_EQ(f0.reported(INFINITY, nullptr, 0, 0), INFINITY);
  EXPECT_EQ(booth.reported(1e9, nullptr, 0, 0), 1e9);
}

TEST(AFindOfASurface, ForgivesSpellingAndNamesTheNearest) {
  EXPECT_EQ(find_surface("SixHumpCamel").name, "six_hump_camel");
  EXPECT_EQ(message([] { find_surface("rosenbrok"); }),
            "no surface is called rosenbrok, did you mean rosenbrock?");
}

// A user's own.

struct Egg {
  template <class T>
  T operator()(const T& x, const T& y) const {
    return x * x + 2 * y * y;
  }
  descent::SurfaceFacts facts() const { return {.name = "egg", .x = {-2, 2}, .start = {1, 0.5}}; }
};

TEST(AUsersSurface, IsAStruct) {
  const Surface egg = Egg{};
  EXPECT_EQ(egg.name, "egg");
  EXPECT_EQ(egg.title, "egg");
  EXPECT_EQ(egg.gradient(3, 1).dy, 4);
  EXPECT_EQ(descent::race(Egg{}, descent::racer("sgd:lr=0.25")).x[1], 0.5);
}

TEST(AUsersSurface, IsALambda) {
  const Surface bowl("bowl", [](const auto& x, const auto& y) { return x * x + y * y; },
                     {.x = {-2, 2}, .y = {-2, 2}, .start = {1, 1}});
  EXPECT_EQ(bowl.value(3, 4), 25);
  EXPECT_EQ(bowl.gradient(3, 4).dx, 6);
  const Surface copy = bowl;
  EXPECT_EQ(copy.value(torch::full({2}, 3.0), torch::full({2}, 4.0))[1].item<double>(), 25);
}

TEST(AUsersSurface, MayHaveBranchesAndConstants) {
  const Surface kink("kink",
                     [](const Scalar auto& x, const Scalar auto& y) {
                       using T = std::decay_t<decltype(x)>;
                       return x > 0 ? T(x * y) : T(0.5);
                     },
                     {.start = {0.5, 0.5}});
  EXPECT_EQ(kink.gradient(2, 3).dx, 3);
  EXPECT_EQ(kink.gradient(-2, 3).dx, 0);
  const torch::Tensor values = kink.value(torch::tensor({2.0, -2.0}), torch::tensor({3.0, 3.0}));
  EXPECT_EQ(values[0].item<double>(), 6);
  EXPECT_EQ(values[1].item<double>(), 0.5);
}

TEST(AUsersSurface, OfDoublesComesWithItsGradient) {
  const Surface plane(
      "plane", [](double x, double y) { return 2 * x - y; },
      [](double, double) {
        return std::array<double, 2>{2, -1};
      },
      {.start = {0.5, 0.5}});
  EXPECT_EQ(plane.gradient(1, 1).value, 1);
  EXPECT_EQ(plane.gradient(1, 1).dy, -1);
  EXPECT_EQ(plane.value(torch::ones({2, 2}), torch::ones({2, 2})).sum().item<double>(), 4);
}

TEST(AUsersSurface, MayBeChangedWhereItIsDrawnAndStarted) {
  Surface f3 = find_surface("f3");
  f3.start = {-9, -2.5};
  EXPECT_EQ(descent::race(f3, descent::racer("sgd")).y[0], -2.5);
}

TEST(AUsersSurface, IsRefusedWithOneSentence) {
  const auto sum = [](const auto& x, const auto& y) { return x + y; };
  EXPECT_EQ(message([&] { Surface("", sum, {}); }), "Surface: name is empty, must be a word");
  EXPECT_EQ(message([&] {
              Surface("s", sum, {.x = {2, 1}});
            }),
            "Surface s: x.lo = 2, must be below the high end");
  EXPECT_EQ(message([&] {
              Surface("s", sum, {.y = {0, INFINITY}});
            }),
            "Surface s: an end of y = inf, must be finite");
  EXPECT_EQ(message([&] {
              Surface("s", sum, {.start = {NAN, 0}});
            }),
            "Surface s: start.x = nan, must be finite");
}

TEST(AUsersSurface, ThatThrowsSaysWhere) {
  const auto broken = [](const auto& x, const auto&) -> std::decay_t<decltype(x)> {
    throw std::runtime_error("no such file");
  };
  const Surface surface("broken", broken, {});
  EXPECT_EQ(message([&] { surface.value(0.5, 2); }),
            "Surface broken: its function threw at (0.5, 2): no such file");
  EXPECT_EQ(message([&] { mesh(surface, 2, 2); }),
            "Surface broken: its function threw at (-1, -1): no such file");
  const auto odd = [](const auto& x, const auto&) -> std::decay_t<decltype(x)> { throw 7; };
  EXPECT_EQ(message([&] { Surface("odd", odd, {}).gradient(0, 0); }),
            "Surface odd: its function threw at (0, 0): something that is no std::exception");
}

}  // namespace
}  // namespace surface_test

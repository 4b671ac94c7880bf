#include <algorithm>
#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include <descent/base/atomic_file.h>
#include <descent/pictures/draw.h>
#include <descent/pictures/scene/color.h>

#include "pictures.h"

namespace descent {
namespace {

namespace fs = std::filesystem;
using Pixel = pictures::Point;

const PictureOptions kSmall{.width = 600, .height = 300};

TEST(Picture, HasTheSizeThatWasAskedFor) {
  const Pixels pixels(draw_png(bowl(), {.width = 640, .height = 360}));
  EXPECT_EQ(pixels.width, 640);
  EXPECT_EQ(pixels.height, 360);
}

TEST(Picture, HasTheSameBytesOnEveryRun) {
  const PictureOptions options{.width = 600, .height = 300, .title = "t", .caption = "c"};
  EXPECT_EQ(draw_png(bowl(), options), draw_png(bowl(), options));
  EXPECT_NE(draw_png(bowl(), options), draw_png(bowl(0.1), options));
}

TEST(Picture, MarksTheMinimumAtTheSamePlaceOfTheMapAsItsCoordinates) {
  PictureOptions options = kSmall;
  options.lo = 0;  // the same labels at the colour bar, so that the maps have the same place
  options.hi = 5;
  const Pixels left(draw_png(bowl(-0.5, -0.5), options)), right(draw_png(bowl(0.5, -0.5), options));
  const Pixels up(draw_png(bowl(-0.5, 0.5), options)), middle(draw_png(bowl(0, 0), options));
  const Pixel a = left.marker(300, 600), b = right.marker(300, 600);
  const Pixel c = up.marker(300, 600), d = middle.marker(300, 600);
  EXPECT_GT(b.x, a.x + 50);  // alpha to the right
  EXPECT_NEAR(b.y, a.y, 1);
  EXPECT_LT(c.y, a.y - 50);  // beta up
  EXPECT_NEAR(c.x, a.x, 1);
  EXPECT_NEAR(b.x - a.x, a.y - c.y, 1);  // equal spans are equally long
  EXPECT_NEAR(d.x, (a.x + b.x) / 2, 1);
  EXPECT_NEAR(d.y, (a.y + c.y) / 2, 1);
}

TEST(Picture, MarksTheMinimumOnTheSurface) {
  // From 60 degrees above nothing hides it; seen along +y alpha is to the right and beta up.
  PictureOptions options = kSmall;
  options.azimuth_degrees = -90;
  options.elevation_degrees = 60;
  const Pixels left(draw_png(bowl(-0.5, -0.5), options));
  const Pixels right(draw_png(bowl(0.5, -0.5), options));
  const Pixels up(draw_png(bowl(-0.5, 0.5), options));
  const Pixel a = left.marker(0, 300), b = right.marker(0, 300);
  const Pixel c = up.marker(0, 300);
  EXPECT_GT(b.x, a.x + 30);
  EXPECT_NEAR(b.y, a.y, 1);
  EXPECT_LT(c.y, a.y - 30);
  EXPECT_NEAR(c.x, a.x, 1);
}

TEST(Picture, ColoursBothPanelsWhereTheirMarkersAre) {
  // From straight above, so that heights do not move anything; the range keeps the layout.
  const PictureOptions options{.width = 600,
                               .height = 300,
                               .azimuth_degrees = -90,
                               .elevation_degrees = 90,
                               .lo = 0,
                               .hi = 5};
  const auto slope = [](double x, double y) { return 2.5 + x - 1.4 * y; };
  const Pixels pixels(draw_png(table({-1, 1, 21}, {-1, 1, 21}, slope), options));
  for (const auto& [from, to] : {std::pair{0, 300}, std::pair{300, 600}}) {
    const auto brightness_at = [&, from = from, to = to](double x, double y) {
      const Pixel at = Pixels(draw_png(bowl(x, y), options)).marker(from, to);
      float sum = 0;  // of a block, because of contour lines
      for (int dy = -4; dy <= 4; ++dy)
        for (int dx = -4; dx <= 4; ++dx)
          sum += brightness(
              pictures::rgb(pixels.at(static_cast<int>(at.x) + dx, static_cast<int>(at.y) + dy)));
      return sum / 81;
    };
    const float corner = brightness_at(-0.5, -0.5);
    EXPECT_GT(brightness_at(0.5, -0.5), corner + 0.05f);
    EXPECT_LT(brightness_at(-0.5, 0.5), corner - 0.05f);
  }
}

TEST(Picture, MarksTheGivenMinimaThatLieOnIt) {
  PictureOptions options = kSmall;
  options.lo = 0;  // the same labels, so that the maps have the same place
  options.hi = 5;
  const Pixels found(draw_png(bowl(0.5, 0.5), options));
  options.minima = {{0.5, 0.5}};
  EXPECT_EQ(Pixels(draw_png(bowl(), options)).marker(300, 600).x, found.marker(300, 600).x);
  const auto red = [&](const std::vector<KnownMinimum>& minima) {
    options.minima = minima;
    return Pixels(draw_png(bowl(), options)).count(0xff4b33, 300);
  };
  EXPECT_GT(red({{0.5, 0.5}, {-0.5, -0.5}}), red({{0.5, 0.5}}) + 20);
  EXPECT_EQ(red({{0.5, 0.5}, {7, 7}}), red({{0.5, 0.5}}));
  EXPECT_EQ(red({{7, 7}}), 0);
  options.mark_minima = false;
  EXPECT_EQ(red({}), 0);
  EXPECT_EQ(red({{0.5, 0.5}}), 0);
}

TEST(Picture, TurnsDescendingAxesAround) {
  Grid falling = bowl(0.5, -0.3);
  std::swap(falling.x.lo, falling.x.hi);
  for (auto row = falling.values.begin(); row != falling.values.end(); row += 21)
    std::reverse(row, row + 21);
  EXPECT_EQ(draw_png(falling, kSmall), draw_png(bowl(0.5, -0.3), kSmall));
  Grid sinking = bowl(0.5, -0.3);
  std::swap(sinking.y.lo, sinking.y.hi);
  Grid swapped = sinking;
  for (int64_t i = 0; i < 21; ++i)
    for (int64_t j = 0; j < 21; ++j)
      swapped.values[static_cast<size_t>(i * 21 + j)] = sinking.at(20 - i, j);
  EXPECT_EQ(draw_png(swapped, kSmall), draw_png(bowl(0.5, -0.3), kSmall));
}

TEST(Picture, ShowsHolesWithoutColour) {
  Grid grid = bowl();
  for (size_t k = 0; k < grid.values.size() / 2; ++k) grid.values[k] = k % 2 == 0 ? kNaN : kInf;
  const Pixels pixels(draw_png(grid, kSmall));
  int hatched = 0;
  for (const uint32_t pixel : pixels.rgb) hatched += pixel == 0xe4e5e8;
  EXPECT_GT(hatched, 3000);
  int none = 0;
  for (const uint32_t pixel : Pixels(draw_png(bowl(), kSmall)).rgb) none += pixel == 0xe4e5e8;
  EXPECT_LT(none, 100);
}

TEST(Picture, IsDrawnOfAnyFiniteNumbers) {
  const auto same = [](double value) {
    return table({-1, 1, 4}, {-1, 1, 4}, [=](double, double) { return value; });
  };
  const auto scaled = [](double by) {
    return table({-by, by, 9}, {-1, 1, 9}, [=](double x, double y) { return x + y * by; });
  };
  for (const Grid& grid :
       {same(0), same(1e308), same(-5e-324), scaled(1e-30), scaled(1e30), scaled(4e307),
        table({1, 1.0000000001, 3}, {0, 1, 3}, std::multiplies<double>())})
    EXPECT_NO_THROW(draw_png(grid, {.width = 200, .height = 200}));
}

TEST(Picture, OfOneRowOrColumnIsACurve) {
  const auto square = [](double x, double y) { return x * x + y * y; };
  const Pixels row(draw_png(table({-1, 1, 21}, {0, 0, 1}, square), kSmall));
  const Pixels column(draw_png(table({0, 0, 1}, {-1, 1, 21}, square), kSmall));
  EXPECT_NE(row.rgb, column.rgb);  // the names of the axes
  const Pixels other(draw_png(
      table({-1, 1, 21}, {0, 0, 1}, [](double x, double) { return (x - 0.5) * (x - 0.5); }),
      kSmall));
  EXPECT_GT(other.marker(0, 600).x, row.marker(0, 600).x + 50);
  EXPECT_NO_THROW(draw_png(Grid{{0, 0, 1}, {0, 0, 1}, {3}}, kSmall));
}

TEST(Picture, DrawsLogarithmsAndZeroWhereTheLeastPositiveValueIs) {
  PictureOptions options = kSmall;
  options.mark_minima = false;
  const auto drawn = [&](const Grid& grid, bool log) {
    options.log = log;
    return draw_png(grid, options);
  };
  const Grid powers =
      table({-1, 1, 21}, {-1, 1, 21}, [](double x, double y) { return std::pow(10, 3 * x + y); });
  EXPECT_NE(drawn(powers, true), drawn(powers, false));
  Grid with_zero = powers;
  with_zero.values[0] = 0;  // the least of them
  EXPECT_NE(drawn(with_zero, true), drawn(with_zero, false));
  with_zero.values[1] = powers.values[0];
  Grid twice_least = powers;
  twice_least.values[1] = powers.values[0];
  EXPECT_EQ(drawn(with_zero, true), drawn(twice_least, true));
}

TEST(Picture, LooksFromEveryDirection) {
  for (const double azimuth : {-720.0, -90.0, 0.0, 45.0, 180.0})
    for (const double elevation : {0.0, 1.0, 45.0, 90.0})
      EXPECT_NO_THROW(draw_png(bowl(), {.width = 200,
                                        .height = 200,
                                        .azimuth_degrees = azimuth,
                                        .elevation_degrees = elevation,
                                        .contour_map = false}));
}

TEST(Picture, HoldsLongAndForeignTexts) {
  Grid grid = bowl();
  grid.x_name = std::string(300, 'x');
  grid.value_name = "\xff\xce\xb1";
  EXPECT_NO_THROW(
      draw_png(grid, {.width = 300,
                      .height = 200,
                      .title = std::string(500, 'W'),
                      .caption = std::string(200, 'a') + " \n " + std::string(99, 'b')}));
}

TEST_F(PictureFile, IsWrittenWhole) {
  draw(bowl(), folder_ / "bowl.PNG", kSmall);
  EXPECT_EQ(read_file(folder_ / "bowl.PNG"), draw_png(bowl(), kSmall));
}

TEST_F(PictureFile, RefusalsNameTheValueAndWhatIsAllowedAndLeaveNoFile) {
  const auto refused = [&](const Grid& grid, PictureOptions options) {
    return refusal([&] { draw(grid, folder_ / "a.png", options); });
  };
  EXPECT_EQ(refusal([&] { draw(bowl(), "a.jpeg"); }),
            "draw: a.jpeg: extension \".jpeg\", must be .png, .svg, .gif or .html");
  EXPECT_EQ(refused(bowl(), {.width = 100}), "draw: width = 100, must be in [200, 4096]");
  EXPECT_EQ(refused(bowl(), {.height = -7}), "draw: height = -7, must be in [200, 4096]");
  EXPECT_EQ(refused(bowl(), {.width = 5000}), "draw: width = 5000, must be in [200, 4096]");
  EXPECT_EQ(refused(bowl(), {.azimuth_degrees = kNaN}),
            "draw: azimuth_degrees = nan, must be finite");
  EXPECT_NE(refused(bowl(), {.elevation_degrees = 91}).find("must be in [0, 90]"),
            std::string::npos);
  EXPECT_NE(refused(bowl(), {.lo = 2, .hi = 1}).find("must be ascending"), std::string::npos);
  EXPECT_NE(refused(bowl(), {.hi = kInf}).find("hi = inf, must be finite or NaN"),
            std::string::npos);
  EXPECT_NE(refused(bowl(), {.minima = {{kNaN, 0}}}).find("must be finite"), std::string::npos);
  EXPECT_EQ(refused(bowl(), {.step = -2}), "draw: step = -2, must be -1 or more");
  EXPECT_EQ(refused(bowl(), {.lo = 0, .log = true}),
            "draw: lo = 0.000000, must be > 0 where log is true");
  EXPECT_EQ(
      refused(table({0, 1, 2}, {0, 1, 2}, [](double x, double) { return -x; }), {.log = true}),
      "draw: a value = -1.000000, must be at least 0 where log is true");
  EXPECT_EQ(refused(table({0, 1, 2}, {0, 1, 2}, [](double, double) { return 0; }), {.log = true}),
            "draw: no value, must be above 0 where log is true");
  EXPECT_EQ(refused(Grid{{0, 1, 0}, {0, 1, 2}}, {}), "draw: x axis: n = 0, must be >= 1");
  EXPECT_EQ(refused(Grid{{3, 3, 2}, {0, 1, 1}, {1, 2}}, {}),
            "draw: x.hi = 3.000000, must be other than lo where n = 2");
  EXPECT_EQ(refused(Grid{{0, 1, 1}, {2, 2, 2}, {1, 2}}, {}),
            "draw: y.hi = 2.000000, must be other than lo where n = 2");
  EXPECT_EQ(refused(Grid{{0, 1, 2}, {0, 1, 2}, {1, 2, 3}}, {}),
            "draw: values.size() = 3, must be y.n * x.n = 2 * 2");
  EXPECT_EQ(refused(Grid{{0, 1, 2}, {0, 1, 1}, {kNaN, kInf}}, {}),
            "draw: none of the 2 values is finite");
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(PictureFile, UnwritablePathLeavesNoFile) {
  EXPECT_THROW(draw(bowl(), folder_ / "missing" / "a.png", kSmall), std::runtime_error);
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace descent

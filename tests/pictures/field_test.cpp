#include <cmath>
#include <fstream>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <descent/pictures/scene/contours.h>
#include <descent/pictures/scene/field.h>
#include <descent/pictures/scene/value_scale.h>

namespace descent::pictures {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(ValueScaleTest, IsTheRangeOfTheFiniteValues) {
  const ValueScale scale({kNaN, 3, -1, kInf, 1}, kNaN, kNaN);
  EXPECT_EQ(scale.lo(), -1);
  EXPECT_EQ(scale.hi(), 3);
  EXPECT_FLOAT_EQ(scale.at(1), 0.5f);
  EXPECT_TRUE(std::isnan(scale.at(kNaN)));
  EXPECT_TRUE(std::isnan(scale.at(-kInf)));
  EXPECT_FALSE(scale.cuts_low());
  EXPECT_FALSE(scale.cuts_high());
}

TEST(ValueScaleTest, EndsBeforeFarOutliers) {
  std::vector<double> values;
  for (int k = 0; k <= 1000; ++k) values.push_back(k * 0.001);
  values[500] = 1e9;
  const ValueScale high(values, kNaN, kNaN);
  EXPECT_TRUE(high.cuts_high());
  EXPECT_FALSE(high.cuts_low());
  EXPECT_LT(high.hi(), 1.01);
  EXPECT_EQ(high.at(1e9), 1);
  values[500] = 2;  // not far
  EXPECT_EQ(ValueScale(values, kNaN, kNaN).hi(), 2);
}

TEST(ValueScaleTest, TakesTheGivenEnds) {
  const ValueScale scale({0, 10}, 2, 4);
  EXPECT_EQ(scale.at(0), 0);
  EXPECT_EQ(scale.at(3), 0.5f);
  EXPECT_EQ(scale.at(10), 1);
  EXPECT_TRUE(scale.cuts_low() && scale.cuts_high());
}

TEST(ValueScaleTest, PutsEqualValuesInTheMiddle) {
  for (const double value : {0.0, 3.25, -1e-300, 1e308, -1.7976931348623157e308, 5e-324}) {
    const ValueScale scale({value, value}, kNaN, kNaN);
    EXPECT_LE(scale.lo(), value);
    EXPECT_GE(scale.hi(), value);
    EXPECT_LT(scale.lo(), scale.hi());
    EXPECT_GE(scale.at(value), 0) << value;
    EXPECT_LE(scale.at(value), 1) << value;
  }
  EXPECT_EQ(ValueScale({2, 2}, kNaN, kNaN).at(2), 0.5f);
}

TEST(ValueScaleTest, ShowsWhatThePageShows) {
  const auto golden = nlohmann::json::parse(std::ifstream(GOLDEN_RANGES));
  const auto number = [](const nlohmann::json& x) { return x.is_null() ? kNaN : x.get<double>(); };
  ASSERT_GE(golden.at("cases").size(), 18u);
  for (const auto& one : golden.at("cases")) {
    std::vector<double> values;
    for (const auto& value : one.at("values")) values.push_back(number(value));
    const bool log = one.at("log");
    const auto end = [&](const char* name) {
      return log ? std::log10(number(one.at(name))) : number(one.at(name));
    };
    const ValueScale scale(log ? exponents(values) : values, end("lo"), end("hi"));
    const auto shown = [&](double at) { return log ? std::pow(10, at) : at; };
    const double lo = one.at("expected").at("lo"), hi = one.at("expected").at("hi");
    EXPECT_NEAR(shown(scale.lo()), lo, 1e-12 * (hi - lo)) << one.at("name");
    EXPECT_NEAR(shown(scale.hi()), hi, 1e-12 * (hi - lo)) << one.at("name");
  }
}

TEST(ValueScaleTest, HoldsTheWholeRangeOfDoubles) {
  const double most = std::numeric_limits<double>::max();
  const ValueScale scale({-most, most}, kNaN, kNaN);
  EXPECT_EQ(scale.at(-most), 0);
  EXPECT_EQ(scale.at(0), 0.5f);
  EXPECT_EQ(scale.at(most), 1);
}

Field field(int columns, int rows, std::vector<float> t) { return {columns, rows, std::move(t)}; }

TEST(FieldTest, RefinedKeepsTheGivenPointsAndHoles) {
  const Field coarse = field(3, 2, {0, 1, std::nanf(""), 2, 3, 4});
  const Field fine = refined(coarse, 9);
  ASSERT_EQ(fine.columns, 9);
  ASSERT_EQ(fine.rows, 9);
  EXPECT_EQ(fine.at(0, 0), 0);
  EXPECT_EQ(fine.at(0, 4), 1);  // on the border of the hole
  EXPECT_EQ(fine.at(8, 8), 4);
  EXPECT_EQ(fine.at(4, 2), 1.5f);
  EXPECT_TRUE(std::isnan(fine.at(4, 6)));
}

TEST(FieldTest, ThinnedOutKeepsTheCorners) {
  Grid grid{{0, 1, 11}, {0, 1, 7}, {}};
  for (int k = 0; k < 77; ++k) grid.values.push_back(k);
  const Field thin = field_of(grid, ValueScale(grid.values, kNaN, kNaN), 4);
  EXPECT_EQ(thin.columns, 4);
  EXPECT_EQ(thin.rows, 4);
  EXPECT_EQ(thin.at(0, 0), 0);
  EXPECT_EQ(thin.at(3, 3), 1);
}

TEST(ContoursTest, FollowAStraightLine) {
  const auto lines = contours(field(3, 3, {0, .5f, 1, 0, .5f, 1, 0, .5f, 1}), 0.25f);
  ASSERT_EQ(lines.size(), 1u);
  ASSERT_EQ(lines[0].size(), 3u);
  for (const Point& p : lines[0]) EXPECT_DOUBLE_EQ(p.x, 0.25);
  EXPECT_EQ(std::fabs(lines[0].front().y - lines[0].back().y), 1);
}

TEST(ContoursTest, CloseAroundAPeak) {
  const auto lines = contours(field(3, 3, {0, 0, 0, 0, 1, 0, 0, 0, 0}), 0.5f);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].size(), 5u);
  EXPECT_EQ(lines[0].front(), lines[0].back());
}

TEST(ContoursTest, PartASaddleByItsMiddle) {
  // Corners 0 and 2 high. With a high middle the lines cut off the low corners.
  for (const float high : {1.0f, 0.6f}) {
    const auto lines = contours(field(2, 2, {high, 0, 0, high}), 0.4f);
    ASSERT_EQ(lines.size(), 2u);
    for (const auto& line : lines) {
      const Point middle = (line[0] + line[1]) * 0.5;
      EXPECT_EQ((middle.x < 0.5) != (middle.y < 0.5), high == 1.0f);
    }
  }
}

TEST(ContoursTest, EndAtHoles) {
  const float nan = std::nanf("");
  const auto lines = contours(field(3, 3, {0, 0, 0, nan, 1, 1, 1, 1, 1}), 0.5f);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].size(), 2u);
}

}  // namespace
}  // namespace descent::pictures

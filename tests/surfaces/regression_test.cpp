#include <cmath>

#include <gmock/gmock.h>
#include <torch/types.h>

#include "tracks.h"

namespace regression_test {
namespace {

using descent::LineData;
using descent::Surface;
using descent::functions::Mae;
using descent::functions::Mse;
using descent::functions::Rmse;

const LineData kData{{0, 1, 2}, {1, 2, 5}};

TEST(Regression, AveragesTheErrorsOfTheLine) {
  // e = (1, 2, 5) - 0.5 - 1.5 (0, 1, 2) = (0.5, 0, 1.5)
  EXPECT_DOUBLE_EQ(Surface(Mse(kData)).value(0.5, 1.5), 2.5 / 3);
  EXPECT_DOUBLE_EQ(Surface(Rmse(kData)).value(0.5, 1.5), std::sqrt(2.5 / 3));
  EXPECT_DOUBLE_EQ(Surface(Mae(kData)).value(0.5, 1.5), 2.0 / 3);
}

TEST(Regression, HasTheGradientsOfTheDefinitions) {
  // sum e = 2, sum e x = 3; sign(e) = (1, 0, 1): sum 2, sum sign(e) x = 2
  const auto mse = Surface(Mse(kData)).gradient(0.5, 1.5);
  EXPECT_DOUBLE_EQ(mse.dx, -2.0 / 3 * 2);
  EXPECT_DOUBLE_EQ(mse.dy, -2.0 / 3 * 3);
  const auto rmse = Surface(Rmse(kData)).gradient(0.5, 1.5);
  EXPECT_DOUBLE_EQ(rmse.dx, mse.dx / (2 * rmse.value));
  EXPECT_DOUBLE_EQ(rmse.dy, mse.dy / (2 * rmse.value));
  const auto mae = Surface(Mae(kData)).gradient(0.5, 1.5);
  EXPECT_DOUBLE_EQ(mae.dx, -2.0 / 3);
  EXPECT_DOUBLE_EQ(mae.dy, -2.0 / 3);
}

TEST(Regression, IsFlatOnALineWithoutErrors) {
  const LineData exact{{0, 1, 2}, {1, 3, 5}};
  for (const Surface& surface : {Surface(Mse(exact)), Surface(Rmse(exact)), Surface(Mae(exact))}) {
    const descent::Dual loss = surface.gradient(1, 2);
    EXPECT_EQ(loss.value, 0);
    EXPECT_EQ(loss.dx, 0);
    EXPECT_EQ(loss.dy, 0);
  }
}

TEST(Regression, FindsTheLineOfLeastSquares) {
  const descent::Point best = descent::least_squares(kData);
  EXPECT_NEAR(best.x, 2.0 / 3, 1e-15);
  EXPECT_NEAR(best.y, 2, 1e-15);
  const Surface mse = Mse(descent::sample_line());
  ASSERT_EQ(mse.minima.size(), 1);
  const descent::Dual at_best = mse.gradient(mse.minima[0].x, mse.minima[0].y);
  EXPECT_NEAR(at_best.dx, 0, 1e-14);
  EXPECT_NEAR(at_best.dy, 0, 1e-14);
}

TEST(Regression, RefusesDataThatMakeNoLine) {
  const auto refusal = [](LineData data) {
    return tracks::message([&] { Mse surface(std::move(data)); });
  };
  EXPECT_EQ(refusal({}), "LineData: x is empty, must hold a point");
  EXPECT_EQ(refusal({{1, 2}, {1}}), "LineData: y has 1 numbers, must have 2 as x has");
  EXPECT_EQ(refusal({{1, 2}, {1, std::nan("")}}), "LineData: y[1] = nan, must be finite");
  EXPECT_EQ(tracks::message([] {
              descent::least_squares({{2, 2}, {0, 1}});
            }),
            "least_squares: all x are 2, must differ for one line to be best");
}

TEST(Regression, OfEqualXHasNoKnownMinimumButCanBeRaced) {
  const Surface mse = Mse({{2, 2}, {0, 1}});
  EXPECT_TRUE(mse.minima.empty());
  EXPECT_LT(descent::race(mse, descent::racer("sgd:lr=0.1")).smooth_losses.back(), 0.26);
}

}  // namespace
}  // namespace regression_test

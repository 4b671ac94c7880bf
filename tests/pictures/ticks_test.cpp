#include <cmath>

#include <gmock/gmock.h>

#include <descent/pictures/scene/ticks.h>

namespace descent::pictures {
namespace {

using testing::ElementsAre;

const std::string kMinus = "\xe2\x88\x92";

std::vector<std::string> labels(const Ticks& ticks) {
  std::vector<std::string> result;
  for (const Tick& tick : ticks.ticks) result.push_back(tick.label);
  return result;
}

TEST(Ticks, AreRoundNumbersInsideTheRange) {
  EXPECT_THAT(labels(nice_ticks(-5, 5, 6)), ElementsAre(kMinus + "4", kMinus + "2", "0", "2", "4"));
  EXPECT_THAT(labels(nice_ticks(0, 1, 5)), ElementsAre("0", "0.2", "0.4", "0.6", "0.8", "1.0"));
  EXPECT_THAT(labels(nice_ticks(0.3, 99, 5)), ElementsAre("20", "40", "60", "80"));
}

TEST(Ticks, AreExactDecimalNumbers) {
  for (const Tick& tick : nice_ticks(0, 0.7, 7).ticks) {
    const std::string digits = tick.label;
    EXPECT_EQ(tick.at, std::stod(digits)) << digits;
  }
}

TEST(Ticks, NeverLeaveTheRangeNorExceedTheirNumber) {
  for (const double lo : {-1e30, -7.3, -1e-30, 0.0, 1e-12, 3.3, 99.9, 1e300})
    for (const double span : {1e-30, 1e-3, 0.9, 1.0, 2.0, 5.0, 9.99, 1e4, 1e300})
      for (const int most : {2, 5, 8}) {
        const double hi = lo + span;
        const Ticks ticks = nice_ticks(lo, hi, most);
        EXPECT_LE(ticks.ticks.size(), static_cast<size_t>(most) + 1) << lo << " " << hi;
        for (const Tick& tick : ticks.ticks) {
          EXPECT_GE(tick.at, lo);
          EXPECT_LE(tick.at, hi);
        }
      }
}

TEST(Ticks, OfLargeAndSmallNumbersAreShort) {
  EXPECT_THAT(labels(nice_ticks(0, 1e30, 2)), ElementsAre("0", "5e29", "1e30"));
  EXPECT_THAT(labels(nice_ticks(0, 2e-30, 2)),
              ElementsAre("0", "1e" + kMinus + "30", "2e" + kMinus + "30"));
}

TEST(Ticks, TakeOutWhatLongLabelsShare) {
  const Ticks ticks = nice_ticks(12345678.001, 12345678.003, 3);
  EXPECT_EQ(ticks.offset, "12345678");
  EXPECT_THAT(labels(ticks), ElementsAre("0.001", "0.002", "0.003"));
  EXPECT_EQ(axis_title("loss", ticks), "loss " + kMinus + " 12345678");
}

TEST(Ticks, OfASinglePointAreThatPoint) {
  EXPECT_THAT(labels(nice_ticks(2.5, 2.5, 5)), ElementsAre("2.5"));
}

TEST(Ticks, OfTheWholeRangeOfDoublesExist) {
  EXPECT_THAT(labels(nice_ticks(-1.7e308, 1.7e308, 4)),
              ElementsAre(kMinus + "1e308", "0", "1e308"));
}

TEST(LogTicks, ArePowersOfTenOrTheirMultiplesWhereThereAreFew) {
  EXPECT_THAT(labels(log_ticks(-2.2, 1.1, 5)),
              ElementsAre("10\xe2\x81\xbb\xc2\xb2", "10\xe2\x81\xbb\xc2\xb9", "10\xe2\x81\xb0",
                          "10\xc2\xb9"));
  EXPECT_THAT(labels(log_ticks(0.2, 1.31, 5)), ElementsAre("2", "5", "10", "20"));
  EXPECT_THAT(labels(log_ticks(0.5, 0.6, 4)), ElementsAre("3.2", "3.4", "3.6", "3.8"));
  for (const Tick& tick : log_ticks(-300, 12, 6).ticks) EXPECT_EQ(tick.at, std::round(tick.at));
}

TEST(LogTicks, AreTheLeastAndTheGreatestPowerWhereThereIsRoomForTwo) {
  // Rates of a population, in a panel of a few lines: multiples of three are one power alone.
  EXPECT_THAT(labels(log_ticks(-5.1, -0.4, 2)),
              ElementsAre("10\xe2\x81\xbb\xe2\x81\xb5", "10\xe2\x81\xbb\xc2\xb9"));
}

TEST(LogTicks, AreAtLeastTwoAndFitIntoTheRange) {
  for (double lo = -12.07; lo < 12; lo += 0.61)
    for (const double span : {1e-6, 0.003, 0.1, 0.29, 0.7, 1.0, 1.4, 1.99, 2.3, 4.7, 9.0, 40.0})
      for (const int most : {2, 3, 5, 7, 10}) {
        const double hi = lo + span;
        const Ticks ticks = log_ticks(lo, hi, most);
        SCOPED_TRACE(testing::Message() << lo << " " << hi << " " << most);
        ASSERT_GE(ticks.ticks.size(), 2u);
        EXPECT_LE(ticks.ticks.size(), static_cast<size_t>(most) + 1);
        for (size_t k = 0; k < ticks.ticks.size(); ++k) {
          EXPECT_GE(ticks.ticks[k].at, lo - 1e-8);
          EXPECT_LE(ticks.ticks[k].at, hi + 1e-8);
          if (k == 0) continue;
          EXPECT_LT(ticks.ticks[k - 1].at, ticks.ticks[k].at);
          EXPECT_NE(ticks.ticks[k - 1].label, ticks.ticks[k].label);
        }
      }
  EXPECT_THAT(labels(log_ticks(-2, -2, 5)), ElementsAre("0.01"));
}

TEST(Losses, HaveFiveDecimalsAndAreClipped) {
  EXPECT_EQ(loss_number(0.123456), "0.12346");
  EXPECT_EQ(loss_number(-1e-9), "0.00000");
  EXPECT_EQ(loss_number(1e30), "999.99999");
  EXPECT_EQ(loss_number(-1e30), kMinus + "999.99999");
}

TEST(Numbers, HaveFourDigitsOrAsManyAsTheyShare) {
  EXPECT_EQ(short_number(-4.60517), kMinus + "4.605");
  EXPECT_EQ(short_number(1e-30), "1e" + kMinus + "30");
  EXPECT_EQ(short_number(12345.678, 0.01), "12345.678");
  EXPECT_EQ(short_number(0), "0");
}

TEST(Coordinates, AreRoundedToWhatThePictureShows) {
  EXPECT_EQ(coordinate(0.959596, 10), "0.96");
  EXPECT_EQ(coordinate(-1e-17, 2), "0");
  EXPECT_EQ(coordinate(1000.00105, 1e-4), "1000.00105");
  EXPECT_EQ(coordinate(-2.04e28, 2e30), kMinus + "2e28");
}

TEST(ContourLevels, HitEveryTickAndDivideTheStepsEvenly) {
  const double lo = -4.3, hi = 4.2;
  const Ticks ticks = nice_ticks(lo, hi, 7);
  const auto levels = contour_levels(ticks, lo, hi);
  size_t majors = 0;
  for (size_t k = 0; k < levels.size(); ++k) {
    EXPECT_NEAR(levels[k].t, (levels[k].value - lo) / (hi - lo), 1e-6);
    if (k > 0) {
      EXPECT_NEAR(levels[k].value - levels[k - 1].value, levels[1].value - levels[0].value, 1e-12);
    }
    majors += levels[k].major;
  }
  EXPECT_EQ(majors, ticks.ticks.size());
  EXPECT_GE(levels.size(), 6u);
  EXPECT_LE(levels.size(), 24u);
}

}  // namespace
}  // namespace descent::pictures

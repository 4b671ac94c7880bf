#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include <descent/pictures/parts/legend.h>
#include <descent/pictures/parts/racers.h>
#include <descent/pictures/scene/way.h>

#include "pictures.h"

namespace descent::pictures {
namespace {

double sum(double x, double y) { return x + y; }

TEST(RacerStyles, DifferInColourAndInMarkerAndRepeatWithDashes) {
  std::set<uint32_t> colors;
  for (size_t k = 0; k < 18; ++k) {
    colors.insert(packed(racer_style(k).color));
    EXPECT_FALSE(racer_style(k).dashed);
    EXPECT_NE(racer_style(k).outline, racer_style(k + 1).outline);
  }
  EXPECT_EQ(colors.size(), 18u);
  EXPECT_TRUE(racer_style(18).dashed);
  for (size_t a = 0; a < 60; ++a)
    for (size_t b = 0; b < a; ++b)
      EXPECT_FALSE(packed(racer_style(a).color) == packed(racer_style(b).color) &&
                   racer_style(a).outline == racer_style(b).outline)
          << a << " " << b;
}

TEST(RacerStyles, StandOutFromTheirBorder) {
  for (size_t k = 0; k < 18; ++k)
    EXPECT_GT(std::fabs(brightness(racer_style(k).color) - brightness(racer_style(k).border)),
              0.25f);
}

TEST(Ways, AreCutAtTheAxes) {
  const Axis x{-1, 1, 5}, y{0, 2, 5};
  const auto whole = inside({{0, 1}, {0.5, 1.5}}, x, y);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->from, 0);
  EXPECT_EQ(whole->to, 1);
  const auto through = inside({{-3, 1}, {5, 1}}, x, y);
  ASSERT_TRUE(through);
  EXPECT_DOUBLE_EQ(through->from, 0.25);
  EXPECT_DOUBLE_EQ(through->to, 0.5);
  EXPECT_FALSE(inside({{-3, 1}, {-2, 1}}, x, y));
  EXPECT_FALSE(inside({{-3, 0}, {0, 5}}, x, y));  // past a corner
  EXPECT_FALSE(inside({{2, 2}, {2, 2}}, x, y));
  EXPECT_TRUE(inside({{1, 2}, {1, 2}}, x, y));
  const auto far = inside({{0, 1}, {1.7e308, 1}}, x, y);
  ASSERT_TRUE(far);
  EXPECT_NEAR(Way({{0, 1}, {1.7e308, 1}}).at(far->to).x, 1, 1e-9);
}

TEST(Racers, AreFlaggedFromTheStepAtWhichTheyLeaveOrDiverge) {
  Track leaves = track("leaves", {{0, 0}, {1, 0}, {3, 0}, {0.5, 0}}, sum);
  Track diverges = track("diverges", {{0, 0}, {9, 0}, {kInf, 0}}, sum);
  diverges.diverged = true;
  diverges.stopped = "diverged at step 2";
  Track stops = track("stops", {{0, 0}, {0, 1}}, sum);
  stops.stopped = "the loss is below 1e-9";
  const std::vector<Track> tracks = {leaves, diverges, stops};
  const Axis x{-2, 2, 41}, y{-2, 2, 41};
  const auto racers = racers_of(tracks, &x, &y);
  EXPECT_EQ(steps_of(racers), 3);
  EXPECT_EQ(racers[0].note(1), "");
  EXPECT_EQ(racers[0].note(2), "left at step 2");
  EXPECT_EQ(racers[0].note(3), "left at step 2");
  EXPECT_FALSE(racers[0].gone(1));
  EXPECT_TRUE(racers[0].gone(3));
  EXPECT_EQ(racers[1].note(0), "");
  EXPECT_EQ(racers[1].note(1), "left at step 1");
  EXPECT_EQ(racers[1].note(2), "left at 1, diverged at 2");
  EXPECT_EQ(racers_of(tracks)[1].note(2), "diverged at step 2");
  EXPECT_EQ(racers[2].note(0), "");
  EXPECT_EQ(racers[2].note(1), "the loss is below 1e-9");
  EXPECT_EQ(racers[1].loss(9), "9.00000");  // the last number
}

TEST(Racers, HaveNotLeftWithinACellOfTheAxes) {
  // Where the mesh of an open domain ends a cell early, a start may lie at the domain's border.
  const Axis x{-2, 2, 41}, y{-2, 2, 41};
  const auto left_at = [&](const Point& at) {
    const std::vector<Track> tracks = {track("a", {at, {0, 0}}, sum)};
    return racers_of(tracks, &x, &y)[0].left_at;
  };
  for (const Point& near : {Point{2.1, 0}, {-2.1, 0}, {0, 2.1}, {0, -2.1}, {2.1, -2.1}})
    EXPECT_EQ(left_at(near), -1) << near.x << ' ' << near.y;
  for (const Point& far : {Point{2.11, 0}, {-2.11, 0}, {0, 2.11}, {0, -2.11}, {2.11, -2.1}})
    EXPECT_EQ(left_at(far), 0) << far.x << ' ' << far.y;
}

TEST(Racers, SayLossesFarBelowOneWhereTheyAreLogarithmic) {
  const std::vector<Track> tracks = {
      track("a", {{1, 0}, {2, 0}}, [](double x, double) { return x == 1 ? 3e-9 : 0; })};
  EXPECT_EQ(racers_of(tracks)[0].loss(0), "0.00000");
  const Racer racer = racers_of(tracks, nullptr, nullptr, true)[0];
  EXPECT_EQ(racer.loss(0),
            "3e\xe2\x88\x92"
            "9");
  EXPECT_EQ(racer.loss(1), "0");
}

TEST(Racers, KeepTheirMarkerWhereTheyLeft) {
  const std::vector<Track> tracks = {track("a", {{0, 0}, {1, 0}, {3, 0}, {9, 9}}, sum),
                                     track("b", {{5, 5}, {6, 6}}, sum)};
  const Axis x{-2, 2, 41}, y{-2, 2, 41};
  const auto racers = racers_of(tracks, &x, &y);
  EXPECT_EQ(racers[0].ball(1, x, y)->x, 1);
  EXPECT_EQ(racers[0].ball(2, x, y)->x, 2);
  EXPECT_EQ(racers[0].ball(3, x, y)->x, 2);
  EXPECT_FALSE(racers[1].ball(1, x, y));
}

TEST(Legends, FitIntoTheirRoom) {
  std::vector<Track> tracks;
  for (int k = 0; k < 40; ++k)
    tracks.push_back(track("racer " + std::to_string(k), {{0, 0}, {1e9, 0}}, sum));
  const auto racers = racers_of(tracks);
  for (const double width : {200.0, 432.0, 1566.0})
    for (const double height : {30.0, 100.0, 400.0}) {
      const Legend legend(racers, 1, width, height, 17);
      EXPECT_LE(legend.height(), height);
      EXPECT_GT(legend.height(), 5);
    }
  EXPECT_EQ(Legend({}, 0, 100, 100, 17).height(), 0);
}

}  // namespace
}  // namespace descent::pictures

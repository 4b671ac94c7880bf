// What texts and captions say of optimizers on these surfaces, checked: docs/claims.md lists the
// claims. Where one does not hold, its test is of what happens instead.
#include <cmath>

#include <gmock/gmock.h>

#include "commands/gallery/adagrad_arrows.h"
#include "tracks.h"

namespace claims_test {
namespace {

using namespace tracks;
using testing::ElementsAre;

/// The step at which each of these arrives; -1: it does not.
std::vector<int64_t> arrivals(const Field& field, const std::vector<std::string>& labels) {
  std::vector<int64_t> steps;
  for (const std::string& label : labels) steps.push_back(first_below(field[label], 0.01));
  return steps;
}

// SGD.

TEST(Sgd, ArrivesAtTheStableRatesAndBouncesAt100) {
  const Field f0("sgd", "f0");
  for (const char* label : {"SGD lr 10", "SGD lr 20", "SGD lr 50"})
    EXPECT_GT(first_below(f0[label], 0.01), 0) << label;
  for (const char* label : {"SGD lr 0.1", "SGD lr 1"})
    EXPECT_EQ(first_below(f0[label], 0.01), -1) << label;
  EXPECT_NEAR(f0["SGD lr 0.1"].smooth_losses.back(), 1.09, 0.005);
  EXPECT_NEAR(f0["SGD lr 1"].smooth_losses.back(), 0.028, 0.0005);
  const Track bouncing = way("f0", "sgd:lr=100", 1000);
  for (const double loss : bouncing.smooth_losses) EXPECT_NEAR(loss, 1.62, 1e-9);
  EXPECT_GT(way("f0", "sgd:lr=101", 1000).smooth_losses.back(), 1e15);
}

TEST(Sgd, IsSlowerOnTheEllipse) {
  const Field f0("sgd", "f0"), f5("sgd", "f5");
  EXPECT_THAT(arrivals(f0, {"SGD lr 10", "SGD lr 20", "SGD lr 50"}), ElementsAre(12, 5, 1));
  EXPECT_THAT(arrivals(f5, {"SGD lr 10", "SGD lr 20", "SGD lr 50"}), ElementsAre(24, 12, 4));
  const auto left = [](const Track& track) {
    return track.smooth_losses.back() / track.smooth_losses[0];
  };
  for (const char* label : {"SGD lr 0.1", "SGD lr 1"})
    EXPECT_GT(left(f5[label]), left(f0[label])) << label;
}

// NAG.

TEST(Nag, OvershootsFartherAtLargerRates) {
  const Field f0("nag", "f0");
  EXPECT_GT(lowest(f0["NAG lr 0.1"].x), 0);
  EXPECT_NEAR(lowest(f0["NAG lr 1"].x), -2.06, 0.01);
  EXPECT_NEAR(lowest(f0["NAG lr 10"].x), -3.74, 0.01);
  EXPECT_NEAR(lowest(f0["NAG lr 20"].x), -3.90, 0.01);
  EXPECT_NEAR(lowest(f0["NAG lr 50"].x), -8.1, 0.01);
}

TEST(Nag, ArrivesAtAlmostEveryRate) {
  for (const char* surface : {"f0", "f5"}) {
    const Field field("nag", surface);
    for (const char* label : {"NAG lr 1", "NAG lr 10", "NAG lr 20", "NAG lr 50"})
      EXPECT_GT(first_below(field[label], 0.01), 0) << label;
  }
  EXPECT_NEAR(Field("nag", "f0")["NAG lr 0.1"].smooth_losses.back(), 0.018, 0.0005);
  EXPECT_NEAR(Field("nag", "f5")["NAG lr 0.1"].smooth_losses.back(), 0.096, 0.0005);
}

TEST(Nag, IsSlowerOnTheEllipseAndFasterThanSgdUpToRate20) {
  const Field f0("nag", "f0"), f5("nag", "f5"), sgd("sgd", "f5");
  const std::vector<std::string> labels = {"NAG lr 1", "NAG lr 10", "NAG lr 20", "NAG lr 50"};
  EXPECT_THAT(arrivals(f5, labels), ElementsAre(34, 17, 11, 6));
  EXPECT_THAT(arrivals(f0, labels), ElementsAre(13, 9, 6, 2));
  EXPECT_THAT(arrivals(sgd, {"SGD lr 1", "SGD lr 10", "SGD lr 20", "SGD lr 50"}),
              ElementsAre(-1, 24, 12, 4));
}

// RMSprop.

TEST(Rmsprop, KeepsItsPaceAndOvershootsOnlyAtRate1) {
  for (const char* surface : {"f0", "f5"}) {
    const Field field("rmsprop", surface);
    // How long a step is, by the rate in each direction.
    const auto pace = [&](const char* rate, size_t i) {
      return step_length(field[std::string("RMSprop lr ") + rate], i) /
             (std::stod(rate) * std::sqrt(2));
    };
    for (size_t i = 30; i <= 100; ++i)
      for (const char* rate : {"0.01", "0.025", "0.05"}) EXPECT_NEAR(pace(rate, i), 1, 0.1) << rate;
    EXPECT_NEAR(pace("0.075", 30), 0.93, 0.005);
    EXPECT_NEAR(pace("0.075", 100), 0.75, 0.005);
    for (const char* rate : {"0.01", "0.025", "0.05", "0.075"})
      EXPECT_FALSE(crosses_x0(field[std::string("RMSprop lr ") + rate])) << rate;
    EXPECT_TRUE(crosses_x0(field["RMSprop lr 1"]));
  }
}

TEST(Rmsprop, TakesTheSameWayOnBothBowls) {
  const Field f0("rmsprop", "f0"), f5("rmsprop", "f5");
  for (const char* label :
       {"RMSprop lr 0.01", "RMSprop lr 0.025", "RMSprop lr 0.05", "RMSprop lr 0.075"})
    for (size_t i = 0; i <= 100; ++i) {
      EXPECT_NEAR(f0[label].x[i], f5[label].x[i], 0.001);
      EXPECT_NEAR(f0[label].y[i], f5[label].y[i], 0.001);
    }
}

TEST(Rmsprop, TwitchesAboutTheMinimumAtRate1WhereAdamSettles) {
  const Track& rmsprop = Field("rmsprop", "f5")["RMSprop lr 1"];
  const Field adams("adam", "f5");
  EXPECT_EQ(sign_changes(rmsprop.x, 50), 50);
  EXPECT_EQ(sign_changes(adams["Adam lr 1"].x, 50), 3);
  EXPECT_GT(step_length(rmsprop, 100), 0.5);
  EXPECT_LT(step_length(adams["Adam lr 1"], 100), 0.01);
}

// AdaGrad.

TEST(FullAdagrad, KeepsTheFirstDirectionAndDampensYOnlyAfterwards) {
  const auto arrows = descent::adagrad_arrows(descent::AdagradForm::Full, {.seed = 32});
  const auto slope = [](const descent::Point& p) { return p.y / p.x; };
  EXPECT_NEAR(slope(arrows[0].v), slope(arrows[0].g), 1e-9);
  for (size_t t = 1; t < arrows.size(); ++t)
    EXPECT_LT(std::abs(slope(arrows[t].v)), slope(arrows[t].g)) << t;
  // Downhill for the norms as a whole, but not step by step.
  const auto norm = [&](size_t t) { return std::hypot(arrows[t].v.x, arrows[t].v.y); };
  EXPECT_NEAR(norm(0), 0.99999, 0.000005);
  for (size_t t = 5; t < arrows.size(); ++t) {
    EXPECT_GT(norm(t), 0.245);
    EXPECT_LT(norm(t), 0.455);
  }
  for (const size_t t : {1, 3, 6}) EXPECT_GT(norm(t), norm(t - 1)) << t;
}

TEST(DiagonalAdagrad, BeginsWithTheDirectionOneOne) {
  const auto first = descent::adagrad_arrows(descent::AdagradForm::Diagonal, {.seed = 53})[0];
  EXPECT_NEAR(first.g.x, 0.42, 0.005);
  EXPECT_NEAR(first.g.y, 1.12, 0.005);
  EXPECT_NEAR(first.v.x, 0.99998, 0.000005);
  EXPECT_NEAR(first.v.y, 0.99999, 0.000005);
}

TEST(Adagrad, GoesStraighterThanSgdWithSmallerAndSmallerSteps) {
  // How much farther in x than in y, at the same small rate: 1 would be no bias at all.
  const auto bias = [](const Track& track) {
    return (track.x[0] - track.x.back()) / (track.y[0] - track.y.back());
  };
  const Field adagrad("adagrad", "f5"), sgd("sgd", "f5");
  EXPECT_NEAR(bias(sgd["SGD lr 0.1"]), 2.16, 0.01);
  EXPECT_NEAR(bias(adagrad["AdaGrad lr 0.1"]), 1.29, 0.01);
  EXPECT_NEAR(bias(Field("rmsprop", "f5")["RMSprop lr 0.01"]), 1, 0.001);
  for (const Track& track : adagrad.all()) {
    EXPECT_EQ(sign_changes(track.x), 0) << track.label;
    for (size_t i = 2; i <= 100; ++i)
      EXPECT_LT(step_length(track, i), step_length(track, i - 1)) << track.label << ' ' << i;
  }
}

TEST(Adagrad, StaysBehindOnTheRampWithoutAnyNoise) {
  const Field smooth("adagrad", "f4");
  EXPECT_NEAR(smooth["AdaGrad lr 0.01"].smooth_losses.back(), 1.001, 0.001);
  EXPECT_NEAR(smooth["AdaGrad lr 0.1"].smooth_losses.back(), 0.998, 0.001);
  EXPECT_NEAR(smooth["AdaGrad lr 0.5"].smooth_losses.back(), 0.774, 0.001);
  EXPECT_GT(first_below(smooth["AdaGrad lr 10"], 0.01), 0);
  // And it is slow, not stuck: ten times the steps bring rate 0.5 down.
  EXPECT_LT(Field("adagrad", "f4", 1000)["AdaGrad lr 0.5"].smooth_losses.back(), 0.01);
}

TEST(Noise, IsNotWhatHoldsAnyoneBackOnTheRamp) {
  for (const char* key : {"adagrad", "adam", "lion", "ftrl"}) {
    const descent::Family family = descent::find_family(key);
    const descent::Surface f4 = descent::find_surface("f4");
    const auto smooth = descent::race(f4, family.racers);
    const auto noisy = descent::race(f4, family.racers, {.noise = descent::Noise(1, 5)});
    for (size_t i = 0; i < smooth.size(); ++i) {
      EXPECT_EQ(smooth[i].x, noisy[i].x);
      EXPECT_EQ(smooth[i].y, noisy[i].y);
    }
  }
}

// Adam.

TEST(Adam, IgnoresTheScalesOfTheAxesButNotTheirCorrelation) {
  const Field f5("adam", "f5");
  for (const char* label : {"Adam lr 0.001", "Adam lr 0.01", "Adam lr 0.1", "Adam lr 1"})
    for (size_t i = 0; i <= 100; ++i) EXPECT_NEAR(f5[label].x[i], f5[label].y[i], 1e-3);
  // Matyas' bowl is as elliptic, turned by 45 degrees: there Adam takes a detour.
  const Track adam = way("matyas", "adam:lr=1", 30), sgd = way("matyas", "sgd:lr=1", 30);
  const auto detour = [](const Track& track) {
    return path_length(track, 30) / std::hypot(track.x[30] - track.x[0], track.y[30] - track.y[0]);
  };
  EXPECT_NEAR(detour(adam), 2.28, 0.01);
  EXPECT_NEAR(detour(sgd), 1.26, 0.01);
}

TEST(Adam, IsNotFasterThanRmspropAtTheSameRate) {
  EXPECT_EQ(first_below(Field("adam", "f5")["Adam lr 1"], 0.01), 9);
  EXPECT_EQ(first_below(Field("rmsprop", "f5")["RMSprop lr 1"], 0.01), 6);
  EXPECT_EQ(first_below(Field("joint", "f4")["Adam"], 0.01), 15);
  EXPECT_EQ(first_below(Field("joint", "f4")["RMSprop"], 0.01), 8);
}

TEST(Adam, NeedsARateAboveATenthToArriveInHundredSteps) {
  for (const char* surface : {"f5", "f4"}) {
    const Field field("adam", surface);
    for (const char* label : {"Adam lr 0.001", "Adam lr 0.01", "Adam lr 0.1"})
      EXPECT_EQ(first_below(field[label], 0.01), -1) << label;
    for (const char* label : {"Adam lr 1", "Adam lr 10"})
      EXPECT_GT(first_below(field[label], 0.01), 0) << label;
  }
}

// Lion.

TEST(Lion, DependsMoreOnItsRateThanAdam) {
  const Field lions("lion", "f5");
  for (const Track& track : lions.all()) EXPECT_EQ(track.x, track.y);  // blind to the scales, too
  EXPECT_NEAR(way("f5", "lion:lr=10", 1000).smooth_losses.back(), 1.4, 0.05);
  EXPECT_LT(way("f5", "adam:lr=10,eps=1e-7,eps_mode=hat", 1000).smooth_losses.back(), 1e-45);
}

TEST(Lion, IsAsFastAsAdamAtTheSameRate) {
  for (const char* surface : {"f0", "f5", "f4"}) {
    const Field joint("joint", surface);
    EXPECT_EQ(first_below(joint["Lion"], 0.01), first_below(joint["Adam"], 0.01));
  }
}

TEST(Lion, ReachesTheBottomOfTheRampAtMostRates) {
  const Field f4("lion", "f4");
  for (const char* label : {"Lion lr 0.25", "Lion lr 0.5", "Lion lr 1"})
    EXPECT_GT(first_below(f4[label], 0.01), 0) << label;
  for (const char* label : {"Lion lr 0.01", "Lion lr 0.1"})
    EXPECT_EQ(first_below(f4[label], 0.01), -1) << label;
}

TEST(Lion, EscapesTheLocalMinimumAtLargeRates) {
  const Field f1("lion", "f1");
  for (const char* label : {"Lion lr 0.25", "Lion lr 0.5", "Lion lr 1"})
    EXPECT_LT(f1[label].smooth_losses.back(), -0.4) << label;
  for (const char* label : {"Lion lr 0.01", "Lion lr 0.1"})
    EXPECT_GT(lowest(f1[label].smooth_losses), -0.00075) << label;
}

// LAMB.

TEST(Lamb, ArrivesAtThreeOfFiveRatesAndLeavesLocalMinimaFromRateAHalfOn) {
  const Field f5("lamb", "f5"), f1("lamb", "f1");
  EXPECT_THAT(
      arrivals(f5, {"LAMB lr 0.001", "LAMB lr 0.01", "LAMB lr 0.1", "LAMB lr 0.2", "LAMB lr 0.5"}),
      ElementsAre(-1, -1, 22, 11, 4));
  EXPECT_LT(f1["LAMB lr 0.5"].smooth_losses.back(), -1e30);
  for (const char* rate : {"0.1", "0.2"}) {
    const Track& track = f1[std::string("LAMB lr ") + rate];
    EXPECT_GT(lowest(track.smooth_losses), -0.00075);
    EXPECT_NEAR(track.smooth_losses.back(), -0.00073, 0.00002);
  }
}

TEST(Lamb, OvershootsOnTheRamp) {
  const Field f4("lamb", "f4");
  for (const auto& [label, low] :
       {std::pair{"LAMB lr 0.1", -4.4}, {"LAMB lr 0.2", -5.9}, {"LAMB lr 0.5", -9.2}}) {
    const Track& track = f4[label];
    EXPECT_EQ(track.y[0], 9);
    EXPECT_NEAR(lowest(track.y), low, 0.05);  // past the minimum at 0
    EXPECT_GT(loss_rises(track), 40);
    EXPECT_GT(track.smooth_losses.back(), 0.01);
  }
}

TEST(Lamb, IsFasterThanAdamAtTheSameRate) {
  EXPECT_EQ(first_below(Field("lamb", "f5")["LAMB lr 0.1"], 0.01), 22);
  EXPECT_EQ(first_below(Field("adam", "f5")["Adam lr 0.1"], 0.01), -1);
}

TEST(Lamb, StepsInProportionToTheDistanceFromTheOrigin) {
  const Track& track = Field("lamb", "f5")["LAMB lr 0.1"];
  for (size_t i = 1; i <= 100; ++i)
    EXPECT_NEAR(step_length(track, i), 0.1 * std::hypot(track.x[i - 1], track.y[i - 1]), 1e-12);
}

// FTRL.

TEST(Ftrl, JumpsToTheOriginAtSmallRates) {
  const Field f4("ftrl", "f4");
  EXPECT_EQ(first_below(f4["FTRL lr 10"], 0.01), 4);
  EXPECT_EQ(first_below(f4["FTRL lr 1"], 0.01), 58);
  for (const char* rate : {"0.001", "0.01", "0.1"}) {
    const Track& track = f4[std::string("FTRL lr ") + rate];
    EXPECT_LT(std::hypot(track.x[1], track.y[1]), 0.1);  // from (-7.5, -1): its proximal centre
    EXPECT_GT(track.smooth_losses.back(), 0.3);
    for (size_t i = 2; i <= 100; ++i) EXPECT_GT(track.x[i], track.x[i - 1]);  // slow, not stuck
  }
}

TEST(Ftrl, StaysInTheLocalMinimumAtEveryRate) {
  const Field f1("ftrl", "f1");
  for (const Track& track : f1.all()) {
    EXPECT_GT(lowest(track.smooth_losses), -0.00075) << track.label;
    EXPECT_LT(track.smooth_losses.back(), 0.002) << track.label;
    EXPECT_LT(std::hypot(track.x.back(), track.y.back()), 0.7) << track.label;
    EXPECT_LE(first_below(track, 0.01), 3) << track.label;
  }
  EXPECT_NEAR(f1["FTRL lr 10"].x.back(), -0.077, 0.0005);
  EXPECT_NEAR(f1["FTRL lr 10"].y.back(), -0.668, 0.0005);
}

// Ten together.

TEST(TheJointRaceOnF0, IsWonAtOnceByFtrlWhileNagSwings) {
  const Field field("joint", "f0");
  EXPECT_EQ(first_below(field["FTRL"], 0.01), 1);
  EXPECT_EQ(first_below(field["NAG"], 0.01), 9);
  EXPECT_EQ(sign_changes(field["NAG"].x), 15);
}

TEST(TheJointRaceOnF0, HasItsSteadiestLossesFromSgdAndTheSums) {
  const Field field("joint", "f0");
  for (const char* label : {"SGD", "AdaGrad", "FTRL"}) EXPECT_EQ(loss_rises(field[label]), 0);
  EXPECT_EQ(loss_rises(field["RMSprop"]), 44);
  for (size_t i = 1; i <= 28; ++i)
    EXPECT_LT(field["RMSprop"].smooth_losses[i], field["RMSprop"].smooth_losses[i - 1]);
}

TEST(TheJointRaceOnF5, HasLionOvershootFarthest) {
  const Field field("joint", "f5");
  EXPECT_NEAR(lowest(field["Lion"].x), -4, 1e-12);
  EXPECT_NEAR(lowest(field["NAG"].x), -3.71, 0.01);
  EXPECT_NEAR(lowest(field["Adam"].x), -2.65, 0.01);
  // Back at x >= 0: NAG first, Lion ahead of Adam.
  const auto back = [](const Track& track) {
    const auto past =
        std::find_if(track.x.begin(), track.x.end(), [](double x) { return x < -0.5; });
    return std::find_if(past, track.x.end(), [](double x) { return x > -1e-9; }) - track.x.begin();
  };
  EXPECT_EQ(back(field["NAG"]), 11);
  EXPECT_EQ(back(field["Lion"]), 25);
  EXPECT_EQ(back(field["Adam"]), 29);
}

TEST(TheJointRaceOnF5, HasSgdLast) {
  const Field field("joint", "f5");
  for (const Track& track : field.all()) {
    if (track.label == "SGD") continue;
    EXPECT_LT(first_below(track, 0.01), first_below(field["SGD"], 0.01));
  }
  EXPECT_EQ(first_below(field["FTRL"], 0.01), 1);
}

TEST(TheJointRaceOnF5, NeverEndsForLion) {
  const Track& lion = Field("joint", "f5", 1000)["Lion"];
  for (size_t i = 900; i <= 1000; i += 2) EXPECT_NEAR(lion.smooth_losses[i], 0.01128, 1e-5);
}

TEST(TheJointRaceOnF1, IsEscapedByNagLionAdamAndLamb) {
  const Field field("joint", "f1");
  EXPECT_LE(first_below(field["FTRL"], 0.01), 1);
  for (const char* label : {"NAG", "Adam", "Lion", "LAMB"})
    EXPECT_LT(field[label].smooth_losses.back(), -200) << label;
  EXPECT_LT(field["NAG"].smooth_losses[20], -60);
  for (const char* label : {"Adam", "Lion"}) EXPECT_GT(field[label].smooth_losses[20], 0) << label;
}

TEST(TheJointRaceOnF1, KeepsSgdNadamAndRmspropWithSgdLast) {
  const Field field("joint", "f1");
  for (const char* label : {"SGD", "NAdam", "RMSprop", "FTRL", "Adamax", "AdaGrad"}) {
    EXPECT_GT(lowest(field[label].smooth_losses), -0.00075) << label;
    if (label != std::string("SGD")) {
      EXPECT_LT(first_below(field[label], 0.01), first_below(field["SGD"], 0.01)) << label;
    }
  }
  EXPECT_EQ(first_below(field["SGD"], 0.01), 27);
}

TEST(TheJointRaceOnF2, IsOpenedByRmspropWhichSlowsDown) {
  const Field field("joint", "f2");
  for (const Track& track : field.all()) {
    if (track.label == "RMSprop" || track.label == "LAMB") continue;
    EXPECT_GT(track.smooth_losses[5], field["RMSprop"].smooth_losses[5]) << track.label;
  }
  const std::vector<double>& y = field["RMSprop"].y;
  EXPECT_NEAR(y[1] - y[0], -3.15, 0.01);
  EXPECT_NEAR(y[11] - y[10], -1.67, 0.01);
  EXPECT_LT(field["NAdam"].y[5], -5);
}

TEST(TheJointRaceOnF2, TurnsNagFromXToY) {
  const Field field("joint", "f2");
  const Track& nag = field["NAG"];
  EXPECT_GT(std::abs(nag.x[1] - nag.x[0]), 10 * std::abs(nag.y[1] - nag.y[0]));
  EXPECT_NEAR(nag.smooth_losses[100], -2.8e44, 0.05e44);
  EXPECT_NEAR(field["SGD"].smooth_losses[100], -7.5e16, 0.05e16);
  for (const char* label : {"RMSprop", "AdaGrad", "Adam", "Adamax", "NAdam", "Lion", "FTRL"})
    EXPECT_GT(field[label].smooth_losses[100], -1000) << label;
  EXPECT_NEAR(field["NAdam"].smooth_losses[100], -254, 0.5);
  EXPECT_NEAR(field["Adam"].smooth_losses[100], -237, 0.5);
  EXPECT_LT(std::abs(field["FTRL"].x[5]), 0.5);
  EXPECT_GT(field["FTRL"].y[100], -14);
}

TEST(TheJointRaceOnF3, StartsWithoutNagsBias) {
  const Track nag = Field("joint", "f3")["NAG"];
  EXPECT_LT(nag.smooth_losses[5], 50 * Field("joint", "f2")["NAG"].smooth_losses[5]);
  EXPECT_LT(std::abs(nag.x[1] - nag.x[0]), std::abs(nag.y[1] - nag.y[0]));
}

TEST(TheJointRaceOnF4, IsWonByRmspropAndAdagradWithFtrlLast) {
  const Field field("joint", "f4");
  std::vector<std::pair<int64_t, std::string>> order;
  for (const Track& track : field.all()) {
    const int64_t step = first_below(track, 0.01);
    if (step >= 0) order.emplace_back(step, track.label);
  }
  std::sort(order.begin(), order.end());
  std::vector<std::string> names;
  for (const auto& [step, name] : order) names.push_back(name);
  EXPECT_THAT(names, testing::ElementsAre("RMSprop", "AdaGrad", "Adam", "Lion", "NAG", "NAdam",
                                          "Adamax", "SGD", "FTRL"));
}

TEST(TheJointRaceOnF4, BringsFtrlDownEventually) {
  const Track& ftrl = Field("joint", "f4", 1000)["FTRL"];
  EXPECT_NEAR(ftrl.x.back(), 5 * M_PI / 2, 0.01);
  EXPECT_EQ(loss_rises(ftrl), 0);  // nothing on the smooth ramp holds it up
}

// A regression.

TEST(LambOnARegression, ConvergesAtATenthAndSwingsAtOne) {
  const Field field("regression", "mse");
  const double best = descent::find_surface("mse").minima.at(0).value;
  EXPECT_NEAR(best, 0.070, 0.0005);
  EXPECT_NEAR(field["LAMB lr 0.1"].smooth_losses.back(), 0.073, 0.0005);
  EXPECT_NEAR(field["Adam lr 0.1"].smooth_losses.back(), 0.172, 0.0005);
  EXPECT_NEAR(field["Adam lr 1"].smooth_losses.back(), 0.0701, 0.00005);
  const Track& swinging = field["LAMB lr 1"];
  for (size_t i = 1; i <= 100; ++i)
    EXPECT_NEAR(step_length(swinging, i), std::hypot(swinging.x[i - 1], swinging.y[i - 1]), 1e-12);
  const std::vector<double> last(swinging.smooth_losses.end() - 20, swinging.smooth_losses.end());
  EXPECT_NEAR(lowest(last), 0.8, 0.05);
  EXPECT_NEAR(highest(last), 58, 0.5);
}

TEST(RegressionLosses, HaveOneScaleAfterTheRoot) {
  const auto top = [](const char* name) {
    return highest(descent::mesh(descent::find_surface(name)).values);
  };
  EXPECT_NEAR(top("mse"), 191, 0.5);
  EXPECT_NEAR(top("rmse"), 13.8, 0.05);
  EXPECT_NEAR(top("mae"), 11.8, 0.05);
}

TEST(SgdOnARegression, CrawlsAtSmallRatesAndDivergesAtLarge) {
  EXPECT_GT(way("mse", "sgd:lr=0.001").smooth_losses.back(), 20);
  EXPECT_LT(way("mse", "sgd:lr=0.1").smooth_losses.back(), 0.1);
  EXPECT_TRUE(way("mse", "sgd:lr=1", 1000).diverged);
}

// Beale and the saddle.

/// The way to the first loss below 1e-3 over the distance from the start to Beale's minimum.
double detour(const Track& track) {
  return path_length(track, first_below(track, 1e-3)) / std::hypot(2, 1);
}

TEST(OnBeale, MomentumIsLedOffTheTrackAndLookAheadCorrectsIt) {
  const Field field("beale", "beale");
  EXPECT_NEAR(detour(field["Momentum"]), 4.3, 0.05);
  EXPECT_NEAR(detour(field["Look-ahead NAG"]), 2.7, 0.05);
  EXPECT_EQ(first_below(field["Momentum"], 1e-3), 199);
  EXPECT_EQ(first_below(field["Look-ahead NAG"], 1e-3), 44);
}

TEST(OnBeale, AdaptiveMethodsGoStraighterButNotEquallyFastNorFirst) {
  const Field field("beale", "beale");
  EXPECT_NEAR(detour(field["AdaGrad"]), 2.0, 0.05);
  EXPECT_NEAR(detour(field["AdaDelta"]), 1.5, 0.05);
  EXPECT_NEAR(detour(field["RMSprop"]), 1.7, 0.05);
  EXPECT_EQ(first_below(field["AdaGrad"], 1e-3), 255);
  EXPECT_EQ(first_below(field["AdaDelta"], 1e-3), 99);
  EXPECT_EQ(first_below(field["RMSprop"], 1e-3), 115);
  EXPECT_EQ(first_below(way("beale", "adadelta:lr=5", 1000), 1e-3), -1);
}

TEST(OnTheSaddle, AdaptiveMethodsLeaveFirstAndSgdLast) {
  const Field field("saddle", "saddle");
  for (const char* adaptive : {"AdaGrad", "RMSprop", "AdaDelta"})
    for (const char* other : {"Momentum", "Look-ahead NAG"}) {
      EXPECT_LT(2 * first_below(field[adaptive], -1), first_below(field[other], -1));
      EXPECT_LT(4 * first_below(field[other], -1), first_below(field["SGD"], -1));
    }
}

// Line searches.

TEST(LineSearches, TakeTheGoldenSectionWhereThereAreKinks) {
  const Field smooth("line_search", "booth"), kinked("line_search", "mae");
  EXPECT_LE(first_below(smooth["Secant search"], 0.01), 3);
  EXPECT_LE(first_below(smooth["Golden section"], 0.01), 3);
  EXPECT_EQ(first_below(smooth["SGD"], 0.01), -1);
  EXPECT_EQ(kinked["Secant search"].x.size(), 101);
  for (const char* label : {"Secant search", "Golden section"}) {
    EXPECT_NEAR(kinked[label].smooth_losses.back(), 0.208134, 5e-7) << label;
    EXPECT_EQ(loss_rises(kinked[label]), 0) << label;
  }
}

// Rosenbrock.

TEST(OnRosenbrock, GradientDescentFindsTheValleyAtOnceAndThenCrawls) {
  const Track track = way("rosenbrock", "sgd:lr=0.001", 5000);
  const auto off_valley = [&](size_t i) { return std::abs(track.y[i] - track.x[i] * track.x[i]); };
  EXPECT_LT(off_valley(2), 0.05);
  EXPECT_NEAR(step_length(track, 1) / step_length(track, 22), 130, 5);
  EXPECT_EQ(first_below(track, 0.01), 3925);
}

TEST(OnRosenbrock, MomentumIsTwelveTimesAsFast) {
  EXPECT_EQ(first_below(way("rosenbrock", "sgd:lr=0.001,momentum=0.9", 1000), 0.01), 318);
}

TEST(OnRosenbrock, RatesThatAreTooLargeDivergeOrCycle) {
  EXPECT_TRUE(way("rosenbrock", "sgd:lr=0.01").diverged);
  const Track cycling = way("rosenbrock", "sgd:lr=0.006", 20000);
  EXPECT_FALSE(cycling.diverged);
  EXPECT_EQ(first_below(cycling, 0.1), -1);
  EXPECT_GT(step_length(cycling, 20000), 0.001);
}

TEST(Nesterov, ShortensTheWayOnABowlButDivergesSooner) {
  const Field booth("lookahead", "booth");
  const auto length = [&](const char* label) { return path_length(booth[label], 100); };
  EXPECT_NEAR(length("NAG"), 26, 0.5);
  EXPECT_NEAR(length("Momentum"), 61, 0.5);
  EXPECT_LT(length("Look-ahead NAG"), length("NAG"));
  const std::string rate = "sgd:lr=0.003,momentum=0.9";
  EXPECT_GT(first_below(way("rosenbrock", rate, 300), 1e-3), 0);
  EXPECT_TRUE(way("rosenbrock", rate + ",nesterov=true", 300).diverged);
  EXPECT_TRUE(way("rosenbrock", rate + ",lookahead=true", 300).diverged);
}

}  // namespace
}  // namespace claims_test

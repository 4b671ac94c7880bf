// What is left to the minimum after so many trials: the medians of the specification.
#include <gtest/gtest.h>

#include "functions.h"

namespace {

/// The median regret after 50 trials on Branin, Hartmann-6 and logbowl.
std::vector<double> regrets(const descent::Method& method, uint64_t seeds) {
  std::vector<double> list;
  for (const auto& function : functions::all())
    list.push_back(functions::median_regret(function, method, 50, seeds));
  return list;
}

TEST(TheFunctions, HaveTheMinimaThatAreKnown) {
  const auto all = functions::all();
  for (const auto& [x, y] : {std::pair{-M_PI, 12.275}, {M_PI, 2.275}, {9.42477796, 2.475}})
    EXPECT_NEAR(functions::branin({{"x", x}, {"y", y}}), all[0].minimum, 1e-9);
  EXPECT_NEAR(functions::hartmann_6({{"1", 0.20168952},
                                     {"2", 0.15001069},
                                     {"3", 0.47687398},
                                     {"4", 0.27533243},
                                     {"5", 0.31165162},
                                     {"6", 0.65730054}}),
              all[1].minimum, 1e-9);
}

TEST(RandomSearch, WithZoomIsAsGoodAsMeasured) {
  const auto left = regrets(descent::RandomSearch{}, 200);
  const double measured[] = {0.0085, 0.82, 0.00026};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_LT(left[i], 1.3 * measured[i]) << i;
    EXPECT_GT(left[i], 0.7 * measured[i]) << i;
  }
}

TEST(RandomSearch, OfOneRoundIsWorseThanWithZoom) {
  const auto zoom = regrets(descent::RandomSearch{}, 40);
  const auto plain = regrets(descent::RandomSearch{.rounds = 1}, 40);
  for (size_t i = 0; i < 3; ++i) EXPECT_LT(zoom[i], plain[i]) << i;
}

// Optuna 5.0.0's medians over seeds 0 to 99. Those over its first 20, 0.11 and 0.0035, are those of
// lucky seeds: medians over 20 others are 0.17 to 0.28 and 0.008 to 0.015.
TEST(Tpe, IsAsGoodAsOptunas) {
  const auto left = regrets(descent::Tpe{}, 100);
  const double measured[] = {0.173, 0.33, 0.0099};
  for (size_t i = 0; i < 3; ++i) EXPECT_LT(left[i], 1.5 * measured[i]) << i;
}

TEST(Bayes, ComesNearTheMinimaIn50Trials) {
  const auto all = functions::all();
  EXPECT_LT(functions::median_regret(all[0], descent::Bayes{}, 50, 20), 0.001);
  EXPECT_LT(functions::median_regret(all[1], descent::Bayes{}, 50, 20), 0.05);
  EXPECT_LT(functions::median_regret(all[2], descent::Bayes{}, 50, 10), 1e-4);
}

}  // namespace

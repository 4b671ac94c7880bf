// What is left to the minimum after so many trials: the medians of the specification.
#include <array>

#include <gtest/gtest.h>

#include "functions.h"

namespace {

/// What the specification measured after 20, 30 and 50 trials, by function.
using Rows = std::array<std::array<double, 3>, 3>;

/// The medians of a method on Branin, Hartmann-6 and logbowl.
Rows regrets(const descent::Method& method, uint64_t seeds) {
  Rows rows;
  const auto all = functions::all();
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] = functions::median_regrets(all[i], method, seeds);
  return rows;
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
  const Rows left = regrets(descent::RandomSearch{}, 200);
  const Rows measured{{{0.79, 0.19, 0.0085}, {1.5, 1.05, 0.82}, {0.048, 0.007, 0.00026}}};
  for (size_t i = 0; i < 3; ++i)
    for (size_t after = 0; after < 3; ++after) {
      EXPECT_LT(left[i][after], 1.3 * measured[i][after]) << i << ' ' << after;
      EXPECT_GT(left[i][after], 0.7 * measured[i][after]) << i << ' ' << after;
    }
}

TEST(RandomSearch, OfOneRoundIsAsGoodAsMeasuredAndWorseThanWithZoom) {
  const Rows zoom = regrets(descent::RandomSearch{}, 40);
  const Rows plain = regrets(descent::RandomSearch{.rounds = 1}, 200);
  const Rows measured{{{1.46, 1.06, 0.75}, {2.3, 2.1, 1.55}, {0.26, 0.20, 0.16}}};  // of 20 seeds
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_LT(zoom[i][2], plain[i][2]) << i;
    for (size_t after = 0; after < 3; ++after)
      EXPECT_LT(plain[i][after], 1.3 * measured[i][after]) << i << ' ' << after;
  }
}

// After 50 trials Optuna 5.0.0's medians over seeds 0 to 99. Those over its first 20, 0.11 and 0.0035,
// are those of lucky seeds: medians over 20 others are 0.17 to 0.28 and 0.008 to 0.015.
TEST(Tpe, IsAsGoodAsOptunas) {
  const Rows left = regrets(descent::Tpe{}, 100);
  const Rows measured{{{1.2, 0.28, 0.173}, {1.26, 0.89, 0.33}, {0.13, 0.035, 0.0099}}};
  for (size_t i = 0; i < 3; ++i)
    for (size_t after = 0; after < 3; ++after)
      EXPECT_LT(left[i][after], 1.5 * measured[i][after]) << i << ' ' << after;
}

TEST(Bayes, ComesNearTheMinimaIn50Trials) {
  const auto all = functions::all();
  const auto branin = functions::median_regrets(all[0], descent::Bayes{}, 20);
  const auto hartmann = functions::median_regrets(all[1], descent::Bayes{}, 20);
  const auto bowl = functions::median_regrets(all[2], descent::Bayes{}, 10);
  EXPECT_LT(branin[0], 0.46);
  EXPECT_LT(branin[1], 3 * 0.007);
  EXPECT_LT(branin[2], 0.001);
  EXPECT_LT(hartmann[0], 1.5 * 1.26);
  EXPECT_LT(hartmann[1], 2 * 0.23);
  EXPECT_LT(hartmann[2], 0.05);
  for (const double left : bowl) EXPECT_LT(left, 1e-4);
}

}  // namespace

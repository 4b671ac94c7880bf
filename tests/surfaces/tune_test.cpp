#include <cmath>

#include <gmock/gmock.h>

#include "tracks.h"

namespace tune_test {
namespace {

using descent::Surface;
using descent::tune;
using descent::TuneResult;
using tracks::message;

const Surface kBowl("bowl", [](const auto& x, const auto& y) { return x * x + y * y; },
                    {.x = {-2, 2}, .y = {-2, 2}, .start = {1, 1}});

TEST(Tuning, FindsTheRateThatIsBestOnABowl) {
  // One step multiplies by 1 - 2 lr: the best of all is 0.5.
  const TuneResult found = tune(kBowl, "sgd", {.race = {.steps = 1}});
  EXPECT_NEAR(found.lr, 0.5, 0.05);
  EXPECT_NEAR(found.loss, 2 * std::pow(1 - 2 * found.lr, 2), 1e-12);
  EXPECT_EQ(found.racer.detail, "sgd:lr=" + descent::to_text(found.lr));
  EXPECT_EQ(found.how,
            "of 200 log-uniform tries in [1e-06, 100], seed 0, by the loss after 1 steps");
  EXPECT_EQ(descent::race(kBowl, found.racer, {.steps = 1}).losses.back(), found.loss);
}

TEST(Tuning, IsReproducibleAndDependsOnTheSeed) {
  const Surface rosenbrock = descent::find_surface("rosenbrock");
  const TuneResult first = tune(rosenbrock, "adam:betas=0.8:0.99,lr=3"),
                   again = tune(rosenbrock, first.racer.detail),
                   same = tune(rosenbrock, first.racer);
  EXPECT_EQ(same.lr, first.lr);
  EXPECT_EQ(first.lr, again.lr);
  EXPECT_EQ(first.loss, again.loss);
  EXPECT_THAT(first.racer.detail, testing::HasSubstr("betas=[0.8, 0.99]"));
  EXPECT_NE(tune(rosenbrock, "adam", {.seed = 1}).lr, tune(rosenbrock, "adam").lr);
}

TEST(Tuning, IsBetterThanItsTriesAndMoreTriesAreNotWorse) {
  const Surface beale = descent::find_surface("beale");
  const double few = tune(beale, "rmsprop", {.tries = 20}).loss;
  const double many = tune(beale, "rmsprop", {.tries = 200}).loss;
  EXPECT_LE(many, few);
  for (const char* rate : {"0.001", "0.01", "0.1", "1"})
    EXPECT_LE(many, tracks::way("beale", "rmsprop:lr=" + std::string(rate)).losses.back());
}

TEST(Tuning, PrefersTheFasterOfTwoThatArrive) {
  // Where every rate ends at the same loss on the same way, the first wins.
  const Surface plane("plane", [](const auto& x, const auto& y) { return 0 * x * y; }, {});
  EXPECT_EQ(tune(plane, "sgd", {.tries = 5}).lr, tune(plane, "sgd", {.tries = 1}).lr);
  // In 3000 steps all these rates end at 0, to the last bit; 0.5 was there first.
  const TuneResult found = tune(kBowl, "sgd", {.lo = 0.3, .hi = 0.7, .race = {.steps = 3000}});
  EXPECT_EQ(found.loss, 0);
  EXPECT_NEAR(found.lr, 0.5, 0.05);
}

TEST(Tuning, CountsDivergenceAsWorst) {
  const TuneResult found = tune(descent::find_surface("rosenbrock"), "sgd");
  EXPECT_LT(found.lr, 0.01);
  EXPECT_EQ(message([] {
              tune(descent::find_surface("rosenbrock"), "sgd", {.tries = 3, .lo = 1, .hi = 2});
            }),
            "tune: no lr in [1, 2] leads sgd to a finite loss on rosenbrock");
}

TEST(Tuning, PassesOverRatesThatTheRuleRefuses) {
  const auto found = tune(kBowl, "scion", {.tries = 60, .race = {.steps = 20}});
  EXPECT_LT(found.lr, 1);  // the tries reach 100
}

TEST(Tuning, IsRefusedWithOneSentence) {
  EXPECT_EQ(message([] { tune(kBowl, "sgd", {.tries = 0}); }), "tune: tries = 0, must be >= 1");
  EXPECT_EQ(message([] { tune(kBowl, "sgd", {.lo = 0}); }), "tune: lo = 0, must be finite and > 0");
  EXPECT_EQ(message([] { tune(kBowl, "sgd", {.lo = 1, .hi = 1}); }),
            "tune: hi = 1, must be finite and > lo = 1");
  EXPECT_EQ(message([] { tune(kBowl, "sdg"); }),
            "no optimizer is called sdg, did you mean dog or sgd?");
  const descent::Racer foreign = descent::racer("my own", descent::racer("sgd").make);
  EXPECT_EQ(message([&] { tune(kBowl, foreign); }),
            "tune: my own, must be one of this library's optimizers");
}

}  // namespace
}  // namespace tune_test

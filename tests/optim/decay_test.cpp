// The base options of decay, on every rule: which take them, what they do, and which refuse.
#include <cmath>

#include <gmock/gmock.h>
#include <torch/types.h>

#include "checks.h"

namespace decay_test {
namespace {

using namespace checks;
using descent::DecayScale;
using testing::HasSubstr;

class Decay : public testing::TestWithParam<const RuleTable*> {
 protected:
  const RuleTable& rule() const { return *GetParam(); }

  /// Options with which the rule takes the base options of decay, if there are any.
  std::optional<OptionValues> decaying() const {
    OptionValues options{{"lr", 0.01}};
    if (has_option(rule(), "weight_decay")) options.push_back({"weight_decay", 0.3});
    if (has_option(rule(), "decay_mode")) options.push_back({"decay_mode", "decoupled"});
    if (has_option(rule(), "decay_place")) options.push_back({"decay_place", "decoupled"});
    const auto made = options_of(rule(), options);
    if (!rule().takes_decay(made.get())) return {};
    return options;
  }

  /// Everything after so many steps; the gradients are noise.
  std::vector<at::Tensor> after(const OptionValues& options, at::ScalarType type,
                                int64_t steps = 6) const {
    Training run(rule(), options, parameters(kSmallShapes, type));
    run.steps(1, steps);
    return run.everything();
  }
};

std::string name_of(const testing::TestParamInfo<const RuleTable*>& info) {
  return info.param->about.name;
}
INSTANTIATE_TEST_SUITE_P(EveryRule, Decay, testing::ValuesIn(descent::optimizers()), name_of);

TEST_P(Decay, CorrectedAtItsLargestRateIsTheUsualOne) {
  const auto options = decaying();
  if (!options) GTEST_SKIP() << "takes no base option of decay";
  EXPECT_EQ(difference(after(joined(*options, {{"decay_scale", "corrected"}}), at::kDouble),
                       after(*options, at::kDouble), 1e-13),
            "");
}

TEST_P(Decay, IndependentDecaysByTheWeightDecayItself) {
  const auto options = decaying();
  if (!options) GTEST_SKIP() << "takes no base option of decay";
  const OptionValues by_rate = joined(*options, {{"weight_decay", 0.3}});
  const OptionValues apart =
      joined(*options, {{"weight_decay", 0.003}, {"decay_scale", "independent"}});
  // Of MARS the vectors have a decay of their own.
  const std::string other = "weight_decay_1d";
  const bool two = has_option(rule(), other);
  EXPECT_EQ(difference(after(two ? joined(apart, {{other, 0.003}}) : apart, at::kDouble),
                       after(two ? joined(by_rate, {{other, 0.3}}) : by_rate, at::kDouble), 1e-13),
            "");
}

TEST_P(Decay, WithoutAWeightDecayNothingChanges) {
  const auto options = decaying();
  if (!options) GTEST_SKIP() << "takes no base option of decay";
  OptionValues none = joined(*options, {{"weight_decay", 0.0}});
  if (has_option(rule(), "weight_decay_1d")) none.push_back({"weight_decay_1d", 0.0});
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const auto plain = after(none, type);
    EXPECT_EQ(difference(after(joined(none, {{"decay_scale", "independent"}}), type), plain), "");
    EXPECT_EQ(difference(after(joined(none, {{"cautious_decay", true}}), type), plain), "");
  }
}

// Gradients of the parameter's own sign move everything towards 0.
TEST_P(Decay, CautiousIsTheUsualOneWhereAllMovesTowardsZero) {
  auto options = decaying();
  if (!options) GTEST_SKIP() << "takes no base option of decay";
  // ASGD's step holds lambd p, where the usual decay comes ahead of it and a cautious one does not.
  if (has_option(rule(), "lambd")) options->push_back({"lambd", 0.0});
  const auto run = [&](const OptionValues& chosen, double sign) {
    const at::Tensor p = noise({3, 4}, at::kDouble, 1), q = noise({5}, at::kDouble, 2);
    for (const at::Tensor& x : {p, q}) x.add_(3 * x.sign()).requires_grad_();
    Training training(rule(), chosen, {p, q});
    for (int64_t t = 1; t <= 5; ++t) {
      for (const at::Tensor& x : {p, q})
        x.mutable_grad() = sign * x.detach().sign() * (1 + 0.1 * static_cast<double>(t));
      take_step(*training.optimizer);
    }
    return training.everything();
  };
  const bool is_elementwise = rule().tensor_update == nullptr;
  const OptionValues cautious = joined(*options, {{"cautious_decay", true}});
  if (is_elementwise) {
    EXPECT_EQ(difference(run(cautious, 1), run(*options, 1), 1e-12), "");
    OptionValues none = joined(*options, {{"weight_decay", 0.0}});
    if (has_option(rule(), "weight_decay_1d")) none.push_back({"weight_decay_1d", 0.0});
    EXPECT_EQ(difference(run(cautious, -1), run(none, -1)), "") << "all moves away from 0";
  }
  EXPECT_NE(difference(run(cautious, 1), run(cautious, -1)), "");
}

TEST_P(Decay, HasTheSameBitsOnEveryPassAndAnyNumberOfThreads) {
  const auto options = decaying();
  if (!options || rule().tensor_update != nullptr) GTEST_SKIP() << "there is nothing to compare";
  const std::vector<OptionValues> all{
      joined(*options, {{"decay_scale", "corrected"}, {"max_lr", 0.03}}),
      joined(*options, {{"cautious_decay", true}}),
      joined(*options,
             {{"cautious_decay", true}, {"decay_scale", "independent"}, {"max_lr", 0.5}})};
  for (const OptionValues& chosen : all)
    for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16}) {
      EXPECT_THAT(gives_the_same_bits_on_every_pass(rule(), chosen, kSmallShapes, type, 4),
                  testing::IsEmpty());
      EXPECT_THAT(gives_the_same_bits_on_any_number_of_threads(rule(), chosen, {{70, 130}, {5000}},
                                                               type, 2),
                  testing::IsEmpty());
    }
}

TEST_P(Decay, IsKeptInAnArchive) {
  const auto options = decaying();
  if (!options) GTEST_SKIP() << "takes no base option of decay";
  const OptionValues chosen =
      joined(*options, {{"decay_scale", "corrected"}, {"cautious_decay", true}});
  EXPECT_THAT(continues_from_an_archive(rule(), chosen, at::kFloat), testing::IsEmpty());
}

TEST_P(Decay, IsRefusedWhereTheRuleDoesNotTakeIt) {
  const at::Tensor p = noise({4, 6}, at::kDouble, 1).requires_grad_();
  const auto complaint = [&](const OptionValues& options) -> std::string {
    try {
      descent::make_optimizer(rule().about.key, {p}, options);
    } catch (const c10::Error& error) {
      return error.what_without_backtrace();
    }
    return "";
  };
  const std::string name = rule().about.name;
  const auto options = decaying();
  if (!is_base_option(rule(), "decay_scale")) return;  // Muon and StableAdamW have their own
  if (!options) {
    EXPECT_THAT(complaint({{"cautious_decay", true}}),
                HasSubstr(name + ": cautious_decay = true, must be false"));
    EXPECT_THAT(complaint({{"decay_scale", "independent"}}),
                HasSubstr(name + ": decay_scale = independent, must be lr"));
    EXPECT_THAT(complaint({{"max_lr", 0.1}}), HasSubstr(name + ": max_lr = 0.1, must be none"));
    return;
  }
  if (has_option(rule(), "decay_mode")) {
    EXPECT_THAT(
        complaint(joined(*options, {{"decay_mode", "coupled"}, {"decay_scale", "corrected"}})),
        HasSubstr(name + ": decay_scale = corrected, must be lr where decay_mode = coupled"));
  }
  if (rule().second_moment == nullptr) {
    EXPECT_THAT(complaint(joined(*options, {{"decay_scale", "stable"}})),
                HasSubstr(name + ": decay_scale = stable, must be lr, corrected or independent"));
  }
}

TEST(DecayOfAGroup, TakesTheRateOfItsStartForTheLargest) {
  const at::Tensor p = noise({4}, at::kDouble, 1).requires_grad_();
  descent::AdamW opt({p}, {.lr = 0.02}, {.decay_scale = DecayScale::Independent});
  p.mutable_grad() = at::ones_like(p);
  opt.step();
  EXPECT_EQ(opt.group_options().base().max_lr, 0.02);
  opt.options().lr = 0.001;
  opt.step();
  EXPECT_EQ(opt.group_options().base().max_lr, 0.02);
  EXPECT_THAT(opt.group_options().text(), HasSubstr("decay_scale=independent,max_lr=0.02"));
}

TEST(DecayOfAGroup, AtRateZeroNeedsALargest) {
  const at::Tensor p = noise({4}, at::kDouble, 1).requires_grad_();
  const auto make = [&](const OptionValues& more) {
    descent::make_optimizer("adamw", {p},
                            joined({{"lr", 0.0}, {"decay_scale", "corrected"}}, more));
  };
  try {
    make({});
    FAIL() << "was taken";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what_without_backtrace(),
                HasSubstr("AdamW: max_lr = none, must be a number > 0 where lr = 0"));
  }
  EXPECT_NO_THROW(make({{"max_lr", 0.1}}));
}

// With t0 = 0 the average is p itself twice, and then the mean of the last two.
TEST(CautiousDecayOfASGD, IsInTheAverage) {
  for (const std::string& pass : passes()) {
    const PassScope scope(pass);
    for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16}) {
      const at::Tensor p = noise({5, 7}, type, 1).requires_grad_();
      descent::ASGD opt(
          {p},
          {.lr = 0.1, .t0 = 0, .weight_decay = 0.5, .decay_mode = descent::DecayMode::Decoupled},
          {.cautious_decay = true});
      const auto step = [&](int64_t seed) {
        p.mutable_grad() = noise({5, 7}, type, seed);
        opt.step();
        return p.detach().to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
      };
      const auto average = [&] { return opt.state_of(p)->buffer("ax").to(at::kDouble); };
      const double tolerance = type == at::kBFloat16 ? 1e-2 : 1e-6;
      const at::Tensor first = step(2);
      EXPECT_TRUE(at::allclose(average(), first, tolerance, tolerance)) << pass << ' ' << type;
      const at::Tensor second = step(3);
      EXPECT_TRUE(at::allclose(average(), second, tolerance, tolerance)) << pass << ' ' << type;
      const at::Tensor third = step(4);
      EXPECT_TRUE(at::allclose(average(), (second + third) / 2, tolerance, tolerance))
          << pass << ' ' << type;
    }
  }
}

// lr/(sqrt(q) + eps) of a single step, whose v/c2 are the squares of the gradients.
TEST(StableDecay, GoesByTheMeanOfAllSquaresOfAllGroups) {
  const at::Tensor p = at::full({2}, 4.0, at::kDouble).requires_grad_();
  const at::Tensor q = at::full({1}, 4.0, at::kDouble).requires_grad_();
  descent::AdamW opt({p}, {.lr = 0.01, .weight_decay = 0.5}, {.decay_scale = DecayScale::Stable});
  opt.add_group({q}, [](auto& o) { o.lr = 0.02; });
  p.mutable_grad() = at::full({2}, 3.0, at::kDouble);
  q.mutable_grad() = at::full({1}, 6.0, at::kDouble);
  opt.step();
  const double root = std::sqrt((9.0 + 9.0 + 36.0) / 3);
  EXPECT_NEAR(p[0].item<double>(), 4 - 4 * 0.5 * 0.01 / (root + 1e-8) - 0.01, 1e-9);
  EXPECT_NEAR(q[0].item<double>(), 4 - 4 * 0.5 * 0.02 / (root + 1e-8) - 0.02, 1e-9);
}

TEST(StableDecay, HasTheSameBitsOnEveryPassAndAnyNumberOfThreads) {
  const RuleTable& rule = descent::find_rule("adamw");
  for (const bool cautious : {false, true}) {
    const OptionValues options{{"lr", 0.01},
                               {"weight_decay", 0.3},
                               {"decay_scale", "stable"},
                               {"amsgrad", true},
                               {"cautious_decay", cautious}};
    for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16}) {
      EXPECT_THAT(gives_the_same_bits_on_every_pass(rule, options, kSmallShapes, type, 4),
                  testing::IsEmpty());
      EXPECT_THAT(
          gives_the_same_bits_on_any_number_of_threads(rule, options, {{70, 130}, {5000}}, type, 2),
          testing::IsEmpty());
    }
  }
}

}  // namespace
}  // namespace decay_test

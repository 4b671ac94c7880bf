// What follows from the formulas of the newer adaptive rules.
#include <gmock/gmock.h>
#include <torch/types.h>

#include "checks.h"

namespace newer_adaptive_test {
namespace {

using namespace checks;
using testing::HasSubstr;

constexpr int64_t kSteps = 20;

/// The parameter after each of 20 steps with gradients of noise.
template <class Optimizer>
std::vector<at::Tensor> path(const typename Optimizer::Options& options) {
  const at::Tensor p = noise({6, 5}, at::kDouble, 1).requires_grad_();
  Optimizer opt({p}, options);
  std::vector<at::Tensor> points{p.detach().clone()};
  for (int64_t t = 1; t <= kSteps; ++t) {
    p.mutable_grad() = noise({6, 5}, at::kDouble, 10 + t);
    opt.step();
    points.push_back(p.detach().clone());
  }
  return points;
}
at::Tensor gradient(int64_t t) { return noise({6, 5}, at::kDouble, 10 + t); }

void expect_near(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  EXPECT_TRUE(at::allclose(a, b, 0, tolerance)) << "off by " << (a - b).abs().max().item<double>();
}

TEST(NAdamW, IsAdamWWithoutMomentum) {
  for (const auto nesterov : {descent::Nesterov::Plain, descent::Nesterov::Ahead})
    EXPECT_TRUE(same_bits(path<descent::NAdamW>({.betas = {0, 0.9}, .nesterov = nesterov}).back(),
                          path<descent::AdamW>({.betas = {0, 0.9}}).back()));
  EXPECT_FALSE(same_bits(path<descent::NAdamW>({}).back(), path<descent::AdamW>({}).back()));
}

TEST(NAdamW, IsNAdamWhoseMomentumIsFullFromTheStart) {
  // 0.96^(t psi) is exactly 0.
  expect_near(path<descent::NAdamW>({.lr = 0.1, .nesterov = descent::Nesterov::Ahead}).back(),
              path<descent::NAdam>({.lr = 0.1,
                                    .momentum_decay = 1e6,
                                    .weight_decay = 1e-2,
                                    .decay_mode = descent::DecayMode::Decoupled})
                  .back(),
              1e-14);
}

TEST(Signum, IsLionWithEqualBetas) {
  EXPECT_TRUE(
      same_bits(path<descent::Signum>({.lr = 0.1, .momentum = 0.7, .weight_decay = 0.1}).back(),
                path<descent::Lion>({.lr = 0.1, .betas = {0.7, 0.7}, .weight_decay = 0.1}).back()));
}

TEST(Signum, KeepsNothingWithoutMomentum) {
  const at::Tensor p = at::zeros({4}, at::kDouble).requires_grad_();
  descent::Signum opt({p}, {.lr = 0.5, .momentum = 0});
  p.mutable_grad() = at::tensor({3.0, -1e-9, 0.0, -7.0}, at::kDouble);
  opt.step();
  EXPECT_TRUE(at::equal(p, at::tensor({-0.5, 0.5, 0.0, 0.5}, at::kDouble)));
  EXPECT_FALSE(opt.state_of(p)->buffer("momentum_buffer").defined());
}

TEST(Grams, TakesAdamsStepInSizeAndTheGradientsInSign) {
  const auto grams = path<descent::Grams>({.lr = 0.1, .eps = 1e-8});
  const auto adam = path<descent::Adam>({.lr = 0.1, .eps = 1e-8});
  for (int64_t t = 1; t <= kSteps; ++t) {
    const auto i = static_cast<size_t>(t);
    const at::Tensor change = grams[i] - grams[i - 1];
    expect_near(change.abs(), (adam[i] - adam[i - 1]).abs(), 1e-14);
    EXPECT_TRUE(at::equal(change.sign(), -gradient(t).sign())) << t;
  }
}

TEST(LaProp, HasOneRuleAtAConstantRateHoweverItAverages) {
  for (const bool amsgrad : {false, true}) {
    descent::LaProp::Options options{.lr = 0.1, .weight_decay = 0.1, .amsgrad = amsgrad};
    const at::Tensor inside = path<descent::LaProp>(options).back();
    options.lr_in_average = false;
    expect_near(path<descent::LaProp>(options).back(), inside, 1e-13);
  }
}

TEST(LaProp, RestsUntilItHasSeenARate) {
  const at::Tensor p = at::ones({3}, at::kDouble).requires_grad_();
  descent::LaProp opt({p}, {.lr = 0});
  p.mutable_grad() = at::ones({3}, at::kDouble);
  opt.step();
  EXPECT_TRUE(at::equal(p, at::ones({3}, at::kDouble)));
  opt.options().lr = 0.5;
  opt.step();
  EXPECT_TRUE(p.isfinite().all().item<bool>());
  EXPECT_FALSE(at::equal(p, at::ones({3}, at::kDouble)));
}

TEST(Yogi, ChangesItsSecondMomentByAPartOfTheSquareOrNotAtAll) {
  const at::Tensor p = noise({6, 5}, at::kDouble, 1).requires_grad_();
  descent::Yogi opt({p}, {.betas = {0.9, 0.75}, .initial_accumulator_value = 1});
  at::Tensor last = at::ones({6, 5}, at::kDouble);
  for (int64_t t = 1; t <= kSteps; ++t) {
    p.mutable_grad() = gradient(t);
    if (t == 1) p.mutable_grad()[0].fill_(1);  // its square is v
    opt.step();
    const at::Tensor v = opt.state_of(p)->buffer("exp_avg_sq").clone();
    const at::Tensor square = p.grad() * p.grad();
    expect_near((v - last).abs(), 0.25 * square * square.ne(last), 1e-14);
    if (t == 1) {
      EXPECT_TRUE(v[0].eq(1).all().item<bool>());
    }
    last = v;
  }
}

TEST(Madgrad, NeedsNoStoredStartWithoutMomentum) {
  // A momentum that is lost in rounding keeps the start.
  const auto kept = path<descent::MADGRAD>({.lr = 0.1, .momentum = 1e-300, .weight_decay = 0.1});
  const auto rebuilt = path<descent::MADGRAD>({.lr = 0.1, .momentum = 0, .weight_decay = 0.1});
  expect_near(rebuilt.back(), kept.back(), 1e-13);
}

TEST(Madgrad, KeepsItsStartOnlyForMomentum) {
  for (const double momentum : {0.0, 0.5}) {
    const at::Tensor p = at::ones({3}).requires_grad_();
    descent::MADGRAD opt({p}, {.momentum = momentum});
    p.mutable_grad() = at::ones({3});
    opt.step();
    EXPECT_EQ(opt.state_of(p)->buffer("x0").defined(), momentum > 0);
  }
}

TEST(AdEMAMix, IsAdamWithoutTheSlowAverage) {
  expect_near(path<descent::AdEMAMix>({.lr = 0.1, .alpha = 0}).back(),
              path<descent::Adam>({.lr = 0.1}).back(), 1e-14);
}

TEST(AdEMAMix, WarmsUpToItsBetaAndAlpha) {
  // From the step at which both warm-ups end, a fresh state would do the same: compare the numbers.
  using descent::rules::AdEMAMix;
  const descent::AdEMAMix::Options options{.alpha = 8, .alpha_warmup = 10, .beta3_warmup = 10};
  const auto at = [&](int64_t step) { return AdEMAMix::begin(options, {step, false, 2}); };
  EXPECT_DOUBLE_EQ(at(1).alpha, 0.8);
  EXPECT_DOUBLE_EQ(at(10).alpha, 8);
  EXPECT_DOUBLE_EQ(at(11).alpha, 8);
  for (int64_t t = 1; t < 10; ++t) {
    EXPECT_GT(at(t).b3, 0.9);
    EXPECT_LT(at(t).b3, at(t + 1).b3);
  }
  EXPECT_EQ(at(10).b3, 0.9999);
}

TEST(Adopt, RestsInItsFirstStepAndDividesByThePast) {
  const at::Tensor p = at::ones({2}, at::kDouble).requires_grad_();
  descent::ADOPT opt({p}, {.lr = 1,
                           .betas = {0, 0.5},
                           .eps = 0,
                           .clip_exponent = std::nullopt,
                           .weight_decay = 0.5,
                           .decay_mode = descent::DecayMode::Decoupled});
  p.mutable_grad() = at::tensor({2.0, 0.0}, at::kDouble);
  opt.step();
  EXPECT_TRUE(at::equal(p, at::ones({2}, at::kDouble)));
  EXPECT_TRUE(opt.state_of(p)->buffer("exp_avg").eq(0).all().item<bool>());
  p.mutable_grad() = at::tensor({3.0, 0.0}, at::kDouble);
  opt.step();
  EXPECT_EQ(p[0].item<double>(), 0.5 - 1.5);
}

TEST(Adopt, BoundsWhatEntersTheAverage) {
  const at::Tensor p = at::zeros({1}, at::kDouble).requires_grad_();
  descent::ADOPT opt({p}, {.lr = 1, .betas = {0, 0.5}, .clip_exponent = 1});
  for (const double g : {1e-3, 1.0, 1.0}) {
    p.mutable_grad() = at::full({1}, g, at::kDouble);
    const double before = p.item<double>();
    opt.step();
    const auto steps = static_cast<double>(opt.state_of(p)->step());
    EXPECT_LE(before - p.item<double>(), steps - 1);
  }
  EXPECT_LT(p.item<double>(), -1);
}

TEST(AdaBelief, DecaysByTheRateOrByAFixedPart) {
  for (const bool fixed : {false, true}) {
    const at::Tensor p = at::ones({1}, at::kDouble).requires_grad_();
    descent::AdaBelief opt({p}, {.lr = 0.5, .weight_decay = 0.25, .fixed_decay = fixed});
    p.mutable_grad() = at::zeros({1}, at::kDouble);
    opt.step();
    EXPECT_EQ(p.item<double>(), fixed ? 0.75 : 0.875);
  }
}

TEST(AdaBelief, RefusesAFixedDecayThatIsCoupled) {
  try {
    descent::AdaBelief({at::ones({1}).requires_grad_()},
                       {.decay_mode = descent::DecayMode::Coupled, .fixed_decay = true});
    ADD_FAILURE() << "was not refused";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("AdaBelief: fixed_decay = true, must be false unless "
                                        "decay_mode = decoupled"));
  }
}

TEST(AdaBelief, AddsEpsToItsStateInEveryStep) {
  const at::Tensor p = at::ones({1}, at::kDouble).requires_grad_();
  descent::AdaBelief opt({p}, {.betas = {0.9, 0.5}, .eps = 1});
  for (const double wanted : {1.0, 1.5, 1.75}) {
    p.mutable_grad() = at::zeros({1}, at::kDouble);
    opt.step();
    EXPECT_EQ(opt.state_of(p)->buffer("exp_avg_var").item<double>(), wanted);
  }
}

TEST(Mars, BoundsTheGradientOfAMatrixAndNotThatOfAVector) {
  const at::Tensor matrix = at::ones({2, 2}, at::kDouble).requires_grad_();
  const at::Tensor vector = at::ones({4}, at::kDouble).requires_grad_();
  descent::MARS opt({matrix, vector}, {.betas = {0.5, 0.99}, .betas_1d = {0.5, 0.95}});
  matrix.mutable_grad() = at::full({2, 2}, 100, at::kDouble);
  vector.mutable_grad() = at::full({4}, 100, at::kDouble);
  opt.step();
  expect_near(opt.state_of(matrix)->buffer("exp_avg"), at::full({2, 2}, 0.25, at::kDouble), 1e-14);
  expect_near(opt.state_of(vector)->buffer("exp_avg"), at::full({4}, 50, at::kDouble), 1e-14);
}

}  // namespace
}  // namespace newer_adaptive_test

// What follows from the formulas of single rules, and numbers that a reader can redo.
#include <cmath>

#include <gmock/gmock.h>
#include <torch/types.h>

#include "checks.h"

namespace properties_test {
namespace {

using namespace checks;
using descent::Adam;
using descent::AdamW;
using descent::FullAdagrad;
using descent::LAMB;
using descent::Lion;
using descent::SGD;

at::Tensor leaf(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble).requires_grad_();
}
at::Tensor random(at::IntArrayRef sizes, int64_t seed = 1) {
  return noise(sizes, at::kDouble, seed).requires_grad_();
}

template <class Optimizer>
at::Tensor after(typename Optimizer::Options options, int64_t steps, double factor = 1,
                 at::IntArrayRef sizes = {6, 5}) {
  const at::Tensor p = random(sizes);
  Optimizer opt({p}, options);
  for (int64_t t = 1; t <= steps; ++t) {
    p.mutable_grad() = factor * noise(sizes, at::kDouble, 10 + t);
    opt.step();
  }
  return p.detach();
}

double length(const at::Tensor& x) { return x.norm().item<double>(); }
void expect_near(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  EXPECT_TRUE(at::allclose(a, b, 0, tolerance)) << "off by " << (a - b).abs().max().item<double>();
}

TEST(SgdsVelocities, AgreeAtAConstantRateWithoutDampening) {
  for (const bool nesterov : {false, true}) {
    SGD::Options options{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = nesterov};
    const at::Tensor gradients = after<SGD>(options, 20);
    options.velocity = descent::Velocity::Step;
    expect_near(after<SGD>(options, 20), gradients, 1e-13);
  }
}

TEST(SgdsVelocities, DifferUnderASchedule) {
  const auto run = [](descent::Velocity velocity) {
    const at::Tensor p = leaf({0});
    SGD opt({p}, {.lr = 1, .momentum = 0.5, .velocity = velocity});
    for (const double lr : {1.0, 0.5}) {
      opt.options().lr = lr;
      p.mutable_grad() = at::ones({1}, at::kDouble);
      opt.step();
    }
    return p.item<double>();
  };
  // Gradient: b = 1, 1.5: 0 - 1 - 0.75.  Step: b = -1, -0.5 - 0.5: 0 - 1 - 1.
  EXPECT_EQ(run(descent::Velocity::Gradient), -1.75);
  EXPECT_EQ(run(descent::Velocity::Step), -2);
}

TEST(SgdsFirstBuffer, IsTheGradientOrADampenedOne) {
  // The first step in units of the gradient.
  const auto first = [](descent::FirstBuffer kind) {
    const SGD::Options options{.lr = 1, .momentum = 0.5, .dampening = 0.75, .first_buffer = kind};
    const at::Tensor change = random({1}).detach() - after<SGD>(options, 1, 1, {1});
    return (change / noise({1}, at::kDouble, 11)).item<double>();
  };
  EXPECT_NEAR(first(descent::FirstBuffer::FirstGrad), 1, 1e-12);
  EXPECT_NEAR(first(descent::FirstBuffer::Zero), 0.25, 1e-12);
}

TEST(AdamsFirstStep, IsTheRateTimesTheGradientOverItsMagnitude) {
  const at::Tensor p = random({6, 5}), g = noise({6, 5}, at::kDouble, 3);
  const at::Tensor before = p.detach().clone();
  Adam opt({p}, {.lr = 0.25, .eps = 0.01});
  p.mutable_grad() = g;
  opt.step();
  expect_near(p.detach(), before - 0.25 * g / (g.abs() + 0.01), 1e-15);
}

TEST(Adam, DoesNotSeeTheScaleOfTheGradientWithoutEps) {
  for (const bool amsgrad : {false, true}) {
    const Adam::Options options{.lr = 0.1, .eps = 0, .amsgrad = amsgrad};
    expect_near(after<Adam>(options, 20, 1000), after<Adam>(options, 20), 1e-12);
    EXPECT_TRUE(same_bits(after<Adam>(options, 20, 1024), after<Adam>(options, 20)));
  }
}

TEST(Amsgrad, NeverLetsARateGrow) {
  const at::Tensor p = random({6, 5});
  Adam opt({p}, {.lr = 0.1, .amsgrad = true, .bias_correction = false});
  at::Tensor last = at::zeros({6, 5}, at::kDouble);
  for (int64_t t = 1; t <= 30; ++t) {
    p.mutable_grad() = noise({6, 5}, at::kDouble, 10 + t) / static_cast<double>(t);
    opt.step();
    const at::Tensor x = opt.state_of(p)->buffer("max_exp_avg_sq").clone();
    EXPECT_TRUE(x.ge(last).all().item<bool>()) << t;
    last = x;
  }
}

TEST(Lion, MovesEveryNumberByItsRateOrNotAtAll) {
  const at::Tensor p = at::zeros({6, 5}, at::kDouble).requires_grad_();
  Lion opt({p}, {.lr = 0.25});
  for (int64_t t = 1; t <= 10; ++t) {
    const at::Tensor before = p.detach().clone();
    p.mutable_grad() = noise({6, 5}, at::kDouble, 10 + t);
    if (t == 1) p.mutable_grad()[0].zero_();
    opt.step();
    const at::Tensor change = (p.detach() - before).abs();
    EXPECT_TRUE(change.eq(0.25).logical_or(change.eq(0)).all().item<bool>());
    if (t == 1)
      EXPECT_TRUE(change[0].eq(0).all().item<bool>());
    else
      EXPECT_TRUE(change.gt(0).any().item<bool>());
  }
}

TEST(Lamb, MovesAParameterByItsRateTimesItsNorm) {
  for (const double decay : {0.0, 0.1})
    for (const auto place : {descent::DecayPlace::InUpdate, descent::DecayPlace::Decoupled}) {
      if (decay > 0 && place == descent::DecayPlace::Decoupled) continue;
      const at::Tensor p = random({6, 5});
      LAMB opt({p}, {.lr = 0.01, .weight_decay = decay, .phi_max = 3, .decay_place = place});
      for (int64_t t = 1; t <= 5; ++t) {
        const at::Tensor before = p.detach().clone();
        p.mutable_grad() = noise({6, 5}, at::kDouble, 10 + t);
        opt.step();
        EXPECT_NEAR(length(p.detach() - before), 0.01 * std::min(length(before), 3.0), 1e-13);
      }
    }
}

TEST(Lamb, TakesRatioOneForAParameterOfZeros) {
  const at::Tensor p = at::zeros({4}, at::kDouble).requires_grad_();
  LAMB opt({p}, {.lr = 0.5, .eps = 0});
  p.mutable_grad() = at::tensor({1.0, -2.0, 3.0, 4.0}, at::kDouble);
  opt.step();
  expect_near(p.detach(), at::tensor({-0.5, 0.5, -0.5, -0.5}, at::kDouble), 1e-15);
}

TEST(DecoupledDecay, IsPlainWhereTheGradientIsZero) {
  const auto decayed = [](auto opt, const at::Tensor& p) {
    for (int i = 0; i < 3; ++i) {
      p.mutable_grad() = at::zeros({1}, at::kDouble);
      opt.step();
    }
    return p.item<double>();
  };
  at::Tensor p = leaf({2});
  EXPECT_NEAR(decayed(AdamW({p}, {.lr = 1, .weight_decay = 0.004}), p), 1.976095872, 1e-9);
  p = leaf({2});
  EXPECT_NEAR(decayed(Lion({p}, {.lr = 1, .weight_decay = 0.004}), p), 1.976095872, 1e-9);
  p = leaf({2});
  EXPECT_NEAR(
      decayed(
          SGD({p}, {.lr = 1, .weight_decay = 0.004, .decay_mode = descent::DecayMode::Decoupled}),
          p),
      1.976095872, 1e-9);
  p = leaf({2});
  EXPECT_EQ(decayed(AdamW({p}, {.lr = 1, .weight_decay = 0}), p), 2);
}

TEST(FullAdagrad, IsTheDiagonalRuleForOneNumber) {
  for (const auto mode : {descent::RootEps::Outside, descent::RootEps::Inside}) {
    const at::Tensor p = leaf({1});
    FullAdagrad opt({p},
                    {.lr = 0.5, .eps = 0.01, .eps_mode = mode, .initial_accumulator_value = 0.1});
    double x = 1, sum = 0.1;
    for (int64_t t = 1; t <= 10; ++t) {
      const double g = noise({1}, at::kDouble, t).item<double>();
      p.mutable_grad() = at::full({1}, g, at::kDouble);
      opt.step();
      sum += g * g;
      x -= 0.5 * g /
           (mode == descent::RootEps::Outside ? std::sqrt(sum) + 0.01 : std::sqrt(sum + 0.01));
      EXPECT_NEAR(p.item<double>(), x, 1e-13);
    }
  }
}

/// Twelve steps on n numbers, all turned by an orthogonal matrix; turned back.
template <class Optimizer>
at::Tensor turned(const typename Optimizer::Options& options, const at::Tensor& rotation) {
  const int64_t n = rotation.size(0);
  const at::Tensor p = rotation.mv(noise({n}, at::kDouble, 1)).requires_grad_();
  Optimizer opt({p}, options);
  for (int64_t t = 1; t <= 12; ++t) {
    p.mutable_grad() = rotation.mv(noise({n}, at::kDouble, 10 + t));
    opt.step();
  }
  return rotation.t().mv(p.detach());
}

TEST(FullAdagrad, CommutesWithRotationsAndTheDiagonalAdamDoesNot) {
  const at::Tensor rotation = std::get<0>(at::linalg_qr(noise({5, 5}, at::kDouble, 2)));
  const at::Tensor none = at::eye(5, at::kDouble);
  expect_near(turned<FullAdagrad>({.lr = 0.1}, rotation), turned<FullAdagrad>({.lr = 0.1}, none),
              1e-11);
  EXPECT_FALSE(
      at::allclose(turned<Adam>({.lr = 0.1}, rotation), turned<Adam>({.lr = 0.1}, none), 0, 1e-3));
}

TEST(FullAdagrad, GivesTheSameByFactorAndByEigenvalues) {
  FullAdagrad::Options options{.lr = 0.1, .initial_accumulator_value = 0.01};
  const at::Tensor by_factor = after<FullAdagrad>(options, 15);
  options.method = descent::AdagradMethod::Eigen;
  expect_near(after<FullAdagrad>(options, 15), by_factor, 1e-5);
}

TEST(FullAdagrad, NeverStepsFurtherThanItsRate) {
  for (const double factor : {1e-3, 1.0, 1e3}) {
    const at::Tensor p = random({8});
    FullAdagrad opt({p}, {.lr = 1});
    for (int64_t t = 1; t <= 20; ++t) {
      const at::Tensor before = p.detach().clone();
      p.mutable_grad() = factor * noise({8}, at::kDouble, 10 + t);
      opt.step();
      EXPECT_LE(length(p.detach() - before), 1 + 1e-12);
      EXPECT_GT(length(p.detach() - before), 0);
    }
  }
}

TEST(FullAdagrad, SeesAGroupAsOneBlockIfAsked) {
  const at::Tensor p = random({2, 3}, 1), q = random({4}, 2);
  const at::Tensor all = at::cat({p.detach().view(-1), q.detach()}).requires_grad_();
  const FullAdagrad::Options options{.lr = 0.1, .block = descent::AdagradBlock::PerGroup};
  FullAdagrad apart({p, q}, options), together({all}, options);
  for (int64_t t = 1; t <= 8; ++t) {
    all.mutable_grad() = noise({10}, at::kDouble, 10 + t);
    p.mutable_grad() = all.grad().narrow(0, 0, 6).view({2, 3});
    q.mutable_grad() = all.grad().narrow(0, 6, 4);
    apart.step();
    together.step();
  }
  expect_near(at::cat({p.detach().view(-1), q.detach()}), all.detach(), 1e-14);
}

// Numbers that the tests of keras print, for the settings of keras.
at::Tensor one_step(auto make) {
  const at::Tensor p = leaf({1, 2, 3, 4});
  auto opt = make(p);
  p.mutable_grad() = at::tensor({1.0, 6.0, 7.0, 2.0}, at::kDouble);
  opt.step();
  return p.detach();
}
at::Tensor numbers(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

TEST(TheNumbersOfKeras, OfOneStep) {
  using descent::EpsMode;
  expect_near(one_step([](const at::Tensor& p) { return SGD({p}, {.lr = 0.5}); }),
              numbers({0.5, -1, -0.5, 3}), 1e-15);
  expect_near(one_step([](const at::Tensor& p) {
                return Adam({p}, {.lr = 0.5, .eps = 1e-7, .eps_mode = EpsMode::Hat});
              }),
              numbers({0.5, 1.5, 2.5, 3.5}), 1e-4);
  expect_near(one_step([](const at::Tensor& p) { return Lion({p}, {.lr = 0.5}); }),
              numbers({0.5, 1.5, 2.5, 3.5}), 1e-15);
  expect_near(one_step([](const at::Tensor& p) {
                return AdamW(
                    {p}, {.lr = 0.5, .eps = 1e-7, .weight_decay = 0.004, .eps_mode = EpsMode::Hat});
              }),
              numbers({0.4980, 1.4960, 2.494, 3.492}), 1e-4);
  expect_near(one_step([](const at::Tensor& p) {
                return LAMB(
                    {p}, {.lr = 0.5, .eps = 1e-7, .decay_place = descent::DecayPlace::Decoupled});
              }),
              numbers({-0.3693, 0.6306, 1.6306, 2.6306}), 2e-4);
}

/// Five steps from ones: a gradient of 0.01 once, then 0.1, 0.2, ..., 1.0 four times.
void expect_five_steps(
    const std::function<std::unique_ptr<descent::OptimizerBase>(const at::Tensor&)>& make,
    const std::vector<double>& first, const std::vector<double>& last) {
  const at::Tensor p = at::ones({10}, at::kDouble).requires_grad_();
  const auto opt = make(p);
  for (size_t t = 0; t < 5; ++t) {
    p.mutable_grad() = t == 0 ? at::full({10}, 0.01, at::kDouble)
                              : at::arange(1, 11, at::TensorOptions(at::kDouble)) / 10;
    opt->step();
    EXPECT_NEAR(p[0].item<double>(), first[t], 5e-4) << t;
    EXPECT_NEAR(p[9].item<double>(), last[t], 5e-4) << t;
  }
}

TEST(TheNumbersOfKeras, OfFiveSteps) {
  const std::vector<double> adam{0.999, 0.9982, 0.9974, 0.9965, 0.9955};
  const std::vector<double> lion{0.999, 0.998, 0.997, 0.996, 0.995};
  expect_five_steps(
      [](const at::Tensor& p) {
        return descent::make_optimizer("adam", {p},
                                       {{"amsgrad", true}, {"eps", 1e-7}, {"eps_mode", "hat"}});
      },
      adam, adam);
  expect_five_steps(
      [](const at::Tensor& p) {
        return descent::make_optimizer("lion", {p}, {{"lr", 1e-3}});
      },
      lion, lion);
  expect_five_steps(
      [](const at::Tensor& p) {
        return descent::make_optimizer(
            "adamw", {p}, {{"lr", 1}, {"weight_decay", 0.5}, {"eps", 2}, {"eps_mode", "hat"}});
      },
      {0.4998, 0.2486, 0.1223, 0.0586, 0.0263}, {0.4998, 0.2382, 0.1003, 0.0258, -0.0159});
}

}  // namespace
}  // namespace properties_test

// What follows from the formulas of the first-order rules beyond SGD, Adam, Lion and LAMB.
#include <cmath>

#include <gmock/gmock.h>
#include <torch/types.h>

#include "../replay/parity.h"
#include "checks.h"

namespace first_order_test {
namespace {

using namespace checks;
using testing::HasSubstr;

at::Tensor random(at::IntArrayRef sizes, int64_t seed = 1) {
  return noise(sizes, at::kDouble, seed).requires_grad_();
}
at::Tensor constant(double value, int64_t n = 1) {
  return at::full({n}, value, at::kDouble).requires_grad_();
}
double length(const at::Tensor& x) { return x.norm().item<double>(); }

/// n steps with gradients of noise.
template <class Optimizer>
at::Tensor path(typename Optimizer::Options options, int64_t n, at::IntArrayRef sizes = {6, 5}) {
  const at::Tensor p = random(sizes);
  Optimizer opt({p}, options);
  for (int64_t t = 1; t <= n; ++t) {
    p.mutable_grad() = noise(sizes, at::kDouble, 10 + t);
    take_step(opt);
  }
  return p.detach();
}

void expect_near(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  EXPECT_TRUE(at::allclose(a, b, 0, tolerance)) << "off by " << (a - b).abs().max().item<double>();
}

/// f(x) = sum of a_i x_i^2 / 2 + sin x_i, and its gradient in p.grad.
at::Tensor hills(const at::Tensor& p) {
  const at::AutoGradMode with_gradients(true);
  p.mutable_grad() = at::Tensor();
  const at::Tensor a = at::linspace(0.5, 3, p.numel(), at::kDouble).view(p.sizes());
  const at::Tensor loss = (a * p * p / 2 + p.sin()).sum();
  loss.backward();
  return loss.detach();
}

TEST(NesterovsLookAhead, AsksForTheGradientWhereTheOtherFormIs) {
  for (const auto velocity : {descent::Velocity::Step, descent::Velocity::Gradient}) {
    const at::Tensor p = random({6}), q = random({6});
    descent::SGD ahead({p}, {.lr = 0.1, .momentum = 0.8, .velocity = velocity, .lookahead = true});
    descent::SGD nesterov({q}, {.lr = 0.1, .momentum = 0.8, .nesterov = true});
    for (int t = 0; t < 20; ++t) {
      at::Tensor asked;
      ahead.step([&] {
        asked = p.detach().clone();
        return hills(p);
      });
      expect_near(asked, q.detach(), 1e-13);
      hills(q);
      nesterov.step();
    }
  }
}

TEST(NesterovsLookAhead, ReturnsTheLossWhereItLookedAndNeedsAClosure) {
  const at::Tensor p = constant(1, 3);
  descent::SGD opt({p}, {.lr = 0.1, .momentum = 0.5, .lookahead = true});
  opt.step([&] { return hills(p); });
  at::Tensor at_q;
  const at::Tensor before = p.detach().clone();
  const at::Tensor loss = opt.step([&] { return at_q = hills(p); });
  EXPECT_TRUE(at::equal(loss, at_q));
  const at::Tensor moved = p.detach().clone();
  EXPECT_FALSE(at::equal(before, moved));
  try {
    opt.step();
    FAIL() << "took a step without a closure";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("SGD: step() has no closure, must have one"));
  }
  EXPECT_TRUE(at::equal(p, moved));
}

TEST(NesterovsLookAhead, PutsAllParametersBackIfTheClosureThrows) {
  const at::Tensor p = random({4}), q = random({3}, 2);
  descent::SGD opt({p}, {.lr = 0.1, .momentum = 0.9, .lookahead = true});
  opt.add_group({q});
  const auto both = [&] {
    hills(p);
    return hills(q);
  };
  opt.step(both);
  const auto before = everything(opt);
  bool looked_elsewhere = false;
  EXPECT_THROW(opt.step([&]() -> at::Tensor {
    looked_elsewhere = !at::equal(p, before[0]) && !at::equal(q, before[3]);
    throw std::runtime_error("the user's");
  }),
               std::runtime_error);
  EXPECT_TRUE(looked_elsewhere);
  EXPECT_EQ(difference(everything(opt), before), "");
}

TEST(Adagrad, StartsFromTheInitialAccumulator) {
  const at::Tensor p = constant(1);
  descent::Adagrad opt({p}, {.lr = 0.5, .initial_accumulator_value = 0.25, .eps = 0});
  p.mutable_grad() = constant(0.5).detach();
  opt.step();
  EXPECT_NEAR(p.item<double>(), 1 - 0.5 * 0.5 / std::sqrt(0.5), 1e-15);
  EXPECT_NEAR(opt.state_of(p)->buffer("sum").item<double>(), 0.5, 1e-15);
}

TEST(RMSprop, BeginsWithTheFirstSquareIfAsked) {
  const at::Tensor p = constant(1);
  descent::RMSprop opt(
      {p}, {.lr = 0.5, .alpha = 0.9, .eps = 0, .init = descent::RMSpropInit::FirstGradSquared});
  p.mutable_grad() = constant(-3).detach();
  opt.step();
  EXPECT_NEAR(p.item<double>(), 1.5, 1e-15);
}

TEST(RMSprop, LetsAGainGrowWhileSignsAgreeAndFallWhenTheyDoNot) {
  const at::Tensor p = constant(1);
  descent::RMSprop opt({p}, {.sign_gain = true, .gain_max = 1.3});
  const auto gain_after = [&](double g) {
    p.mutable_grad() = constant(g).detach();
    opt.step();
    return opt.state_of(p)->buffer("gain").item<double>();
  };
  EXPECT_EQ(gain_after(1), 1);  // nothing before it
  EXPECT_EQ(gain_after(2), 1.2);
  EXPECT_EQ(gain_after(1), 1.3);  // the bound, not 1.44
  EXPECT_EQ(gain_after(-1), 0.65);
  EXPECT_EQ(gain_after(0), 0.65);
  EXPECT_EQ(gain_after(-1), 0.65);
}

TEST(RMSprop, StartsAGainOfOneWhenTheOptionComesInMidRun) {
  const at::Tensor p = constant(1);
  descent::RMSprop opt({p});
  p.mutable_grad() = constant(1).detach();
  opt.step();
  opt.options().sign_gain = true;
  opt.step();
  EXPECT_EQ(opt.state_of(p)->buffer("gain").item<double>(), 1);
}

TEST(Rprop, RestsAStepAfterAChangeOfSign) {
  const at::Tensor p = constant(0);
  descent::Rprop opt({p}, {.lr = 0.1});
  const auto after = [&](double g) {
    p.mutable_grad() = constant(g).detach();
    opt.step();
    return p.item<double>();
  };
  EXPECT_NEAR(after(5), -0.1, 1e-15);
  EXPECT_NEAR(after(0.01), -0.22, 1e-15);
  EXPECT_NEAR(after(-3), -0.22, 1e-15);   // rests, length 0.06
  EXPECT_NEAR(after(-3), -0.16, 1e-15);   // factor 1: nothing before it
  EXPECT_NEAR(after(-3), -0.088, 1e-15);  // 0.072
}

TEST(Rprop, RaisesARateOfZeroToItsShortestStep) {
  const at::Tensor p = constant(0);
  descent::Rprop opt({p}, {.lr = 0, .step_min = 1e-3});
  p.mutable_grad() = constant(1).detach();
  opt.step();
  EXPECT_EQ(p.item<double>(), -1e-3);
}

TEST(Rectification, GrowsTowardsOne) {
  double before = 0;
  for (int t = 6; t < 20000; t = t * 5 / 4 + 1) {
    const descent::rules::Rectification at{{0.9, 0.999}, static_cast<double>(t)};
    ASSERT_GT(at.rho, 5) << t;
    EXPECT_GT(at.r(), before) << t;
    EXPECT_LT(at.r(), 1) << t;
    before = at.r();
  }
  EXPECT_GT(before, 0.999);
  EXPECT_LT((descent::rules::Rectification{{0.9, 0.999}, 5}).rho, 5);
}

TEST(RAdam, NeverRectifiesWithAShortMemory) {
  // Then it is momentum with a bias correction, whatever v is.
  const at::Tensor p = random({5});
  descent::RAdam opt({p}, {.lr = 0.1, .betas = {0.9, 0.5}});
  at::Tensor x = p.detach().clone(), m = at::zeros_like(x);
  for (int64_t t = 1; t <= 50; ++t) {
    const at::Tensor g = noise({5}, at::kDouble, t);
    p.mutable_grad() = g;
    opt.step();
    m = 0.9 * m + 0.1 * g;
    x = x - 0.1 * m / (1 - std::pow(0.9, static_cast<double>(t)));
  }
  expect_near(p.detach(), x, 1e-13);
}

TEST(RAdam, LeavesTheParameterAloneUntilItRectifiesIfItIsToSkip) {
  const at::Tensor p = random({5});
  descent::RAdamW opt({p},
                      {.lr = 0.1, .weight_decay = 0.5, .unrectified = descent::Unrectified::Skip});
  for (int64_t t = 1; t <= 6; ++t) {
    p.mutable_grad() = noise({5}, at::kDouble, t);
    opt.step();
    EXPECT_EQ(same_bits(p, random({5})), t < 6) << t;
  }
}

TEST(CautiousUpdates, MaskTheStepAndNotTheState) {
  for (const auto mode : {descent::Cautious::MeanClamp, descent::Cautious::NumelOverSum}) {
    const at::Tensor p = random({40}), q = random({40});
    descent::Adam cautious({p}, {.lr = 0.1, .cautious = mode}), plain({q}, {.lr = 0.1});
    for (int64_t t = 1; t <= 5; ++t) {
      const at::Tensor before = p.detach().clone(), was = q.detach().clone();
      p.mutable_grad() = q.mutable_grad() = noise({40}, at::kDouble, t);
      cautious.step();
      plain.step();
      const at::Tensor m = plain.state_of(q)->buffer("exp_avg");
      EXPECT_TRUE(at::equal(cautious.state_of(p)->buffer("exp_avg"), m));
      const at::Tensor mask = (m * p.grad() > 0).to(at::kDouble);
      const double scale = mode == descent::Cautious::MeanClamp
                               ? 1 / mask.mean().item<double>()
                               : 40 / (mask.sum().item<double>() + 1);
      expect_near(p.detach() - before, scale * mask * (q.detach() - was), 1e-14);
    }
  }
}

TEST(Lars, MovesAParameterByAFractionOfItsNorm) {
  const at::Tensor p = random({7, 3});
  descent::LARS opt({p}, {.lr = 0.5, .trust_coefficient = 0.02, .eps = 0});
  for (int64_t t = 1; t <= 5; ++t) {
    const at::Tensor before = p.detach().clone();
    p.mutable_grad() = noise({7, 3}, at::kDouble, 10 + t) * std::pow(10, t);
    opt.step();
    EXPECT_NEAR(length(p.detach() - before), 0.5 * 0.02 * length(before), 1e-14);
  }
}

TEST(Lars, TakesRatioOneForAParameterOfZerosAndForVectorsIfAsked) {
  const at::Tensor zero = at::zeros({4}, at::kDouble).requires_grad_(), vector = constant(2, 4);
  descent::LARS opt({zero, vector},
                    {.lr = 0.5, .weight_decay = 0.25, .adapt_1d = false, .decay_1d = false});
  zero.mutable_grad() = vector.mutable_grad() = constant(1, 4).detach();
  opt.step();
  expect_near(zero.detach(), constant(-0.5, 4).detach(), 1e-15);
  expect_near(vector.detach(), constant(1.5, 4).detach(), 1e-15);
}

TEST(Ftrl, IsAdagradWhenItIsAnchored) {
  expect_near(path<descent::FTRL>({.lr = 0.1, .z_init = descent::LinearInit::Anchored}, 30),
              path<descent::Adagrad>({.lr = 0.1, .initial_accumulator_value = 0.1, .eps = 0}, 30),
              1e-12);
}

TEST(Ftrl, KeepsAnAnchoredParameterUnderZeroGradients) {
  for (const double power : {-0.5, -0.75, 0.0}) {
    const at::Tensor p = random({5});
    descent::FTRL opt({p}, {.lr = 0.1,
                            .lr_power = power,
                            .l1 = 0.3,
                            .l2 = 0.2,
                            .beta = 0.1,
                            .z_init = descent::LinearInit::Anchored});
    for (int t = 0; t < 5; ++t) {
      p.mutable_grad() = at::zeros({5}, at::kDouble);
      opt.step();
    }
    expect_near(p.detach(), random({5}).detach(), 1e-14);
  }
}

TEST(Ftrl, MakesExactZeros) {
  const at::Tensor p = path<descent::FTRL>({.lr = 0.1, .l1 = 1e6}, 3);
  EXPECT_TRUE(at::equal(p, at::zeros_like(p)));
}

TEST(Ftrl, IsNoNumberNowhereEvenIfNothingHasHappened) {
  const at::Tensor p = constant(3);
  descent::FTRL opt({p}, {.lr = 0.1, .initial_accumulator_value = 0});
  p.mutable_grad() = constant(0).detach();
  opt.step();
  EXPECT_EQ(p.item<double>(), 3);
}

TEST(Ftrl, RestsWhereAScheduleHasSetTheRateToZero) {
  const at::Tensor p = random({5});
  descent::FTRL opt({p}, {.lr = 0.1});
  const auto step = [&](int64_t t) {
    p.mutable_grad() = noise({5}, at::kDouble, t);
    opt.step();
  };
  step(1);
  const auto before = everything(opt);
  opt.group_options().set_lr(0);
  step(2);
  EXPECT_EQ(difference(everything(opt), before), "");
  EXPECT_THROW(descent::FTRL({p}, {.lr = 0}), c10::Error);
}

TEST(Asgd, AveragesItsPathAndExchangesItWithTheParameter) {
  // The parity problem of the golden values; the checksum of ax after 60 steps.
  std::vector<at::Tensor> params;
  int64_t i = 0;
  for (const Shape& shape : Shapes{{4, 3}, {4}, {3, 5}, {2, 3, 2}}) {
    at::Tensor p = at::empty(shape, at::kDouble);
    for (int64_t j = 0; j < p.numel(); ++j, ++i)
      p.view(-1)[j] = std::cos(0.9 * static_cast<double>(i) + 0.3);
    params.push_back(p.requires_grad_());
  }
  descent::ASGD opt(params, {.lr = 0.05, .lambd = 0.01, .t0 = 20});
  const auto checksum = [&] {
    double sum = 0;
    int64_t at = 0;
    for (const auto& p : params)
      for (int64_t j = 0; j < p.numel(); ++j)
        sum += replay::checksum_term(at++, p.detach().view(-1)[j].item<double>());
    return sum;
  };
  for (int64_t t = 1; t <= 60; ++t) {
    int64_t at = 0;
    for (const auto& p : params) {
      at::Tensor g = at::empty_like(p);
      for (int64_t j = 0; j < p.numel(); ++j)
        g.view(-1)[j] =
            replay::parity_term(at++, t, p.detach().view(-1)[j].item<double>()).gradient;
      p.mutable_grad() = g;
    }
    opt.step();
  }
  const double last = checksum();
  EXPECT_NEAR(last, 0.006431767583148, 1e-11);
  opt.swap_average();
  EXPECT_NEAR(checksum(), 0.05067131591837, 1e-11);
  opt.swap_average();
  EXPECT_EQ(checksum(), last);
}

TEST(Ranger, IsLookaheadAroundRAdamW) {
  for (const auto slow_init : {descent::SlowInit::Initial, descent::SlowInit::Lazy}) {
    const auto p = parameters(kSmallShapes, at::kDouble), q = parameters(kSmallShapes, at::kDouble);
    descent::Ranger ranger(
        p, {.lr = 0.1, .weight_decay = 0.1, .alpha = 0.3, .k = 4, .slow_init = slow_init});
    descent::Lookahead around(
        descent::RAdamW(q, {.lr = 0.1, .betas = {0.95, 0.999}, .eps = 1e-5, .weight_decay = 0.1}),
        {.k = 4, .alpha = 0.3, .slow_init = slow_init});
    for (int64_t t = 1; t <= 13; ++t) {
      set_gradients(p, t);
      set_gradients(q, t);
      ranger.step();
      around.step();
      for (size_t i = 0; i < p.size(); ++i) expect_near(p[i].detach(), q[i].detach(), 1e-13);
    }
  }
}

TEST(Ranger, CentralizesGradientsOfTheDimensionsAskedFor) {
  for (const bool conv_only : {false, true}) {
    const Shapes shapes{{5}, {4, 6}, {2, 3, 3, 2}};
    const auto p = parameters(shapes, at::kDouble), q = parameters(shapes, at::kDouble);
    descent::Ranger with(p, {.lr = 0.1, .gc = true, .gc_conv_only = conv_only});
    descent::Ranger without(q, {.lr = 0.1});
    for (int64_t t = 1; t <= 8; ++t) {
      set_gradients(p, t);
      set_gradients(q, t);
      for (const auto& x : q)
        if (x.grad().defined() && x.dim() > (conv_only ? 3 : 1)) {
          std::vector<int64_t> rest(static_cast<size_t>(x.dim()) - 1);
          for (size_t d = 0; d < rest.size(); ++d) rest[d] = static_cast<int64_t>(d) + 1;
          x.mutable_grad() = x.grad() - x.grad().mean(rest, true);
        }
      with.step();
      without.step();
    }
    for (size_t i = 0; i < p.size(); ++i) expect_near(p[i].detach(), q[i].detach(), 1e-13);
  }
}

TEST(Paratrooper, IsRangerInTheEnd) {
  // Its bounds are 1 and 1/(r B), which tend to each other.
  const at::Tensor p = random({6}), q = random({6});
  descent::RangerLARS paratrooper({p}, descent::rules::RangerLARS::Options::paratrooper());
  descent::RAdam plain({q});
  paratrooper.options().k = 1000000;
  for (int64_t t = 1; t <= 20000; ++t) {
    const at::Tensor before = p.detach().clone(), was = q.detach().clone();
    p.mutable_grad() = q.mutable_grad() = noise({6}, at::kDouble, t);
    paratrooper.step();
    plain.step();
    const double ratio = length(p.detach() - before) / length(q.detach() - was);
    if (t <= 5) {
      EXPECT_NEAR(ratio, 1, 1e-12) << t;
    }
    if (t == 7) {
      EXPECT_GT(ratio, 1.5);
    }
    if (t == 20000) {
      EXPECT_NEAR(ratio, 1, 1e-3);
    }
  }
}

TEST(TheNumbersOfKeras, OfTheOtherRules) {
  const auto one_step = [](const char* key, descent::OptionValues options) {
    const at::Tensor p = at::tensor({1.0, 2.0, 3.0, 4.0}, at::kDouble).requires_grad_();
    const auto opt = descent::make_optimizer(key, {p}, options);
    p.mutable_grad() = at::tensor({1.0, 6.0, 7.0, 2.0}, at::kDouble);
    opt->step();
    return p.detach();
  };
  const auto numbers = [](std::vector<double> x) { return at::tensor(x, at::kDouble); };
  expect_near(one_step("rmsprop", {{"lr", 0.5},
                                   {"alpha", 0.9},
                                   {"eps", 1e-7},
                                   {"eps_mode", "inside"},
                                   {"velocity", "step"}}),
              numbers({-0.5811, 0.4189, 1.4189, 2.4189}), 1e-4);
  expect_near(
      one_step(
          "adagrad",
          {{"lr", 0.5}, {"initial_accumulator_value", 0.1}, {"eps", 1e-7}, {"eps_mode", "inside"}}),
      numbers({0.5233, 1.5007, 2.5005, 3.5061}), 1e-4);
  expect_near(one_step("adadelta", {{"lr", 0.5}, {"rho", 0.95}, {"eps", 1e-7}}),
              numbers({0.9993, 1.9993, 2.9993, 3.9993}), 1e-4);
  expect_near(one_step("nadam", {{"lr", 0.5}, {"momentum_decay", 1}, {"eps", 1e-7}}),
              numbers({0.4686, 1.4686, 2.4686, 3.4686}), 1e-4);
  expect_near(one_step("ftrl", {{"lr", 0.5}}), numbers({0.2218, 1.3954, 2.3651, 2.8814}), 1e-4);

  struct Five {
    const char* key;
    descent::OptionValues options;
    std::vector<double> first, last;  // elements; the last where keras prints it
  };
  const std::vector<Five> rows{
      {"rmsprop",
       {{"lr", 1e-3}, {"alpha", 0.9}, {"eps", 1e-7}, {"eps_mode", "inside"}, {"centered", true}},
       {0.9967, 0.9933, 0.9908, 0.9885, 0.9864},
       {0.9967, 0.9933, 0.9908, 0.9885, 0.9864}},
      {"adadelta",
       {{"lr", 1}, {"rho", 0.8}, {"eps", 1e-6}},
       {0.9978, 0.9947, 0.9915, 0.9882, 0.9849},
       {0.9978, 0.9947, 0.9915, 0.9882, 0.9849}},
      {"adagrad",
       {{"lr", 0.2}, {"initial_accumulator_value", 0.3}, {"eps", 1e-6}, {"eps_mode", "inside"}},
       {0.9963, 0.9604, 0.9251, 0.8903, 0.856},
       {0.9963, 0.8209, 0.6891, 0.579, 0.4825}},
      {"nadam",
       {{"lr", 0.5}, {"betas", {0.5, 0.67}}, {"eps", 1e-5}, {"momentum_decay", 1}},
       {0.4281, -0.1738, -0.7115, -1.2335, -1.7492},
       {}},
      {"adamax",
       {{"lr", 0.2}, {"betas", {0.85, 0.95}}, {"eps", 1e-6}, {"eps_place", "after_max"}},
       {0.8, 0.6827, 0.5333, 0.368, 0.1933},
       {}},
      {"ftrl",
       {{"lr", 0.05},
        {"lr_power", -0.2},
        {"initial_accumulator_value", 0.4},
        {"l1", 0.05},
        {"l2", 0.15},
        {"l2_shrinkage", 0.01},
        {"beta", 0.3}},
       {0, -0.0034, -0.0078, -0.0121, -0.0164},
       {0, -0.0354, -0.0685, -0.0999, -0.1299}},
      {"lamb",
       {{"eps", 1e-7}, {"decay_place", "decoupled"}},
       {0.999, 0.9982, 0.9974, 0.9965, 0.9955},
       {0.999, 0.9982, 0.9974, 0.9965, 0.9955}}};
  for (const Five& row : rows) {
    const at::Tensor p = at::ones({10}, at::kDouble).requires_grad_();
    const auto opt = descent::make_optimizer(row.key, {p}, row.options);
    for (size_t t = 0; t < 5; ++t) {
      p.mutable_grad() = t == 0 ? at::full({10}, 0.01, at::kDouble)
                                : at::arange(1, 11, at::TensorOptions(at::kDouble)) / 10;
      opt->step();
      // Keras compares within 5e-4 and 5e-4 of the number.
      const auto tolerance = [](double x) { return 5e-4 * (1 + std::abs(x)); };
      EXPECT_NEAR(p[0].item<double>(), row.first[t], tolerance(row.first[t])) << row.key << t;
      if (!row.last.empty()) {
        EXPECT_NEAR(p[9].item<double>(), row.last[t], tolerance(row.last[t])) << row.key << t;
      }
    }
  }
}

TEST(Presets, AreAcceptedAndDifferFromTheDefaults) {
  const at::Tensor p = random({4, 3});
  const auto check = [&](descent::OptimizerBase&& opt) {
    EXPECT_NE(opt.group_options().text(),
              descent::group_options(*descent::make_group_options(opt.rule())).text())
        << opt.rule().about.name;
    const at::Tensor before = p.detach().clone();
    p.mutable_grad() = noise({4, 3}, at::kDouble, 5);
    for (int t = 0; t < 7; ++t) opt.step();
    EXPECT_FALSE(at::equal(p, before)) << opt.rule().about.name;
  };
  check(descent::SGD({p}, descent::SGD::Options::keras()));
  check(descent::Adagrad({p}, descent::Adagrad::Options::keras()));
  check(descent::Adadelta({p}, descent::Adadelta::Options::keras()));
  check(descent::RMSprop({p}, descent::RMSprop::Options::keras()));
  check(descent::Adam({p}, descent::Adam::Options::keras()));
  check(descent::AdamW({p}, descent::AdamW::Options::keras()));
  check(descent::Adamax({p}, descent::Adamax::Options::keras()));
  check(descent::NAdam({p}, descent::NAdam::Options::keras()));
  check(descent::Lion({p}, descent::Lion::Options::keras()));
  check(descent::LAMB({p}, descent::LAMB::Options::keras()));
  check(descent::RangerLARS({p}, descent::RangerLARS::Options::over9000()));
  check(descent::RangerLARS({p}, descent::RangerLARS::Options::paratrooper()));
}

TEST(ReplacingAParameter, KeepsItsStateInPlaceOrGrown) {
  const at::Tensor p = random({3, 2}), other = random({4});
  descent::AdamW opt({p, other}, {.lr = 0.1});
  const auto step = [&](std::vector<at::Tensor> params) {
    for (const auto& x : params) x.mutable_grad() = noise(x.sizes(), at::kDouble, 7);
    opt.step();
  };
  step({p, other});
  step({p, other});
  const at::Tensor m = opt.state_of(p)->buffer("exp_avg").clone();
  const at::Tensor extra = at::ones({2, 2}, at::kDouble);
  const at::Tensor grown = at::cat({p.detach(), extra}).requires_grad_();
  opt.replace_param(p, grown, [](const at::Tensor& s) {
    return at::cat({s, at::zeros({2, 2}, s.options())});
  });
  EXPECT_EQ(opt.state_of(p), nullptr);
  ASSERT_NE(opt.state_of(grown), nullptr);
  EXPECT_EQ(opt.state_of(grown)->step(), 2);
  EXPECT_TRUE(at::equal(opt.state_of(grown)->buffer("exp_avg").narrow(0, 0, 3), m));
  EXPECT_TRUE(opt.param_groups()[0].params()[0].is_same(grown));
  const at::Tensor rows = grown.detach().narrow(0, 0, 3).clone();

  // The rows that were there go on as if nothing had happened.
  const at::Tensor twin = random({3, 2}), twin_other = random({4});
  descent::AdamW whole({twin, twin_other}, {.lr = 0.1});
  for (int t = 0; t < 2; ++t) {
    twin.mutable_grad() = noise({3, 2}, at::kDouble, 7);
    whole.step();
  }
  EXPECT_TRUE(at::equal(rows, twin.detach()));
  const at::Tensor g = noise({3, 2}, at::kDouble, 8);
  twin.mutable_grad() = g;
  grown.mutable_grad() = at::cat({g, extra});
  whole.step();
  opt.step();
  EXPECT_TRUE(at::equal(grown.detach().narrow(0, 0, 3), twin.detach()));
}

TEST(ReplacingAParameter, RefusesWhatDoesNotFitAndChangesNothing) {
  const at::Tensor p = random({3}), q = random({4}), stranger = random({2});
  descent::AdamW opt({p});
  p.mutable_grad() = at::ones({3}, at::kDouble);
  opt.step();
  const auto refusal = [&](const at::Tensor& from, const at::Tensor& to,
                           const std::function<at::Tensor(const at::Tensor&)>& map) {
    const auto before = everything(opt);
    try {
      opt.replace_param(from, to, map);
    } catch (const c10::Error& error) {
      EXPECT_EQ(difference(everything(opt), before), "");
      return std::string(error.what_without_backtrace());
    }
    return std::string();
  };
  const auto same = [](const at::Tensor& s) { return s; };
  EXPECT_THAT(refusal(stranger, q, same),
              HasSubstr("AdamW: the parameter to be replaced is in no group"));
  EXPECT_THAT(refusal(p, q, same), HasSubstr("AdamW: the new exp_avg has sizes [3], must be [4]"));
  EXPECT_THAT(refusal(p, q, nullptr), HasSubstr("[4]"));
  EXPECT_THAT(refusal(p, p, same), HasSubstr("is a parameter of this optimizer already"));
  EXPECT_THAT(refusal(p, at::ones({3}, at::kLong), same), HasSubstr("floating-point"));
}

TEST(AddingAParameter, PutsItIntoAnExistingGroup) {
  const at::Tensor p = random({3}), q = random({2});
  descent::Adam opt({p}, {.lr = 0.25});
  opt.add_param(q);
  EXPECT_EQ(opt.param_groups().size(), 1);
  q.mutable_grad() = at::ones({2}, at::kDouble);
  opt.step();
  expect_near(random({2}).detach() - q.detach(), at::full({2}, 0.25, at::kDouble), 1e-8);
  EXPECT_THROW(opt.add_param(q), c10::Error);
  EXPECT_THROW(opt.add_param(random({2}, 9), 1), c10::Error);
}

}  // namespace
}  // namespace first_order_test

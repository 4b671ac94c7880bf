// Loss scaling, around ours, LibTorch's own optimizers and wrappers, and steps that are skipped.
// tests/optim/python_scaler_test.cpp compares with Python.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/sgd.h>
#include <torch/serialize/archive.h>
#include <torch/types.h>

#include <descent/optim.h>
#include <descent/tensors/finite.h>

#include "checks.h"
#include "wrapping.h"

namespace {

using namespace checks;
using namespace wrapping;
using descent::GradScaler;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr double kInf = std::numeric_limits<double>::infinity();

/// A scaler that has been used, so that it has its scale.
GradScaler started(const GradScaler::Options& options = {}) {
  GradScaler scaler(options);
  scaler.scale(torch::ones({}));
  return scaler;
}

/// The gradients of step t, scaled.
void set_scaled(const std::vector<at::Tensor>& params, int64_t t, const GradScaler& scaler) {
  set_gradients(params, t, scaler.get_scale());
}

void spoil(const at::Tensor& p, double value = kInf) { p.grad().view(-1)[p.numel() - 1] = value; }

// ---- the scale

TEST(GradScaler, MultipliesOutputsByTheRulesOfMultiplication) {
  GradScaler scaler({.init_scale = 4});
  EXPECT_EQ(scaler.get_scale(), 4);
  const at::Tensor loss = scaler.scale(torch::full({}, 2, at::kHalf));
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
  EXPECT_EQ(loss.item<double>(), 8);
  const at::Tensor many = scaler.scale(torch::full({3}, 2, at::kHalf));
  EXPECT_EQ(many.scalar_type(), at::kHalf);
  EXPECT_EQ(scaler.scale(torch::ones({}, at::kDouble)).scalar_type(), at::kDouble);
  const std::vector<std::vector<at::Tensor>> nested{{torch::ones({2})}, {}};
  const auto scaled = scaler.scale(nested);
  ASSERT_EQ(scaled.size(), 2u);
  EXPECT_TRUE(scaled[1].empty());
  EXPECT_TRUE(same_bits(scaled[0].at(0), torch::full({2}, 4.f)));
  at::Tensor x = torch::ones({}).requires_grad_();
  scaler.scale(x * 3).backward();
  EXPECT_EQ(x.grad().item<double>(), 12);
}

TEST(GradScaler, FallsWhereGradientsOverflowAndGrowsAfterAnInterval) {
  const auto params = parameters({{3}}, at::kFloat);
  descent::SGD opt(params, {.lr = 0.1});
  GradScaler scaler = started({.init_scale = 8, .growth_interval = 2});
  std::vector<double> scales;
  std::vector<int64_t> trackers;
  const std::string steps = "oo.oo.o.oo";  // o: finite
  for (size_t t = 0; t < steps.size(); ++t) {
    set_scaled(params, static_cast<int64_t>(t), scaler);
    if (steps[t] == '.') spoil(params[0], t % 2 == 0 ? kInf : std::nan(""));
    scaler.step(opt);
    scaler.update();
    scales.push_back(scaler.get_scale());
    trackers.push_back(scaler.state_dict()->_growth_tracker);
  }
  EXPECT_THAT(scales, testing::ElementsAre(8, 16, 8, 8, 16, 8, 8, 4, 4, 8));
  EXPECT_THAT(trackers, testing::ElementsAre(1, 0, 0, 1, 0, 0, 1, 0, 1, 0));
  EXPECT_EQ(opt.state_of(params[0])->step(), 7);
}

TEST(GradScaler, NeverGrowsOnceTheTrackerIsPastALoweredInterval) {
  const auto params = parameters({{3}}, at::kFloat);
  descent::SGD opt(params, {.lr = 0.1});
  GradScaler scaler = started({.init_scale = 8, .growth_interval = 5});
  for (int64_t t = 0; t < 10; ++t) {
    if (t == 3) scaler.set_growth_interval(2);
    set_scaled(params, t, scaler);
    scaler.step(opt);
    scaler.update();
  }
  EXPECT_EQ(scaler.get_scale(), 8);
  EXPECT_EQ(scaler.state_dict()->_growth_tracker, 10);
}

TEST(GradScaler, DoesNotGrowToInfinity) {
  const auto params = parameters({{3}}, at::kDouble);
  descent::SGD opt(params, {.lr = 0.1});
  GradScaler scaler = started({.init_scale = 0x1p127, .growth_interval = 1});
  set_scaled(params, 1, scaler);
  scaler.step(opt);
  scaler.update();
  EXPECT_EQ(scaler.get_scale(), 0x1p127);
}

TEST(GradScaler, TakesANewScale) {
  GradScaler scaler = started();
  scaler.update(32.0);
  EXPECT_EQ(scaler.get_scale(), 32);
  scaler.update(torch::full({1}, 64, at::kDouble));
  EXPECT_EQ(scaler.get_scale(), 64);
  EXPECT_THAT(refusal([&] { scaler.update(-1.0); }), HasSubstr("new_scale = -1, must be finite"));
  EXPECT_THAT(refusal([&] { scaler.update(torch::ones({2})); }), HasSubstr("must be a tensor of"));
  EXPECT_THAT(refusal([&] { scaler.update(torch::ones({}).requires_grad_()); }),
              HasSubstr("without requires_grad"));
  EXPECT_EQ(scaler.get_scale(), 64);
}

// ---- the step

/// Every rule that calls no closure.
std::vector<const RuleTable*> rules() {
  std::vector<const RuleTable*> list;
  for (const RuleTable* rule : descent::optimizers())
    if (!rule->needs_loss) list.push_back(rule);
  return list;
}

TEST(GradScaler, StepsEveryRuleAsIfNothingHadBeenScaled) {
  const ThreadScope one_thread(1);
  for (const std::string& pass : passes()) {
    const PassScope scope(pass);
    for (const RuleTable* rule : rules())
      for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
        descent::OptionValues options;
        if (has_option(*rule, "max_grad_norm")) options.emplace_back("max_grad_norm", 0.5);
        Training plain(*rule, options, parameters(kSmallShapes, type));
        Training scaled(*rule, options, parameters(kSmallShapes, type));
        GradScaler scaler = started();
        for (int64_t t = 1; t <= 4; ++t) {
          set_gradients(plain.params, t);
          plain.optimizer->step();
          set_scaled(scaled.params, t, scaler);
          scaler.step(*scaled.optimizer);
          scaler.update();
        }
        EXPECT_EQ(difference(plain.everything(), scaled.everything()), "")
            << rule->about.key << ", " << pass << ", " << type;
      }
  }
}

/// Optimizers of all kinds: in one pass, by copies, around others.
std::vector<std::pair<std::string, std::function<std::unique_ptr<torch::optim::Optimizer>(
                                       const std::vector<at::Tensor>&)>>>
kinds() {
  using Params = const std::vector<at::Tensor>&;
  using Made = std::unique_ptr<torch::optim::Optimizer>;
  return {
      {"ours", [](Params p) -> Made { return std::make_unique<descent::AdamW>(p); }},
      {"LibTorch's",
       [](Params p) -> Made {
         return std::make_unique<torch::optim::AdamW>(p, torch::optim::AdamWOptions(1e-2));
       }},
      {"Lookahead",
       [](Params p) -> Made {
         return std::make_unique<descent::Lookahead>(descent::AdamW(p),
                                                     descent::LookaheadOptions{.k = 2});
       }},
      {"ClipNorm",
       [](Params p) -> Made {
         return std::make_unique<descent::ClipNorm>(descent::AdamW(p),
                                                    descent::ClipNormOptions{.max_norm = 0.1});
       }},
      {"Lookahead around ClipNorm",
       [](Params p) -> Made {
         return std::make_unique<descent::Lookahead>(
             std::make_unique<descent::ClipNorm>(descent::SGD(p),
                                                 descent::ClipNormOptions{.max_norm = 0.1}),
             descent::LookaheadOptions{.k = 2});
       }},
      {"Mechanic",
       [](Params p) -> Made { return std::make_unique<descent::Mechanic>(descent::AdamW(p)); }},
      {"ScheduleFree",
       [](Params p) -> Made { return std::make_unique<descent::ScheduleFree>(descent::AdamW(p)); }},
      {"GradientNoise",
       [](Params p) -> Made { return std::make_unique<descent::GradientNoise>(descent::SGD(p)); }},
  };
}

TEST(GradScaler, StepsOptimizersOfAllKindsAsIfNothingHadBeenScaled) {
  for (const auto& [name, make] : kinds()) {
    const auto plain = parameters(kSmallShapes, at::kFloat);
    const auto scaled = parameters(kSmallShapes, at::kFloat);
    const auto one = make(plain), other = make(scaled);
    GradScaler scaler = started();
    for (int64_t t = 1; t <= 6; ++t) {
      set_gradients(plain, t);
      one->step();
      set_scaled(scaled, t, scaler);
      scaler.step(*other);
      scaler.update();
    }
    EXPECT_EQ(difference(copies(plain), copies(scaled)), "") << name;
  }
}

TEST(GradScaler, ChangesNothingWhereAGradientIsNotFinite) {
  for (const auto& [name, make] : kinds()) {
    // The second one makes a step less, but for that it does the same.
    const auto plain = parameters(kSmallShapes, at::kFloat);
    const auto scaled = parameters(kSmallShapes, at::kFloat);
    const auto one = make(plain), other = make(scaled);
    GradScaler scaler = started();
    for (int64_t t = 1; t <= 6; ++t) {
      set_gradients(plain, t);
      one->step();
      set_scaled(scaled, t, scaler);
      spoil(scaled[0]);
      EXPECT_FALSE(scaler.step(*other).defined()) << name;
      scaler.update();
      set_scaled(scaled, t, scaler);
      scaler.step(*other);
      scaler.update();
    }
    EXPECT_EQ(difference(copies(plain), copies(scaled)), "") << name;
    EXPECT_EQ(scaler.get_scale(), 1024) << name;
  }
}

TEST(GradScaler, WritesNoGradient) {
  for (const auto& [name, make] : kinds())
    for (const bool overflows : {false, true}) {
      const auto params = parameters(kSmallShapes, at::kFloat);
      const auto opt = make(params);
      GradScaler scaler = started();
      set_scaled(params, 1, scaler);
      if (overflows) spoil(params[0]);
      const auto before = gradients(params), values = copies(before);
      scaler.step(*opt);
      const auto after = gradients(params);
      for (size_t i = 0; i < params.size(); ++i) {
        EXPECT_TRUE(after[i].is_same(before[i])) << name << ", " << i;
        EXPECT_TRUE(same_bits(after[i], values[i])) << name << ", " << i;
      }
    }
}

TEST(GradScaler, TakesGradientsThatAreUnscaledAlreadyAsTheyAre) {
  for (const auto& [name, make] : kinds()) {
    const auto plain = parameters(kSmallShapes, at::kFloat);
    const auto scaled = parameters(kSmallShapes, at::kFloat);
    const auto one = make(plain), other = make(scaled);
    GradScaler scaler = started();
    for (int64_t t = 1; t <= 3; ++t) {
      set_gradients(plain, t);
      one->step();
      set_scaled(scaled, t, scaler);
      scaler.unscale_(*other);
      for (size_t i = 0; i < plain.size(); ++i)
        if (plain[i].grad().defined()) {
          EXPECT_TRUE(same_bits(plain[i].grad(), scaled[i].grad())) << name << ", " << i;
        }
      scaler.step(*other);
      scaler.update();
    }
    EXPECT_EQ(difference(copies(plain), copies(scaled)), "") << name;
  }
}

TEST(GradScaler, MultipliesByTheScalesInverseInFloat) {
  const auto params = parameters({{5}}, at::kDouble);
  const at::Tensor before = params[0].detach().clone();
  descent::SGD opt(params, {.lr = 1});
  GradScaler scaler = started({.init_scale = 3});
  params[0].mutable_grad() = torch::full({5}, 0.7, at::kDouble);
  scaler.step(opt);
  const double third = static_cast<float>(1.0 / 3);
  EXPECT_TRUE(same_bits(params[0].detach(), before - 0.7 * third));
}

TEST(GradScaler, UnscalesInTheGradientsOwnType) {
  // In half 70000 would be infinite.
  const auto params = parameters({{5}}, at::kHalf);
  const at::Tensor before = params[0].detach().clone();
  descent::SGD opt(params, {.lr = 1});
  GradScaler scaler = started({.init_scale = 70000});
  params[0].mutable_grad() = torch::full({5}, 70000.f);
  scaler.step(opt);
  EXPECT_TRUE(at::allclose(params[0].detach(), before - 1, 1e-3, 1e-3)) << params[0];
}

TEST(GradScaler, StepsLibTorchsOwnWithSparseGradients) {
  const auto sparse = [](double scale) {
    return torch::sparse_coo_tensor(torch::tensor({{0, 2, 0}}), scale * torch::ones({3, 4}), {5, 4},
                                    torch::kFloat);
  };
  for (const bool first : {false, true}) {
    const auto plain = parameters({{5, 4}}, at::kFloat), scaled = parameters({{5, 4}}, at::kFloat);
    torch::optim::SGD one(plain, 0.1), other(scaled, 0.1);
    GradScaler scaler = started();
    plain[0].mutable_grad() = sparse(1);
    one.step();
    scaled[0].mutable_grad() = sparse(65536);
    if (first) scaler.unscale_(other);
    scaler.step(other);
    EXPECT_EQ(difference(copies(plain), copies(scaled)), "");
    scaler.update();
    scaled[0].mutable_grad() = sparse(kInf);
    EXPECT_FALSE(scaler.step(other).defined());
    EXPECT_EQ(difference(copies(plain), copies(scaled)), "");
  }
}

TEST(GradScaler, SkipsEachOptimizerForItsOwnGradients) {
  const auto params = parameters({{3}, {4}}, at::kFloat);
  descent::SGD one({params[0]}, {.lr = 0.1}), other({params[1]}, {.lr = 0.1});
  const auto before = copies(params);
  GradScaler scaler = started();
  set_scaled(params, 1, scaler);
  spoil(params[1]);
  scaler.step(one);
  scaler.step(other);
  scaler.update();
  EXPECT_FALSE(same_bits(params[0], before[0]));
  EXPECT_TRUE(same_bits(params[1], before[1]));
  EXPECT_EQ(scaler.get_scale(), 32768);
}

TEST(GradScaler, CountsAnOptimizerThatWasCheckedAndNotStepped) {
  const auto params = parameters({{3}}, at::kFloat);
  descent::SGD opt(params, {.lr = 0.1});
  GradScaler scaler = started();
  set_scaled(params, 1, scaler);
  spoil(params[0]);
  scaler.unscale_(opt);
  scaler.update();
  EXPECT_EQ(scaler.get_scale(), 32768);
}

TEST(GradScaler, TakesAnOptimizerAndItsWrappersForOne) {
  const auto params = parameters({{3}}, at::kFloat);
  descent::SGD opt(params, {.lr = 0.1});
  descent::ClipNorm around(opt);
  GradScaler scaler = started();
  set_scaled(params, 1, scaler);
  scaler.unscale_(opt);
  EXPECT_THAT(refusal([&] { scaler.unscale_(around); }), HasSubstr("has already been called"));
  const at::Tensor gradient = params[0].grad().clone();
  scaler.step(around);
  EXPECT_TRUE(same_bits(params[0].grad(), gradient));
  EXPECT_THAT(refusal([&] { scaler.step(opt); }), HasSubstr("step() has already been called"));
}

TEST(GradScaler, SeesParametersThatTheInnerOptimizerGotSince) {
  const auto params = parameters({{3}, {2}}, at::kFloat);
  descent::SGD opt({params[0]}, {.lr = 0.1});
  descent::ClipNorm around(opt);
  opt.add_group({params[1]});
  GradScaler scaler = started();
  set_scaled(params, 1, scaler);
  spoil(params[1]);
  EXPECT_FALSE(scaler.step(around).defined());
  scaler.update();
  EXPECT_EQ(scaler.get_scale(), 32768);
}

// ---- refusals

TEST(GradScaler, RefusesWhatPythonsRefusesInItsWords) {
  const auto params = parameters({{3}}, at::kFloat);
  descent::SGD opt(params, {.lr = 0.1});
  set_gradients(params, 1);
  const auto before = copies(params);
  GradScaler fresh;
  EXPECT_THAT(refusal([&] { fresh.unscale_(opt); }),
              HasSubstr("Attempted unscale_ but _scale is None."));
  EXPECT_THAT(refusal([&] { fresh.step(opt); }), HasSubstr("Attempted step but _scale is None."));
  EXPECT_THAT(refusal([&] { fresh.update(); }), HasSubstr("Attempted update but _scale is None."));

  GradScaler scaler = started();
  EXPECT_THAT(refusal([&] { scaler.update(); }),
              HasSubstr("No inf checks were recorded prior to update."));
  scaler.unscale_(opt);
  EXPECT_THAT(refusal([&] { scaler.unscale_(opt); }),
              HasSubstr("unscale_() has already been called on this optimizer since the last "
                        "update()."));
  EXPECT_EQ(difference(copies(params), before), "");
  scaler.step(opt);
  EXPECT_THAT(refusal([&] { scaler.unscale_(opt); }),
              HasSubstr("unscale_() is being called after step()."));
  EXPECT_THAT(refusal([&] { scaler.step(opt); }),
              HasSubstr("step() has already been called since the last update()."));
  scaler.update();
  params[0].mutable_grad() = at::Tensor();
  EXPECT_THAT(refusal([&] { scaler.step(opt); }),
              HasSubstr("No inf checks were recorded for this optimizer."));
  EXPECT_THAT(refusal([&] { scaler.load_state_dict({}); }),
              HasSubstr("The source state dict is empty, possibly because it was saved from a "
                        "disabled instance of GradScaler."));
}

TEST(GradScaler, RefusesHalfGradients) {
  const auto params = parameters({{3}}, at::kHalf);
  torch::optim::SGD opt(params, 0.1);
  set_gradients(params, 1);
  const auto before = copies(params), values = copies(gradients(params));
  GradScaler scaler = started();
  EXPECT_THAT(refusal([&] { scaler.unscale_(opt); }),
              HasSubstr("Attempting to unscale FP16 gradients."));
  EXPECT_THAT(refusal([&] { scaler.step(opt); }),
              HasSubstr("Attempting to unscale FP16 gradients."));
  EXPECT_EQ(difference(copies(params), before), "");
  EXPECT_EQ(difference(copies(gradients(params)), values), "");
}

TEST(GradScaler, RefusesClosuresAndWhoCallsThem) {
  const auto params = parameters({{3}}, at::kFloat);
  set_gradients(params, 1);
  const auto before = copies(params);
  GradScaler scaler = started();
  descent::SGD plain(params, {.lr = 0.1});
  EXPECT_THAT(refusal([&] { scaler.step(plain, [&] { return at::Tensor(); }); }),
              HasSubstr("step() got a closure, must get none"));
  descent::SAM sam(descent::SGD(params, {.lr = 0.1}));
  EXPECT_THAT(refusal([&] { scaler.step(sam); }), HasSubstr("got SAM, which needs a closure"));
  descent::ClipNorm around(sam);
  EXPECT_THAT(refusal([&] { scaler.step(around); }), HasSubstr("got SAM"));
  torch::optim::LBFGS lbfgs(params);
  EXPECT_THAT(refusal([&] { scaler.step(lbfgs); }), HasSubstr("got LBFGS"));
  descent::PolyakSGD polyak(params);
  EXPECT_THAT(refusal([&] { scaler.step(polyak); }), HasSubstr("got PolyakSGD"));
  descent::SGD ahead(params, {.lr = 0.1, .momentum = 0.9, .lookahead = true});
  EXPECT_THAT(refusal([&] { scaler.step(ahead); }), HasSubstr("got SGD"));
  EXPECT_EQ(difference(copies(params), before), "");
}

TEST(GradScaler, CanBeAskedAgainAfterAStepThatThrew) {
  const auto params = parameters({{3}}, at::kFloat);
  descent::SGD opt(params, {.lr = 0.1});
  GradScaler scaler = started();
  set_scaled(params, 1, scaler);
  const auto before = copies(params), values = copies(gradients(params));
  opt.options().lr = -1;
  EXPECT_THAT(refusal([&] { scaler.step(opt); }), HasSubstr("lr = -1"));
  EXPECT_EQ(difference(copies(params), before), "");
  EXPECT_EQ(difference(copies(gradients(params)), values), "");
  opt.options().lr = 0.1;
  scaler.step(opt);
  scaler.update();
  set_gradients(params, 1);
  opt.step();  // at a factor of 1 again
  const at::Tensor wanted = before[0] - 0.1 * params[0].grad() - 0.1 * params[0].grad();
  EXPECT_TRUE(at::allclose(params[0], wanted));
}

TEST(GradScaler, RefusesOptionsOutOfRange) {
  EXPECT_THAT(refusal([] { GradScaler({.init_scale = 0}); }), HasSubstr("init_scale = 0"));
  EXPECT_THAT(refusal([] { GradScaler({.growth_factor = 1}); }),
              HasSubstr("GradScaler: growth_factor = 1, must be finite and > 1"));
  EXPECT_THAT(refusal([] { GradScaler({.backoff_factor = 1}); }), HasSubstr("in (0, 1)"));
  EXPECT_THAT(refusal([] { GradScaler({.growth_interval = 0}); }), HasSubstr("growth_interval"));
  GradScaler scaler;
  EXPECT_THAT(refusal([&] { scaler.set_growth_factor(0.5); }), HasSubstr("growth_factor = 0.5"));
  EXPECT_THAT(refusal([&] { scaler.set_backoff_factor(2); }), HasSubstr("backoff_factor = 2"));
  EXPECT_EQ(scaler.get_growth_factor(), 2);
  EXPECT_EQ(scaler.get_backoff_factor(), 0.5);
}

TEST(GradScaler, OnlyStepsWhileItIsDisabled) {
  const auto params = parameters({{3}}, at::kFloat);
  descent::SGD opt(params, {.lr = 0.1});
  GradScaler scaler({.enabled = false});
  const at::Tensor loss = torch::ones({});
  EXPECT_TRUE(scaler.scale(loss).is_same(loss));
  set_gradients(params, 1);
  const at::Tensor wanted = params[0].detach() - 0.1 * params[0].grad();
  scaler.unscale_(opt);
  EXPECT_EQ(scaler.step(opt, [&] { return loss; }).item<double>(), 1);
  scaler.update();
  EXPECT_TRUE(at::allclose(params[0], wanted));
  EXPECT_EQ(scaler.get_scale(), 1);
  EXPECT_FALSE(scaler.state_dict());
}

// ---- checkpoints

TEST(GradScaler, GoesOnFromAnArchive) {
  GradScaler first = started({.init_scale = 8, .growth_factor = 4, .growth_interval = 3});
  const auto params = parameters({{3}}, at::kFloat);
  descent::SGD opt(params, {.lr = 0.1});
  const auto step = [&](GradScaler& scaler, int64_t t) {
    set_scaled(params, t, scaler);
    if (t == 1) spoil(params[0]);
    scaler.step(opt);
    scaler.update();
  };
  for (int64_t t = 1; t <= 3; ++t) step(first, t);
  std::stringstream stream;
  torch::serialize::OutputArchive out;
  first.save(out);
  out.save_to(stream);
  for (const bool live : {false, true}) {
    stream.clear();
    stream.seekg(0);
    GradScaler second = live ? started() : GradScaler();
    torch::serialize::InputArchive in;
    in.load_from(stream);
    second.load(in);
    EXPECT_EQ(second.get_scale(), 4);
    second.scale(torch::ones({}));
    EXPECT_EQ(second.get_growth_factor(), 4);
    step(second, 4);
    EXPECT_EQ(second.get_scale(), 16);  // the third finite step in a row
  }
}

TEST(GradScaler, RefusesAStateOutOfRangeAndKeepsItsOwn) {
  GradScaler scaler = started();
  auto state = *scaler.state_dict();
  state.scale = kInf;
  EXPECT_THAT(refusal([&] { scaler.load_state_dict(state); }), HasSubstr("init_scale = inf"));
  state = *scaler.state_dict();
  state._growth_tracker = -1;
  EXPECT_THAT(refusal([&] { scaler.load_state_dict(state); }), HasSubstr("_growth_tracker = -1"));
  EXPECT_EQ(scaler.get_scale(), 65536);
}

// ---- what is finite

TEST(AllFinite, FindsTheOneNumberThatIsNot) {
  for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf})
    for (const double bad : {kInf, -kInf, std::nan("")})
      for (const int64_t n : {1, 63, 64, 65, 130, 4097, 70001})
        for (const int64_t at : {int64_t{0}, n / 2, n - 1}) {
          at::Tensor x = torch::full({n}, 3, type);
          x[n - 1 - at] = -1;
          EXPECT_TRUE(descent::tensors::all_finite({x, x}));
          x[at] = bad;
          EXPECT_FALSE(descent::tensors::all_finite({torch::ones({2}), x}))
              << type << ", " << bad << " at " << at << " of " << n;
        }
}

TEST(AllFinite, TakesTheLargestNumbersAndZerosForFinite) {
  EXPECT_TRUE(descent::tensors::all_finite({}));
  EXPECT_TRUE(descent::tensors::all_finite({torch::empty({0})}));
  EXPECT_TRUE(
      descent::tensors::all_finite({torch::tensor({3.4028235e38f, -3.4028235e38f, -0.f, 1e-45f})}));
  EXPECT_TRUE(
      descent::tensors::all_finite({torch::tensor({1.7976931348623157e308, 5e-324}, at::kDouble)}));
  EXPECT_TRUE(descent::tensors::all_finite({torch::tensor({65504.f, -65504.f}).to(at::kHalf)}));
}

TEST(AllFinite, LooksAtWhatATensorHoldsWhateverItsLayout) {
  at::Tensor x = torch::ones({6, 8});
  x[2][3] = kInf;
  EXPECT_FALSE(descent::tensors::all_finite({x.t()}));
  EXPECT_FALSE(descent::tensors::all_finite({x.slice(1, 0, 8, 3)}));
  EXPECT_TRUE(descent::tensors::all_finite({x.slice(1, 1, 8, 3)}));  // 1, 4, 7
  EXPECT_FALSE(descent::tensors::all_finite({x.to_sparse()}));
  const at::Tensor twice = torch::sparse_coo_tensor(
      torch::tensor({{0, 0}}), torch::full({2}, 60000, at::kHalf), {3}, at::kHalf);
  EXPECT_FALSE(descent::tensors::all_finite({twice}));  // the sum is infinite
  EXPECT_FALSE(descent::tensors::all_finite({torch::full({2}, kInf).to(at::kComplexFloat)}));
}

// ---- SkipNonfinite

TEST(SkipNonfinite, SkipsStepsWhoseGradientsAreNotFiniteAndCountsThem) {
  const auto plain = parameters(kSmallShapes, at::kFloat);
  const auto params = parameters(kSmallShapes, at::kFloat);
  descent::AdamW one(plain);
  descent::SkipNonfinite opt(descent::AdamW{params});
  for (int64_t t = 1; t <= 5; ++t) {
    set_gradients(plain, t);
    one.step();
    for (const double bad : {kInf, std::nan("")}) {
      set_gradients(params, t);
      spoil(params[0], bad);
      opt.step();
    }
    EXPECT_EQ(opt.skipped_in_a_row(), 2);
    set_gradients(params, t);
    opt.step();
    EXPECT_EQ(opt.skipped_in_a_row(), 0);
  }
  EXPECT_EQ(difference(copies(plain), copies(params)), "");
  EXPECT_EQ(opt.skipped(), 10);
  EXPECT_EQ(opt.n(), 15);
}

TEST(SkipNonfinite, CallsTheClosureOnceAndReturnsItsValueInAnyCase) {
  const auto params = parameters({{3}}, at::kFloat);
  descent::SkipNonfinite opt(torch::optim::SGD(params, 0.1));
  for (const double factor : {1.0, kInf}) {
    const at::Tensor before = params[0].detach().clone();
    int calls = 0;
    const at::Tensor loss = opt.step([&] {
      ++calls;
      EXPECT_TRUE(at::GradMode::is_enabled());
      params[0].mutable_grad() = at::Tensor();
      const at::Tensor value = (params[0] * factor).sum();
      value.backward();
      return value.detach();
    });
    EXPECT_EQ(calls, 1);
    EXPECT_TRUE(loss.defined());
    EXPECT_EQ(same_bits(params[0], before), std::isinf(factor));
  }
  EXPECT_EQ(opt.skipped(), 1);
}

TEST(SkipNonfinite, SavesItsCounts) {
  const auto params = parameters({{3}}, at::kFloat);
  descent::SkipNonfinite opt(descent::AdamW{params});
  set_gradients(params, 1);
  opt.step();
  spoil(params[0]);
  opt.step();
  descent::SkipNonfinite other(descent::AdamW{params});
  load_from(other, saved(opt));
  EXPECT_EQ(other.n(), 2);
  EXPECT_EQ(other.skipped(), 1);
  EXPECT_EQ(other.skipped_in_a_row(), 1);
}

TEST(SkipNonfinite, RefusesWhoCallsClosuresInItsOwnWay) {
  const auto params = parameters({{3}}, at::kFloat);
  EXPECT_THAT(refusal([&] { descent::SkipNonfinite(descent::SAM(descent::SGD(params))); }),
              HasSubstr("SkipNonfinite: the inner optimizer, SAM, needs closures of its own"));
  descent::SGD sgd(params, {.lr = 0.1, .momentum = 0.9});
  descent::SkipNonfinite opt(sgd);
  sgd.options().lookahead = true;
  set_gradients(params, 1);
  EXPECT_THAT(refusal([&] { opt.step(); }), HasSubstr("SGD, needs closures of its own"));
}

}  // namespace

// What a step does besides its formula: closures, autograd, addresses.
#include <stdexcept>

#include <gmock/gmock.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "checks.h"

namespace step_test {
namespace {

using namespace checks;

std::vector<std::string> keys() {
  std::vector<std::string> list;
  for (const RuleTable* rule : descent::optimizers()) list.emplace_back(rule->about.key);
  return list;
}

class EveryRulesStep : public testing::TestWithParam<std::string> {
 protected:
  Training run(const Shapes& shapes = {{4}, {2, 3}}) const {
    return {rule(), options(), parameters(shapes, at::kFloat)};
  }
  static const descent::engine::RuleTable& rule() { return descent::find_rule(GetParam()); }
  /// A rate that is felt from the first steps on.
  static descent::OptionValues options() {
    descent::OptionValues list{{"lr", 0.1}};
    if (has_option(rule(), "silent_sgd_phase")) list.emplace_back("silent_sgd_phase", false);
    return list;
  }
};
INSTANTIATE_TEST_SUITE_P(Registered, EveryRulesStep, testing::ValuesIn(keys()),
                         [](const auto& rule) { return rule.param; });

TEST_P(EveryRulesStep, CallsTheClosureOnceWithGradientsEnabledAndReturnsItsValue) {
  for (const bool outer_gradients : {true, false}) {
    Training with = run(), without = run();
    int calls = 0;
    at::Tensor loss;
    {
      const at::AutoGradMode mode(outer_gradients);
      loss = with.optimizer->step([&] {
        ++calls;
        EXPECT_TRUE(at::GradMode::is_enabled());
        with.optimizer->zero_grad();
        const at::Tensor sum = (with.params[0] * with.params[0]).sum() + with.params[1].sum();
        sum.backward();
        return sum;
      });
      EXPECT_EQ(at::GradMode::is_enabled(), outer_gradients);
    }
    EXPECT_EQ(calls, 1);
    const auto start = parameters({{4}, {2, 3}}, at::kFloat);
    EXPECT_EQ(loss.item<float>(), ((start[0] * start[0]).sum() + start[1].sum()).item<float>());
    without.params[0].mutable_grad() = 2 * start[0].detach();
    without.params[1].mutable_grad() = at::ones({2, 3});
    if (descent::find_rule(GetParam()).needs_loss)
      without.optimizer->step([&] { return loss; });
    else
      EXPECT_FALSE(without.optimizer->step().defined());
    EXPECT_EQ(difference(with.everything(), without.everything()), "");
  }
}

TEST_P(EveryRulesStep, ChangesNothingIfTheClosureThrows) {
  Training opt = run();
  opt.steps(1, 2);
  const auto before = opt.everything();
  const std::string options = opt.optimizer->group_options().text();
  EXPECT_THROW(opt.optimizer->step([&]() -> at::Tensor {
    opt.params[0].mutable_grad() = at::ones({4});
    throw std::runtime_error("no loss today");
  }),
               std::runtime_error);
  EXPECT_EQ(difference(opt.everything(), before), "");
  EXPECT_EQ(opt.optimizer->group_options().text(), options);
  EXPECT_TRUE(at::GradMode::is_enabled());
  opt.steps(3, 4);
  Training other = run();
  other.steps(1, 4);
  EXPECT_EQ(difference(opt.everything(), other.everything()), "");
}

TEST_P(EveryRulesStep, KeepsParametersLeavesThatWantGradients) {
  Training opt = run();
  opt.steps(1, 2);
  for (const auto& p : opt.params) {
    EXPECT_TRUE(p.is_leaf());
    EXPECT_TRUE(p.requires_grad());
  }
  for (const auto& x : opt.everything()) EXPECT_FALSE(x.requires_grad());
}

TEST_P(EveryRulesStep, IsNoticedByAGraphThatSavedTheParameter) {
  for (const auto& pass : passes()) {
    const PassScope scope(pass);
    Training opt = run();
    const at::Tensor loss = (opt.params[0] * opt.params[0]).sum();
    const at::Tensor untouched = (opt.params[1] * opt.params[1]).sum();
    opt.params[0].mutable_grad() = at::ones({4});
    take_step(*opt.optimizer);
    EXPECT_THROW(loss.backward(), c10::Error) << pass;
    EXPECT_NO_THROW(untouched.backward()) << pass;
  }
}

TEST_P(EveryRulesStep, GivesNoStateToATensorAtAFreedAddress) {
  Training opt = run({{4}});
  opt.steps(1, 1);
  const void* const address = opt.params[0].unsafeGetTensorImpl();
  opt.optimizer->param_groups()[0].params().clear();
  opt.params.clear();
  // The allocator gives a freed address to one of the next tensors of the same class, unless
  // something holds it.
  std::vector<at::Tensor> fresh;
  for (int i = 0; i < 2000; ++i) {
    fresh.push_back(at::empty({4}));
    ASSERT_EQ(opt.optimizer->state_of(fresh.back()), nullptr)
        << (fresh.back().unsafeGetTensorImpl() == address ? "same address" : "another address");
  }
}

TEST_P(EveryRulesStep, IsAsGoodAsNoneWithoutAnyGradient) {
  Training opt = run();
  const auto before = opt.everything();
  take_step(*opt.optimizer);
  EXPECT_EQ(difference(opt.everything(), before), "");
}

TEST_P(EveryRulesStep, GoesOnWhenAParameterIsFrozenAndFreedAgain) {
  Training opt = run();
  opt.steps(1, 1);
  const auto resting = opt.params[1].detach().clone();
  opt.optimizer->zero_grad();
  for (int i = 0; i < 2; ++i) {
    opt.params[0].mutable_grad() = at::ones({4});
    take_step(*opt.optimizer);
  }
  EXPECT_TRUE(same_bits(opt.params[1], resting));
  opt.steps(3, 3);
  EXPECT_FALSE(same_bits(opt.params[1], resting));
}

TEST_P(EveryRulesStep, WorksOnInferenceTensors) {
  const c10::InferenceMode guard;
  const at::Tensor p = at::ones({4});
  const auto opt = make_fitting(descent::find_rule(GetParam()), {p}, options());
  p.mutable_grad() = at::ones({4});
  for (int step = 0; step < 2; ++step) take_step(*opt);  // some rest at first
  EXPECT_FALSE(at::equal(p, at::ones({4})));
}

TEST_P(EveryRulesStep, TrainsAModule) {
  torch::manual_seed(3);
  torch::nn::Sequential net(torch::nn::Linear(1, 16), torch::nn::Tanh(), torch::nn::Linear(16, 1));
  const at::Tensor x = at::linspace(-1, 1, 32).unsqueeze(1), y = x * x;
  const auto loss = [&] { return at::mse_loss(net->forward(x), y); };
  const double first = loss().item<double>();
  // Those whose default is 1 measure the rate in other units.
  const auto defaults = descent::find_rule(GetParam()).make_options(nullptr);
  const double lr = has_option(rule(), "weight_lr_power") ? 0.05
                    : rule().weigh != nullptr             ? 1
                                              : std::max(0.01, 4 * *rule().lr(defaults.get()));
  const auto opt = make_fitting(descent::find_rule(GetParam()), net->parameters(), {{"lr", lr}});
  for (int i = 0; i < 200; ++i)
    opt->step([&] {
      opt->zero_grad();
      const at::Tensor value = loss();
      value.backward();
      return value;
    });
  EXPECT_LT(loss().item<double>(), 0.5 * first);
}

TEST(Registry, ListsEveryRuleOnceInTheOrderOfTheAlphabet) {
  const auto names = keys();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  for (const char* name : {"adam", "adamw", "full_adagrad", "lamb", "lion", "sgd"})
    EXPECT_THAT(names, testing::Contains(name));
}

TEST(Registry, MakesTheSameOptimizerAsItsClass) {
  const auto p = parameters({{40}}, at::kFloat), q = parameters({{40}}, at::kFloat);
  descent::AdamW typed({p[0]},
                       {.lr = 0.1, .betas = {0.5, 0.75}, .eps_mode = descent::EpsMode::Hat});
  const auto named = descent::make_optimizer(
      "AdamW", {q[0]}, {{"lr", 0.1}, {"betas", {0.5, 0.75}}, {"eps_mode", "hat"}});
  EXPECT_EQ(&typed.rule(), &named->rule());
  for (int64_t t = 1; t <= 3; ++t) {
    set_gradients(p, t);
    set_gradients(q, t);
    typed.step();
    named->step();
  }
  EXPECT_TRUE(same_bits(p[0], q[0]));
}

TEST(Registry, TakesOptionsFromTextAndFromJson) {
  const auto p = parameters({{2}}, at::kFloat);
  const auto text = descent::make_optimizer(
      "sgd", p, descent::parse_options("lr=0.1, momentum=0.9,nesterov=true,velocity=Step"));
  const auto json = descent::make_optimizer(
      "sgd", p,
      descent::parse_options(
          R"({"lr": 0.1, "momentum": 0.9, "nesterov": true, "velocity": "step"})"));
  EXPECT_EQ(text->group_options().text(), json->group_options().text());
  EXPECT_THAT(text->group_options().text(), testing::HasSubstr("velocity=step"));
}

TEST(AStep, FindsTheNumbersOfEachStepCount) {
  const descent::engine::RuleTable& rule =
      descent::find_rule("nadam");  // remembers a product of its own
  const checks::Shapes shapes(60, checks::Shape{3});
  checks::Training together(rule, {}, checks::parameters(shapes, at::kFloat));
  checks::Training apart(rule, {}, checks::parameters(shapes, at::kFloat));
  const auto give = [](const checks::Training& run, size_t only, int64_t t) {
    for (size_t i = 0; i < run.params.size(); ++i)
      run.params[i].mutable_grad() =
          i == only || (only == SIZE_MAX && static_cast<int64_t>(i) >= t)
              ? checks::noise({3}, at::kFloat, 100 * t + static_cast<int64_t>(i))
              : at::Tensor();
  };
  // The i-th parameter is frozen from step i on, then all step once more: 60 step counts at once.
  for (int64_t t = 1; t <= 60; ++t) {
    give(together, SIZE_MAX, t == 60 ? 0 : t);
    checks::take_step(*together.optimizer);
    for (size_t i = 0; i < apart.params.size(); ++i) {
      if (static_cast<int64_t>(i) < (t == 60 ? 0 : t)) continue;
      give(apart, i, t == 60 ? 0 : t);
      checks::take_step(*apart.optimizer);
    }
  }
  EXPECT_EQ(checks::difference(together.everything(), apart.everything()), "");
}

}  // namespace
}  // namespace step_test

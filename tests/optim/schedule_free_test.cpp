// Rules that are evaluated elsewhere than they train, and the wrapper that makes one of any rule.
#include <gmock/gmock.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/types.h>

#include <descent/optim/wrappers/gradient_transforms.h>
#include <descent/optim/wrappers/lookahead.h>
#include <descent/optim/wrappers/mechanic.h>
#include <descent/optim/wrappers/sam.h>
#include <descent/optim/wrappers/schedule_free.h>

#include "checks.h"
#include "wrapping.h"

namespace schedule_free_test {
namespace {

using namespace checks;
using namespace wrapping;
using testing::AllOf;
using testing::HasSubstr;

const Shapes kShapes{{3, 4}, {5}, {}};
constexpr const char* kRules[] = {"schedule_free_adamw", "schedule_free_sgd",
                                  "schedule_free_radam"};

double distance(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, (a[i].detach() - b[i].detach()).abs().max().item<double>());
  return largest;
}

/// All parameters in every step.
void push(torch::optim::Optimizer& opt, const std::vector<at::Tensor>& params, int64_t t) {
  for (size_t i = 0; i < params.size(); ++i)
    params[i].mutable_grad() =
        noise(params[i].sizes(), params[i].scalar_type(), 100 * t + static_cast<int64_t>(i));
  opt.step();
}

class EveryScheduleFreeRule : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Listed, EveryScheduleFreeRule, testing::ValuesIn(kRules),
                         [](const auto& rule) { return std::string(rule.param); });

TEST_P(EveryScheduleFreeRule, ComesBackFromAnEvaluation) {
  for (const auto type : {at::kDouble, at::kFloat}) {
    Training run(descent::find_rule(GetParam()), {{"lr", 0.1}}, parameters(kShapes, type));
    run.steps(1, 12);
    const auto before = copies(run.params);
    run.optimizer->eval();
    EXPECT_FALSE(run.optimizer->is_training());
    EXPECT_GT(distance(run.params, before), 1e-3);
    const auto evaluated = copies(run.params);
    run.optimizer->eval();
    EXPECT_EQ(difference(copies(run.params), evaluated), "") << "twice";
    run.optimizer->train();
    EXPECT_LE(distance(run.params, before), type == at::kDouble ? 4e-15 : 2e-6);
  }
}

TEST_P(EveryScheduleFreeRule, StepsInTrainingOnly) {
  Training run(descent::find_rule(GetParam()), {}, parameters(kShapes, at::kDouble));
  run.steps(1, 2);
  run.optimizer->eval();
  const auto before = run.everything();
  int calls = 0;
  EXPECT_THAT(refusal([&] {
                run.optimizer->step([&] {
                  ++calls;
                  return at::Tensor();
                });
              }),
              AllOf(HasSubstr(descent::find_rule(GetParam()).about.name), HasSubstr("train()")));
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(difference(run.everything(), before), "");
}

TEST_P(EveryScheduleFreeRule, SavesWhetherItTrains) {
  const RuleTable& rule = descent::find_rule(GetParam());
  Training whole(rule, {{"lr", 0.1}}, parameters(kShapes, at::kDouble));
  whole.steps(1, 9);
  whole.optimizer->eval();
  const std::string bytes = saved(*whole.optimizer);
  std::vector<at::Tensor> evaluated;
  for (const auto& p : whole.params) evaluated.push_back(p.detach().clone().requires_grad_());
  Training again(rule, {}, evaluated);
  load_from(*again.optimizer, bytes);
  EXPECT_FALSE(again.optimizer->is_training());
  for (auto* run : {&whole, &again}) {
    run->optimizer->train();
    run->steps(10, 15);
  }
  EXPECT_EQ(difference(again.everything(), whole.everything()), "");
  EXPECT_EQ(again.optimizer->remembered("weight_sum"), whole.optimizer->remembered("weight_sum"));
}

TEST(ScheduleFreeAdamW, IsAtTheMeanOfItsPointsAtAConstantRate) {
  const auto params = parameters(kShapes, at::kDouble);
  descent::ScheduleFreeAdamW opt(params, {.lr = 0.1});
  std::vector<at::Tensor> sums;
  for (const auto& p : params) sums.push_back(at::zeros_like(p).detach());
  for (int64_t t = 1; t <= 20; ++t) {
    push(opt, params, t);
    for (size_t i = 0; i < params.size(); ++i) sums[i].add_(opt.state_of(params[i])->buffer("z"));
  }
  opt.eval();
  for (auto& sum : sums) sum.div_(20);
  EXPECT_LE(distance(params, sums), 1e-14);
}

TEST(ScheduleFreeRAdam, RestsForFourSteps) {
  const auto params = parameters(kShapes, at::kDouble), start = copies(params);
  descent::ScheduleFreeRAdam opt(params);
  for (int64_t t = 1; t <= 4; ++t) push(opt, params, t);
  EXPECT_EQ(difference(copies(params), start), "");
  EXPECT_TRUE(same_bits(opt.state_of(params[0])->buffer("z"), start[0]));
  EXPECT_GT(opt.state_of(params[0])->buffer("exp_avg_sq").min().item<double>(), 0);
  push(opt, params, 5);
  EXPECT_NE(difference(copies(params), start), "");
}

TEST(Modes, AreOneForRulesThatTrainWhereTheyAreEvaluated) {
  Training run(descent::find_rule("adamw"), {}, parameters(kShapes, at::kDouble));
  run.steps(1, 2);
  const auto before = run.everything();
  run.optimizer->eval();
  EXPECT_TRUE(run.optimizer->is_training());
  EXPECT_EQ(difference(run.everything(), before), "");
  run.steps(3, 3);
}

TEST(ScheduleFreeWrapper, OnAdamsPointIsTheRuleItself) {
  const auto params = parameters(kShapes, at::kDouble), others = parameters(kShapes, at::kDouble);
  descent::ScheduleFree wrapped(
      descent::AdamW(params, {.lr = 0.1, .betas = {0, 0.999}, .weight_decay = 0.1}),
      {.inner_at = descent::InnerAt::Y});
  descent::ScheduleFreeAdamW rule(others, {.lr = 0.1, .weight_decay = 0.1});
  for (int64_t t = 1; t <= 20; ++t) {
    push(wrapped, params, t);
    push(rule, others, t);
  }
  EXPECT_LE(distance(params, others), 1e-13);
  wrapped.eval();
  rule.eval();
  EXPECT_LE(distance(params, others), 1e-13);
}

TEST(ScheduleFreeWrapper, WorksAroundLibTorchsOwnAndComesBack) {
  const auto params = parameters(kShapes, at::kDouble);
  descent::ScheduleFree opt(std::make_unique<torch::optim::RMSprop>(params, 0.05));
  for (int64_t t = 1; t <= 10; ++t) push(opt, params, t);
  const auto before = copies(params);
  opt.eval();
  EXPECT_GT(distance(params, before), 1e-3);
  EXPECT_THAT(refusal([&] { opt.step(); }), HasSubstr("ScheduleFree: step() while"));
  opt.train();
  EXPECT_LE(distance(params, before), 4e-15);
}

TEST(ScheduleFreeWrapper, GoesOnFromAnArchiveOfEitherMode) {
  for (const bool evaluated : {false, true}) {
    const auto params = parameters(kShapes, at::kDouble);
    descent::ScheduleFree opt(descent::AdamW(params, {.lr = 0.1}), {.momentum = 0.8});
    for (int64_t t = 1; t <= 6; ++t) push(opt, params, t);
    if (evaluated) opt.eval();
    const std::string bytes = saved(opt);
    std::vector<at::Tensor> others;
    for (const auto& p : params) others.push_back(p.detach().clone().requires_grad_());
    descent::ScheduleFree again(descent::AdamW(others, {.lr = 0.5}), {.momentum = 0.8});
    load_from(again, bytes);
    EXPECT_EQ(again.is_training(), !evaluated);
    opt.train();
    again.train();
    for (int64_t t = 7; t <= 12; ++t) {
      push(opt, params, t);
      push(again, others, t);
    }
    EXPECT_EQ(difference(copies(others), copies(params)), "");
  }
}

TEST(ScheduleFreeWrapper, LeavesEverythingAsItWasWhereTheInnerStepIsRefused) {
  const auto params = parameters(kShapes, at::kDouble);
  descent::ScheduleFree opt(descent::AdamW(params, {.lr = 0.1}));
  for (int64_t t = 1; t <= 3; ++t) push(opt, params, t);
  const auto before = copies(params);
  const std::string bytes = saved(opt);
  params[1].mutable_grad() = at::ones({2}, at::kDouble);
  EXPECT_THAT(refusal([&] { opt.step(); }), HasSubstr("the gradient of params[1]"));
  EXPECT_EQ(difference(copies(params), before), "");
  EXPECT_EQ(saved(opt), bytes);
}

TEST(WrappersAroundModes, AreRefusedWithThoseThatTheyCannotGoAround) {
  const auto p = [] { return parameters(kShapes, at::kDouble); };
  EXPECT_THAT(
      refusal([&] { descent::Lookahead{descent::ScheduleFreeAdamW(p())}; }),
      HasSubstr("Lookahead: the inner optimizer, ScheduleFreeAdamW, is not evaluated where"));
  EXPECT_THAT(
      refusal([&] { descent::Lookahead{descent::ClipNorm(descent::ScheduleFreeSGD(p()), {})}; }),
      HasSubstr("Lookahead: the inner optimizer, ScheduleFreeSGD"));
  EXPECT_THAT(refusal([&] {
                descent::Lookahead{std::make_unique<descent::ScheduleFree>(descent::AdamW(p()))};
              }),
              HasSubstr("Lookahead: the inner optimizer, ScheduleFree, is not evaluated"));
  const auto inside = [&](descent::InnerOptimizer inner) {
    auto shared = std::make_shared<descent::InnerOptimizer>(std::move(inner));
    return refusal([&] { descent::ScheduleFree{std::move(*shared)}; });
  };
  EXPECT_THAT(inside(std::make_unique<descent::SAM>(descent::SGD(p(), 0.1))),
              HasSubstr("SAM, needs closures of its own"));
  EXPECT_THAT(inside(std::make_unique<descent::Lookahead>(descent::SGD(p(), 0.1))),
              HasSubstr("Lookahead, has slow weights"));
  EXPECT_THAT(inside(descent::Ranger(p())), HasSubstr("Ranger, has slow weights"));
  EXPECT_THAT(inside(std::make_unique<descent::Mechanic>(descent::SGD(p(), 0.1))),
              HasSubstr("Mechanic, has slow weights"));
  EXPECT_THAT(inside(descent::Prodigy(p())), HasSubstr("Prodigy, finds its rate by itself"));
  EXPECT_THAT(inside(descent::FTRL(p(), {.lr = 0.1})), HasSubstr("FTRL, divides by its rate"));
  EXPECT_THAT(inside(descent::SGD(p(), {.lr = 0.1, .momentum = 0.9, .lookahead = true})),
              HasSubstr("SGD, needs closures of its own"));
  EXPECT_THAT(inside(std::make_unique<torch::optim::LBFGS>(p())),
              HasSubstr("LBFGS, needs closures"));
  EXPECT_EQ(inside(descent::AdamW(p())), "");
}

}  // namespace
}  // namespace schedule_free_test

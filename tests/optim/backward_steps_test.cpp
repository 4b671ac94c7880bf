// Steps inside of backward(), as each gradient is complete.
#include <set>

#include <gmock/gmock.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/optim.h>

#include "checks.h"
#include "wrapping.h"

namespace backward_steps_test {
namespace {

using namespace checks;
using descent::attach_to_backward;
using testing::HasSubstr;
using wrapping::refusal;

/// A network of which one layer is used twice.
struct Net : torch::nn::Module {
  Net() {
    torch::manual_seed(3);
    first = register_module("first", torch::nn::Linear(4, 6));
    twice = register_module("twice", torch::nn::Linear(6, 6));
    last = register_module("last", torch::nn::Linear(6, 2));
  }
  at::Tensor loss(int64_t t) {
    const at::Tensor x = noise({8, 4}, at::kFloat, t), y = noise({8, 2}, at::kFloat, 100 + t);
    const at::Tensor h = twice(torch::tanh(twice(torch::tanh(first(x)))));
    return torch::mse_loss(last(torch::tanh(h)), y);
  }
  torch::nn::Linear first{nullptr}, twice{nullptr}, last{nullptr};
};

/// Why a rule is refused with these options; "": it is not.
std::string refused(const RuleTable& rule, const OptionValues& options) {
  Training run(rule, options, parameters(kSmallShapes, at::kFloat));
  return refusal([&] {
    const auto steps =
        attach_to_backward(*dynamic_cast<torch::optim::Optimizer*>(run.optimizer.get()));
  });
}

torch::optim::Optimizer& as_theirs(descent::OptimizerBase& optimizer) {
  return dynamic_cast<torch::optim::Optimizer&>(optimizer);
}

class EveryRuleInBackward : public testing::TestWithParam<std::string> {};

std::vector<std::string> keys() {
  std::vector<std::string> list;
  for (const RuleTable* rule : descent::optimizers()) list.emplace_back(rule->about.key);
  return list;
}
INSTANTIATE_TEST_SUITE_P(Registered, EveryRuleInBackward, testing::ValuesIn(keys()),
                         [](const auto& rule) { return rule.param; });

TEST_P(EveryRuleInBackward, StepsAsAfterIt) {
  const RuleTable& rule = descent::find_rule(GetParam());
  for (const Setting& setting : settings(rule)) {
    if (!refused(rule, setting.options).empty()) continue;
    Training usual(rule, setting.options, parameters(kSmallShapes, at::kFloat));
    Training inside(rule, setting.options, parameters(kSmallShapes, at::kFloat));
    wrapping::Problem of_usual{usual.params}, of_inside{inside.params};
    const auto steps = attach_to_backward(as_theirs(*inside.optimizer));
    for (int64_t t = 1; t <= 5; ++t) {
      of_usual.t = of_inside.t = t;
      as_theirs(*usual.optimizer).zero_grad();
      of_usual.loss().backward();
      usual.optimizer->step();
      of_inside.loss().backward();
      for (const auto& p : inside.params) EXPECT_FALSE(p.grad().defined());
      ASSERT_EQ(difference(inside.everything(), usual.everything()), "")
          << setting.name << ", step " << t;
    }
  }
}

TEST(BackwardSteps, RefuseRulesThatReadMoreThanOneParameter) {
  std::set<std::string> found;
  for (const RuleTable* rule : descent::optimizers()) {
    const std::string message = refused(*rule, {});
    if (message.empty()) continue;
    found.insert(rule->about.key);
    EXPECT_THAT(message, HasSubstr("attach_to_backward: " + std::string(rule->about.name)));
  }
  for (const char* key :
       {"prodigy", "dog", "dowg", "polyak_sgd", "dadapt_adamw", "ranger", "sophia",
        "schedule_free_adamw", "schedule_free_sgd", "schedule_free_radam"})
    EXPECT_TRUE(found.contains(key)) << key;
  for (const char* key : {"sgd", "adamw", "lion", "lamb", "lars", "muon", "adafactor", "soap"})
    EXPECT_FALSE(found.contains(key)) << key;
  EXPECT_THAT(refused(descent::find_rule("lamb"), {{"max_grad_norm", 1}}),
              HasSubstr("LAMB clips by the norm of all gradients, must be"));
  EXPECT_THAT(refused(descent::find_rule("adan"), {{"max_grad_norm", 1}}),
              HasSubstr("clips by the norm of all gradients"));
}

TEST(BackwardSteps, RefuseWhatIsNotAnOptimizerOfThisLibraryAlone) {
  Net net;
  descent::AdamW inner(net.parameters());
  descent::Lookahead wrapper(inner);
  EXPECT_THAT(refusal([&] { const auto steps = attach_to_backward(wrapper); }),
              HasSubstr("must be one of this library that is in no wrapper"));
  torch::optim::SGD theirs(net.parameters(), 0.1);
  EXPECT_THAT(refusal([&] { const auto steps = attach_to_backward(theirs); }),
              HasSubstr("the optimizer is torch::optim::SGD"));
}

TEST(BackwardSteps, AreThoseAfterItForALayerThatIsUsedTwice) {
  Net usual, inside;
  descent::AdamW after(usual.parameters(), {.lr = 0.01}), within(inside.parameters(), {.lr = 0.01});
  const descent::StepLR halves{.step_size = 3, .gamma = 0.5};
  descent::Scheduler schedule_after(after, halves), schedule_within(within, halves);
  const auto steps = attach_to_backward(within);
  for (int64_t t = 1; t <= 10; ++t) {
    after.zero_grad();
    usual.loss(t).backward();
    after.step();
    schedule_after.step();
    inside.loss(t).backward();
    schedule_within.step();
    ASSERT_EQ(difference(everything(within), everything(after)), "") << t;
  }
}

TEST(BackwardSteps, RefuseStepsByHandUntilTheyAreDetached) {
  Net net;
  descent::AdamW opt(net.parameters());
  auto steps = attach_to_backward(opt);
  EXPECT_THAT(refusal([&] { opt.step(); }), HasSubstr("must follow detach()"));
  EXPECT_THAT(refusal([&] { const auto again = attach_to_backward(opt); }),
              HasSubstr("AdamW is attached already"));
  net.loss(1).backward();
  EXPECT_EQ(opt.state_of(net.first->weight)->step(), 1);
  steps.detach();
  EXPECT_FALSE(steps.is_attached());
  net.loss(2).backward();
  EXPECT_TRUE(net.first->weight.grad().defined());
  EXPECT_EQ(opt.state_of(net.first->weight)->step(), 1);
  opt.step();
  EXPECT_EQ(opt.state_of(net.first->weight)->step(), 2);
}

TEST(BackwardSteps, EndWithWhatAttachedThem) {
  Net net;
  descent::AdamW opt(net.parameters());
  {
    auto first = attach_to_backward(opt);
    const auto moved = std::move(first);
    net.loss(1).backward();
    EXPECT_EQ(opt.state_of(net.last->bias)->step(), 1);
  }
  net.loss(2).backward();
  opt.step();
  EXPECT_EQ(opt.state_of(net.last->bias)->step(), 2);
}

TEST(BackwardSteps, RefuseParametersWithAGradientOrAHook) {
  Net net;
  descent::AdamW opt(net.parameters());
  net.loss(1).backward();
  EXPECT_THAT(refusal([&] { const auto steps = attach_to_backward(opt); }),
              HasSubstr("parameter 0 in group 0 has a gradient, must have none"));
  opt.zero_grad();
  descent::SGD other({net.twice->weight}, 0.1);
  const auto steps = attach_to_backward(other);
  EXPECT_THAT(refusal([&] { const auto more = attach_to_backward(opt); }),
              HasSubstr("parameter 2 in group 0 has a hook"));
  opt.step();  // nothing has been attached
}

TEST(BackwardSteps, TakeTheOptionsOfTheMomentAndRefuseThem) {
  Net net;
  descent::LAMB opt(net.parameters());
  const auto steps = attach_to_backward(opt);
  net.loss(1).backward();
  const auto before = everything(opt);
  opt.group_options().set({{"max_grad_norm", 1}});
  EXPECT_THAT(refusal([&] { net.loss(2).backward(); }),
              HasSubstr("LAMB clips by the norm of all gradients"));
  EXPECT_EQ(difference(everything(opt), before), "");
}

// A hook knows where its parameter stood when it was attached.
TEST(BackwardSteps, FindParametersThatStandElsewhereByNow) {
  Net usual, inside;
  descent::AdamW after(usual.parameters(), {.lr = 0.01}), within(inside.parameters(), {.lr = 0.01});
  const auto steps = attach_to_backward(within);
  for (int64_t t = 1; t <= 4; ++t) {
    if (t == 3) {
      for (auto* const opt : {&after, &within}) {
        auto& params = opt->param_groups()[0].params();
        params.erase(params.begin());
        std::swap(params[0], params[2]);
      }
    }
    after.zero_grad();
    usual.loss(t).backward();
    after.step();
    inside.loss(t).backward();
    ASSERT_EQ(difference(everything(within), everything(after)), "") << t;
  }
  EXPECT_EQ(within.state_of(inside.first->bias)->step(), 4);
  EXPECT_TRUE(same_bits(inside.first->weight.detach(), usual.first->weight.detach()));
}

TEST(BackwardSteps, LeaveOtherGradientsAlone) {
  Net net;
  descent::SGD opt(net.parameters(), 0.1);
  const auto steps = attach_to_backward(opt);
  net.last->bias.mutable_grad() = at::ones_like(net.last->bias);
  const at::Tensor before = net.last->bias.detach().clone();
  net.first(noise({2, 4}, at::kFloat, 1)).sum().backward();
  EXPECT_TRUE(same_bits(net.last->bias.detach(), before));
  EXPECT_TRUE(net.last->bias.grad().defined());
  EXPECT_FALSE(net.first->bias.grad().defined());
}

}  // namespace
}  // namespace backward_steps_test

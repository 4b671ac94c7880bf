// Groups keep their options, whichever door they came through.
#include <cmath>

#include <gmock/gmock.h>
#include <torch/optim/schedulers/reduce_on_plateau_scheduler.h>
#include <torch/optim/schedulers/step_lr.h>
#include <torch/types.h>
#include <torch/version.h>

#include "checks.h"

namespace groups_test {
namespace {

using namespace checks;
using torch::optim::OptimizerParamGroup;

/// A matrix, because Muon takes nothing else.
at::Tensor leaf(double value = 1) { return at::full({2, 1}, value, at::kDouble).requires_grad_(); }
void give(const std::vector<at::Tensor>& params, double value) {
  for (const auto& p : params) p.mutable_grad() = at::full({2, 1}, value, at::kDouble);
}

std::vector<std::string> keys() {
  std::vector<std::string> list;
  for (const RuleTable* rule : descent::optimizers()) list.emplace_back(rule->about.key);
  return list;
}

/// Whether groups may differ in nothing but a rate of 0, which is a rest.
bool has_one_rate(const RuleTable& rule) { return rule.weigh != nullptr && rule.rests_at_zero; }

class EveryRulesGroups : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Registered, EveryRulesGroups, testing::ValuesIn(keys()),
                         [](const auto& rule) { return rule.param; });

TEST_P(EveryRulesGroups, KeepTheirOptionsHoweverTheyCame) {
  const RuleTable& rule = descent::find_rule(GetParam());
  if (rule.weigh != nullptr) GTEST_SKIP() << "all groups have the same options";
  for (const auto& setting : settings(rule)) {
    const auto options = [&] {
      auto made = descent::make_group_options(rule, setting.options);
      descent::group_options(*made).settle();
      return made;
    };
    const std::string wanted = descent::group_options(*options()).text();
    std::vector<OptimizerParamGroup> groups;
    groups.emplace_back(std::vector<at::Tensor>{leaf()});
    groups.emplace_back(std::vector<at::Tensor>{leaf()}, options());
    const auto made = descent::make_optimizer(rule, groups, *descent::make_group_options(rule));
    descent::OptimizerBase& opt = *made;
    opt.add_param_group(OptimizerParamGroup({leaf()}, options()));
    opt.add_group({leaf()}, setting.options);
    opt.add_group({leaf()});
    const std::string defaults = descent::group_options(*descent::make_group_options(rule)).text();
    ASSERT_NE(wanted, defaults);
    EXPECT_EQ(opt.group_options(0).text(), defaults) << setting.name;
    EXPECT_EQ(opt.group_options(1).text(), wanted) << setting.name;
    EXPECT_EQ(opt.group_options(2).text(), wanted) << setting.name;
    EXPECT_EQ(opt.group_options(3).text(), wanted) << setting.name;
    EXPECT_EQ(opt.group_options(4).text(), defaults) << setting.name;

    // What a group holds is its own: neither the caller's object nor another group's.
    opt.group_options(1).set_lr(0.123);
    EXPECT_EQ(opt.group_options(2).text(), wanted);
    EXPECT_EQ(opt.group_options(4).text(), defaults);
  }
}

TEST_P(EveryRulesGroups, GoByTheirOwnRate) {
  const RuleTable& rule = descent::find_rule(GetParam());
  if (has_one_rate(rule)) GTEST_SKIP() << "all groups have the same rate";
  if (draws_by_position(rule)) GTEST_SKIP() << "each parameter draws other numbers";
  const at::Tensor still = leaf(), slow = leaf(), fast = leaf();
  // FTRL's steps are proportional to the rate only where something remembers the start.
  // SOAP and SPlus decay what they have stepped, not where it was.
  descent::OptionValues anchored;
  if (has_option(rule, "silent_sgd_phase")) anchored.emplace_back("silent_sgd_phase", false);
  if (has_option(rule, "z_init")) anchored.emplace_back("z_init", "anchored");
  if (has_option(rule, "precondition_frequency") || has_option(rule, "inverse_every"))
    anchored.emplace_back("weight_decay", 0.0);
  const auto opt = descent::make_optimizer(GetParam(), {still}, anchored);
  opt->group_options().set_lr(0);
  opt->add_group({slow}, {{"lr", 0.01}});
  opt->add_group({fast}, {{"lr", 0.03}});
  give({still, slow, fast}, 0.5);
  const auto moved = [](const at::Tensor& p) { return (1 - p.detach()[0].item<double>()); };
  for (int step = 0; step < 2 && moved(slow) == 0; ++step) take_step(*opt);  // some rest at first
  EXPECT_LE(moved(still), has_option(rule, "step_min") ? 1.1e-6 : 0);
  EXPECT_NE(moved(slow), 0);
  // MADGRAD divides by a cube root of what the rate is a part of.
  const double times = rule.about.key == std::string_view("madgrad") ? std::cbrt(9.0) : 3;
  const double tolerance = rule.about.key == std::string_view("madgrad") ? 1e-6 : 1e-12;
  EXPECT_NEAR(moved(fast), times * moved(slow), tolerance) << rule.about.name;
}

TEST_P(EveryRulesGroups, CloneAsTheClassTheyAre) {
  const RuleTable& rule = descent::find_rule(GetParam());
  for (const auto& setting : settings(rule)) {
    const auto made = descent::make_group_options(rule, setting.options);
    const descent::GroupOptions& options = descent::group_options(*made);
    const auto copy = std::as_const(*made).clone();
    auto* ours = dynamic_cast<descent::GroupOptions*>(copy.get());
    ASSERT_NE(ours, nullptr);
    EXPECT_EQ(ours->text(), options.text());
    const double lr = options.get_lr();
    ASSERT_NE(lr, 0.625);
    copy->set_lr(0.625);
    EXPECT_EQ(copy->get_lr(), 0.625);
    EXPECT_EQ(options.get_lr(), lr) << "the copy shares its original's memory";
  }
}

TEST_P(EveryRulesGroups, ReadBackTheirTextExactly) {
  const RuleTable& rule = descent::find_rule(GetParam());
  for (const auto& setting : settings(rule)) {
    const auto one = descent::make_group_options(rule, setting.options);
    const auto other = descent::make_group_options(rule);
    descent::GroupOptions &options = descent::group_options(*one),
                          &again = descent::group_options(*other);
    options.set_lr(0.1 + 0.2);
    again.set(descent::parse_options(options.text()));
    EXPECT_EQ(again.text(), options.text());
    EXPECT_EQ(again.get_lr(), 0.1 + 0.2);
  }
}

TEST_P(EveryRulesGroups, FollowLibTorchsSchedulers) {
  if (has_one_rate(descent::find_rule(GetParam()))) GTEST_SKIP() << "all groups have the same rate";
  const at::Tensor p = leaf(), q = leaf();
  const auto opt = descent::make_optimizer(GetParam(), {p}, {{"lr", 0.5}});
  opt->add_group({q}, {{"lr", 0.25}});
  torch::optim::StepLR schedule(*opt, 1, 0.5);
  give({p, q}, 1);
  for (int i = 0; i < 3; ++i) {
    take_step(*opt);
    schedule.step();
  }
  // LibTorch's own is one step late: the first of three calls changes nothing.
  EXPECT_EQ(opt->param_groups()[0].options().get_lr(), 0.125);
  EXPECT_EQ(opt->param_groups()[1].options().get_lr(), 0.0625);

  torch::optim::ReduceLROnPlateauScheduler plateau(
      *opt, torch::optim::ReduceLROnPlateauScheduler::min, 0.5F, 0);
  for (int i = 0; i < 3; ++i) plateau.step(1);
  EXPECT_LT(opt->param_groups()[0].options().get_lr(), 0.125);
  EXPECT_LT(opt->param_groups()[1].options().get_lr(), 0.0625);
}

TEST(Groups, MayBeEditedByTheirClasssOwnOptions) {
  const at::Tensor a = leaf(), b = leaf(), c = leaf();
  descent::AdamW opt({a}, {.lr = 0.125, .betas = {0.5, 0.75}, .amsgrad = true});
  opt.add_group({b}, [](auto& o) {
    o.lr *= 2;
    o.weight_decay = 0;
  });
  EXPECT_EQ(opt.options(0).lr, 0.125);
  EXPECT_EQ(opt.options(0).weight_decay, 0.01);
  EXPECT_EQ(opt.options(1).lr, 0.25);
  EXPECT_EQ(opt.options(1).weight_decay, 0);
  EXPECT_EQ(opt.options(1).betas[0], 0.5);
  EXPECT_TRUE(opt.options(1).amsgrad);

  std::vector<OptimizerParamGroup> groups;
  groups.emplace_back(std::vector<at::Tensor>{leaf()},
                      std::make_unique<descent::AdamW::GroupOptions>(
                          descent::AdamW::Options{.lr = 0.5, .weight_decay = 0.75}));
  groups.emplace_back(std::vector<at::Tensor>{leaf()});
  descent::AdamW two(groups, {.lr = 0.0625});
  EXPECT_EQ(two.options(0).lr, 0.5);
  EXPECT_EQ(two.options(0).weight_decay, 0.75);
  EXPECT_EQ(two.options(1).lr, 0.0625);
  two.options(1).lr = 0.375;
  EXPECT_EQ(two.param_groups()[1].options().get_lr(), 0.375);
}

TEST(Groups, StartFromTheDefaultsAndNotFromTheFirstGroup) {
  descent::Lion opt({leaf()}, {.lr = 0.125});
  opt.options(0).lr = 0.5;
  opt.add_group({leaf()});
  EXPECT_EQ(opt.options(1).lr, 0.125);
}

// Why add_param_group and add_group belong to the class itself. If the first of these fails,
// LibTorch has changed its mind again: then the comment in optimizer.h and the README want a change
// too.
TEST(Groups, LoseTheirOptionsThroughLibTorchsBaseClassSince212) {
  descent::Lion opt({leaf()}, {.lr = 0.125});
  torch::optim::Optimizer& base = opt;
  base.add_param_group(OptimizerParamGroup(
      {leaf()}, std::make_unique<descent::Lion::GroupOptions>(descent::Lion::Options{.lr = 0.5})));
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 12)
  EXPECT_EQ(opt.options(1).lr, 0.125);
#else
  EXPECT_EQ(opt.options(1).lr, 0.5);
#endif
}

TEST(Groups, AreCheckedByTheStepIfTheyCameThroughTheBaseClass) {
  const at::Tensor p = leaf();
  give({p}, 1);
  descent::Lion opt({p});
  static_cast<torch::optim::Optimizer&>(opt).add_param_group(OptimizerParamGroup({p}));
  EXPECT_THROW(opt.step(), c10::Error);
  EXPECT_TRUE(same_bits(p, leaf()));
}

TEST(Groups, MayTradeAParameterForAnother) {
  const at::Tensor p = leaf(), q = leaf();
  descent::AdamW opt({p}, {.lr = 0.1});
  give({p, q}, 1);
  opt.step();
  opt.param_groups()[0].params()[0] = q;
  const auto resting = p.detach().clone();
  opt.step();
  EXPECT_TRUE(same_bits(p, resting));
  EXPECT_EQ(opt.state_of(q)->step(), 1);
}

TEST(Groups, MoveWithTheirOptimizer) {
  const at::Tensor p = leaf();
  descent::AdamW opt({p}, {.lr = 0.1}), other({leaf()});
  give({p}, 1);
  opt.step();
  other = std::move(opt);
  descent::AdamW moved(std::move(other));
  moved.step();
  EXPECT_EQ(moved.state_of(p)->step(), 2);

  const at::Tensor q = leaf();
  descent::AdamW same({q}, {.lr = 0.1});
  give({q}, 1);
  same.step();
  same.step();
  EXPECT_TRUE(same_bits(p, q));
}

}  // namespace
}  // namespace groups_test

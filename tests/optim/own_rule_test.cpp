// A user's own rule gets what the library's rules have; the contract suite runs on it as well.
#include "own_rule.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <torch/types.h>

#include "checks.h"

namespace own_rule_test {
namespace {

using namespace checks;

TEST(AnOwnRule, TakesTheStepsOfItsFormula) {
  const at::Tensor p = at::tensor({1.0, 1.0, 1.0}, at::kDouble).requires_grad_();
  SignMomentum opt({p}, {.lr = 0.25, .momentum = 0.5});
  p.mutable_grad() = at::tensor({2.0, -1.0, 0.0}, at::kDouble);
  opt.step();  // m = 1, -0.5, 0
  p.mutable_grad() = at::tensor({-3.0, 0.25, 8.0}, at::kDouble);
  opt.step();  // m = -1, -0.125, 4
  EXPECT_TRUE(at::equal(p.detach(), at::tensor({1.0, 1.5, 0.75}, at::kDouble))) << p;
}

TEST(AnOwnRule, IsInTheRegistryByName) {
  EXPECT_EQ(descent::find_rule("SignMomentum").about.name, std::string("SignMomentum"));
  const at::Tensor p = at::ones({3}).requires_grad_();
  const auto opt = descent::make_optimizer("sign_momentum", {p}, {{"lr", 0.5}, {"momentum", 0}});
  p.mutable_grad() = at::ones({3});
  opt->step();
  EXPECT_TRUE(at::equal(p.detach(), at::full({3}, 0.5)));
}

TEST(AnOwnRule, KeepsTheOptionsOfEachGroup) {
  const auto p = parameters({{2}, {2}, {2}}, at::kFloat);
  for (const auto& x : p) x.mutable_grad() = at::ones({2});
  const auto before = p[2].detach().clone();
  SignMomentum opt({p[0]}, {.lr = 0.5});
  opt.add_group({p[1]}, [](auto& o) { o.lr *= 2; });
  opt.add_group({p[2]}, {{"lr", 4}});
  EXPECT_EQ(opt.options(0).lr, 0.5);
  EXPECT_EQ(opt.options(1).lr, 1);
  opt.step();
  EXPECT_TRUE(at::equal(p[2].detach(), before - 4));
}

TEST(AnOwnRule, ContinuesFromACheckpoint) {
  const auto path = std::filesystem::temp_directory_path() / "descent_own_rule_test.pt";
  Training whole(descent::find_rule("sign_momentum"), {{"lr", 0.1}},
                 parameters({{40}, {3}}, at::kFloat));
  whole.steps(1, 3);
  descent::save(*whole.optimizer, path);
  std::vector<at::Tensor> copies;
  for (const auto& p : whole.params) copies.push_back(p.detach().clone().requires_grad_());
  SignMomentum resumed(copies);
  descent::load(resumed, path);
  whole.steps(4, 6);
  for (int64_t t = 4; t <= 6; ++t) {
    set_gradients(copies, t);
    resumed.step();
  }
  EXPECT_EQ(difference(everything(resumed), whole.everything()), "");
  std::filesystem::remove(path);
}

TEST(AnOwnRule, ObeysAScheduler) {
  const at::Tensor p = at::zeros({1}, at::kDouble).requires_grad_();
  SignMomentum opt({p}, {.lr = 1, .momentum = 0});
  descent::Scheduler schedule(opt, descent::StepLR{.step_size = 1, .gamma = 0.5});
  for (int i = 0; i < 3; ++i) {
    p.mutable_grad() = -at::ones({1}, at::kDouble);
    opt.step();
    schedule.step();
  }
  EXPECT_EQ(p.item<double>(), 1.75);
}

TEST(AnOwnRule, RefusesWhatItsFieldsRefuse) {
  EXPECT_THROW(SignMomentum(parameters({{2}}, at::kFloat), {.momentum = 1}), c10::Error);
}

}  // namespace
}  // namespace own_rule_test

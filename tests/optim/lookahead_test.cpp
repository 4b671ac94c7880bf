// Lookahead, around ours and around LibTorch's own optimizers.
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <torch/optim/adamw.h>
#include <torch/optim/schedulers/step_lr.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>

#include <descent/optim/training/groups.h>
#include <descent/optim/wrappers/gradient_transforms.h>
#include <descent/optim/wrappers/lookahead.h>

#include "../replay/case.h"
#include "../replay/parity.h"
#include "checks.h"
#include "wrapping.h"

namespace lookahead_test {
namespace {

using namespace checks;
using namespace wrapping;
using descent::Lookahead;
using descent::SlowInit;

at::Tensor scalar(double value) { return at::scalar_tensor(value, at::kDouble).requires_grad_(); }
void push(const at::Tensor& p, double gradient) {
  p.mutable_grad() = at::full_like(p, gradient).detach();
}

void train(torch::optim::Optimizer& opt, const std::vector<at::Tensor>& params, int64_t from,
           int64_t to) {
  for (int64_t t = from; t <= to; ++t) {
    set_gradients(params, t);
    opt.step();
  }
}

replay::Case recorded(const std::string& name) {
  std::ifstream in(GOLDEN_FOLDER "/lookahead.json");
  std::ostringstream text;
  text << in.rdbuf();
  const auto cases = replay::split(text.str());
  for (size_t i = 0; i < cases.size(); ++i)
    if (replay::name_of(cases[i], i) == name) return replay::read_case(cases[i]);
  ADD_FAILURE() << "no case " << name;
  return {};
}

/// The recorded rows, made with LibTorch's own SGD inside; `replay` runs them with ours.
void expect_recorded_with_libtorchs_sgd(const std::string& name, SlowInit init) {
  const replay::Case row = recorded(name);
  std::vector<at::Tensor> params;
  for (const auto& p : row.groups.at(0).params)
    params.push_back(at::tensor(p.values, at::kDouble).view(p.shape).requires_grad_());
  Lookahead opt(
      std::make_unique<torch::optim::SGD>(params, torch::optim::SGDOptions(0.05).momentum(0.9)),
      {.k = 6, .alpha = 0.5, .slow_init = init});
  for (int64_t t = 1; t <= row.steps; ++t) {
    int64_t i = 0;
    for (const auto& p : params) {
      const at::Tensor g = p.detach().clone();
      for (int64_t j = 0; j < g.numel(); ++j, ++i) {
        double& x = g.mutable_data_ptr<double>()[j];
        x = replay::parity_term(i, t, x).gradient;
      }
      p.mutable_grad() = g;
    }
    opt.step();
    const auto expected = row.expected.find(t);
    if (expected == row.expected.end()) continue;
    for (size_t p = 0; p < params.size(); ++p) {
      const at::Tensor wanted =
          at::tensor(expected->second[p], at::kDouble).view(params[p].sizes());
      EXPECT_TRUE(at::allclose(params[p].detach(), wanted, 0, 1e-11)) << "step " << t;
    }
  }
}

TEST(LookaheadAroundLibTorchsSgd, FollowsTheRecordingOfThePaper) {
  expect_recorded_with_libtorchs_sgd("la_paper", SlowInit::Initial);
}

TEST(LookaheadAroundLibTorchsSgd, FollowsTheRecordingOfTheLazyStart) {
  expect_recorded_with_libtorchs_sgd("la_lazy", SlowInit::Lazy);
}

// optax's analytic case: from 3, fast weights fall by 1 a step, and every third the slow ones
// follow by a third.
TEST(TheLookahead, TakesAThirdOfEveryThreeSteps) {
  const at::Tensor p = scalar(3);
  Lookahead opt(descent::SGD({p}, {.lr = 1}), {.k = 3, .alpha = 1.0 / 3});
  const double path[] = {2, 1, 2, 1, 0, 1};
  for (const double expected : path) {
    push(p, 1);
    opt.step();
    EXPECT_NEAR(p.item<double>(), expected, 1e-15);
  }
}

TEST(TheLookahead, IsItsInnerOptimizerAtAlphaOne) {
  for (const char* key : {"sgd", "adamw", "lion", "lamb"}) {
    const auto p = parameters({{5}, {2, 3}}, at::kDouble),
               q = parameters({{5}, {2, 3}}, at::kDouble);
    Lookahead opt(descent::make_optimizer(key, p, {{"lr", 0.1}}), {.k = 2, .alpha = 1});
    train(opt, p, 1, 7);
    const auto inner = descent::make_optimizer(key, q, {{"lr", 0.1}});
    train(*inner, q, 1, 7);
    EXPECT_EQ(difference(copies(p), copies(q), 1e-14), "") << key;
  }
}

TEST(TheLookahead, ReturnsToTheStartEveryKStepsAtAlphaZero) {
  const auto p = parameters({{5}, {2, 3}}, at::kFloat);
  const auto start = copies(p);
  Lookahead opt(descent::AdamW(p, {.lr = 0.1}), {.k = 3, .alpha = 0});
  for (int64_t t = 1; t <= 9; ++t) {
    train(opt, p, t, t);
    EXPECT_EQ(difference(copies(p), start).empty(), t % 3 == 0) << t;
  }
}

TEST(TheLookahead, ChangesNothingAtItsFirstSynchronisationIfItStartsLazily) {
  const at::Tensor p = scalar(0);
  Lookahead opt(descent::SGD({p}, {.lr = 1}), {.k = 2, .alpha = 0.5, .slow_init = SlowInit::Lazy});
  const double path[] = {-1, -2, -3, -3};
  for (const double expected : path) {
    push(p, 1);
    opt.step();
    EXPECT_EQ(p.item<double>(), expected);
  }
}

TEST(TheLookahead, WorksAroundLibTorchsAdamW) {
  const auto p = parameters({{5}, {2, 3}}, at::kDouble), q = parameters({{5}, {2, 3}}, at::kDouble);
  Lookahead theirs(torch::optim::AdamW(p, torch::optim::AdamWOptions(0.05)), {.k = 3});
  Lookahead ours(descent::AdamW(q, {.lr = 0.05}), {.k = 3});
  train(theirs, p, 1, 8);
  train(ours, q, 1, 8);
  EXPECT_EQ(difference(copies(p), copies(q), 1e-13), "");
}

TEST(TheLookahead, RefersToAnOptimizerThatItDoesNotOwn) {
  const at::Tensor p = scalar(3);
  descent::SGD inner({p}, {.lr = 1});
  Lookahead opt(inner, {.k = 3, .alpha = 1.0 / 3});
  EXPECT_EQ(&opt.inner(), &inner);
  for (int i = 0; i < 3; ++i) {
    push(p, 1);
    opt.step();
  }
  EXPECT_NEAR(p.item<double>(), 2, 1e-15);
}

TEST(TheLookahead, ContinuesBitForBitFromTheMiddleOfACycle) {
  const Shapes shapes{{5}, {2, 3}, {4}};
  const auto make = [](const std::vector<at::Tensor>& params, bool ours) {
    const Lookahead::Options options{.k = 4, .alpha = 0.7};
    if (ours) return Lookahead(descent::AdamW(params, {.lr = 0.1}), options);
    return Lookahead(torch::optim::AdamW(params, torch::optim::AdamWOptions(0.1)), options);
  };
  for (const bool ours : {true, false})
    for (const int64_t middle : {1, 4, 6}) {
      const auto p = parameters(shapes, at::kFloat), q = parameters(shapes, at::kFloat, 1);
      auto whole = make(p, ours);
      train(whole, p, 1, middle);
      const std::string bytes = saved(whole);
      const auto then = copies(p);
      train(whole, p, middle + 1, 11);
      auto resumed = make(q, ours);
      train(resumed, q, 3, 5);  // a state that must go
      for (size_t i = 0; i < q.size(); ++i) q[i].detach().copy_(then[i]);
      load_from(resumed, bytes);
      EXPECT_EQ(resumed.count(), middle % 4);
      train(resumed, q, middle + 1, 11);
      EXPECT_EQ(difference(copies(q), copies(p)), "") << "ours " << ours << ", middle " << middle;
    }
}

TEST(TheLookahead, RefusesArchivesOfOthersAndStaysAsItWas) {
  const Shapes shapes{{5}, {3}};
  const auto p = parameters(shapes, at::kFloat), q = parameters(shapes, at::kFloat);
  Lookahead opt(descent::AdamW(p, {.lr = 0.1}), {.k = 3}),
      same(descent::AdamW(q, {.lr = 0.1}), {.k = 3});
  train(opt, p, 1, 4);
  train(same, q, 1, 4);

  const auto r = parameters({{5}, {4}}, at::kFloat), s = parameters({{5}, {3}, {2}}, at::kFloat);
  descent::AdamW plain(parameters(shapes, at::kFloat));
  Lookahead lion(descent::Lion(parameters(shapes, at::kFloat)), {.k = 3});
  Lookahead wider(descent::AdamW(r), {.k = 3}), longer(descent::AdamW(s), {.k = 3});
  train(wider, r, 1, 4);
  train(longer, s, 1, 4);
  const std::vector<const torch::optim::Optimizer*> others{&plain, &lion, &wider, &longer};
  for (const auto* other : others) EXPECT_THROW(load_from(opt, saved(*other)), c10::Error);
  EXPECT_THROW(load_from(opt, saved(same).substr(0, 500)), c10::Error);
  EXPECT_EQ(opt.count(), 1);
  train(opt, p, 5, 9);
  train(same, q, 5, 9);
  EXPECT_EQ(difference(copies(p), copies(q)), "");
}

TEST(TheLookahead, LetsSchedulersReachThrough) {
  const auto p = parameters({{2}, {2}}, at::kFloat);
  descent::SGD inner({p[0]}, {.lr = 0.5});
  inner.add_group({p[1]}, [](auto& o) { o.lr = 0.25; });
  Lookahead opt(inner);
  descent::Scheduler schedule(opt, descent::StepLR{.step_size = 1, .gamma = 0.5});
  schedule.step();
  EXPECT_EQ(inner.options(0).lr, 0.25);
  EXPECT_EQ(inner.options(1).lr, 0.125);
  EXPECT_EQ(opt.param_groups()[1].options().get_lr(), 0.125);
  set_gradients(p, 1);
  opt.zero_grad();
  EXPECT_FALSE(p[0].grad().defined());

  Lookahead around_theirs(torch::optim::SGD({p[0]}, torch::optim::SGDOptions(0.5)));
  torch::optim::StepLR theirs(around_theirs, 1, 0.5);
  theirs.step();
  theirs.step();
  EXPECT_EQ(around_theirs.inner().param_groups()[0].options().get_lr(), 0.25);
}

TEST(TheLookahead, MayBeNested) {
  const at::Tensor p = scalar(0);
  Lookahead opt(Lookahead(descent::SGD({p}, {.lr = 1}), {.k = 2, .alpha = 0.5}),
                {.k = 4, .alpha = 0.5});
  // Inner: -1, -2 -> -1, -2, -3 -> -2; then the outer goes half of the way from 0 to -2.
  const double path[] = {-1, -1, -2, -1};
  for (const double expected : path) {
    push(p, 1);
    opt.step();
    EXPECT_EQ(p.item<double>(), expected);
  }
  descent::Scheduler schedule(opt, descent::StepLR{.step_size = 1, .gamma = 0.5});
  schedule.step();
  EXPECT_EQ(static_cast<Lookahead&>(opt.inner()).inner().param_groups()[0].options().get_lr(), 0.5);
}

TEST(TheLookahead, AddsGroupsToItsInnerOptimizer) {
  const at::Tensor p = scalar(0), q = scalar(0);
  descent::SGD inner({p}, {.lr = 1});
  Lookahead opt(inner, {.k = 2, .alpha = 0.5});
  opt.add_param_group(torch::optim::OptimizerParamGroup(
      {q}, std::make_unique<descent::SGD::GroupOptions>(descent::SGD::Options{.lr = 0.25})));
  ASSERT_EQ(inner.param_groups().size(), 2);
  EXPECT_EQ(inner.options(1).lr, 0.25);
  EXPECT_THROW(opt.add_param_group(torch::optim::OptimizerParamGroup(std::vector<at::Tensor>{q})),
               c10::Error);
  for (int i = 0; i < 2; ++i) {
    push(p, 1);
    push(q, 1);
    opt.step();
  }
  EXPECT_EQ(p.item<double>(), -1);
  EXPECT_EQ(q.item<double>(), -0.25);
}

TEST(TheLookahead, SeesGroupsThatTheInnerOptimizerGotByItself) {
  const at::Tensor p = scalar(0), q = scalar(0);
  descent::SGD inner({p}, {.lr = 1});
  Lookahead opt(inner, {.k = 2, .alpha = 0.5});
  inner.add_group({q});
  for (int i = 0; i < 2; ++i) {
    push(p, 1);
    push(q, 1);
    opt.step();
  }
  EXPECT_EQ(q.item<double>(), -1);
}

TEST(TheLookahead, ForgetsTheInnerStateWhereThatIsAsked) {
  const at::Tensor p = scalar(1), q = scalar(1);
  descent::SGD forgetful({p}, {.lr = 1, .momentum = 0.5}), mindful({q}, {.lr = 1, .momentum = 0.5});
  Lookahead one(forgetful, {.k = 2, .reset_inner = true}), two(mindful, {.k = 2});
  for (int i = 0; i < 2; ++i) {
    push(p, 1);
    push(q, 1);
    one.step();
    two.step();
  }
  EXPECT_EQ(forgetful.state_of(p), nullptr);
  ASSERT_NE(mindful.state_of(q), nullptr);
  push(p, 1);
  one.step();
  EXPECT_EQ(forgetful.state_of(p)->step(), 1);
}

TEST(TheLookahead, SynchronisesWhenAskedTo) {
  const at::Tensor p = scalar(0);
  Lookahead opt(descent::SGD({p}, {.lr = 1}), {.k = 5, .alpha = 0.5});
  push(p, 4);
  opt.step();
  EXPECT_EQ(opt.count(), 1);
  opt.sync();
  EXPECT_EQ(opt.count(), 0);
  EXPECT_EQ(p.item<double>(), -2);
}

TEST(TheLookahead, GivesTheClosuresValue) {
  const at::Tensor p = scalar(3);
  Lookahead opt(descent::SGD({p}, {.lr = 1}));
  const at::NoGradGuard outer;
  const at::Tensor loss = opt.step([&] {
    const at::Tensor value = p * p;
    value.backward();
    return value;
  });
  EXPECT_EQ(loss.item<double>(), 9);
  EXPECT_EQ(p.item<double>(), -3);
}

TEST(TheLookahead, RefusesOptionsOutOfRange) {
  descent::SGD inner({scalar(0)});
  const auto refused = [&](const Lookahead::Options& options) {
    return refusal([&] { Lookahead opt(inner, options); });
  };
  EXPECT_THAT(refused({.k = 0}), testing::HasSubstr("Lookahead: k = 0, must be"));
  EXPECT_THAT(refused({.alpha = 1.5}),
              testing::HasSubstr("Lookahead: alpha = 1.5, must be in [0, 1]"));
  EXPECT_THAT(refused({.alpha = -0.1}), testing::HasSubstr("alpha = -0.1"));
  EXPECT_THAT(refused({.alpha = NAN}), testing::HasSubstr("alpha = nan"));
  EXPECT_EQ(refused({.k = 1, .alpha = 0}), "");
  EXPECT_THROW(Lookahead(std::unique_ptr<torch::optim::Optimizer>()), c10::Error);
}

TEST(TheLookahead, MayBeSavedBeforeAnyStep) {
  const Shapes shapes{{5}, {2, 3}};
  for (const SlowInit init : {SlowInit::Initial, SlowInit::Lazy}) {
    const Lookahead::Options options{.k = 3, .alpha = 0.7, .slow_init = init};
    const auto p = parameters(shapes, at::kFloat), q = parameters(shapes, at::kFloat, 1);
    Lookahead fresh(descent::AdamW(p, {.lr = 0.1}), options);
    const std::string bytes = saved(fresh);
    Lookahead used(descent::AdamW(q, {.lr = 0.2}), options);
    train(used, q, 1, 5);
    for (size_t i = 0; i < q.size(); ++i) q[i].detach().copy_(p[i]);
    load_from(used, bytes);
    EXPECT_EQ(used.count(), 0);
    train(fresh, p, 1, 7);
    train(used, q, 1, 7);
    EXPECT_EQ(difference(copies(q), copies(p)), "");
  }
}

TEST(TheLookahead, LeavesFrozenParametersAlone) {
  const at::Tensor p = scalar(0), q = scalar(0);
  Lookahead opt(descent::SGD({p, q}, {.lr = 1}), {.k = 2, .alpha = 0.5});
  push(p, 1);
  push(q, 1);
  opt.step();
  descent::freeze({p});
  opt.step();
  EXPECT_EQ(p.item<double>(), -1);
  EXPECT_EQ(q.item<double>(), -1);  // from -2, half of the way back
  descent::unfreeze({p});
  for (int i = 0; i < 2; ++i) {
    push(p, 1);
    opt.step();
  }
  EXPECT_EQ(p.item<double>(), -2);  // from -3, half of the way back to where it thawed
}

TEST(TheLookahead, ForgetsTheInnermostStateThroughOtherWrappers) {
  const at::Tensor p = scalar(1);
  descent::SGD inner({p}, {.lr = 1, .momentum = 0.5});
  descent::ClipValue between(inner, {.clip_value = 0.5});
  Lookahead opt(between, {.k = 2, .reset_inner = true});
  push(p, 1);
  opt.step();
  EXPECT_NE(inner.state_of(p), nullptr);
  opt.step();
  EXPECT_EQ(inner.state_of(p), nullptr);
}

TEST(TheLookahead, SeesGroupsThatCameThroughTwoWrappers) {
  const at::Tensor p = scalar(0), q = scalar(0), r = scalar(0);
  descent::SGD inner({p}, {.lr = 1});
  Lookahead opt(Lookahead(inner, {.k = 2, .alpha = 0.5}), {.k = 4, .alpha = 0.5});
  inner.add_group({q});
  opt.add_param_group(torch::optim::OptimizerParamGroup(std::vector<at::Tensor>{r}));
  ASSERT_EQ(opt.param_groups().size(), 3);
  for (int i = 0; i < 4; ++i) {
    for (const auto& x : {p, q, r}) push(x, 1);
    opt.step();
  }
  for (const auto& x : {p, q, r}) EXPECT_EQ(x.item<double>(), -1);
}

TEST(TheLookahead, TakesAParameterForAnother) {
  const at::Tensor p = at::zeros({2}, at::kDouble).requires_grad_(), q = scalar(0);
  descent::SGD inner({p, q}, {.lr = 1, .momentum = 0.5});
  Lookahead opt(inner, {.k = 2, .alpha = 0.5});
  push(p, 1);
  push(q, 1);
  opt.step();
  const at::Tensor longer = at::tensor({-1.0, -1.0, 7.0}, at::kDouble).requires_grad_();
  const auto extend = [](const at::Tensor& x) {
    return at::cat({x, at::full({1}, 7.0, x.options())});
  };
  opt.replace_param(p, longer, extend);
  EXPECT_TRUE(inner.param_groups()[0].params()[0].is_same(longer));
  EXPECT_TRUE(opt.param_groups()[0].params()[0].is_same(longer));
  EXPECT_EQ(inner.state_of(p), nullptr);
  push(longer, 1);
  push(q, 1);
  opt.step();
  // b = 0.5 (1, 1, 7) + 1; theta - b, then half of the way back to (0, 0, 7).
  EXPECT_EQ(difference({longer.detach()}, {at::tensor({-1.25, -1.25, 4.75}, at::kDouble)}), "");
  EXPECT_EQ(q.item<double>(), -1.25);

  EXPECT_THAT(refusal([&] { opt.replace_param(p, scalar(0), extend); }),
              testing::HasSubstr("is in no group"));
  EXPECT_THAT(refusal([&] { opt.replace_param(longer, scalar(0), extend); }),
              testing::HasSubstr("must return a tensor of sizes"));
  EXPECT_TRUE(inner.param_groups()[0].params()[0].is_same(longer));
  Lookahead theirs(torch::optim::SGD({q}, torch::optim::SGDOptions(1)));
  EXPECT_THAT(refusal([&] { theirs.replace_param(q, scalar(0), extend); }),
              testing::HasSubstr("optimizers of this library only"));
}

}  // namespace
}  // namespace lookahead_test

// SAM and ASAM, around ours and around LibTorch's own optimizers.
#include <gmock/gmock.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>

#include <descent/optim.h>

#include "../replay/parity.h"
#include "checks.h"
#include "wrapping.h"

namespace sam_test {
namespace {

using namespace checks;
using namespace wrapping;
using descent::SAM;
using testing::HasSubstr;

const Shapes kShapes{{5}, {2, 3}, {4}};

/// The parity problem's parameters, with gradients of step t at any weights.
struct Parity {
  std::vector<at::Tensor> params;
  int64_t t = 1;

  Parity() {
    int64_t i = 0;
    for (const auto& shape : Shapes{{4, 3}, {4}, {3, 5}, {2, 3, 2}}) {
      const at::Tensor p = at::empty(shape, at::kDouble);
      for (int64_t j = 0; j < p.numel(); ++j, ++i)
        p.mutable_data_ptr<double>()[j] = std::cos(0.9 * static_cast<double>(i) + 0.3);
      params.push_back(p.requires_grad_());
    }
  }
  at::Tensor evaluate() const {
    int64_t i = 0;
    double loss = 0;
    for (const auto& p : params) {
      const at::Tensor g = p.detach().clone();
      for (int64_t j = 0; j < g.numel(); ++j, ++i) {
        double& x = g.mutable_data_ptr<double>()[j];
        const auto term = replay::parity_term(i, t, x);
        x = term.gradient;
        loss += term.loss;
      }
      p.mutable_grad() = g;
    }
    return at::scalar_tensor(loss, at::kDouble);
  }
  double checksum() const {
    int64_t i = 0;
    double sum = 0;
    for (const auto& p : params)
      for (int64_t j = 0; j < p.numel(); ++j, ++i)
        sum += replay::checksum_term(i, p.const_data_ptr<double>()[j]);
    return sum;
  }
};

std::unique_ptr<torch::optim::Optimizer> sgd(const std::vector<at::Tensor>& params, bool ours) {
  if (ours)
    return std::make_unique<descent::SGD>(params,
                                          descent::SGD::Options{.lr = 0.05, .momentum = 0.9});
  return std::make_unique<torch::optim::SGD>(params, torch::optim::SGDOptions(0.05).momentum(0.9));
}

/// The checksums of davda54's code after steps 1, 10 and 60.
void expect_recorded(const SAM::Options& options, const std::map<int64_t, double>& expected) {
  for (const bool ours : {true, false}) {
    Parity problem;
    SAM opt(sgd(problem.params, ours), options);
    for (problem.t = 1; problem.t <= 60; ++problem.t) {
      if (!options.call_closure_first) problem.evaluate();
      opt.step([&] { return problem.evaluate(); });
      const auto wanted = expected.find(problem.t);
      if (wanted == expected.end()) continue;
      EXPECT_NEAR(problem.checksum(), wanted->second, 1e-11)
          << "ours " << ours << ", step " << problem.t;
    }
  }
}

const std::map<int64_t, double> kSam{
    {1, -0.7526994608702}, {10, 0.7402891099387}, {60, 0.03590621951974}};
const std::map<int64_t, double> kAsam{
    {1, -0.7318047392917}, {10, 0.5196629511978}, {60, 0.008174435856377}};

TEST(TheSam, FollowsTheRecording) { expect_recorded({.rho = 0.05}, kSam); }
TEST(TheSam, FollowsTheRecordingWhenItCallsTheClosureTwice) {
  expect_recorded({.rho = 0.05, .call_closure_first = true}, kSam);
}
TEST(TheAdaptiveSam, FollowsTheRecording) {
  expect_recorded({.rho = 0.5, .adaptive = true}, kAsam);
}

TEST(TheSam, IsItsInnerOptimizerAtRhoZero) {
  for (const char* key : {"sgd", "adamw", "lion", "lamb"}) {
    Problem one{parameters(kShapes, at::kFloat)}, two{parameters(kShapes, at::kFloat)};
    SAM opt(descent::make_optimizer(key, one.params, {{"lr", 0.1}}), {.rho = 0});
    const auto inner = descent::make_optimizer(key, two.params, {{"lr", 0.1}});
    one.train(opt, 1, 5);
    two.train(*inner, 1, 5);
    EXPECT_EQ(difference(copies(one.params), copies(two.params)), "") << key;
  }
}

TEST(TheSam, EvaluatesEveryPointOfLbfgsAtItsWorstNeighbour) {
  // On |x|^2/2 the gradient at the worst neighbour is that of |x|^2/2 + rho |x|.
  const auto lbfgs = [](const std::vector<at::Tensor>& p) {
    return std::make_unique<torch::optim::LBFGS>(p, torch::optim::LBFGSOptions(0.25).max_iter(4));
  };
  const auto p = parameters({{4}}, at::kDouble), q = parameters({{4}}, at::kDouble);
  SAM opt(lbfgs(p), {.rho = 0.1, .call_closure_first = true});
  const auto direct = lbfgs(q);
  const auto closure = [](const at::Tensor& x, double rho) {
    return [&x, rho] {
      x.mutable_grad() = at::Tensor();
      const at::Tensor loss = (x * x).sum() / 2 + (rho > 0 ? rho * x.norm() + rho * rho / 2
                                                           : at::zeros({}, at::kDouble));
      loss.backward();
      return loss;
    };
  };
  for (int i = 0; i < 2; ++i) {  // a third comes so near to 0 that rounding decides
    const at::Tensor loss = opt.step(closure(p[0], 0)), wanted = direct->step(closure(q[0], 0.1));
    EXPECT_NEAR(loss.item<double>(), wanted.item<double>(), 1e-11);
    EXPECT_TRUE(at::allclose(p[0], q[0], 0, 1e-11)) << i;
  }
}

TEST(TheSam, ClimbsTheObjectiveThatIsMinimised) {
  // Maximising f is minimising -f, climb included.
  for (const bool adaptive : {false, true}) {
    Problem up{parameters(kShapes, at::kDouble)}, down{parameters(kShapes, at::kDouble)};
    down.sign = -1;
    const SAM::Options options{.rho = 0.3, .adaptive = adaptive};
    SAM ascent(descent::SGD(up.params, {.lr = 0.01, .momentum = 0.9, .maximize = true}), options);
    SAM descends(descent::SGD(down.params, {.lr = 0.01, .momentum = 0.9}), options);
    up.train(ascent, 1, 5);
    down.train(descends, 1, 5);
    EXPECT_EQ(difference(copies(up.params), copies(down.params)), "");
  }
}

TEST(TheSam, DoesNotMoveParametersWithoutGradient) {
  Problem problem{parameters(kShapes, at::kDouble)};
  const at::Tensor idle = parameters({{3}}, at::kDouble, 7)[0];
  const auto before = idle.detach().clone();
  auto params = problem.params;
  params.push_back(idle);
  SAM opt(descent::AdamW(params, {.lr = 0.1, .weight_decay = 0.1}), {.rho = 0.5});
  problem.backward();
  const auto start = copies(problem.params);
  opt.step([&] {
    EXPECT_TRUE(same_bits(idle, before));
    EXPECT_FALSE(same_bits(problem.params[0], start[0]));
    return problem.backward();
  });
  EXPECT_TRUE(same_bits(idle, before));
}

TEST(TheSam, ClimbsByRhoOverAllGroupsTogether) {
  const auto p = parameters(kShapes, at::kDouble);
  descent::SGD inner({p[0]}, {.lr = 0.1});
  inner.add_group({p[1]}, {{"lr", 0.2}});
  inner.add_group({p[2]});
  SAM opt(inner, {.rho = 0.25});
  Problem problem{p};
  problem.backward();
  const auto start = copies(p);
  opt.step([&] {
    double squares = 0;
    for (size_t i = 0; i < p.size(); ++i)
      squares += (p[i].detach() - start[i]).square().sum().item<double>();
    EXPECT_NEAR(std::sqrt(squares), 0.25, 1e-12);
    return problem.backward();
  });
}

TEST(TheSam, LeavesTheGradientsOfTheWorstPoint) {
  Problem problem{parameters(kShapes, at::kDouble)};
  SAM opt(descent::SGD(problem.params, {.lr = 0.1}), {.rho = 0.5});
  problem.backward();
  std::vector<at::Tensor> left;
  double value = 0;
  const at::NoGradGuard outer;
  const at::Tensor loss = opt.step([&] {
    for (const auto& g : gradients(problem.params)) EXPECT_FALSE(g.defined());
    const at::Tensor found = problem.backward();
    left = gradients(problem.params);
    value = found.item<double>();
    return found;
  });
  EXPECT_EQ(loss.item<double>(), value);
  for (size_t i = 0; i < left.size(); ++i) EXPECT_TRUE(problem.params[i].grad().is_same(left[i]));
}

TEST(TheSam, PutsEverythingBackWhenTheClosureThrows) {
  Problem one{parameters(kShapes, at::kFloat)}, two{parameters(kShapes, at::kFloat)};
  SAM opt(descent::AdamW(one.params, {.lr = 0.1}), {.rho = 0.5}),
      untroubled(descent::AdamW(two.params, {.lr = 0.1}), {.rho = 0.5});
  one.train(opt, 1, 2);
  two.train(untroubled, 1, 2);
  one.t = two.t = 3;
  one.forget_gradients();
  two.forget_gradients();
  one.backward();
  two.backward();
  const auto weights = copies(one.params), slots = gradients(one.params);
  EXPECT_THROW(opt.step([&]() -> at::Tensor {
    one.backward();
    throw std::runtime_error("out of data");
  }),
               std::runtime_error);
  EXPECT_EQ(difference(copies(one.params), weights), "");
  for (size_t i = 0; i < slots.size(); ++i) EXPECT_TRUE(one.params[i].grad().is_same(slots[i]));
  opt.step([&] { return one.backward(); });
  untroubled.step([&] { return two.backward(); });
  EXPECT_EQ(difference(copies(one.params), copies(two.params)), "");
}

TEST(TheSam, LetsSchedulersReachThroughTwoWrappers) {
  const auto p = parameters({{2}}, at::kFloat);
  descent::SGD inner(p, {.lr = 0.5});
  SAM opt{descent::Lookahead(inner)};
  descent::Scheduler schedule(opt, descent::StepLR{.step_size = 1, .gamma = 0.5});
  schedule.step();
  EXPECT_EQ(inner.options().lr, 0.25);
  descent::set_lr(opt, 0.125);
  EXPECT_EQ(inner.options().lr, 0.125);
}

TEST(TheSam, RefusesWhatItCannotDo) {
  const auto p = parameters({{2}}, at::kFloat);
  descent::SGD inner(p);
  const auto refused = [&](const SAM::Options& options) {
    return refusal([&] { SAM opt(inner, options); });
  };
  EXPECT_THAT(refused({.rho = -0.1}), HasSubstr("SAM: rho = -0.1, must be finite and >= 0"));
  EXPECT_THAT(refused({.rho = NAN}), HasSubstr("SAM: rho = nan"));
  SAM opt(inner);
  EXPECT_THAT(refusal([&] { opt.step(); }), HasSubstr("SAM: step() got no closure"));
  const auto before = copies(p);
  EXPECT_THAT(refusal([&] { opt.step([] { return at::zeros({}); }); }),
              HasSubstr("SAM: no parameter has a gradient"));
  EXPECT_EQ(difference(copies(p), before), "");
}

TEST(TheWorstPoint, LiesWithinRhoOfFiniteGradientsOfAnySize) {
  for (const float size : {1e20F, 1e-23F}) {
    const at::Tensor p = at::zeros({4}).requires_grad_();
    p.mutable_grad() = at::full({4}, size);
    at::Tensor seen;
    descent::SAM opt(descent::SGD({p}, {.lr = 1e-3}), {.rho = 0.5});
    opt.step([&] {
      seen = p.detach().clone();
      p.mutable_grad() = at::zeros({4});
      return at::zeros({});
    });
    // rho / (norm + 1e-12) times the norm, which is shared by four elements.
    const double norm = 2 * static_cast<double>(size);
    EXPECT_NEAR(seen[0].item<double>() / (0.25 * norm / (norm + 1e-12)), 1, 1e-5) << size;
  }
}

}  // namespace
}  // namespace sam_test

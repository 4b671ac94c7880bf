// Noise, centralization and clipping: what the inner optimizer sees, and what the user keeps.
#include <gmock/gmock.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>

#include <descent/optim.h>

#include "checks.h"
#include "wrapping.h"

namespace gradient_transforms_test {
namespace {

using namespace checks;
using namespace wrapping;
using descent::AdaptiveClip;
using descent::ClipNorm;
using descent::ClipValue;
using descent::GradientCentralization;
using descent::GradientNoise;
using descent::InnerOptimizer;
using descent::Lookahead;
using descent::SAM;
using testing::HasSubstr;
using torch::optim::Optimizer;

const Shapes kShapes{{5}, {2, 3}, {4, 2, 1, 2}};

/// At zero, so that one step of SGD with rate 1 leaves minus the gradient it saw.
std::vector<at::Tensor> zeros(const Shapes& shapes, at::ScalarType type = at::kDouble) {
  std::vector<at::Tensor> list;
  for (const auto& shape : shapes) list.push_back(at::zeros(shape, type).requires_grad_());
  return list;
}
std::vector<at::Tensor> seen(const std::vector<at::Tensor>& params) {
  std::vector<at::Tensor> list;
  for (const auto& p : params) list.push_back(at::zeros_like(p) - p.detach());
  return list;
}
at::Tensor sine(const Shape& shape) {
  const at::Tensor x = at::empty(shape, at::kDouble);
  for (int64_t i = 0; i < x.numel(); ++i)
    x.mutable_data_ptr<double>()[i] = std::sin(1.1 * static_cast<double>(i));
  return x;
}

using Wrap = std::function<std::unique_ptr<Optimizer>(InnerOptimizer)>;
template <class W>
Wrap wrap(const typename W::Options& options = {}) {
  return [options](InnerOptimizer inner) { return std::make_unique<W>(std::move(inner), options); };
}
struct Named {
  const char* name;
  Wrap wrap;
};
/// Every wrapper, at settings that change every gradient.
const std::vector<Named>& wrappers() {
  static const std::vector<Named> list{
      {"noise", wrap<GradientNoise>({.eta = 0.5, .gamma = 0.3, .seed = 3})},
      {"centralization", wrap<GradientCentralization>()},
      {"value", wrap<ClipValue>({.clip_value = 0.3})},
      {"norm", wrap<ClipNorm>({.max_norm = 0.5})},
      {"adaptive", wrap<AdaptiveClip>({.clipping = 0.1})},
      {"lookahead", wrap<Lookahead>({.k = 3, .alpha = 0.7})},
      {"sam", wrap<SAM>({.rho = 0.3})},
      {"asam", wrap<SAM>({.rho = 0.3, .adaptive = true, .call_closure_first = true})}};
  return list;
}
std::vector<Named> transforms() { return {wrappers().begin(), wrappers().begin() + 5}; }

std::unique_ptr<Optimizer> adamw(const std::vector<at::Tensor>& params, bool ours) {
  if (ours) return std::make_unique<descent::AdamW>(params, descent::AdamW::Options{.lr = 0.1});
  return std::make_unique<torch::optim::AdamW>(params, torch::optim::AdamWOptions(0.1));
}

TEST(GradientTransforms, NeverWriteAGradientAndLeaveItsSlotAsItWas) {
  for (const auto& [name, wrap] : transforms())
    for (const bool ours : {true, false}) {
      Problem one{parameters(kShapes, at::kFloat)}, two{parameters(kShapes, at::kFloat)};
      const auto &p = one.params, &plain = two.params;
      const auto opt = wrap(adamw(p, ours)), alone = adamw(plain, ours);
      for (int64_t t = 1; t <= 3; ++t) {
        one.t = two.t = t;
        one.backward();
        two.backward();
        const auto slots = gradients(p), values = copies(slots);
        opt->step();
        alone->step();
        for (size_t i = 0; i < p.size(); ++i)
          EXPECT_TRUE(p[i].grad().is_same(slots[i])) << name << ", ours " << ours;
        EXPECT_EQ(difference(gradients(p), values), "") << name << ", ours " << ours;
      }
      EXPECT_NE(difference(copies(p), copies(plain)), "") << name << " did nothing";
    }
}

TEST(GradientTransforms, GiveTheClosureItsOwnGradientsEveryTime) {
  for (const auto& [name, wrap] : transforms()) {
    Problem problem{parameters(kShapes, at::kDouble)};
    const auto opt = wrap(std::make_unique<torch::optim::LBFGS>(
        problem.params, torch::optim::LBFGSOptions(0.1).max_iter(4)));
    std::vector<at::Tensor> slots;
    at::Tensor sum = at::zeros({5}, at::kDouble);
    opt->step([&, name = name] {
      for (size_t i = 0; i < slots.size(); ++i)
        EXPECT_TRUE(problem.params[i].grad().is_same(slots[i])) << name;
      // Without zero_grad: the gradients add up in the user's tensors.
      const auto before = problem.params[0].grad().defined() ? problem.params[0].grad().clone()
                                                             : at::zeros({5}, at::kDouble);
      EXPECT_EQ(difference({before}, {sum}, 1e-12), "") << name;
      const auto loss = problem.backward();
      const auto& x = problem.params[0].detach();
      sum += x + 0.4 * (2 * x).cos() + checks::noise({5}, at::kDouble, 0);
      slots = gradients(problem.params);
      return loss;
    });
    EXPECT_GE(problem.calls, 3) << name;
    EXPECT_EQ(difference({problem.params[0].grad()}, {sum}, 1e-12), "") << name;
    for (size_t i = 0; i < slots.size(); ++i)
      EXPECT_TRUE(problem.params[i].grad().is_same(slots[i])) << name;
  }
}

TEST(GradientTransforms, ReachEveryEvaluationOfLbfgs) {
  Problem one{parameters(kShapes, at::kDouble)}, two{parameters(kShapes, at::kDouble)};
  const auto options = torch::optim::LBFGSOptions(0.5).max_iter(5);
  ClipValue opt(torch::optim::LBFGS(one.params, options), {.clip_value = 0.3});
  torch::optim::LBFGS direct(two.params, options);
  for (int i = 0; i < 3; ++i) {
    opt.step(one.closure());
    direct.step([&] {
      two.forget_gradients();
      const auto loss = two.backward();
      for (const auto& p : two.params) p.mutable_grad() = p.grad().clamp(-0.3, 0.3);
      return loss;
    });
  }
  EXPECT_EQ(one.calls, two.calls);
  EXPECT_EQ(difference(copies(one.params), copies(two.params)), "");
}

TEST(GradientTransforms, PutGradientsBackWhenSomethingThrows) {
  const auto make = [](const Wrap& outer, const Wrap& inner, InnerOptimizer core) {
    return outer(inner(std::move(core)));
  };
  for (const auto& outer : transforms())
    for (const auto& inner : wrappers()) {
      Problem problem{parameters(kShapes, at::kFloat)};
      descent::AdamW core(problem.params, {.lr = 0.1});
      const auto opt = make(outer.wrap, inner.wrap, core);
      problem.train(*opt, 1, 2);
      const std::string name = std::string(outer.name) + " around " + inner.name;
      // The closure throws, with gradients in place and after one that it made itself.
      problem.forget_gradients();
      problem.backward();
      auto slots = gradients(problem.params);
      const auto weights = copies(problem.params);
      EXPECT_THROW(opt->step([&]() -> at::Tensor { throw std::runtime_error("out of data"); }),
                   std::runtime_error);
      for (size_t i = 0; i < slots.size(); ++i)
        EXPECT_TRUE(problem.params[i].grad().is_same(slots[i])) << name;
      EXPECT_EQ(difference(copies(problem.params), weights), "") << name;
      // The inner optimizer refuses the step.
      core.options().lr = NAN;
      EXPECT_THROW(opt->step([&] {
        const auto loss = problem.backward();
        slots = gradients(problem.params);
        return loss;
      }),
                   c10::Error);
      for (size_t i = 0; i < slots.size(); ++i)
        EXPECT_TRUE(problem.params[i].grad().is_same(slots[i])) << name;
      EXPECT_EQ(difference(copies(problem.params), weights), "") << name;
    }
}

TEST(GradientTransforms, ApplyTheOutermostFirst) {
  const Shapes shapes{{2, 3}, {4}};
  const auto noise_alone = [&] {
    const auto p = zeros(shapes);
    for (const auto& x : p) x.mutable_grad() = at::zeros_like(x);
    GradientNoise opt(descent::SGD(p, {.lr = 1}), {.eta = 0.5, .seed = 5});
    opt.step();
    return seen(p);
  }();
  const std::vector<at::Tensor> g{sine({2, 3}), sine({4})};
  const auto give = [&](const std::vector<at::Tensor>& p) {
    for (size_t i = 0; i < p.size(); ++i) p[i].mutable_grad() = g[i].clone();
  };
  const GradientNoise::Options noise{.eta = 0.5, .seed = 5};
  for (const bool ours : {true, false}) {
    const auto p = zeros(shapes), q = zeros(shapes);
    const auto sgd = [&](const std::vector<at::Tensor>& params) -> std::unique_ptr<Optimizer> {
      if (ours) return std::make_unique<descent::SGD>(params, descent::SGD::Options{.lr = 1});
      return std::make_unique<torch::optim::SGD>(params, torch::optim::SGDOptions(1));
    };
    ClipValue clip_first(GradientNoise(sgd(p), noise), {.clip_value = 0.2});
    GradientNoise noise_first(ClipValue(sgd(q), {.clip_value = 0.2}), noise);
    give(p);
    give(q);
    clip_first.step();
    noise_first.step();
    for (size_t i = 0; i < p.size(); ++i) {
      EXPECT_EQ(difference({seen(p)[i]}, {g[i].clamp(-0.2, 0.2) + noise_alone[i]}, 1e-14), "");
      EXPECT_EQ(difference({seen(q)[i]}, {(g[i] + noise_alone[i]).clamp(-0.2, 0.2)}, 1e-14), "");
    }
  }
}

TEST(GradientTransforms, ApplyToBothGradientsOfASamInside) {
  const at::Tensor p = at::tensor({0.5, -1.5, 2.0}, at::kDouble).requires_grad_();
  const at::Tensor start = p.detach().clone();
  const auto gradient = [](const at::Tensor& x) { return x + 0.4 * (2 * x).cos(); };
  const auto closure = [&] {
    p.mutable_grad() = gradient(p.detach());
    return at::zeros({});
  };
  ClipValue opt(SAM(descent::SGD({p}, {.lr = 0.1}), {.rho = 0.3}), {.clip_value = 0.6});
  closure();
  opt.step(closure);
  const at::Tensor climb = gradient(start).clamp(-0.6, 0.6);
  const at::Tensor worst = start + 0.3 * climb / climb.norm();
  const at::Tensor last = gradient(worst);
  EXPECT_EQ(difference({p.detach()}, {start - 0.1 * last.clamp(-0.6, 0.6)}, 1e-12), "");
  EXPECT_EQ(difference({p.grad()}, {last}, 1e-12), "");

  // Inside SAM the climb goes along the raw gradient.
  const at::Tensor q = p;
  q.detach().copy_(start);
  SAM outer(ClipValue(descent::SGD({q}, {.lr = 0.1}), {.clip_value = 0.6}), {.rho = 0.3});
  closure();
  outer.step(closure);
  const at::Tensor raw = gradient(start);
  const at::Tensor there = gradient(start + 0.3 * raw / raw.norm());
  EXPECT_EQ(difference({q.detach()}, {start - 0.1 * there.clamp(-0.6, 0.6)}, 1e-12), "");
}

TEST(GradientTransforms, RefuseSparseGradientsByTheirClass) {
  const auto p = parameters({{4}}, at::kFloat);
  torch::optim::SGD inner(p, torch::optim::SGDOptions(1));
  p[0].mutable_grad() = at::ones({4}).to_sparse();
  for (const auto& [name, wrap] : transforms())
    EXPECT_THAT(refusal([&, wrap = wrap] { wrap(inner)->step(); }), HasSubstr("must be strided"))
        << name;
  EXPECT_THAT(refusal([&] { ClipNorm(inner).step(); }),
              HasSubstr("ClipNorm: the gradient of params[0] of group 0"));
}

/// Every wrapper around every other, and three of them, around ours and LibTorch's.
TEST(EveryWrapper, ContinuesBitForBitInAnyNesting) {
  std::vector<std::pair<std::string, std::vector<Wrap>>> nestings;
  for (const auto& outer : wrappers())
    for (const auto& inner : wrappers())
      nestings.push_back({std::string(outer.name) + " " + inner.name, {inner.wrap, outer.wrap}});
  nestings.push_back(
      {"noise lookahead sam", {wrappers()[6].wrap, wrappers()[5].wrap, wrappers()[0].wrap}});
  for (const auto& [name, wraps] : nestings)
    for (const bool ours : {true, false}) {
      const auto make = [&](const std::vector<at::Tensor>& params) {
        auto opt = adamw(params, ours);
        for (const auto& wrap : wraps) opt = wrap(std::move(opt));
        return opt;
      };
      Problem whole{parameters(kShapes, at::kFloat)}, resumed{parameters(kShapes, at::kFloat, 1)};
      const auto opt = make(whole.params), again = make(resumed.params);
      whole.train(*opt, 1, 4);
      const std::string bytes = saved(*opt);
      const auto middle = copies(whole.params);
      whole.train(*opt, 5, 8);
      resumed.train(*again, 3, 5);  // a state that must go
      for (size_t i = 0; i < middle.size(); ++i) resumed.params[i].detach().copy_(middle[i]);
      load_from(*again, bytes);
      resumed.train(*again, 5, 8);
      EXPECT_EQ(difference(copies(resumed.params), copies(whole.params)), "") << name << ours;
    }
}

TEST(EveryWrapper, RefusesArchivesOfOthersAndStaysAsItWas) {
  for (const auto& mine : wrappers())
    for (const auto& other : wrappers()) {
      const auto p = parameters(kShapes, at::kFloat), q = parameters(kShapes, at::kFloat);
      Problem one{p}, two{q};
      const auto opt = mine.wrap(adamw(p, true)), foreign = other.wrap(adamw(q, true));
      one.train(*opt, 1, 2);
      two.train(*foreign, 1, 2);
      const auto is_sam = [](const Named& x) { return std::string_view(x.name).ends_with("sam"); };
      const bool same = &mine == &other || (is_sam(mine) && is_sam(other));
      EXPECT_EQ(refusal([&] { load_from(*opt, saved(*foreign)); }).empty(), same)
          << mine.name << " " << other.name;
      if (same) continue;
      const std::string before = saved(*opt);
      EXPECT_THROW(load_from(*opt, saved(*adamw(q, true))), c10::Error);
      EXPECT_EQ(saved(*opt), before) << mine.name;
    }
}

TEST(EveryWrapper, LetsSchedulersReachThroughTwoOfThem) {
  for (const auto& outer : wrappers())
    for (const auto& inner : wrappers()) {
      const auto p = parameters({{2}, {3}}, at::kFloat);
      descent::SGD core({p[0]}, {.lr = 0.5});
      core.add_group({p[1]}, {{"lr", 0.25}});
      const auto opt = outer.wrap(inner.wrap(core));
      descent::Scheduler schedule(*opt, descent::StepLR{.step_size = 1, .gamma = 0.5});
      schedule.step();
      EXPECT_EQ(core.options(0).lr, 0.25) << outer.name << inner.name;
      EXPECT_EQ(core.options(1).lr, 0.125) << outer.name << inner.name;
      set_gradients(p, 1);
      opt->zero_grad();
      EXPECT_FALSE(p[1].grad().defined());
    }
}

TEST(TheGradientNoise, IsNothingAtEtaZero) {
  const auto p = parameters(kShapes, at::kFloat), q = parameters(kShapes, at::kFloat);
  GradientNoise opt(descent::AdamW(p, {.lr = 0.1}), {.eta = 0, .seed = 5});
  descent::AdamW alone(q, {.lr = 0.1});
  for (int64_t t = 1; t <= 3; ++t) {
    set_gradients(p, t);
    set_gradients(q, t);
    opt.step();
    alone.step();
  }
  EXPECT_EQ(difference(copies(p), copies(q)), "");
  EXPECT_EQ(opt.count(), 3);
}

TEST(TheGradientNoise, HasTheVarianceOfItsFormula) {
  // 200000 draws a step: the sample variance has a relative deviation of sqrt(2/n) = 0.0032.
  for (const auto type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    const auto p = zeros({{200000}}, type);
    p[0].mutable_grad() = at::zeros_like(p[0]).detach();
    descent::SGD inner(p, {.lr = 1});
    GradientNoise opt(inner, {.eta = 0.3, .gamma = 0.8, .seed = 11});
    at::Tensor before;
    for (int64_t t = 0; t < 4; ++t) {
      p[0].detach().zero_();
      opt.step();
      const at::Tensor n = seen(p)[0].to(at::kDouble);
      const double sigma2 = 0.3 / std::pow(1 + static_cast<double>(t), 0.8);
      EXPECT_NEAR(n.square().mean().item<double>() / sigma2, 1, 0.016) << type << t;
      EXPECT_NEAR(n.mean().item<double>() / std::sqrt(sigma2), 0, 0.011) << type << t;
      // Normal: a fourth moment of 3 sigma^4.
      EXPECT_NEAR(n.pow(4).mean().item<double>() / (sigma2 * sigma2), 3, 0.12) << type << t;
      if (before.defined()) {
        EXPECT_NEAR((n * before).mean().item<double>() / sigma2, 0, 0.02) << "repeats itself";
      }
      before = n;
    }
  }
}

TEST(TheGradientNoise, EntersAfterTheSignWhereTheInnerMaximizes) {
  // -(g - N) has the bits of -g + N, through a wrapper in between too.
  Problem up{parameters(kShapes, at::kFloat)}, down{parameters(kShapes, at::kFloat)};
  down.sign = -1;
  const GradientNoise::Options options{.eta = 0.5, .seed = 4};
  GradientNoise ascent(ClipValue(descent::AdamW(up.params, {.lr = 0.1, .maximize = true})),
                       options);
  GradientNoise descends(ClipValue(descent::AdamW(down.params, {.lr = 0.1})), options);
  for (int64_t t = 1; t <= 4; ++t) {
    up.t = down.t = t;
    ascent.step(up.closure());
    descends.step(down.closure());
  }
  EXPECT_EQ(difference(copies(up.params), copies(down.params)), "");
}

TEST(TheGradientNoise, RepeatsItselfForTheSameSeedOnly) {
  const auto run = [](int64_t seed) {
    Problem problem{parameters(kShapes, at::kFloat)};
    GradientNoise opt(descent::SGD(problem.params, {.lr = 0.1}), {.eta = 0.5, .seed = seed});
    at::manual_seed(seed + 1);  // another generator
    problem.train(opt, 1, 3);
    return copies(problem.params);
  };
  EXPECT_EQ(difference(run(5), run(5)), "");
  EXPECT_NE(difference(run(5), run(6)), "");
}

TEST(TheGradientNoise, DrawsOnceAStepWhateverGradientsWereThereBefore) {
  Problem with{parameters(kShapes, at::kFloat)}, without{parameters(kShapes, at::kFloat)};
  GradientNoise one(descent::SGD(with.params, {.lr = 0.1}), {.eta = 0.5}),
      two(descent::SGD(without.params, {.lr = 0.1}), {.eta = 0.5});
  for (int64_t t = 1; t <= 3; ++t) {
    with.t = without.t = t;
    one.step(with.closure());
    without.forget_gradients();
    without.backward();
    two.step();
  }
  EXPECT_EQ(difference(copies(with.params), copies(without.params)), "");
}

TEST(TheCentralization, LeavesEveryRowWithMeanZero) {
  for (const auto type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    const at::Tensor g = checks::noise({3, 4, 2}, type, 1) + 1;
    const at::Tensor c = descent::tensors::centralized(g);
    EXPECT_EQ(c.scalar_type(), type);
    const double tolerance = type == at::kDouble ? 1e-15 : type == at::kFloat ? 1e-6 : 1e-2;
    EXPECT_LT(c.to(at::kDouble).mean({1, 2}).abs().max().item<double>(), tolerance);
    for (int64_t i = 0; i < 3; ++i)
      EXPECT_EQ(difference({c[i].to(at::kDouble)},
                           {(g[i].to(at::kDouble) - g[i].to(at::kDouble).mean())}, 4 * tolerance),
                "");
  }
  const at::Tensor vector = sine({4});
  EXPECT_TRUE(descent::tensors::centralized(vector).is_same(vector));
}

TEST(TheCentralization, MayTakeConvolutionsOnly) {
  const Shapes shapes{{5}, {2, 3}, {4, 2, 1, 2}};
  for (const bool conv_only : {false, true}) {
    const auto p = zeros(shapes);
    for (size_t i = 0; i < p.size(); ++i) p[i].mutable_grad() = sine(shapes[i]);
    GradientCentralization opt(descent::SGD(p, {.lr = 1}), {.conv_only = conv_only});
    opt.step();
    EXPECT_EQ(difference({seen(p)[0]}, {sine({5})}), "");
    EXPECT_EQ(difference({seen(p)[1]}, {sine({2, 3})}).empty(), conv_only);
    EXPECT_LT(seen(p)[2].mean({1, 2, 3}).abs().max().item<double>(), 1e-15);
  }
}

TEST(TheClippingByValue, CutsBothEnds) {
  const auto p = zeros({{4}});
  p[0].mutable_grad() = at::tensor({-3.0, -0.25, 0.5, 2.0}, at::kDouble);
  ClipValue opt(descent::SGD(p, {.lr = 1}), {.clip_value = 0.375});
  opt.step();
  EXPECT_EQ(difference(seen(p), {at::tensor({-0.375, -0.25, 0.375, 0.375}, at::kDouble)}), "");
}

// torch.nn.utils.clip_grad_norm_ of Python 2.13 on these gradients, max_norm 0.5.
TEST(TheClippingByNorm, GivesPythonsNumbers) {
  struct Expected {
    double norm_type, norm;
    std::vector<double> first, second;
  };
  const std::vector<Expected> rows{
      {2,
       2.2652815582465946,
       {0.0, 0.19670997704393664, 0.178453765265688, -0.034818105487323656, -0.21004048047456123,
        -0.1557289890839278},
       {0.2207230167290993, 0.13720362742558073, -0.05014873174782867, -0.19954953052674443}},
      {1.5,
       3.157201817749784,
       {0.0, 0.1411387565998406, 0.12803998515303258, -0.024981875294232424, -0.15070334863183515,
        -0.11173503355626165},
       {0.1583680329907859, 0.09844314796248994, -0.035981548827930476, -0.14317612681300843}},
      {std::numeric_limits<double>::infinity(),
       1.0,
       {0.0, 0.4456032344274833, 0.4042477976619974, -0.07887276819885614, -0.4758005611441969,
        -0.352769810015386},
       {0.49999950000050003, 0.31080467333065886, -0.11360093374560981, -0.45203561897291167}}};
  for (const auto& row : rows)
    for (const bool ours : {true, false}) {
      const auto p = zeros({{2, 3}, {4}, {3}});  // the last one without gradient
      p[0].mutable_grad() = sine({2, 3});
      at::Tensor g = at::empty({4}, at::kDouble);
      for (int64_t i = 0; i < 4; ++i)
        g.mutable_data_ptr<double>()[i] = std::cos(0.9 * static_cast<double>(i));
      p[1].mutable_grad() = g;
      EXPECT_NEAR(descent::grad_norm(p, row.norm_type).item<double>(), row.norm, 1e-14);
      std::unique_ptr<Optimizer> inner;
      if (ours) {  // one group each: the norm is over all
        auto sgd = std::make_unique<descent::SGD>(std::vector<at::Tensor>{p[0]},
                                                  descent::SGD::Options{.lr = 1});
        sgd->add_group({p[1]});
        sgd->add_group({p[2]});
        inner = std::move(sgd);
      } else {
        inner = std::make_unique<torch::optim::SGD>(p, torch::optim::SGDOptions(1));
      }
      ClipNorm opt(std::move(inner), {.max_norm = 0.5, .norm_type = row.norm_type});
      EXPECT_FALSE(opt.norm().defined());
      opt.step();
      EXPECT_EQ(opt.norm().dim(), 0);
      EXPECT_NEAR(opt.norm().item<double>(), row.norm, 1e-14);
      EXPECT_EQ(
          difference({seen(p)[0].flatten(), seen(p)[1]},
                     {at::tensor(row.first, at::kDouble), at::tensor(row.second, at::kDouble)},
                     1e-14),
          "");
    }
}

TEST(TheClippingByNorm, LeavesShortGradientsAlone) {
  const auto p = zeros({{4}}, at::kFloat);
  p[0].mutable_grad() = at::tensor({0.1F, -0.2F, 0.3F, 0.0F});
  ClipNorm opt(descent::SGD(p, {.lr = 1}), {.max_norm = 5});
  opt.step();
  EXPECT_EQ(difference(seen(p), {p[0].grad()}), "");
}

TEST(TheClippingByNorm, ThrowsForNonFiniteNormsWhereThatIsAsked) {
  const auto p = zeros({{2}});
  p[0].mutable_grad() = at::tensor({1.0, NAN}, at::kDouble);
  const at::Tensor slot = p[0].grad();
  ClipNorm strict(descent::SGD(p, {.lr = 1}), {.error_if_nonfinite = true});
  EXPECT_THAT(refusal([&] { strict.step(); }),
              HasSubstr("ClipNorm: the norm of the gradients is nan"));
  EXPECT_EQ(difference(copies(p), copies(zeros({{2}}))), "");
  EXPECT_TRUE(p[0].grad().is_same(slot));
  ClipNorm lax(descent::SGD(p, {.lr = 1}));
  lax.step();
  EXPECT_TRUE(p[0].isnan().all().item<bool>());
}

TEST(TheGradientNorm, IsZeroOfNothingAndSums16BitsInFloat) {
  EXPECT_EQ(descent::grad_norm({}).item<double>(), 0);
  EXPECT_EQ(descent::grad_norm(zeros({{3}})).item<double>(), 0);
  const auto p = zeros({{4096}, {0}}, at::kBFloat16);
  p[0].mutable_grad() = at::full({4096}, 0.5, at::kBFloat16);
  p[1].mutable_grad() = at::empty({0}, at::kBFloat16);
  EXPECT_EQ(descent::grad_norm(p).item<double>(), 32);
  EXPECT_EQ(descent::grad_norm(p, std::numeric_limits<double>::infinity()).item<double>(), 0.5);
  EXPECT_EQ(descent::grad_norm(p, 1).item<double>(), 2048);
  EXPECT_THAT(refusal([&] { descent::grad_norm(p, 0); }), HasSubstr("norm_type = 0, must be > 0"));
}

/// Gradients whose squares float cannot hold: 1e40 and 1e-60.
TEST(ClippingOfFloats, KnowsTheNormOfFiniteGradients) {
  for (const auto type : {at::kFloat, at::kBFloat16})
    for (const double size : {1e20, 1e-30, 1e38}) {
      std::vector<at::Tensor> p;
      for (int i = 0; i < 100; ++i) {
        p.push_back(at::zeros({1}, type).requires_grad_());
        p.back().mutable_grad() = at::full({1}, i % 2 == 0 ? size : -size, type);
      }
      const double norm = 10 * p[0].grad().abs().item<double>(), max_norm = 5;
      EXPECT_NEAR(descent::grad_norm(p).item<double>() / norm, 1, 1e-6) << size;
      ClipNorm opt(descent::SGD(p, {.lr = 1}), {.max_norm = max_norm, .error_if_nonfinite = true});
      opt.step();
      EXPECT_NEAR(opt.norm().item<double>() / norm, 1, 1e-6) << size;
      const double step = p[0].grad().item<double>() * std::min(1.0, max_norm / (norm + 1e-6));
      EXPECT_NEAR(p[0].item<double>() / -step, 1, type == at::kFloat ? 1e-6 : 0.01) << size;
      EXPECT_NEAR(p[1].item<double>() / step, 1, type == at::kFloat ? 1e-6 : 0.01) << size;
    }
}

TEST(TheAdaptiveClipping, KnowsTheNormsOfFiniteUnits) {
  const at::Tensor w =
      at::tensor({3.0, 4.0, 3e20, 4e20, 3e-25, 4e-25}, at::kFloat).view({3, 2}).requires_grad_();
  const at::Tensor before = w.detach().clone();
  w.mutable_grad() = at::tensor({6e20, 8e20, 6e22, 8e22, 6e-2, 8e-2}, at::kFloat).view({3, 2});
  AdaptiveClip opt(descent::SGD({w}, {.lr = 1}), {.clipping = 0.5});
  opt.step();
  // Of norms 2.5, 2.5e20 and, for the least that weights count with, 5e-4.
  const at::Tensor wanted =
      at::tensor({1.5, 2.0, 1.5e20, 2e20, 3e-4, 4e-4}, at::kFloat).view({3, 2});
  EXPECT_LE(((before - w.detach()) / wanted - 1).abs().max().item<double>(), 1e-5);
}

TEST(TheAdaptiveClipping, GoesByUnits) {
  // Rows of norm 5 and 0.5, and one of zeros, which counts as eps.
  const at::Tensor w =
      at::tensor({3.0, 4.0, 0.3, 0.4, 0.0, 0.0}, at::kDouble).view({3, 2}).requires_grad_();
  const at::Tensor b = at::tensor({0.6, 0.8}, at::kDouble).requires_grad_();
  const at::Tensor left = at::tensor({0.6, 0.8}, at::kDouble).requires_grad_();
  const auto give = [&] {
    w.mutable_grad() = at::tensor({0.3, 0.4, 0.3, 0.4, 0.3, 0.4}, at::kDouble).view({3, 2});
    b.mutable_grad() = at::tensor({30.0, 40.0}, at::kDouble);
    left.mutable_grad() = at::tensor({30.0, 40.0}, at::kDouble);
  };
  const auto before = copies({w, b, left});
  AdaptiveClip opt(descent::SGD({w, b, left}, {.lr = 1}), {.clipping = 0.2, .eps = 0.05});
  opt.exclude({left});
  give();
  opt.step();
  // ||g|| is 0.5: below 0.2 * 5 it stays, else it becomes 0.2 * 0.5 and 0.2 * 0.05; b: 0.2 * 1.
  EXPECT_EQ(
      difference({before[0] - w.detach(), before[1] - b.detach(), before[2] - left.detach()},
                 {at::tensor({0.3, 0.4, 0.06, 0.08, 0.006, 0.008}, at::kDouble).view({3, 2}),
                  at::tensor({0.12, 0.16}, at::kDouble), at::tensor({30.0, 40.0}, at::kDouble)},
                 1e-13),
      "");
}

TEST(TheAdaptiveClipping, ClipsWholeFilters) {
  const at::Tensor w = sine({2, 2, 1, 3}).requires_grad_();
  const at::Tensor before = w.detach().clone();
  w.mutable_grad() = 10 * sine({2, 2, 1, 3}).flip(0);
  AdaptiveClip opt(descent::SGD({w}, {.lr = 1}));
  opt.step();
  for (int64_t i = 0; i < 2; ++i) {
    const at::Tensor g = w.grad()[i];
    EXPECT_EQ(
        difference({before[i] - w.detach()[i]}, {g * 0.01 * before[i].norm() / g.norm()}, 1e-14),
        "");
  }
}

TEST(GradientTransforms, TakeAParameterForAnother) {
  const auto p = zeros({{2}, {2}});
  AdaptiveClip inside(descent::SGD(p, {.lr = 1}), {.clipping = 0.1});
  inside.exclude({p[0]});
  ClipNorm opt(inside, {.max_norm = std::numeric_limits<double>::infinity()});
  const at::Tensor longer = zeros({{3}})[0];
  opt.replace_param(p[0], longer, [](const at::Tensor& x) { return at::zeros({3}, x.options()); });
  longer.mutable_grad() = sine({3});
  opt.step();
  EXPECT_EQ(difference(seen({longer}), {sine({3})}), "");
  EXPECT_EQ(difference({opt.norm()}, {sine({3}).norm()}, 1e-14), "");
}

TEST(GradientTransforms, RefuseOptionsOutOfRange) {
  descent::SGD inner(zeros({{2}}));
  const auto refused = [&](auto make) { return refusal([&] { make(inner); }); };
  using Sgd = descent::SGD;
  EXPECT_THAT(refused([](Sgd& x) { GradientNoise(x, {.eta = -1}); }),
              HasSubstr("GradientNoise: eta = -1, must be finite and >= 0"));
  EXPECT_THAT(refused([](Sgd& x) { GradientNoise(x, {.gamma = NAN}); }), HasSubstr("gamma = nan"));
  EXPECT_THAT(refused([](Sgd& x) { GradientNoise(x, {.seed = -1}); }), HasSubstr("seed = -1"));
  EXPECT_THAT(refused([](Sgd& x) { ClipValue(x, {.clip_value = -1}); }),
              HasSubstr("ClipValue: clip_value = -1, must be >= 0"));
  EXPECT_THAT(refused([](Sgd& x) { ClipNorm(x, {.max_norm = -1}); }), HasSubstr("max_norm = -1"));
  EXPECT_THAT(refused([](Sgd& x) { ClipNorm(x, {.norm_type = 0}); }),
              HasSubstr("ClipNorm: norm_type = 0, must be > 0"));
  EXPECT_THAT(refused([](Sgd& x) { AdaptiveClip(x, {.clipping = -1}); }),
              HasSubstr("AdaptiveClip: clipping = -1"));
  EXPECT_THAT(refused([](Sgd& x) { AdaptiveClip(x, {.eps = -1}); }), HasSubstr("eps = -1"));
}

}  // namespace
}  // namespace gradient_transforms_test

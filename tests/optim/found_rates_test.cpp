// Rules that find their rates: from distances, from the loss, from sums over all parameters.
#include <gmock/gmock.h>
#include <torch/types.h>

#include <descent/optim/wrappers/lookahead.h>
#include <descent/optim/wrappers/mechanic.h>

#include "checks.h"
#include "wrapping.h"

namespace found_rates_test {
namespace {

using namespace checks;
using namespace wrapping;
using testing::AllOf;
using testing::HasSubstr;

const Shapes kShapes{{3, 4}, {5}, {}};

void give(const std::vector<at::Tensor>& params, int64_t t, double factor = 1) {
  for (size_t i = 0; i < params.size(); ++i)
    params[i].mutable_grad() =
        factor * noise(params[i].sizes(), at::kDouble, 100 * t + static_cast<int64_t>(i));
}

template <class Optimizer>
std::vector<at::Tensor> path(const typename Optimizer::Options& options, double factor) {
  const auto params = parameters(kShapes, at::kDouble);
  Optimizer opt(params, options);
  for (int64_t t = 1; t <= 20; ++t) {
    give(params, t, factor);
    opt.step();
  }
  return copies(params);
}

TEST(DoG, DoesNotSeeTheScaleOfTheGradientWithoutEps) {
  for (const auto init : {descent::DogInit::Heuristic, descent::DogInit::Distance}) {
    const descent::DoG::Options options{.init = init, .init_value = 0.01, .eps = 0};
    EXPECT_EQ(difference(path<descent::DoG>(options, 1024), path<descent::DoG>(options, 1)), "");
  }
}

TEST(DoG, NeverTakesTheDistanceForLess) {
  const auto params = parameters(kShapes, at::kDouble);
  descent::DoG opt(params, {.init_value = 0.1});
  double last = 0;
  for (int64_t t = 1; t <= 20; ++t) {
    give(params, t % 2 == 0 ? 1 : t, t % 2 == 0 ? -1 : 1);
    opt.step();
    EXPECT_GE(opt.remembered("max_dist"), last);
    last = opt.remembered("max_dist");
  }
  EXPECT_GT(last, 0.1);
}

TEST(PolyakSGD, SolvesAnAbsoluteValueInOneStep) {
  const at::Tensor p = at::scalar_tensor(-0.75, at::kDouble).requires_grad_();
  descent::PolyakSGD opt({p});
  opt.step([&] {
    opt.zero_grad();
    const at::Tensor loss = p.abs();
    loss.backward();
    return loss;
  });
  EXPECT_EQ(p.item<double>(), 0);
}

TEST(PolyakSGD, IsRefusedWithoutALoss) {
  const auto params = parameters(kShapes, at::kDouble);
  descent::PolyakSGD opt(params);
  give(params, 1);
  const auto before = copies(params);
  EXPECT_THAT(refusal([&] { opt.step(); }), HasSubstr("PolyakSGD: step() has no closure"));
  EXPECT_THAT(refusal([&] { opt.step([] { return at::Tensor(); }); }),
              HasSubstr("PolyakSGD: the closure returned nothing, must return one number"));
  EXPECT_THAT(refusal([&] { opt.step([] { return at::ones({2}); }); }),
              HasSubstr("PolyakSGD: the closure returned sizes [2]"));
  EXPECT_EQ(difference(copies(params), before), "");
  EXPECT_EQ(opt.state_of(params[0]), nullptr);
}

TEST(Prodigy, MovesNothingWithoutAGradientThatIsNotZero) {
  const auto params = parameters(kShapes, at::kDouble);
  descent::Prodigy opt(params, {.weight_decay = 0.1});
  const auto before = copies(params);
  for (int step = 0; step < 3; ++step) {
    give(params, 1, 0);
    opt.step();
  }
  EXPECT_EQ(difference(copies(params), before), "");
  EXPECT_EQ(opt.remembered("k"), 0);
}

TEST(Prodigy, FindsARateThatGrowsAsTheWeightsComeFar) {
  const at::Tensor p = at::full({8}, 5.0, at::kDouble).requires_grad_();
  descent::Prodigy opt({p});
  for (int step = 0; step < 200; ++step) {
    p.mutable_grad() = p.detach().clone();
    opt.step();
  }
  EXPECT_GT(opt.remembered("d"), 1e-2);
  EXPECT_LT(p.detach().abs().max().item<double>(), 1);
}

template <class Optimizer>
void expect_one_for_all(const char* option, double value) {
  const auto params = parameters(kShapes, at::kDouble);
  Optimizer opt({params[0]});
  EXPECT_THAT(refusal([&] {
                opt.add_group({params[1]}, {{option, value}});
              }),
              AllOf(HasSubstr(std::string(opt.rule().about.name) + ": group 1 has " + option),
                    HasSubstr("as in group 0")));
  EXPECT_EQ(opt.param_groups().size(), 1);
  opt.add_group({params[1]}, {{"weight_decay", 0.5}});
  give(params, 1);
  opt.step();
  opt.group_options(1).set({{option, value}});
  const auto before = everything(opt);
  EXPECT_THAT(refusal([&] { opt.step(); }), HasSubstr(std::string("group 1 has ") + option));
  EXPECT_EQ(difference(everything(opt), before), "");
}

TEST(FoundRates, HaveOptionsThatAreOneForAllGroups) {
  expect_one_for_all<descent::DoG>("init_value", 0.5);
  expect_one_for_all<descent::DoWG>("eps", 0.5);
  expect_one_for_all<descent::Prodigy>("d0", 0.5);
  expect_one_for_all<descent::Prodigy>("lr", 0.5);
  expect_one_for_all<descent::DAdaptAdamW>("lr", 0.5);
}

TEST(FoundRates, AreOneForAllGroupsThatDoNotRest) {
  for (const char* key : {"prodigy", "dadapt_adamw"}) {
    const auto params = parameters(kShapes, at::kDouble);
    const auto opt = descent::make_optimizer(key, {params[0]});
    opt->group_options().set_lr(0);
    opt->add_group({params[1]}, {{"lr", 0.5}});
    const auto refused = AllOf(HasSubstr(std::string(opt->rule().about.name) + ": group 2 has lr"),
                               HasSubstr("must be 0.5 as in group 1, or 0"));
    EXPECT_THAT(refusal([&] { opt->add_group({params[2]}, {{"lr", 0.25}}); }), refused);
    EXPECT_EQ(opt->param_groups().size(), 2);
    opt->add_group({params[2]}, {{"lr", 0.5}});
    give(params, 1);
    opt->step();
    opt->group_options(2).set_lr(0.25);
    const auto before = everything(*opt);
    EXPECT_THAT(refusal([&] { opt->step(); }), refused);
    EXPECT_EQ(difference(everything(*opt), before), "");
  }
}

TEST(Prodigy, IsRefusedWhereEveryGroupRests) {
  const auto params = parameters(kShapes, at::kDouble);
  EXPECT_THAT(refusal([&] { descent::Prodigy({params[0]}, {.lr = 0}); }),
              HasSubstr("Prodigy: lr = 0 in all groups, must be > 0 in one of them"));
  const auto group = [&](size_t i, double lr) {
    return torch::optim::OptimizerParamGroup(
        {params[i]}, descent::make_group_options(descent::find_rule("prodigy"), {{"lr", lr}}));
  };
  const std::vector<torch::optim::OptimizerParamGroup> groups{group(0, 0), group(1, 1)};
  descent::Prodigy opt(groups);
  // A schedule may begin with 0.
  opt.options(1).lr = 0;
  const auto before = copies(params);
  give(params, 1);
  opt.step();
  EXPECT_EQ(difference(copies(params), before), "");
  EXPECT_EQ(refusal([&] { descent::DAdaptAdamW({params[0]}, {.lr = 0}); }), "");
}

TEST(FoundRates, OfAGroupMayRest) {
  const auto params = parameters(kShapes, at::kDouble);
  descent::Prodigy opt({params[0]}, {.d0 = 0.1});
  opt.add_group({params[1]}, {{"lr", 0.0}});
  const auto before = copies(params);
  give(params, 1);
  opt.step();
  EXPECT_FALSE(same_bits(params[0].detach(), before[0]));
  EXPECT_TRUE(same_bits(params[1].detach(), before[1]));
  EXPECT_EQ(opt.state_of(params[1]), nullptr);
}

TEST(FoundRates, NeedNoEps) {
  const auto start = path<descent::DoWG>({.init_estim_sq_dist = 0.01, .eps = 0}, 0);
  EXPECT_EQ(difference(start, copies(parameters(kShapes, at::kDouble))), "")
      << "gradients of zero move nothing";
  EXPECT_EQ(difference(path<descent::DoWG>({.init_estim_sq_dist = 0.01, .eps = 0}, 1),
                       path<descent::DoWG>({.init_estim_sq_dist = 0.01, .eps = 1e-14}, 1), 1e-9),
            "");
  EXPECT_THAT(refusal([&] { path<descent::DoWG>({.eps = 0}, 1); }),
              HasSubstr("DoWG: init_estim_sq_dist = none, must be a number > 0 where eps = 0"));
  const auto with_eps = [](double eps) {
    auto params = parameters(kShapes, at::kDouble);
    params[1].detach().zero_();
    descent::Mechanic opt(descent::SGD(params, 0.1), {.eps = eps, .s_init = 0.01});
    for (int64_t t = 1; t <= 8; ++t) {
      give(params, t);
      opt.step();
    }
    return copies(params);
  };
  EXPECT_EQ(difference(with_eps(0), with_eps(1e-15), 1e-9), "");
  const at::Tensor zero = at::zeros({3}, at::kDouble).requires_grad_();
  descent::Mechanic opt(descent::SGD({zero}, 1.0), {.eps = 0, .s_init = 0.25});
  give({zero}, 1);
  opt.step();
  EXPECT_TRUE(at::allclose(zero.detach(), -0.25 * zero.grad())) << "s_init times the inner step";
}

TEST(FoundRates, NameTheNumbersThatAreRemembered) {
  const auto params = parameters(kShapes, at::kDouble);
  descent::DoWG opt(params);
  EXPECT_THAT(refusal([&] { opt.remembered("d"); }),
              HasSubstr("DoWG: no number is called d, must be one of estim_sq_dist, "));
  EXPECT_THAT(refusal([&] { descent::AdamW(params).remembered("d"); }),
              HasSubstr("AdamW: no number is called d: it remembers none"));
}

TEST(Sophia, StepsByTheSignUntilItHasACurvature) {
  const auto params = parameters(kShapes, at::kDouble), start = copies(params);
  descent::Sophia opt(params, {.lr = 0.125, .weight_decay = 0});
  give(params, 1);
  opt.step();
  for (size_t i = 0; i < params.size(); ++i)
    EXPECT_TRUE(
        at::allclose(params[i].detach(), start[i] - 0.125 * params[i].grad().sign(), 0, 1e-15));
}

TEST(Sophia, AveragesSquaresWithoutAMove) {
  const auto params = parameters(kShapes, at::kDouble), start = copies(params);
  descent::Sophia opt({params[0], params[1]}, {.betas = {0.5, 0.75}, .maximize = true});
  give(params, 1);
  opt.update_hessian();
  EXPECT_EQ(difference(copies(params), start), "");
  const at::Tensor square = params[0].grad() * params[0].grad();
  EXPECT_TRUE(at::allclose(opt.state_of(params[0])->buffer("hessian"), 0.25 * square));
  EXPECT_EQ(opt.state_of(params[0])->step(), 0);
  params[0].mutable_grad() = at::Tensor();
  opt.update_hessian();
  EXPECT_TRUE(at::allclose(opt.state_of(params[0])->buffer("hessian"), 0.25 * square));
  EXPECT_TRUE(at::allclose(opt.state_of(params[1])->buffer("hessian"),
                           0.4375 * params[1].grad() * params[1].grad()));
}

TEST(Scion, StaysInTheBallOfSigns) {
  const at::Tensor p = at::zeros({6, 4}, at::kDouble).requires_grad_();
  descent::Scion opt({p}, {.lr = 0.3, .scale = 2, .norm = descent::ScionNorm::Sign});
  for (int64_t t = 1; t <= 40; ++t) {
    p.mutable_grad() = noise({6, 4}, at::kDouble, t);
    opt.step();
    EXPECT_LE(p.detach().abs().max().item<double>(), 0.5 + 1e-12);
  }
}

TEST(Scion, RefusesNormsThatDoNotFit) {
  using Norm = descent::ScionNorm;
  const auto refused = [](at::IntArrayRef sizes, const descent::Scion::Options& options) {
    return refusal([&] { descent::Scion({at::ones(sizes).requires_grad_()}, options); });
  };
  EXPECT_THAT(refused({4}, {.norm = Norm::Sign}),
              HasSubstr("Scion: params[0] has 1 dimensions, must have 2 for this norm"));
  EXPECT_THAT(refused({4, 4}, {.norm = Norm::BiasRms}), HasSubstr("must have at most 1"));
  EXPECT_THAT(refused({4, 4}, {.norm = Norm::SpectralConv}), HasSubstr("must have 3 or 4"));
  EXPECT_THAT(refused({1, 1, 1, 1, 1}, {}), HasSubstr("must have at most 4"));
  EXPECT_THAT(refused({4, 4}, {.transpose = true}), HasSubstr("Scion: transpose = true"));
  EXPECT_THAT(refused({4, 4}, {.norm = Norm::Sign, .clamp_scale = true}),
              HasSubstr("Scion: clamp_scale = true"));
  EXPECT_THAT(refused({4}, {.norm = Norm::BiasRms, .normalized = true}),
              HasSubstr("Scion: normalized = true"));
  EXPECT_THAT(refused({4}, {.lr = 1}), HasSubstr("Scion: lr = 1, must be < 1"));
  EXPECT_EQ(refused({4}, {.lr = 1, .unconstrained = true}), "");
}

TEST(Mechanic, BeginsWithAMillionthOfTheInnerStep) {
  const auto params = parameters(kShapes, at::kDouble), start = copies(params);
  const auto others = parameters(kShapes, at::kDouble);
  descent::Mechanic opt(descent::SGD(params, 1.0));
  descent::SGD plain(others, 1.0);
  give(params, 1);
  give(others, 1);
  opt.step();
  plain.step();
  for (size_t i = 0; i < params.size(); ++i)
    EXPECT_TRUE(at::allclose(params[i].detach() - start[i], 1e-6 * (others[i].detach() - start[i]),
                             1e-6, 1e-15));
}

TEST(Mechanic, GoesOnFromAnArchive) {
  const auto params = parameters(kShapes, at::kDouble);
  descent::Mechanic opt(descent::AdamW(params, {.lr = 0.1}), {.s_init = 0.01, .num_betas = 3});
  const auto steps = [](descent::Mechanic& by, const std::vector<at::Tensor>& of, int64_t from) {
    for (int64_t t = from; t < from + 6; ++t) {
      give(of, t);
      by.step();
    }
  };
  steps(opt, params, 1);
  const std::string bytes = saved(opt);
  std::vector<at::Tensor> others;
  for (const auto& p : params) others.push_back(p.detach().clone().requires_grad_());
  descent::Mechanic again(descent::AdamW(others, {.lr = 0.1}), {.s_init = 0.01, .num_betas = 3});
  load_from(again, bytes);
  steps(opt, params, 7);
  steps(again, others, 7);
  EXPECT_EQ(difference(copies(others), copies(params)), "");
  EXPECT_EQ(again.scale(), opt.scale());
  descent::Mechanic other(descent::AdamW(parameters(kShapes, at::kDouble)), {.num_betas = 4});
  EXPECT_THAT(refusal([&] { load_from(other, bytes); }),
              HasSubstr("must have 16 for num_betas = 4"));
}

TEST(Mechanic, AscendsAsItDescendsOnTheOpposite) {
  const auto run = [](bool maximize) {
    const auto params = parameters(kShapes, at::kDouble);
    descent::Mechanic opt(descent::SGD(params, {.lr = 1, .maximize = maximize}), {.s_init = 0.1});
    for (int64_t t = 1; t <= 10; ++t) {
      give(params, t, maximize ? -1 : 1);
      opt.step();
    }
    return copies(params);
  };
  EXPECT_EQ(difference(run(true), run(false)), "");
}

TEST(Mechanic, RefusesRulesThatFindTheirRates) {
  const auto params = parameters(kShapes, at::kDouble);
  EXPECT_THAT(refusal([&] { descent::Mechanic{descent::DoG(params)}; }),
              HasSubstr("Mechanic: the inner optimizer, DoG, finds its rate by itself"));
  EXPECT_THAT(refusal([&] { descent::Mechanic{descent::Lookahead(descent::SGD(params, 0.1))}; }),
              HasSubstr("Mechanic: the inner optimizer, Lookahead, has slow weights"));
}

}  // namespace
}  // namespace found_rates_test

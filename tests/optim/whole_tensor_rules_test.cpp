// What follows from the formulas of rules with norms, block means and matrices.
#include <cmath>

#include <gmock/gmock.h>
#include <torch/types.h>

#include <descent/optim/pieces/newton_schulz.h>
#include <descent/optim/pieces/philox.h>

#include "checks.h"

namespace whole_tensor_rules_test {
namespace {

using namespace checks;
using testing::AllOf;
using testing::HasSubstr;

constexpr int64_t kSteps = 20;

at::Tensor gradient(at::IntArrayRef sizes, int64_t t) { return noise(sizes, at::kDouble, 10 + t); }

/// The parameter after each of 20 steps with gradients of noise.
template <class Optimizer>
std::vector<at::Tensor> path(const typename Optimizer::Options& options,
                             at::IntArrayRef sizes = {6, 5}, double factor = 1) {
  const at::Tensor p = noise(sizes, at::kDouble, 1).requires_grad_();
  Optimizer opt({p}, options);
  std::vector<at::Tensor> points{p.detach().clone()};
  for (int64_t t = 1; t <= kSteps; ++t) {
    p.mutable_grad() = factor * gradient(sizes, t);
    opt.step();
    points.push_back(p.detach().clone());
  }
  return points;
}

void expect_near(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  EXPECT_TRUE(at::allclose(a, b, 0, tolerance)) << "off by " << (a - b).abs().max().item<double>();
}

double length(const at::Tensor& x) { return x.norm().item<double>(); }

template <class Act>
std::string refusal(Act act) {
  try {
    act();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

at::Tensor leaf(at::IntArrayRef sizes) { return at::ones(sizes, at::kDouble).requires_grad_(); }

TEST(StableAdamW, IsAdamWhileNoGradientOutgrowsItsMoment) {
  // Gradients of one size: R = 1.
  const at::Tensor p = leaf({4}), q = leaf({4});
  descent::StableAdamW stable({p},
                              {.lr = 0.1, .betas = {0.9, 0.99}, .eps = 1e-8, .weight_decay = 0});
  descent::Adam adam({q}, {.lr = 0.1, .betas = {0.9, 0.99}, .eps = 1e-8});
  for (int t = 0; t < 10; ++t) {
    const at::Tensor g = at::tensor({1.0, -2.0, 0.5, 3.0}, at::kDouble);
    p.mutable_grad() = g;
    q.mutable_grad() = g;
    stable.step();
    adam.step();
    expect_near(p.detach(), q.detach(), 1e-14);
  }
}

TEST(StableAdamW, StepsLessWhereAGradientOutgrowsItsMoment) {
  const at::Tensor p = leaf({4});
  descent::StableAdamW opt({p}, {.lr = 0.1, .betas = {0, 0.99}, .weight_decay = 0});
  for (const double size : {1.0, 1.0, 100.0}) {
    p.mutable_grad() = at::full({4}, size, at::kDouble);
    const at::Tensor before = p.detach().clone();
    opt.step();
    const double step = (before - p.detach())[0].item<double>();
    // m/sqrt(v) is R itself.
    EXPECT_NEAR(step, 0.1, 1e-6) << size;
  }
}

TEST(StableAdamW, TakesTheRateAtWhichAGroupIsAddedForItsLargest) {
  descent::StableAdamW opt({leaf({2})},
                           {.lr = 0.25, .decay_scale = descent::DecayScale::Independent});
  opt.add_group({leaf({2})}, [](auto& o) { o.lr = 0.5; });
  opt.add_group({leaf({2})}, [](auto& o) { o.max_lr = 2; });
  EXPECT_EQ(opt.options(0).max_lr, 0.25);
  EXPECT_EQ(opt.options(1).max_lr, 0.5);
  EXPECT_EQ(opt.options(2).max_lr, 2);
}

TEST(StableAdamW, RefusesScalesThatItHasNot) {
  EXPECT_THAT(refusal([] {
                descent::StableAdamW({leaf({2})}, {.decay_scale = descent::DecayScale::Corrected});
              }),
              HasSubstr("StableAdamW: decay_scale = corrected, must be lr or independent"));
  EXPECT_THAT(refusal([] {
                descent::StableAdamW({leaf({2})},
                                     {.lr = 0, .decay_scale = descent::DecayScale::Independent});
              }),
              HasSubstr("StableAdamW: max_lr = none, must be a number > 0"));
}

TEST(NovoGrad, DoesNotSeeTheScaleOfTheGradientWithoutEps) {
  for (const bool amsgrad : {false, true}) {
    const descent::NovoGrad::Options options{.lr = 0.1, .eps = 0, .amsgrad = amsgrad};
    expect_near(path<descent::NovoGrad>(options, {6, 5}, 1000).back(),
                path<descent::NovoGrad>(options).back(), 1e-12);
  }
}

TEST(NovoGrad, RemembersOneNumberATensor) {
  const at::Tensor p = leaf({4});
  descent::NovoGrad opt({p}, {.betas = {0.5, 0.75}, .amsgrad = true});
  p.mutable_grad() = at::full({4}, 3, at::kDouble);
  opt.step();
  EXPECT_EQ(opt.state_of(p)->scalars[0], 36);
  p.mutable_grad() = at::zeros({4}, at::kDouble);
  opt.step();
  EXPECT_EQ(opt.state_of(p)->scalars[0], 27);
  EXPECT_EQ(opt.state_of(p)->scalars[1], 36);
}

// A number that is not one goes where the norms go, as it does in timm and in Adan's own code.
template <class Optimizer>
void expect_nan_everywhere(const typename Optimizer::Options& options) {
  const at::Tensor p = leaf({4});
  Optimizer opt({p}, options);
  for (const double first : {1.0, std::nan(""), 1.0}) {
    p.mutable_grad() = at::tensor({first, 1.0, 1.0, 1.0}, at::kDouble);
    opt.step();
  }
  EXPECT_TRUE(p.detach().isnan().all().item<bool>()) << p;
}

TEST(NormsOfNaN, ReachEveryElement) {
  for (const bool amsgrad : {false, true})
    expect_nan_everywhere<descent::NovoGrad>({.amsgrad = amsgrad});
  expect_nan_everywhere<descent::Adan>({.max_grad_norm = 1});
  expect_nan_everywhere<descent::LAMB>({.max_grad_norm = 1});
}

// In one parameter it reaches the rate, as in optax.
template <class Optimizer>
void expect_nan_of_a_weight_everywhere() {
  const at::Tensor p = leaf({4});
  Optimizer opt({p});
  for (int t = 0; t < 2; ++t) {
    p.mutable_grad() = at::ones({4}, at::kDouble);
    opt.step();
    p.detach()[0].fill_(std::nan(""));
  }
  EXPECT_TRUE(p.detach().isnan().all().item<bool>()) << p;
}

TEST(NormsOfNaN, OfDistancesReachEveryElement) {
  expect_nan_of_a_weight_everywhere<descent::DoG>();
  expect_nan_of_a_weight_everywhere<descent::DoWG>();
}

TEST(Adafactor, KeepsRowsAndColumnsOfAMatrixOnly) {
  const at::Tensor p = leaf({2, 3, 4}), q = leaf({5});
  descent::Adafactor opt({p, q});
  for (const at::Tensor& x : {p, q}) x.mutable_grad() = at::ones_like(x).detach();
  opt.step();
  EXPECT_EQ(opt.state_of(p)->buffer("row_var").sizes(), (at::IntArrayRef{2, 3, 1}));
  EXPECT_EQ(opt.state_of(p)->buffer("col_var").sizes(), (at::IntArrayRef{2, 1, 4}));
  EXPECT_FALSE(opt.state_of(p)->buffer("variance").defined());
  EXPECT_EQ(opt.state_of(q)->buffer("variance").sizes(), (at::IntArrayRef{5}));
  EXPECT_FALSE(opt.state_of(q)->buffer("row_var").defined());
}

TEST(Adafactor, StepsByAPartOfTheSizeOfTheWeights) {
  const at::Tensor p = leaf({3, 3});
  descent::Adafactor opt({p}, {.lr = 0.125});
  p.mutable_grad() = at::full({3, 3}, 7, at::kDouble);
  opt.step();
  expect_near(p.detach(), at::full({3, 3}, 0.875, at::kDouble), 1e-12);
}

TEST(AdamMini, IsAdamWWhereEachNumberIsABlock) {
  expect_near(path<descent::AdamMini>(
                  {.lr = 0.1, .weight_decay = 0.1, .block = descent::MiniBlock::Element})
                  .back(),
              path<descent::AdamW>({.lr = 0.1, .weight_decay = 0.1}).back(), 1e-14);
}

TEST(AdamMini, HasOneMomentABlock) {
  const std::vector<std::pair<descent::MiniBlock, int64_t>> counts{
      {descent::MiniBlock::Tensor, 1},
      {descent::MiniBlock::Row, 6},
      {descent::MiniBlock::Heads, 3},
      {descent::MiniBlock::Element, 24}};
  for (const auto& [block, count] : counts) {
    const at::Tensor p = leaf({6, 4});
    descent::AdamMini opt({p}, {.block = block, .heads = 3});
    p.mutable_grad() = at::ones({6, 4}, at::kDouble);
    opt.step();
    EXPECT_EQ(opt.state_of(p)->buffer("vmean").numel(), count);
  }
}

TEST(AdamMini, RefusesHeadsThatDoNotDivideAParameter) {
  EXPECT_THAT(refusal([] {
                descent::AdamMini({leaf({7})}, {.block = descent::MiniBlock::Heads, .heads = 2});
              }),
              HasSubstr("AdamMini: params[0] has 7 elements, must have a multiple of heads = 2"));
}

TEST(Came, DividesByHowFarStepsAreFromTheirAverage) {
  // In a matrix of equal numbers every factor is known.
  const at::Tensor p = leaf({2, 2});
  descent::CAME opt({p}, {.lr = 1, .betas = {0.5, 0.75, 0.75}, .eps1 = 0, .eps2 = 0});
  p.mutable_grad() = at::full({2, 2}, 3, at::kDouble);
  opt.step();
  // R = C = 9/4, R/mean R = 1: u = 3/(3/2) = 2, clipped to 1; m = 1/2, (u - m)^2 = 1/4, r = c =
  // 1/16: U = (1/2)/(1/4) = 2.
  expect_near(p.detach(), at::full({2, 2}, -1, at::kDouble), 1e-14);
}

/// A matrix of these singular values.
at::Tensor of_singular_values(const at::Tensor& values, int64_t columns) {
  const int64_t n = values.numel();
  const at::Tensor u = std::get<0>(at::linalg_qr(noise({n, n}, at::kDouble, 2)));
  const at::Tensor v = std::get<0>(at::linalg_qr(noise({columns, n}, at::kDouble, 3)));
  return (u * values).mm(v.t());
}

TEST(NewtonSchulz, BringsSingularValuesNearOne) {
  using descent::NsPreset;
  struct Row {
    NsPreset preset;
    int64_t steps;
    double low, high;
  };
  for (const Row& row :
       {Row{NsPreset::Original, 5, 0.68, 1.14}, Row{NsPreset::Dion, 5, 0.97, 1.04},
        Row{NsPreset::PolarExpress, 5, 0.85, 1.15}, Row{NsPreset::PolarExpress, 8, 0.999, 1.001}}) {
    // Of norm 1, from 0.01 on.
    at::Tensor values = at::logspace(-1.9, 0, 8, 10.0, at::kDouble);
    values = (values / values.norm()).clamp_min(0.01);
    const descent::rules::NewtonSchulz orthogonal{
        .preset = row.preset, .steps = row.steps, .dtype = descent::NsDtype::Same};
    const at::Tensor found =
        at::linalg_svdvals(orthogonal(of_singular_values(values / values.norm(), 12)));
    EXPECT_GE(found.min().item<double>(), row.low) << static_cast<int>(row.preset);
    EXPECT_LE(found.max().item<double>(), row.high) << static_cast<int>(row.preset);
  }
}

TEST(NewtonSchulz, CommutesWithTranspositionAndDoesNotSeeTheScale) {
  const descent::rules::NewtonSchulz orthogonal{.dtype = descent::NsDtype::Same};
  const at::Tensor x = noise({8, 4}, at::kDouble, 5);
  EXPECT_TRUE(same_bits(orthogonal(x.t()).contiguous(), orthogonal(x).t().contiguous()));
  expect_near(orthogonal(1000 * x), orthogonal(x), 1e-14);
  const at::Tensor values = at::linalg_svdvals(orthogonal(x));
  EXPECT_GE(values.min().item<double>(), 0.65);
  EXPECT_LE(values.max().item<double>(), 1.25);
  EXPECT_TRUE(orthogonal(at::zeros({3, 2}, at::kDouble)).eq(0).all().item<bool>());
}

TEST(Muon, StepsOnBlocksOfRowsAsOnParametersApart) {
  for (const bool normuon : {false, true}) {
    const descent::Muon::Options options{
        .lr = 0.1, .ns_dtype = descent::NsDtype::Same, .normuon = normuon};
    const at::Tensor whole = noise({6, 4}, at::kDouble, 1).requires_grad_();
    std::vector<at::Tensor> parts;
    for (const auto& [first, rows] : {std::pair<int64_t, int64_t>{0, 2}, {2, 3}, {5, 1}})
      parts.push_back(whole.detach().narrow(0, first, rows).clone().requires_grad_());
    auto split = options;
    split.split_sizes = {2, 3, 1};
    descent::Muon together({whole}, split), apart(parts, options);
    for (int64_t t = 1; t <= 5; ++t) {
      whole.mutable_grad() = gradient({6, 4}, t);
      int64_t first = 0;
      for (const auto& p : parts) {
        p.mutable_grad() = whole.grad().narrow(0, first, p.size(0)).clone();
        first += p.size(0);
      }
      together.step();
      apart.step();
    }
    std::vector<at::Tensor> ends;
    for (const auto& p : parts) ends.push_back(p.detach());
    EXPECT_TRUE(same_bits(whole, at::cat(ends)));
  }
}

TEST(Muon, TakesHeadsForEqualBlocks) {
  const descent::Muon::Options heads{.lr = 0.1, .ns_dtype = descent::NsDtype::Same, .heads = 3};
  const descent::Muon::Options sizes{
      .lr = 0.1, .ns_dtype = descent::NsDtype::Same, .split_sizes = {2, 2, 2}};
  EXPECT_TRUE(same_bits(path<descent::Muon>(heads).back(), path<descent::Muon>(sizes).back()));
}

TEST(Muon, KeepsTheNormOnTheHyperball) {
  const auto points =
      path<descent::Muon>({.lr = 0.1, .ns_dtype = descent::NsDtype::Same, .hyperball = true});
  for (const at::Tensor& p : points)
    EXPECT_NEAR(length(p), length(points[0]), 1e-14 * length(p) * 4);
  EXPECT_FALSE(same_bits(points.front(), points.back()));
}

TEST(Muon, KeepsTheNormOfADirectionWhoseRowsBecomeEqual) {
  // With k = 1 and a rate of 1 the change is O itself.
  const descent::Muon::Options plain{.lr = 1,
                                     .weight_decay = 0,
                                     .ns_dtype = descent::NsDtype::Same,
                                     .adjust = descent::MuonAdjust::None};
  auto equal = plain;
  equal.normuon = true;
  const auto a = path<descent::Muon>(plain), b = path<descent::Muon>(equal);
  EXPECT_NEAR(length(a[1] - a[0]), length(b[1] - b[0]), 1e-12);
}

TEST(Muon, DecaysCautiouslyWhereItMovesTowardsZeroOnly) {
  const at::Tensor p = noise({4, 3}, at::kDouble, 1).requires_grad_(), start = p.detach().clone();
  descent::Muon opt(
      {p},
      {.lr = 0.1, .weight_decay = 0.5, .cautious_decay = true, .ns_dtype = descent::NsDtype::Same});
  const at::Tensor q = start.clone().requires_grad_();
  descent::Muon without({q}, {.lr = 0.1, .weight_decay = 0, .ns_dtype = descent::NsDtype::Same});
  p.mutable_grad() = gradient({4, 3}, 1);
  q.mutable_grad() = gradient({4, 3}, 1);
  opt.step();
  without.step();
  const at::Tensor towards = ((start - q.detach()) * start).ge(0);
  EXPECT_TRUE(towards.any().item<bool>() && !towards.all().item<bool>());
  expect_near(p.detach(), q.detach() - 0.05 * start * towards, 1e-15);
}

TEST(Muon, RefusesWhatIsNoMatrix) {
  EXPECT_THAT(refusal([] { descent::Muon({leaf({5})}); }),
              AllOf(HasSubstr("Muon: params[0] has 1 dimensions, must have 2"),
                    HasSubstr("algorithm = adamw")));
  EXPECT_THAT(refusal([] { descent::Muon({leaf({2, 3, 4})}); }), HasSubstr("must have 2;"));
  EXPECT_EQ(refusal([] { descent::Muon({leaf({2, 3, 4})}, {.flatten_conv = true}); }), "");
  EXPECT_EQ(
      refusal([] { descent::Muon({leaf({5})}, {.algorithm = descent::MuonAlgorithm::AdamW}); }),
      "");
}

TEST(Muon, RefusesOptionsThatDoNotGoTogether) {
  const auto refused = [](const descent::Muon::Options& options) {
    return refusal([&] { descent::Muon({leaf({6, 4})}, options); });
  };
  EXPECT_THAT(refused({.ns_preset = descent::NsPreset::Dion, .ns_coefficients = {1, 2, 3}}),
              HasSubstr("Muon: ns_coefficients = [1, 2, 3], must be the default unless"));
  EXPECT_THAT(refused({.split_sizes = {3, 3}, .heads = 2}),
              HasSubstr("Muon: heads = 2, must be 0"));
  EXPECT_THAT(refused({.split_sizes = {3, 2}}), HasSubstr("has 6 rows, must have 5"));
  EXPECT_THAT(refused({.heads = 4}), HasSubstr("has 6 rows, must have a multiple of heads = 4"));
  EXPECT_THAT(refused({.decay_mode = descent::DecayMode::Coupled, .cautious_decay = true}),
              HasSubstr("Muon: cautious_decay = true"));
  EXPECT_THAT(refused({.decay_mode = descent::DecayMode::Coupled, .hyperball = true}),
              HasSubstr("Muon: hyperball = true"));
  EXPECT_THAT(refused({.decay_scale = descent::DecayScale::Corrected, .hyperball = true}),
              HasSubstr("Muon: decay_scale = corrected"));
}

TEST(Shampoo, IsFullMatrixAdagradOnAVector) {
  expect_near(path<descent::Shampoo>({.lr = 0.1, .eps = 0.01}, {8}).back(),
              path<descent::FullAdagrad>(
                  {.lr = 0.1, .eps = 0.01, .eps_mode = descent::RootEps::Inside}, {8})
                  .back(),
              1e-12);
}

TEST(Shampoo, LeavesAxesThatAreTooLongAsTheyAre) {
  const at::Tensor p = leaf({3, 5});
  descent::Shampoo opt({p}, {.max_dim = 4});
  p.mutable_grad() = at::ones({3, 5}, at::kDouble);
  opt.step();
  EXPECT_EQ(opt.state_of(p)->buffer("precond").numel(), 9);
}

TEST(Soap, RestsInItsFirstStep) {
  const auto points = path<descent::SOAP>({.lr = 0.1});
  EXPECT_TRUE(same_bits(points[0], points[1]));
  EXPECT_FALSE(same_bits(points[1], points[2]));
}

TEST(Soap, DoesNotSeeTheSignsOfItsBasis) {
  const auto run = [](double sign) {
    const at::Tensor p = noise({4, 4}, at::kDouble, 1).requires_grad_();
    descent::SOAP opt({p}, {.lr = 0.1, .precondition_frequency = 3});
    for (int64_t t = 1; t <= kSteps; ++t) {
      p.mutable_grad() = gradient({4, 4}, t);
      opt.step();
      // The third column of the first basis, while the moments are zero.
      if (t == 1)
        opt.state_of(p)->buffer("basis").narrow(0, 0, 16).view({4, 4}).select(1, 2).mul_(sign);
    }
    return p.detach();
  };
  expect_near(run(-1), run(1), 1e-12);
}

TEST(Splus, DoesNotSeeTheSignsOfItsBasis) {
  const auto run = [](double sign) {
    const at::Tensor p = noise({4, 4}, at::kDouble, 1).requires_grad_();
    descent::SPlus opt({p}, {.lr = 0.1, .inverse_every = 7});
    for (int64_t t = 1; t <= kSteps; ++t) {
      p.mutable_grad() = gradient({4, 4}, t);
      opt.step();
      // The third column of both bases.
      if (t == 1 || t % 7 == 0)
        for (const int64_t first : {0, 16})
          opt.state_of(p)
              ->buffer("q_sides")
              .narrow(0, first, 16)
              .view({4, 4})
              .select(1, 2)
              .mul_(sign);
    }
    return p.detach();
  };
  expect_near(run(-1), run(1), 1e-12);
}

/// A seed with which Kron balances the factors of its first parameter in that step.
int64_t seed_that_balances(uint32_t step) {
  for (int64_t seed = 0;; ++seed) {
    const uint32_t word =
        descent::rules::philox(static_cast<uint64_t>(seed), {UINT32_MAX, UINT32_MAX, 0, step})[0];
    if ((static_cast<double>(word) + 0.5) * 0x1p-32 < 0.01) return seed;
  }
}

TEST(Kron, GoesTheSameWayHoweverItsFactorsAreBalanced) {
  struct Run {
    std::vector<at::Tensor> points;
    at::Tensor before, after;  // the factors around the step that balances
  };
  const auto run = [](double factor) {
    Run made;
    const at::Tensor p = noise({4, 3}, at::kDouble, 1).requires_grad_();
    descent::Kron opt({p}, {.lr = 0.1, .update_probability = 1.0, .seed = seed_that_balances(5)});
    for (int64_t t = 1; t <= 10; ++t) {
      p.mutable_grad() = gradient({4, 3}, t);
      opt.step();
      made.points.push_back(p.detach().clone());
      const at::Tensor& factors = opt.state_of(p)->buffer("precond");
      if (t == 1) {
        factors.narrow(0, 0, 16).mul_(factor);
        factors.narrow(0, 16, 9).div_(factor);
      }
      if (t == 4) made.before = factors.clone();
      if (t == 5) made.after = factors.clone();
    }
    return made;
  };
  const Run plain = run(1), unbalanced = run(1000);
  for (size_t t = 0; t < plain.points.size(); ++t)
    expect_near(unbalanced.points[t], plain.points[t], 1e-12);
  EXPECT_FALSE(at::allclose(unbalanced.before, plain.before, 1, 1));
  expect_near(unbalanced.after, plain.after, 1e-12);
}

}  // namespace
}  // namespace whole_tensor_rules_test

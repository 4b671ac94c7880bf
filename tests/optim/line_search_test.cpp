// Line searches, on functions whose minimum along the line is known.
#include <cmath>

#include <gmock/gmock.h>
#include <torch/types.h>

#include <descent/optim/training/line_search.h>

namespace line_search_test {
namespace {

using descent::line_search;
using descent::LineSearchMethod;
using descent::LineSearchOptions;
using descent::LineSearchResult;
using testing::HasSubstr;

at::Tensor point(const std::vector<double>& x) {
  return at::tensor(x, at::kDouble).requires_grad_();
}

/// A closure for f(x), which zeroes no gradient.
template <class F>
descent::LineSearchClosure closure(const at::Tensor& x, F f) {
  return [x, f] {
    at::Tensor loss = f(x);
    loss.backward();
    return loss;
  };
}

at::Tensor rosenbrock(const at::Tensor& x) {
  return (1 - x[0]).square() + 100 * (x[1] - x[0].square()).square();
}

TEST(TheSecant, FindsTheMinimumOfAQuadraticInOneCorrection) {
  const at::Tensor a =
      at::tensor({4.0, 1.0, 0.5, 1.0, 3.0, 0.25, 0.5, 0.25, 2.0}, at::kDouble).view({3, 3});
  const at::Tensor b = at::tensor({1.0, -2.0, 0.5}, at::kDouble);
  // In two tensors of different shape, the second one row.
  const at::Tensor x = point({0.3, -1.7}), y = point({2.5}).detach().view({1, 1}).requires_grad_();
  const auto both = [&] { return at::cat({x, y.view({1})}); };
  const auto loss = [&] {
    const at::Tensor z = both();
    at::Tensor value = z.dot(a.mv(z)) / 2 - b.dot(z);
    value.backward();
    return value;
  };
  const at::Tensor g = (a.mv(both()) - b).detach();
  const double best = (g.dot(g) / g.dot(a.mv(g))).item<double>();
  for (const double lr : {0.06, 0.3, 2.0}) {
    const LineSearchResult found = line_search({x, y}, loss, {.lr = lr});
    EXPECT_NEAR(found.step, best, 1e-12);
    EXPECT_EQ(found.evaluations, 3);
    EXPECT_EQ(found.method, LineSearchMethod::Secant);
    EXPECT_TRUE(found.converged);
    EXPECT_FALSE(found.failed);
    EXPECT_LT(found.loss, found.initial_loss);
    // The gradient of autograd, which another BLAS rounds otherwise than `g`.
    EXPECT_TRUE(at::allclose(found.direction[0], g.slice(0, 0, 2), 1e-14, 0));
  }
}

TEST(TheSecant, DoesNotLeapMoreThanTenfold) {
  const at::Tensor x = point({1.0});
  const auto square = closure(x, [](const at::Tensor& v) { return v.square().sum() / 2; });
  EXPECT_EQ(line_search({x}, square, {.lr = 0.125}).method, LineSearchMethod::Secant);
  const auto found = line_search({x}, square, {.lr = 0.0625, .tol = 1e-6});
  EXPECT_EQ(found.method, LineSearchMethod::GoldenSection);
  EXPECT_NEAR(found.step, 1, 1e-5);
}

TEST(TheSecant, TakesSeveralCorrectionsWhereTheSlopeIsCurved) {
  const at::Tensor x = point({1.0});
  // f(x) = x^4: along -f'(1) = -4, phi(e) = (1 - 4 e)^4.
  const auto quartic = closure(x, [](const at::Tensor& v) { return v.pow(4).sum(); });
  const auto found = line_search({x}, quartic, {.lr = 0.01, .tol = 1e-6});
  EXPECT_TRUE(found.converged);
  EXPECT_EQ(found.method, LineSearchMethod::Secant);
  EXPECT_LE(std::pow(1 - 4 * found.step, 3), 1e-6);
  EXPECT_GT(found.evaluations, 4);
  const auto cut = line_search({x}, quartic, {.lr = 0.01, .tol = 1e-6, .max_iter = 2});
  EXPECT_FALSE(cut.converged);
  EXPECT_EQ(cut.evaluations, 4);
  EXPECT_LT(cut.loss, 1);
}

TEST(TheLineSearch, LeavesParametersAndGradientsAsTheyWere) {
  const at::Tensor x = point({-1.2, 1.0}), frozen = at::ones({2}, at::kDouble);
  const at::Tensor idle = point({7.0});
  const at::Tensor before = x.detach().clone(), grad = at::full({2}, 3.0, at::kDouble);
  x.mutable_grad() = grad;
  for (const auto method : {LineSearchMethod::Secant, LineSearchMethod::GoldenSection}) {
    const auto found =
        line_search({x, frozen, idle}, closure(x, rosenbrock), {.method = method, .lr = 1e-3});
    EXPECT_GT(found.step, 0);
    EXPECT_TRUE(at::equal(x, before));
    EXPECT_TRUE(x.grad().is_same(grad));
    EXPECT_TRUE(at::equal(grad, at::full({2}, 3.0, at::kDouble)));
    EXPECT_FALSE(idle.grad().defined());
    EXPECT_FALSE(found.direction[2].defined());
  }
}

TEST(TheLineSearch, EvaluatesEachStepFromExactlyTheStart) {
  const at::Tensor x = point({0.1, 0.7}).to(at::kFloat).detach().requires_grad_();
  const at::Tensor start = x.detach().clone();
  std::vector<at::Tensor> seen;
  const auto loss = closure(x, [&seen](const at::Tensor& v) {
    seen.push_back(v.detach().clone());
    return (v - 0.3).pow(4).sum();
  });
  const auto found = line_search({x}, loss, {.method = LineSearchMethod::GoldenSection, .lr = 0.1});
  ASSERT_EQ(static_cast<int64_t>(seen.size()), found.evaluations);
  EXPECT_TRUE(at::equal(seen[0], start));
  EXPECT_TRUE(at::equal(seen[1], at::sub(start, found.direction[0], 0.1)));
  EXPECT_TRUE(at::equal(seen.back(), at::sub(start, found.direction[0], found.step)));
}

TEST(TheLineSearch, DescendsTheRosenbrockValleyStepByStep) {
  for (const auto method : {LineSearchMethod::Secant, LineSearchMethod::GoldenSection}) {
    const at::Tensor x = point({-1.2, 1.0});
    double before = rosenbrock(x).item<double>();
    EXPECT_NEAR(before, 24.2, 1e-12);
    for (int i = 0; i < 100; ++i) {
      const auto found =
          line_search({x}, closure(x, rosenbrock), {.method = method, .lr = 1e-3, .apply = true});
      ASSERT_FALSE(found.failed);
      EXPECT_EQ(found.initial_loss, before);
      const double now = rosenbrock(x).item<double>();
      EXPECT_EQ(now, found.loss);
      EXPECT_LT(now, before);
      before = now;
    }
    EXPECT_LT(before, 3);
  }
}

TEST(TheGoldenSection, FindsAKinkAndTheSecantGoesOverToIt) {
  for (const auto method : {LineSearchMethod::Secant, LineSearchMethod::GoldenSection})
    for (const double lr : {1e-3, 0.5, 400.0}) {  // grows, neither, shrinks
      const at::Tensor x = point({2.0});
      const auto found =
          line_search({x}, closure(x, [](const at::Tensor& v) { return (v - 0.75).abs().sum(); }),
                      {.method = method, .lr = lr, .tol = 1e-9});
      EXPECT_NEAR(found.step, 1.25, 3e-9) << lr;
      EXPECT_EQ(found.method, LineSearchMethod::GoldenSection);
      EXPECT_TRUE(found.converged);
    }
}

TEST(TheGoldenSection, StopsAfterItsNumberOfSections) {
  const at::Tensor x = point({2.0});
  const auto kink = closure(x, [](const at::Tensor& v) { return (v - 0.75).abs().sum(); });
  LineSearchOptions options{.method = LineSearchMethod::GoldenSection, .lr = 0.5, .tol = 1e-9};
  const auto whole = line_search({x}, kink, options);
  options.section_iters = 3;
  const auto cut = line_search({x}, kink, options);
  EXPECT_FALSE(cut.converged);
  EXPECT_FALSE(cut.failed);
  EXPECT_LT(cut.evaluations, whole.evaluations);
}

TEST(TheLineSearch, ReportsFailureWhereNothingIsLower) {
  const at::Tensor x = point({1.0});
  // Uphill, by a direction that points the other way.
  const auto square = closure(x, [](const at::Tensor& v) { return v.square().sum(); });
  for (const auto method : {LineSearchMethod::Secant, LineSearchMethod::GoldenSection}) {
    const auto found = line_search({x}, {at::tensor({-2.0}, at::kDouble)}, square,
                                   {.method = method, .apply = true});
    EXPECT_TRUE(found.failed);
    EXPECT_FALSE(found.converged);
    EXPECT_EQ(found.step, 0);
    EXPECT_EQ(found.loss, 1);
    EXPECT_EQ(x.item<double>(), 1);
  }
}

TEST(TheLineSearch, HasNothingToDoAtAStationaryPoint) {
  const at::Tensor x = point({0.0});
  const auto found = line_search(
      {x}, closure(x, [](const at::Tensor& v) { return v.square().sum(); }), {.apply = true});
  EXPECT_FALSE(found.failed);
  EXPECT_TRUE(found.converged);
  EXPECT_EQ(found.step, 0);
  EXPECT_EQ(found.evaluations, 1);
}

TEST(TheLineSearch, FollowsADirectionOfOnesOwn) {
  const at::Tensor x = point({3.0, 5.0});
  const auto square = closure(x, [](const at::Tensor& v) { return v.square().sum(); });
  const auto found =
      line_search({x}, {at::tensor({1.0, 0.0}, at::kDouble)}, square, {.lr = 0.5, .apply = true});
  EXPECT_NEAR(found.step, 3, 1e-12);
  EXPECT_NEAR(x[0].item<double>(), 0, 1e-12);
  EXPECT_EQ(x[1].item<double>(), 5);
}

TEST(TheLineSearch, TakesNanForInfinitelyHigh) {
  // -log(x) - log(1 - x) is NaN from 1 on, and the first step lies there.
  for (const auto method : {LineSearchMethod::Secant, LineSearchMethod::GoldenSection}) {
    const at::Tensor x = point({0.125});
    const auto barrier =
        closure(x, [](const at::Tensor& v) { return -(v.log() + (1 - v).log()).sum(); });
    const auto found = line_search({x}, barrier, {.method = method, .lr = 10, .tol = 1e-10});
    EXPECT_FALSE(found.failed);
    EXPECT_NEAR(0.125 - found.step * found.direction[0].item<double>(), 0.5, 1e-6);
  }
  const at::Tensor x = point({-1.0});
  const auto found = line_search({x}, closure(x, [](const at::Tensor& v) { return v.log().sum(); }),
                                 {.apply = true});
  EXPECT_TRUE(found.failed);
  EXPECT_TRUE(std::isnan(found.initial_loss));
  EXPECT_EQ(found.evaluations, 1);
  EXPECT_EQ(x.item<double>(), -1);
}

TEST(TheLineSearch, FindsTheValleyAmongPointsThatAreNan) {
  // Finite only in [0, 0.02] of the line, far to the left of both first cuts of the bracket.
  const at::Tensor x = point({0.0});
  const auto narrow = closure(x, [](const at::Tensor& v) {
    const at::Tensor inside = (v - 0.013).square().sum();
    return v.item<double>() > 0.02 ? inside * NAN : inside;
  });
  const auto found =
      line_search({x}, {at::tensor({-1.0}, at::kDouble)}, narrow,
                  {.method = LineSearchMethod::GoldenSection, .lr = 0.15, .tol = 1e-9});
  EXPECT_FALSE(found.failed);
  EXPECT_NEAR(found.step, 0.013, 1e-7);
}

TEST(TheLineSearch, PutsEverythingBackIfTheClosureThrows) {
  for (int good = 0; good < 5; ++good) {
    const at::Tensor x = point({-1.2, 1.0});
    const at::Tensor before = x.detach().clone();
    int calls = 0;
    const auto fails = [&] {
      if (calls++ == good) throw std::runtime_error("out of data");
      at::Tensor loss = rosenbrock(x);
      loss.backward();
      return loss;
    };
    EXPECT_THROW(line_search({x}, fails, {.lr = 1e-3, .apply = true}), std::runtime_error);
    EXPECT_TRUE(at::equal(x, before));
    EXPECT_FALSE(x.grad().defined());
  }
}

template <class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

TEST(TheLineSearch, RefusesWhatItCannotUse) {
  const at::Tensor x = point({1.0, 2.0});
  const auto square = closure(x, [](const at::Tensor& v) { return v.square().sum(); });
  const auto refused = [&](const LineSearchOptions& options) {
    return refusal([&] { line_search({x}, square, options); });
  };
  EXPECT_THAT(refused({.lr = 0}), HasSubstr("line_search: lr = 0, must be finite and > 0"));
  EXPECT_THAT(refused({.tol = -1}), HasSubstr("tol = -1"));
  EXPECT_THAT(refused({.max_iter = 0}), HasSubstr("max_iter = 0"));
  EXPECT_THAT(refused({.section_iters = 0}), HasSubstr("section_iters = 0"));
  EXPECT_THAT(refusal([&] { line_search({}, square); }), HasSubstr("params is empty"));
  EXPECT_THAT(refusal([&] { line_search({at::Tensor()}, square); }), HasSubstr("params[0]"));
  EXPECT_THAT(refusal([&] { line_search({at::ones({1}, at::kLong)}, square); }),
              HasSubstr("params[0] has dtype"));
  EXPECT_THAT(refusal([&] { line_search({x * 2}, square); }), HasSubstr("must be a leaf"));
  EXPECT_THAT(refusal([&] { line_search({x}, nullptr); }), HasSubstr("closure is empty"));
  EXPECT_THAT(refusal([&] { line_search({x}, [] { return at::Tensor(); }); }),
              HasSubstr("returned no loss"));
  EXPECT_THAT(refusal([&] { line_search({x}, [] { return at::ones({}); }); }),
              HasSubstr("must call backward()"));
  EXPECT_THAT(refusal([&] { line_search({x}, std::vector<at::Tensor>{}, square); }),
              HasSubstr("direction has 0 tensors"));
  EXPECT_THAT(refusal([&] { line_search({x}, {at::ones({3})}, square); }),
              HasSubstr("direction[0] must have the sizes of params[0]"));
}

}  // namespace
}  // namespace line_search_test

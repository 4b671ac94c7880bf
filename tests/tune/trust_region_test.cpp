#include <cmath>
#include <sstream>
#include <stdexcept>

#include <gmock/gmock.h>
#include <torch/optim/optimizer.h>
#include <torch/serialize.h>
#include <torch/types.h>

#include <descent/tune.h>

namespace trust_region_test {
namespace {

using descent::Dogleg, descent::SteihaugCG, descent::TrustRegion, descent::TrustRegionOptions,
    descent::TrustRegionStop;
using testing::HasSubstr;

#define EXPECT_REFUSES(expression, text)                     \
  try {                                                      \
    expression;                                              \
    ADD_FAILURE() << "was taken";                            \
  } catch (const c10::Error& error) {                        \
    EXPECT_THAT(std::string(error.what()), HasSubstr(text)); \
  }

at::Tensor point(const std::vector<double>& x) {
  return torch::tensor(x, torch::kDouble).set_requires_grad(true);
}

/// Rosenbrock's function of any number of variables.
at::Tensor rosenbrock(const at::Tensor& x) {
  const int64_t n = x.numel();
  const at::Tensor a = x.slice(0, 0, n - 1), b = x.slice(0, 1, n);
  return (100 * (b - a * a).square() + (1 - a).square()).sum();
}

/// x^2 - y^2 + 0.1 y^4, whose saddle at 0 gradient methods crawl past.
at::Tensor saddle(const at::Tensor& x) { return x[0].square() - x[1].square() + 0.1 * x[1].pow(4); }

void expect_at(const at::Tensor& x, double a, double b) {
  EXPECT_NEAR(x[0].item<double>(), a, 1e-8);
  EXPECT_NEAR(x[1].item<double>(), b, 1e-8);
}

TEST(ATrustRegion, GoesTheWayOfScipyBySteihaugsMethod) {
  const at::Tensor x = point({-1.2, 1});
  TrustRegion newton({x}, {.solver = SteihaugCG, .gtol = 1e-8});
  const auto closure = [&] { return rosenbrock(x); };
  EXPECT_EQ(newton.minimize(closure, 1), TrustRegionStop::Iterations);
  EXPECT_EQ(newton.stop(), TrustRegionStop::None) << "it may go on";
  expect_at(x, -1.0566974440750523, 1.0584908391530399);
  newton.minimize(closure, 4);
  expect_at(x, -0.674964507267666, 0.4089171168133965);
  newton.minimize(closure, 15);
  expect_at(x, 0.7673340293700641, 0.5653812213807823);
  EXPECT_EQ(newton.minimize(closure), TrustRegionStop::Gradient);
  EXPECT_EQ(newton.iterations(), 30);
  EXPECT_LT(rosenbrock(x).item<double>(), 1e-20);
}

TEST(ATrustRegion, GoesTheWayOfScipyByTheDogleg) {
  const at::Tensor x = point({-1.2, 1});
  TrustRegion newton({x}, {.solver = Dogleg, .gtol = 1e-8});
  const auto closure = [&] { return rosenbrock(x); };
  for (const int steps : {1, 1}) {
    newton.minimize(closure, steps);
    expect_at(x, -1.1752808988764043, 1.3806741573033703);
  }
  newton.minimize(closure, 3);
  expect_at(x, -0.6431727895291024, 0.3669289770247471);
  newton.minimize(closure, 5);
  expect_at(x, 0.09965787995604605, -0.04442981920751372);
  EXPECT_EQ(newton.minimize(closure), TrustRegionStop::Gradient);
  EXPECT_EQ(newton.iterations(), 24);
  EXPECT_LT(rosenbrock(x).item<double>(), 1e-20);
}

TEST(ATrustRegion, EvaluatesNoPointTwice) {
  for (const auto& [solver, iterations] : {std::pair{SteihaugCG, 30}, {Dogleg, 24}}) {
    const at::Tensor x = point({-1.2, 1});
    TrustRegion newton({x}, {.solver = solver, .gtol = 1e-8});
    int64_t calls = 0;
    newton.minimize([&] { return ++calls, rosenbrock(x); });
    EXPECT_EQ(newton.iterations(), iterations);
    EXPECT_EQ(calls, iterations + 1);
    EXPECT_EQ(newton.evaluations(), calls);
  }
}

TEST(ATrustRegion, NeedsAsManyIterationsAsScipyInTenDimensions) {
  const at::Tensor x = point({-1.2, 1, -1.2, 1, -1.2, 1, -1.2, 1, -1.2, 1});
  TrustRegion newton({x}, {.gtol = 1e-8});
  EXPECT_EQ(newton.minimize([&] { return rosenbrock(x); }), TrustRegionStop::Gradient);
  EXPECT_EQ(newton.iterations(), 86);
  EXPECT_EQ(newton.evaluations(), 87);
}

TEST(ATrustRegion, LeavesASaddle) {
  const at::Tensor x = point({1.5, 0.001});
  TrustRegion newton({x}, {.gtol = 1e-8});
  const auto closure = [&] { return saddle(x); };
  newton.minimize(closure, 1);
  expect_at(x, 0.5000002222220593, 0.0016666663851853);
  newton.minimize(closure, 2);
  expect_at(x, 0.0066555180407, 2.0033222578645);
  EXPECT_EQ(newton.minimize(closure), TrustRegionStop::Gradient);
  EXPECT_EQ(newton.iterations(), 7);
  expect_at(x, 0, 2.2360679775);
  EXPECT_NEAR(saddle(x).item<double>(), -2.5, 1e-12);
}

TEST(ATrustRegion, StepsAsItMinimizes) {
  // By several parameters, one of which has no gradient, in their own memory.
  const at::Tensor a = point({-1.2}), b = point({1}), unused = point({5});
  TrustRegion newton({a, unused, b}, {.gtol = 1e-8});
  const double* const memory = a.const_data_ptr<double>();
  const auto closure = [&] { return rosenbrock(torch::cat({a, b})); };
  while (newton.stop() == TrustRegionStop::None) {
    const double before = closure().item<double>();
    EXPECT_EQ(newton.step(closure).item<double>(), before);
  }
  EXPECT_EQ(newton.iterations(), 30);
  EXPECT_NEAR(a.item<double>(), 1, 1e-10);
  EXPECT_EQ(unused.item<double>(), 5);
  EXPECT_EQ(a.const_data_ptr<double>(), memory);
  EXPECT_FALSE(a.grad().defined());
  const at::Tensor end = a.detach().clone();
  newton.step(closure);
  EXPECT_TRUE(torch::equal(a, end)) << "there is a reason to stop";
}

TEST(ATrustRegion, GoesOnFromItsCheckpoint) {
  const auto run = [](bool through_a_file) {
    const at::Tensor x = point({-1.2, 1});
    auto newton =
        std::make_unique<TrustRegion>(std::vector<at::Tensor>{x}, TrustRegionOptions{.gtol = 1e-8});
    const auto closure = [&] { return rosenbrock(x); };
    newton->minimize(closure, 9);
    if (through_a_file) {
      std::stringstream file;
      torch::save(*newton, file);
      newton = std::make_unique<TrustRegion>(std::vector<at::Tensor>{x},
                                             TrustRegionOptions{.gtol = 1e-8});
      torch::load(*newton, file);
    }
    newton->minimize(closure, 8);
    return std::tuple(x[0].item<double>(), x[1].item<double>(), newton->radius(),
                      newton->iterations());
  };
  EXPECT_EQ(run(true), run(false));
}

TEST(ATrustRegion, NamesTheReasonOfItsStop) {
  const at::Tensor x = point({0.1, 0.001});
  TrustRegion dogleg({x}, {.solver = Dogleg});
  EXPECT_EQ(dogleg.minimize([&] { return saddle(x); }), TrustRegionStop::IndefiniteHessian);
  TrustRegion infinite({x});
  EXPECT_EQ(infinite.minimize([&] { return saddle(x) * INFINITY; }), TrustRegionStop::NotFinite);
  const at::Tensor zero = point({0, 0});
  TrustRegion there({zero});
  EXPECT_EQ(there.minimize([&] { return zero.square().sum(); }), TrustRegionStop::Gradient);
  // Only rounding is left of the loss: the model promises what no double can show.
  const at::Tensor one = point({1, 1});
  TrustRegion rounded({one}, {.gtol = 0});
  EXPECT_NE(rounded.minimize([&] { return one.square().sum(); }, 100), TrustRegionStop::Iterations);
}

TEST(ATrustRegion, StaysWhereItIsIfTheClosureThrows) {
  const at::Tensor x = point({-1.2, 1});
  TrustRegion newton({x});
  int calls = 0;
  EXPECT_THROW(newton.step([&] {
    if (++calls == 2) throw std::runtime_error("no data");
    return rosenbrock(x);
  }),
               std::runtime_error);
  expect_at(x, -1.2, 1);
  EXPECT_EQ(newton.iterations(), 0);
}

TEST(ATrustRegion, RefusesWhatItCannotTake) {
  const at::Tensor x = point({1, 2});
  EXPECT_REFUSES(TrustRegion({x}, {.eta = 0.25}), "TrustRegion: eta = 0.25, must be in [0, 0.25)");
  EXPECT_REFUSES(TrustRegion({x}, {.radius = 0}), "radius = 0, must be finite and > 0");
  EXPECT_REFUSES(TrustRegion({x}, {.radius = 9, .max_radius = 3}),
                 "radius = 9, must be < max_radius = 3");
  EXPECT_REFUSES(TrustRegion(std::vector<at::Tensor>{}), "params is empty");
  EXPECT_REFUSES(TrustRegion({torch::ones({2})}), "params[0] must be a leaf");
  TrustRegion newton({x});
  EXPECT_REFUSES(newton.step(), "step() needs a closure");
  EXPECT_REFUSES(newton.add_param_group(
                     torch::optim::OptimizerParamGroup(std::vector<at::Tensor>{point({1})})),
                 "has one group");
  EXPECT_REFUSES(newton.step([] { return torch::ones({1}); }), "does not depend on the parameters");
  EXPECT_REFUSES(newton.step([&] { return x * 1; }), "returned no loss");
}

}  // namespace
}  // namespace trust_region_test

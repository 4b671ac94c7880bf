#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "models.h"

namespace descent::tests {
namespace {

/// The passes that this CPU runs.
std::vector<std::string> passes() {
  std::vector<std::string> result{"baseline"};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v3")) result.push_back("v3");
  if (__builtin_cpu_supports("x86-64-v4")) result.push_back("v4");
#endif
  return result;
}

/// How far two grids are apart, 1 being the most allowed: 1e-5 (float32) or 1e-12 (float64) of the
/// loss, and where predictions come so near to targets of size 1 that this is below their rounding,
/// that rounding. Infinite where one is finite and the other is not.
double difference(const Grid& a, const Grid& b, torch::Dtype type) {
  const double relative = type == torch::kFloat32 ? 1e-5 : 1e-12;
  const double rounding = type == torch::kFloat32 ? 5e-7 : 1e-15;
  double result = 0;
  for (size_t k = 0; k < a.values.size(); ++k) {
    const double p = a.values[k], q = b.values[k];
    if (std::isfinite(p) && std::isfinite(q)) {
      const double gap = std::abs(std::sqrt(p) - std::sqrt(q));
      result = std::max(result, gap / (relative / 2 * std::sqrt(q) + rounding));
    } else if (p != q && !(std::isnan(p) && std::isnan(q))) {
      result = INFINITY;
    }
  }
  return result;
}

void expect_fused_equals_loop(nn::Sequential net, Data data, const std::string& what,
                              const std::string& shortcut = "") {
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    net->to(type);
    data = {data.input.to(type), data.target.to(type)};
    const Plane plane = random_plane(*net, {.seed = 11});
    const Axis x{-3, 4, 6}, y{-2, 5, 4};
    const Grid loop = evaluate(*net, mse, data, plane, x, y, {.path = Path::Loop});
    for (const auto& pass : passes()) {
      const PassOf chosen(pass);
      SCOPED_TRACE(what + ", " + pass + (type == torch::kFloat32 ? ", float32" : ", float64"));
      const Grid fused = evaluate(*net, mse, data, plane, x, y, {.path = Path::Fused});
      EXPECT_EQ(fused.notes.at("path"), "fused");
      EXPECT_EQ(fused.notes.at("kernel"), pass);
      EXPECT_NE(fused.notes.at("reason").find(shortcut), std::string::npos);
      EXPECT_LE(difference(fused, loop, type), 1);
    }
  }
}

Data noise(int64_t samples, int64_t in, int64_t out) {
  return {torch::randn({samples, in}), torch::randn({samples, out})};
}

void add_activation(nn::Sequential& net, int64_t which) {
  if (which == 0) net->push_back(nn::ReLU());
  if (which == 1) net->push_back(nn::Tanh());
  if (which == 2) net->push_back(nn::GELU());
  if (which == 3) net->push_back(nn::GELU(nn::GELUOptions().approximate("tanh")));
  if (which == 4) net->push_back(nn::Sigmoid());
  if (which == 5) net->push_back(nn::SiLU());
}

TEST(Fused, EqualsTheLoopOnRandomChains) {
  std::mt19937 generator(20);
  const auto up_to = [&](int64_t n) { return 1 + static_cast<int64_t>(generator() % n); };
  torch::manual_seed(20);
  for (int trial = 0; trial < 40; ++trial) {
    nn::Sequential net;
    const int64_t in = trial % 3 == 0 ? 1 : up_to(70), samples = up_to(130);
    int64_t width = in;
    std::string what = std::to_string(samples) + " samples, widths " + std::to_string(in);
    for (int64_t layer = up_to(4); layer > 0; --layer) {
      const int64_t next = up_to(70);
      const bool bias = up_to(3) > 1;
      const int64_t activation = static_cast<int64_t>(up_to(8)) - 1;
      net->push_back(nn::Linear(nn::LinearOptions(width, next).bias(bias)));
      add_activation(net, activation);
      width = next;
      what += bias ? "-" : "=";
      what += std::to_string(next);
      what += "a";
      what += std::to_string(activation);
    }
    expect_fused_equals_loop(net, noise(samples, in, width), what);
  }
}

TEST(Fused, EqualsTheLoopForEachActivation) {
  torch::manual_seed(21);
  for (int64_t activation = 0; activation < 6; ++activation) {
    nn::Sequential net(nn::Linear(3, 20));
    add_activation(net, activation);
    net->push_back(nn::Linear(20, 13));
    add_activation(net, activation);
    net->push_back(nn::Linear(13, 2));
    expect_fused_equals_loop(net, noise(75, 3, 2), "activation " + std::to_string(activation));
  }
}

TEST(Fused, TakesNestedChainsAndSeveralActivationsInARow) {
  torch::manual_seed(22);
  nn::Sequential net(Block(nn::Linear(5, 9), nn::Tanh(), nn::ReLU(), nn::Identity()),
                     Block(nn::Linear(9, 4), nn::Dropout(), nn::ReLU()), nn::Sigmoid());
  expect_fused_equals_loop(net, noise(33, 5, 4), "nested");
}

TEST(Fused, TakesASingleLinearAndLeadingDimensions) {
  torch::manual_seed(23);
  nn::Sequential net(nn::Linear(6, 3));
  expect_fused_equals_loop(net, {torch::randn({4, 5, 6}), torch::randn({4, 5, 3})},
                           "4 x 5 samples");
  nn::Linear alone(6, 3);
  const Data data = noise(7, 6, 3);
  const Grid grid = evaluate(*alone, mse, data, random_plane(*alone), {-1, 1, 3}, {-1, 1, 3},
                             {.path = Path::Fused});
  EXPECT_EQ(grid.notes.at("path"), "fused");
}

TEST(Fused, TakesEveryNumberOfSamples) {
  torch::manual_seed(24);
  for (int64_t samples = 1; samples <= 130; ++samples) {
    nn::Sequential net(nn::Linear(2, 7), nn::ReLU(), nn::Linear(7, 1));
    const Data data = noise(samples, 2, 1);
    const Plane plane = random_plane(*net);
    const Axis axis{-2, 3, 3};
    EXPECT_LE(difference(evaluate(*net, mse, data, plane, axis, axis, {.path = Path::Fused}),
                         evaluate(*net, mse, data, plane, axis, axis, {.path = Path::Loop}),
                         torch::kFloat32),
              1)
        << samples << " samples";
  }
}

// ---- one scalar input: the first two layers by pieces -------------------------------------------

nn::Sequential scalar_net(int64_t first, int64_t second, int64_t out) {
  return nn::Sequential(nn::Linear(1, first), nn::ReLU(), nn::Linear(first, second), nn::ReLU(),
                        nn::Linear(second, out));
}

TEST(FusedByPieces, EqualsTheLoopForAllWidths) {
  torch::manual_seed(30);
  for (const auto& [first, second, out] : std::vector<std::array<int64_t, 3>>{{8, 8, 1},
                                                                              {9, 15, 2},
                                                                              {64, 64, 1},
                                                                              {17, 33, 4},
                                                                              {33, 70, 1},
                                                                              {70, 130, 3},
                                                                              {40, 24, 5}}) {
    expect_fused_equals_loop(scalar_net(first, second, out), noise(101, 1, out),
                             std::to_string(first) + "-" + std::to_string(second), "by pieces");
  }
}

TEST(FusedByPieces, EqualsTheLoopInDeeperChainsAndWithOtherActivations) {
  torch::manual_seed(31);
  nn::Sequential deep(nn::Linear(1, 20), nn::ReLU(), nn::Linear(20, 30), nn::ReLU(),
                      nn::Linear(30, 12), nn::Tanh(), nn::Linear(12, 2));
  expect_fused_equals_loop(deep, noise(77, 1, 2), "deep", "by pieces");
  nn::Sequential two(nn::Linear(1, 20), nn::ReLU(), nn::Linear(20, 9));
  expect_fused_equals_loop(two, noise(77, 1, 9), "two layers", "by pieces");
  nn::Sequential smooth(nn::Linear(1, 20), nn::ReLU(), nn::Linear(20, 9), nn::SiLU(),
                        nn::Linear(9, 1), nn::ReLU());
  expect_fused_equals_loop(smooth, noise(77, 1, 1), "smooth", "by pieces");
  nn::Sequential bare(nn::Linear(nn::LinearOptions(1, 20).bias(false)), nn::ReLU(),
                      nn::Linear(nn::LinearOptions(20, 16).bias(false)), nn::ReLU(),
                      nn::Linear(nn::LinearOptions(16, 1).bias(false)));
  expect_fused_equals_loop(bare, noise(77, 1, 1), "no biases", "by pieces");
}

TEST(FusedByPieces, TakesEveryNumberOfSamplesAlsoOverSeveralChunks) {
  torch::manual_seed(32);
  for (const int64_t samples : {1, 2, 3, 15, 16, 17, 63, 64, 65, 128, 511, 512, 513, 1500}) {
    expect_fused_equals_loop(scalar_net(16, 16, 1), noise(samples, 1, 1),
                             std::to_string(samples) + " samples", "by pieces");
  }
  nn::Sequential deep(nn::Linear(1, 20), nn::ReLU(), nn::Linear(20, 30), nn::Tanh(),
                      nn::Linear(30, 1));
  expect_fused_equals_loop(deep, noise(1100, 1, 1), "deep over chunks", "by pieces");
}

TEST(FusedByPieces, TakesMoreOutputsThanFitIntoRegistersOverManySamples) {
  torch::manual_seed(36);
  expect_fused_equals_loop(scalar_net(30, 150, 2), noise(1100, 1, 2), "wide", "by pieces");
  nn::Sequential deep(nn::Linear(1, 30), nn::ReLU(), nn::Linear(30, 150), nn::SiLU(),
                      nn::Linear(150, 1));
  expect_fused_equals_loop(deep, noise(1100, 1, 1), "wide and deep", "by pieces");
}

TEST(FusedByPieces, TakesKinksAtSamples) {
  torch::manual_seed(37);
  auto net = scalar_net(40, 16, 1);
  std::vector<torch::Tensor> u;
  for (const auto& parameter : net->parameters()) u.push_back(torch::randn_like(parameter));
  {
    const torch::NoGradGuard no_grad;
    auto* first = net->ptr<nn::LinearImpl>(0).get();
    first->weight.slice(0, 0, 20).fill_(1);
    first->weight.slice(0, 20, 40).fill_(-1);
    // On to the right and to the left of 0, 4, 8 .. 76, the first 17 of which are samples.
    first->bias.slice(0, 0, 20).copy_(-4 * torch::arange(20));
    first->bias.slice(0, 20, 40).copy_(4 * torch::arange(20));
  }
  u[0].zero_();
  u[1].zero_();
  const Plane plane = given_plane(*net, u, u);
  const Axis axis{-1, 1, 5};
  for (const int64_t samples : {64, 65}) {
    const Data data{torch::arange(samples).to(torch::kFloat32).unsqueeze(1),
                    torch::randn({samples, 1})};
    const Grid loop = evaluate(*net, mse, data, plane, axis, axis, {.path = Path::Loop});
    for (const auto& pass : passes()) {
      const PassOf chosen(pass);
      const Grid fused = evaluate(*net, mse, data, plane, axis, axis, {.path = Path::Fused});
      EXPECT_NE(fused.notes.at("reason").find("by pieces"), std::string::npos);
      EXPECT_LE(difference(fused, loop, torch::kFloat32), 1) << samples << " samples, " << pass;
    }
  }
}

TEST(FusedByPieces, TakesUnsortedRepeatedAndClusteredInputs) {
  torch::manual_seed(33);
  auto net = scalar_net(32, 24, 1);
  const auto target = torch::randn({90, 1});
  const auto uniform = torch::rand({90, 1});
  expect_fused_equals_loop(net, {uniform * 6 - 3, target}, "unsorted", "by pieces");
  expect_fused_equals_loop(net, {(uniform * 5).floor(), target}, "repeated", "by pieces");
  expect_fused_equals_loop(net, {torch::full({90, 1}, 0.7), target}, "all equal", "by pieces");
  expect_fused_equals_loop(net, {torch::zeros({90, 1}), target}, "all zero", "by pieces");
  expect_fused_equals_loop(net, {(uniform * 20 - 10).exp(), target}, "clustered", "by pieces");
  auto outlier = uniform.clone();
  outlier[3] = 1e6;
  outlier[7] = -1e5;
  expect_fused_equals_loop(net, {outlier, target}, "outliers", "by pieces");
}

TEST(FusedByPieces, TakesUnitsThatNeverSwitch) {
  torch::manual_seed(34);
  auto net = scalar_net(16, 16, 1);
  {
    const torch::NoGradGuard no_grad;
    auto* first = net->ptr<nn::LinearImpl>(0).get();
    first->weight.slice(0, 0, 6).zero_();
    first->bias.slice(0, 6, 9).fill_(1e3);
    first->bias.slice(0, 9, 12).fill_(-1e3);
  }
  const Data data = sine_data(60);
  std::vector<torch::Tensor> u;
  for (const auto& parameter : net->parameters()) u.push_back(torch::randn_like(parameter));
  u[0].slice(0, 0, 6).zero_();
  const Plane plane = given_plane(*net, u, u);
  const Axis axis{-1, 1, 5};
  const Grid fused = evaluate(*net, mse, data, plane, axis, axis, {.path = Path::Fused});
  const Grid loop = evaluate(*net, mse, data, plane, axis, axis, {.path = Path::Loop});
  EXPECT_NE(fused.notes.at("reason").find("by pieces"), std::string::npos);
  EXPECT_LE(difference(fused, loop, torch::kFloat32), 1);
}

TEST(FusedByPieces, TakesOverflowAsTheLoopDoes) {
  auto net = scalar_net(8, 8, 1);
  std::vector<torch::Tensor> u;
  for (const auto& parameter : net->parameters()) u.push_back(torch::full_like(parameter, 1e20));
  const Plane plane = given_plane(*net, u, u);
  const Data data = sine_data(20);
  const Axis x{-2, 2, 3}, y{0, 0, 1};
  const Grid fused = evaluate(*net, mse, data, plane, x, y, {.path = Path::Fused});
  const Grid loop = evaluate(*net, mse, data, plane, x, y, {.path = Path::Loop});
  EXPECT_LE(difference(fused, loop, torch::kFloat32), 1);
}

TEST(Fused, GivesTheSameBitsOnV3AndV4) {
  const auto available = passes();
  if (available.back() != "v4") GTEST_SKIP() << "this CPU does not run x86-64-v4";
  torch::manual_seed(35);
  nn::Sequential smooth(nn::Linear(3, 20), nn::GELU(), nn::Linear(20, 13), nn::Tanh(),
                        nn::Linear(13, 2));
  struct Case {
    nn::Sequential net;
    int64_t in, samples;
  };
  for (const auto& [net, in, samples] : {Case{smooth, 3, 99}, Case{scalar_net(40, 50, 2), 1, 99},
                                         Case{scalar_net(40, 50, 2), 1, 1100}}) {
    const Data data = noise(samples, in, 2);
    const Plane plane = random_plane(*net);
    const auto values = [&](const char* pass) {
      const PassOf chosen(pass);
      return evaluate(*net, mse, data, plane, {-5, 5, 9}, {-5, 5, 9}, {.path = Path::Fused}).values;
    };
    EXPECT_EQ(values("v3"), values("v4"));
  }
}

TEST(Fused, MultipliesTheFirstLayerInAdvanceWithinTheBudget) {
  torch::manual_seed(5);
  nn::Sequential net(nn::Linear(3, 64), nn::ReLU(), nn::Linear(64, 1));
  const Data data = noise(2000, 3, 1);
  const Plane plane = random_plane(*net);
  const Axis axis{-1, 1, 3};
  const auto run = [&](int64_t memory) {
    return evaluate(*net, mse, data, plane, axis, axis, {.path = Path::Fused, .memory = memory});
  };
  const Grid wide = run(int64_t{8} << 20), tight = run(int64_t{3} << 20);
  EXPECT_NE(wide.notes.at("reason").find("affine"), std::string::npos);
  EXPECT_EQ(tight.notes.at("reason").find("affine"), std::string::npos);
  EXPECT_LE(difference(wide, tight, torch::kFloat32), 1);
}

TEST(Fused, IsWhatAutoChoosesForTheSineNet) {
  auto net = sine_net(64);
  const Grid grid =
      evaluate(*net, mse, sine_data(100), random_plane(*net), {-5, 5, 100}, {-5, 5, 100});
  EXPECT_EQ(grid.notes.at("path"), "fused") << grid.notes.at("reason");
}

}  // namespace
}  // namespace descent::tests

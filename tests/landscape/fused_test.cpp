#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/dropout.h>

#include <descent/tensors/memory.h>

#include "models.h"

namespace descent::tests {
namespace fused_test {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using torch::Tensor;

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

TEST(Fused, PassesOverWhatChangesNothing) {
  torch::manual_seed(22);
  nn::Sequential net(nn::Flatten(), nn::Linear(6, 9), nn::Tanh(), nn::ReLU(), nn::Identity(),
                     nn::Linear(9, 4), nn::Dropout(), nn::ReLU(), nn::Sigmoid());
  expect_fused_equals_loop(net, {torch::randn({33, 2, 3}), torch::randn({33, 4})}, "flat");
}

/// A Sequential with a forward() of its own.
class ClampedImpl : public nn::SequentialImpl {
 public:
  using SequentialImpl::SequentialImpl;
  Tensor forward(const Tensor& x) { return SequentialImpl::forward(x).clamp(-10, 10); }
  std::shared_ptr<nn::Module> clone(const std::optional<torch::Device>&) const override {
    auto copy = std::make_shared<ClampedImpl>();
    for (const auto& part : *this) copy->push_back(part.clone());
    return copy;
  }
};
TORCH_MODULE(Clamped);

TEST(Fused, LeavesNetworksWithAForwardOfTheirOwnToOtherPaths) {
  // The clamp does nothing near the center, where all paths would agree.
  torch::manual_seed(26);
  const Data data = noise(20, 3, 2);
  const Axis near{-1e-3, 1e-3, 5}, far{-100, 100, 5};
  const auto refused = [&](const Network& network, const std::string& reason) {
    const Plane plane = random_plane(network, {.seed = 11});
    const Grid grid = evaluate(network, mse, data, plane, near, near);
    EXPECT_NE(grid.notes.at("path"), "fused");
    EXPECT_THAT(grid.notes.at("reason"), HasSubstr("not fused: " + reason));
    const auto values = evaluate(network, mse, data, plane, far, far).values;
    EXPECT_LE(*std::max_element(values.begin(), values.end()), 200);
    EXPECT_THAT([&] { evaluate(network, mse, data, plane, near, near, {.path = Path::Fused}); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(reason)));
  };
  const nn::Sequential net(nn::Linear(3, 8), nn::ReLU(), nn::Linear(8, 2));
  refused(Network(*net, [](nn::SequentialImpl& m,
                           const Tensor& x) { return m.forward(x).clamp(-10, 10); }),
          "the network is called by a function");
  const Clamped derived(nn::Linear(3, 8), nn::ReLU(), nn::Linear(8, 2));
  refused(*derived, "the module holds a ");
  const nn::Sequential nested(nn::Linear(3, 8), nn::ReLU(), Clamped(nn::Linear(8, 2)));
  refused(*nested, "the module holds a ");
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

TEST(Fused, TakesBatchesOfAllSizesAndLayouts) {
  torch::manual_seed(25);
  const auto expect_the_loop = [](nn::Sequential net, const std::vector<Data>& data) {
    const Plane plane = random_plane(*net, {.seed = 11});
    const Axis x{-3, 4, 3}, y{-2, 5, 2};
    const Grid loop = evaluate(*net, mse, data, plane, x, y, {.path = Path::Loop});
    for (const int64_t memory : {int64_t{256} << 20, int64_t{4} << 20}) {
      const Grid fused =
          evaluate(*net, mse, data, plane, x, y, {.path = Path::Fused, .memory = memory});
      EXPECT_LE(difference(fused, loop, torch::kFloat32), 1) << fused.notes.at("reason");
    }
  };
  nn::Sequential wide(nn::Linear(64, 32), nn::ReLU(), nn::Linear(32, 3));
  expect_the_loop(wide, {noise(1, 64, 3), noise(5000, 64, 3), noise(70, 64, 3)});
  expect_the_loop(wide, {{torch::randn({64, 5000}).t(), torch::randn({3, 5000}).t()}});
  expect_the_loop(wide, {{torch::randn({300, 20, 64}), torch::randn({300, 20, 3})}});
  nn::Sequential scalar(nn::Linear(1, 64), nn::ReLU(), nn::Linear(64, 16), nn::ReLU(),
                        nn::Linear(16, 2));
  expect_the_loop(scalar, {noise(1, 1, 2), noise(3000, 1, 2), noise(2500, 1, 2)});
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

// ---- classes ------------------------------------------------------------------------------------

/// Batches of classes, the first and the last one among them.
std::vector<Data> classed(const std::vector<int64_t>& sizes, int64_t in, int64_t classes) {
  std::vector<Data> result;
  for (const int64_t size : sizes) {
    result.push_back({torch::randn({size, in}), torch::randint(classes, {size}, torch::kLong)});
    result.back().target[0] = 0;
    result.back().target[size - 1] = classes - 1;
  }
  return result;
}

void expect_entropies_of_the_loop(nn::Sequential net, std::vector<Data> data,
                                  const std::string& what) {
  double samples = 0;
  for (const Data& batch : data) samples += static_cast<double>(batch.input.size(0));
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    net->to(type);
    for (Data& batch : data) batch.input = batch.input.to(type);
    const bool is_double = type == torch::kFloat64;
    const Plane plane = random_plane(*net, {.seed = 12});
    const Axis x{-3, 4, 6}, y{-2, 5, 4};
    const std::vector<Metric> metrics{cross_entropy, accuracy};
    const auto loop = evaluate(*net, metrics, data, plane, x, y, {.path = Path::Loop});
    for (const auto& pass : passes()) {
      const PassOf chosen(pass);
      SCOPED_TRACE(what + ", " + pass + (is_double ? ", float64" : ", float32"));
      const auto fused = evaluate(*net, metrics, data, plane, x, y, {.path = Path::Fused});
      EXPECT_EQ(fused[0].notes.at("kernel"), pass);
      EXPECT_THAT(fused[0].notes.at("reason"), HasSubstr("cross_entropy"));
      for (size_t k = 0; k < loop[0].values.size(); ++k) {
        const double expected = loop[0].values[k];
        EXPECT_NEAR(fused[0].values[k], expected, (is_double ? 1e-12 : 1e-5) * (1 + expected));
        // In float32 the rounding may turn one sample.
        EXPECT_NEAR(fused[1].values[k], loop[1].values[k], is_double ? 1e-12 : 1.5 / samples);
      }
    }
  }
}

TEST(FusedClasses, EqualTheLoopOnRandomChains) {
  std::mt19937 generator(40);
  const auto up_to = [&](int64_t n) { return 1 + static_cast<int64_t>(generator() % n); };
  torch::manual_seed(40);
  for (int trial = 0; trial < 25; ++trial) {
    std::vector<int64_t> sizes;
    for (int64_t batches = up_to(4); batches > 0; --batches) sizes.push_back(up_to(70));
    const int64_t in = trial % 3 == 0 ? 1 : up_to(40), classes = up_to(20);
    nn::Sequential net;
    int64_t width = in;
    for (int64_t layer = up_to(3) - 1; layer > 0; --layer) {
      const int64_t next = up_to(40);
      net->push_back(nn::Linear(nn::LinearOptions(width, next).bias(up_to(3) > 1)));
      add_activation(net, up_to(7) - 1);
      width = next;
    }
    net->push_back(nn::Linear(width, classes));
    expect_entropies_of_the_loop(net, classed(sizes, in, classes),
                                 std::to_string(classes) + " classes of " +
                                     std::to_string(sizes.size()) + " batches, trial " +
                                     std::to_string(trial));
  }
}

TEST(FusedClasses, TakeOneClassManyClassesAndTargetsOfOneClass) {
  torch::manual_seed(41);
  for (const int64_t classes : {1, 2, 300}) {
    nn::Sequential net(nn::Linear(4, 9), nn::Tanh(), nn::Linear(9, classes));
    auto data = classed({65, 1, 7}, 4, classes);
    expect_entropies_of_the_loop(net, data, std::to_string(classes) + " classes");
    for (Data& batch : data) batch.target.fill_(classes - 1);
    expect_entropies_of_the_loop(net, data, "the last of " + std::to_string(classes));
  }
}

TEST(FusedClasses, TakeLogitsFarApart) {
  torch::manual_seed(42);
  nn::Sequential net(nn::Linear(4, 9), nn::ReLU(), nn::Linear(9, 6));
  {
    const torch::NoGradGuard no_grad;
    for (Tensor& parameter : net->parameters()) parameter.mul_(15);
  }
  expect_entropies_of_the_loop(net, classed({50, 20}, 4, 6), "far apart");
}

TEST(FusedClasses, TakeTheFirstOfEqualLogits) {
  nn::Sequential net(nn::Linear(3, 4));
  const auto data = classed({30, 11}, 3, 4);
  std::vector<Tensor> u;
  for (const auto& parameter : net->parameters()) u.push_back(torch::zeros_like(parameter));
  u[1].fill_(1);
  {
    const torch::NoGradGuard no_grad;
    for (Tensor& parameter : net->parameters()) parameter.zero_();
  }
  const Plane plane = given_plane(*net, u, u);
  const auto at_zero = [&](Path path) {
    return evaluate(*net, accuracy, data, plane, {-1, 1, 3}, {0, 0, 1}, {.path = path}).values;
  };
  for (const auto& pass : passes()) {
    const PassOf chosen(pass);
    EXPECT_EQ(at_zero(Path::Fused), at_zero(Path::Loop)) << pass;
  }
}

TEST(FusedClasses, GiveTheSameBitsOnV3AndV4) {
  if (passes().back() != "v4") GTEST_SKIP() << "this CPU does not run x86-64-v4";
  torch::manual_seed(43);
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    nn::Sequential net(nn::Linear(3, 20), nn::SiLU(), nn::Linear(20, 7));
    net->to(type);
    auto data = classed({65, 30}, 3, 7);
    for (Data& batch : data) batch.input = batch.input.to(type);
    const Plane plane = random_plane(*net);
    const auto values = [&](const char* pass) {
      const PassOf chosen(pass);
      return evaluate(*net, cross_entropy, data, plane, {-5, 5, 9}, {-5, 5, 9},
                      {.path = Path::Fused})
          .values;
    };
    EXPECT_EQ(values("v3"), values("v4"));
  }
}

TEST(FusedClasses, KeepSmallLossesFarFromTheBoundaries) {
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    nn::Sequential net(nn::Linear(nn::LinearOptions(1, 3).bias(false)));
    net->to(type);
    {
      const torch::NoGradGuard no_grad;
      net->parameters()[0].copy_(torch::tensor({-1.0, 1.0, 0.5}).unsqueeze(1));
    }
    const Plane plane = given_plane(*net, {torch::ones({3, 1}, type)}, {torch::ones({3, 1}, type)});
    for (const double margin : {1.0, 8.0, 20.0, 36.0, 50.0, 80.0}) {
      const Data data{torch::full({1, 1}, margin, type), torch::ones({1}, torch::kLong)};
      const double expected = std::log1p(std::exp(-margin / 2) + std::exp(-2 * margin));
      for (const auto& pass : passes()) {
        const PassOf chosen(pass);
        const Grid grid =
            evaluate(*net, cross_entropy, data, plane, {0, 0, 1}, {0, 0, 1}, {.path = Path::Fused});
        EXPECT_NEAR(grid.values[0], expected, (type == torch::kFloat64 ? 1e-14 : 2e-6) * expected)
            << margin << ", " << pass;
      }
    }
  }
}

TEST(FusedClasses, AreInfiniteOrNanWhereTheLoopIs) {
  for (const auto& signs : std::vector<std::vector<float>>{
           {1, 0, 0}, {0, 1, 0}, {1, 1, 0}, {-1, 0, 0}, {0, -1, -1}, {1, 0, -1}}) {
    nn::Sequential net(nn::Linear(nn::LinearOptions(1, 3).bias(false)));
    const Tensor weight = torch::tensor(signs).unsqueeze(1);
    {
      const torch::NoGradGuard no_grad;
      net->parameters()[0].copy_(weight);
    }
    const Plane plane = given_plane(*net, {1e30 * weight}, {weight});
    for (const int64_t target : {0, 1, 2}) {
      const Data data{torch::full({1, 1}, 1e30), torch::full({1}, target, torch::kLong)};
      const auto values = [&](Path path) {
        return evaluate(*net, cross_entropy, data, plane, {0, 1, 2}, {0, 0, 1}, {.path = path})
            .values;
      };
      const auto loop = values(Path::Loop), fused = values(Path::Fused);
      for (size_t k = 0; k < 2; ++k) {
        const double a = fused[k], b = loop[k];
        EXPECT_TRUE(a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) < 1e-6)
            << a << " instead of " << b;
      }
    }
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
    const auto values = [&, net = net](const char* pass) {
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

TEST(Fused, IsNotTakenWhereItsCopiesOfThePlaneDoNotFit) {
  torch::manual_seed(27);
  nn::Sequential net(nn::Linear(200, 200), nn::ReLU(), nn::Linear(200, 1));
  const Data data = noise(4, 200, 1);
  const Plane plane = random_plane(*net);
  const Axis axis{-1, 1, 3};
  const auto run = [&](int64_t memory, Path path = Path::Auto) {
    return evaluate(*net, mse, data, plane, axis, axis, {.path = path, .memory = memory});
  };
  // The parameters are 162 kB: the loop takes them three times, the fused path five times.
  const Grid loop = run(600000);
  EXPECT_EQ(loop.notes.at("path"), "loop");
  EXPECT_THAT(loop.notes.at("reason"), HasSubstr("more than options.memory = 600000"));
  EXPECT_THAT([&] { run(600000, Path::Fused); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("path is fused, but it takes ")));
  const Grid bare = run(1000000), whole = run(2000000);
  EXPECT_EQ(bare.notes.at("path"), "fused");
  EXPECT_THAT(bare.notes.at("reason"), testing::Not(HasSubstr("affine")));
  EXPECT_THAT(whole.notes.at("reason"), HasSubstr("affine"));
  EXPECT_LE(difference(bare, loop, torch::kFloat32), 1);
  EXPECT_LE(difference(whole, loop, torch::kFloat32), 1);
}

TEST(Fused, IsNotTakenWhereItsCopyOfTheDataDoesNotFit) {
  torch::manual_seed(28);
  nn::Sequential net(nn::Linear(64, 8), nn::Tanh(), nn::Linear(8, 1));
  const Data data = noise(5000, 64, 1);  // 1.3 MB
  const Plane plane = random_plane(*net);
  const Axis axis{-1, 1, 3};
  const auto run = [&](int64_t memory) {
    return evaluate(*net, mse, data, plane, axis, axis, {.memory = memory});
  };
  const Grid tight = run(600000), wide = run(1600000);
  EXPECT_EQ(tight.notes.at("path"), "loop");
  EXPECT_THAT(tight.notes.at("reason"), HasSubstr("not fused: it takes"));
  EXPECT_EQ(wide.notes.at("path"), "fused");
  EXPECT_LE(difference(wide, tight, torch::kFloat32), 1);
}

TEST(Fused, MakesNoSecondCopyOfTheData) {
  torch::manual_seed(29);
  nn::Sequential net(nn::Linear(256, 2));
  const std::vector<Data> data{noise(9000, 256, 2), noise(11000, 256, 2)};
  const Plane plane = random_plane(*net);
  const auto peak = [&](Path path) {
    return tensors::peak_bytes([&] {
      evaluate(*net, mse, data, plane, {-1, 1, 3}, {-1, 1, 3}, {.path = path, .threads = 1});
    });
  };
  // In double the data are 41 MB, in one piece 20 MB.
  EXPECT_LT(peak(Path::Fused), peak(Path::Loop) + 2000000);
}

TEST(Fused, IsWhatAutoChoosesForTheSineNet) {
  auto net = sine_net(64);
  const Grid grid =
      evaluate(*net, mse, sine_data(100), random_plane(*net), {-5, 5, 100}, {-5, 5, 100});
  EXPECT_EQ(grid.notes.at("path"), "fused") << grid.notes.at("reason");
}

}  // namespace
}  // namespace fused_test
}  // namespace descent::tests

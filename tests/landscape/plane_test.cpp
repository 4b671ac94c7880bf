#include <array>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>

#include "models.h"

namespace descent::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

bool equal(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  bool same = a.size() == b.size();
  for (size_t k = 0; same && k < a.size(); ++k) same = a[k].equal(b[k]);
  return same;
}

TEST(RandomPlane, IsReproducibleFromItsSeed) {
  auto net = sine_net();
  for (const auto draw : {Draw::Initialiser, Draw::Gaussian}) {
    const Plane one = random_plane(*net, {.seed = 1, .draw = draw});
    torch::rand(17);
    const Plane again = random_plane(*net, {.seed = 1, .draw = draw});
    const Plane other = random_plane(*net, {.seed = 2, .draw = draw});
    EXPECT_TRUE(equal(one.u, again.u) && equal(one.v, again.v));
    EXPECT_FALSE(equal(one.u, other.u) || equal(one.v, other.v));
    EXPECT_FALSE(equal(one.u, one.v));
    EXPECT_EQ(one.hash(), again.hash());
    EXPECT_NE(one.hash(), other.hash());
    EXPECT_EQ(one.seed, 1u);
  }
}

TEST(RandomPlane, LeavesTheGlobalGeneratorAndTheModelAlone) {
  auto net = sine_net();
  const UserNet user;
  const Snapshot net_before(*net), user_before(*user);
  torch::manual_seed(7);
  const auto expected = torch::rand(5);
  torch::manual_seed(7);
  random_plane(*net);
  random_plane(*user, {.seed = 3});
  random_plane(*net, {.draw = Draw::Gaussian});
  EXPECT_TRUE(torch::rand(5).equal(expected));
  EXPECT_EQ(net_before, Snapshot(*net));
  EXPECT_EQ(user_before, Snapshot(*user));
}

TEST(RandomPlane, DrawsEachLinearFromItsOwnInitialiser) {
  nn::Sequential net(nn::Linear(100, 400), nn::ReLU(), nn::Linear(400, 50));
  const Plane plane = random_plane(*net, {.seed = 5});
  ASSERT_EQ(plane.names, (std::vector<std::string>{"0.weight", "0.bias", "2.weight", "2.bias"}));
  for (const auto* direction : {&plane.u, &plane.v}) {
    for (size_t k = 0; k < direction->size(); ++k) {
      const double bound = 1 / std::sqrt(k < 2 ? 100. : 400.);
      const auto& d = (*direction)[k];
      EXPECT_LE(d.abs().max().item<double>(), bound);
      EXPECT_GT(d.abs().max().item<double>(), 0.9 * bound);
      EXPECT_NEAR(d.std().item<double>(), bound / std::sqrt(3.), 0.15 * bound);
      EXPECT_NEAR(d.mean().item<double>(), 0, 0.2 * bound);
      EXPECT_FALSE(d.requires_grad());
    }
  }
}

TEST(RandomPlane, DrawsWhatTheInitialisersOfOtherLayersDraw) {
  nn::Sequential net(nn::Conv2d(3, 64, 5), nn::BatchNorm2d(64), nn::Flatten(),
                     nn::LayerNorm(std::vector<int64_t>{64}));
  const nn::Embedding table(30, 40);
  const Plane plane = random_plane(*net, {.seed = 5});
  const double bound = 1 / std::sqrt(3. * 5 * 5);
  EXPECT_LE(plane.u[0].abs().max().item<double>(), bound);
  EXPECT_GT(plane.u[0].abs().max().item<double>(), 0.9 * bound);
  EXPECT_LE(plane.u[1].abs().max().item<double>(), bound);
  for (const size_t norm : {2u, 4u}) {
    EXPECT_TRUE(plane.u[norm].equal(torch::ones(64)));
    EXPECT_TRUE(plane.u[norm + 1].equal(torch::zeros(64)));
  }
  EXPECT_NEAR(random_plane(*table).u[0].std().item<double>(), 1, 0.1);
}

TEST(RandomPlane, ReachesTheInitialiserOfAUsersModule) {
  nn::Sequential net(UserNet{}, nn::Linear(1, 3));
  const Plane plane = random_plane(*net);
  ASSERT_EQ(plane.names.size(), 9u);
  EXPECT_EQ(plane.names[0], "0.scale");
  EXPECT_DOUBLE_EQ(plane.u[0].item<double>(), 1.5);
  EXPECT_LE(plane.u[1].abs().max().item<double>(), 1 / std::sqrt(2.));
}

TEST(RandomPlane, GaussianDirectionsAreStandardNormal) {
  nn::Linear net(100, 100);
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  EXPECT_NEAR(plane.u[0].mean().item<double>(), 0, 0.05);
  EXPECT_NEAR(plane.u[0].std().item<double>(), 1, 0.05);
  EXPECT_GT(plane.u[0].abs().max().item<double>(), 3);
}

TEST(RandomPlane, KeepsTheTypeOfTheParameters) {
  auto net = sine_net();
  net->to(torch::kFloat64);
  for (const auto draw : {Draw::Initialiser, Draw::Gaussian}) {
    const Plane plane = random_plane(*net, {.draw = draw});
    EXPECT_EQ(plane.center[0].scalar_type(), torch::kFloat64);
    EXPECT_EQ(plane.u[0].scalar_type(), torch::kFloat64);
  }
}

TEST(RandomPlane, CountsTiedWeightsOnce) {
  nn::Linear shared(4, 4);
  nn::Sequential net(shared, nn::ReLU(), shared);
  EXPECT_EQ(random_plane(*net).names, (std::vector<std::string>{"0.weight", "0.bias"}));
}

TEST(RandomPlane, StaysWhenTheModelIsTrainedFurther) {
  auto net = sine_net();
  const Plane plane = random_plane(*net);
  const auto before = plane.center[0].clone();
  {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : net->parameters()) parameter.add_(1);
  }
  EXPECT_TRUE(plane.center[0].equal(before));
}

class PlainModule : public nn::Module {
 public:
  PlainModule() : linear_(register_module("linear", nn::Linear(1, 1))) {}
  torch::Tensor forward(const torch::Tensor& x) { return linear_(x); }

 private:
  nn::Linear linear_;
};

TEST(RandomPlane, SaysWhatAModuleThatCannotBeClonedMustDeriveFrom) {
  const PlainModule module;
  EXPECT_THAT([&] { random_plane(module); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("torch::nn::Cloneable")));
  EXPECT_NO_THROW(random_plane(module, {.draw = Draw::Gaussian}));
}

TEST(RandomPlane, RefusesModelsWithoutFiniteParameters) {
  const nn::ReLU empty;
  EXPECT_THAT([&] { random_plane(*empty); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("no parameters")));
  nn::Linear net(2, 2);
  {
    const torch::NoGradGuard no_grad;
    net->bias[1] = NAN;
  }
  EXPECT_THAT([&] { random_plane(*net); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'bias' has values that are not")));
}

TEST(GivenPlane, CopiesWhatItIsGiven) {
  nn::Linear net(2, 3);
  auto u = std::vector<torch::Tensor>{torch::ones({3, 2}), torch::ones({3})};
  const Plane plane = given_plane(*net, u, u);
  u[0].fill_(7);
  EXPECT_TRUE(plane.u[0].equal(torch::ones({3, 2})));
  EXPECT_EQ(plane.names, (std::vector<std::string>{"weight", "bias"}));
  EXPECT_EQ(plane.how, "given directions");
  EXPECT_FALSE(plane.seed);
  EXPECT_EQ(given_plane(net->parameters(), plane.u, plane.v).hash(), plane.hash());
}

TEST(GivenPlane, NamesTheParameterThatDoesNotFit) {
  nn::Linear net(2, 3);
  const auto good = std::vector<torch::Tensor>{torch::ones({3, 2}), torch::ones({3})};
  const auto refused = [&](const std::vector<torch::Tensor>& u, const char* reason) {
    EXPECT_THAT([&] { given_plane(*net, good, u); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(reason)));
  };
  refused({good[0]}, "direction v has 1 tensors for 2 parameters");
  refused({good[0], torch::ones({4})}, "direction v of parameter 'bias' is Float[4]");
  refused({good[0].to(torch::kFloat64), good[1]},
          "direction v of parameter 'weight' is Double[3, 2]");
  refused({good[0], torch::Tensor()}, "'bias' is an undefined tensor");
  refused({good[0], torch::full({3}, INFINITY)}, "'bias' has values that are not finite");
}

/// A convolution, a normalisation layer, a linear layer and a scalar, in double.
struct ManyImpl : nn::Cloneable<ManyImpl> {
  ManyImpl() { reset(); }
  void reset() override {
    convolution = register_module("convolution", nn::Conv2d(2, 3, 2));
    norm = register_module("norm", nn::BatchNorm2d(3));
    linear = register_module("linear", nn::Linear(5, 4));
    scale = register_parameter("scale", torch::full({}, 1.5));
  }
  nn::Conv2d convolution{nullptr};
  nn::BatchNorm2d norm{nullptr};
  nn::Linear linear{nullptr};
  torch::Tensor scale;
};
TORCH_MODULE(Many);

Many many() {
  torch::manual_seed(2);
  Many net;
  net->to(torch::kFloat64);
  const torch::NoGradGuard no_grad;
  net->convolution->weight[1].zero_();  // a dead filter
  return net;
}

double length_of(const std::vector<double>& numbers) {
  double sum = 0;
  for (const double x : numbers) sum += x * x;
  return std::sqrt(sum);
}

std::vector<double> numbers_of(const torch::Tensor& tensor) {
  const auto flat = tensor.contiguous().view(-1);
  const auto* first = flat.const_data_ptr<double>();
  return std::vector<double>(first, first + flat.numel());
}

/// The definitions of Li et al., written out number by number.
std::vector<double> by_definition(const torch::Tensor& direction, const torch::Tensor& weights,
                                  Norm norm, bool ignore_bias_bn) {
  std::vector<double> d = numbers_of(direction), w = numbers_of(weights);
  if (weights.dim() <= 1) {
    if (ignore_bias_bn) std::fill(w.begin(), w.end(), 0.0);
    return w;
  }
  const bool filters = norm == Norm::Filter || norm == Norm::DFilter;
  const size_t slice = filters ? d.size() / static_cast<size_t>(weights.size(0)) : d.size();
  std::vector<double> result(d.size());
  for (size_t begin = 0; begin < d.size(); begin += slice) {
    const auto part = [&](const std::vector<double>& x) {
      return std::vector<double>(x.begin() + static_cast<std::ptrdiff_t>(begin),
                                 x.begin() + static_cast<std::ptrdiff_t>(begin + slice));
    };
    for (size_t k = begin; k < begin + slice; ++k) {
      switch (norm) {
        case Norm::Filter:
          result[k] = d[k] * length_of(part(w)) / (length_of(part(d)) + 1e-10);
          break;
        case Norm::Layer:
          result[k] = d[k] * length_of(w) / length_of(d);
          break;
        case Norm::Weight:
          result[k] = d[k] * w[k];
          break;
        case Norm::DFilter:
          result[k] = d[k] / (length_of(part(d)) + 1e-10);
          break;
        case Norm::DLayer:
          result[k] = d[k] / length_of(d);
          break;
        case Norm::None:
          result[k] = d[k];
      }
    }
  }
  return result;
}

constexpr std::array kNorms{Norm::Filter, Norm::Layer, Norm::Weight, Norm::DFilter, Norm::DLayer};

TEST(Normalised, IsWhatTheDefinitionsSay) {
  const Many net = many();
  const Plane raw = random_plane(*net, {.seed = 3, .draw = Draw::Gaussian});
  for (const Norm norm : kNorms) {
    for (const bool ignore : {true, false}) {
      const Plane plane = random_plane(
          *net, {.seed = 3, .draw = Draw::Gaussian, .norm = norm, .ignore_bias_bn = ignore});
      for (size_t k = 0; k < raw.u.size(); ++k) {
        const auto expected = by_definition(raw.u[k], raw.center[k], norm, ignore);
        const auto is = numbers_of(plane.u[k]);
        ASSERT_EQ(is.size(), expected.size());
        for (size_t n = 0; n < is.size(); ++n) {
          EXPECT_NEAR(is[n], expected[n], 1e-14 * (1 + std::abs(expected[n])))
              << static_cast<int>(norm) << ' ' << plane.names[k];
        }
      }
    }
  }
}

TEST(Normalised, GivesADeadFilterAZeroDirection) {
  const Plane plane = random_plane(*many(), {.norm = Norm::Filter});
  ASSERT_EQ(plane.names[1], "convolution.weight");
  EXPECT_EQ(plane.u[1][1].abs().max().item<double>(), 0);
  EXPECT_GT(plane.u[1][0].abs().max().item<double>(), 0);
}

TEST(Normalised, LeavesADirectionOfZerosAtZero) {
  const std::vector<torch::Tensor> zero{torch::zeros({2, 3})}, weights{torch::ones({2, 3})};
  for (const Norm norm : kNorms) {
    EXPECT_EQ(normalised(zero, weights, norm)[0].abs().max().item<double>(), 0);
  }
  EXPECT_THAT(
      [&] {
        normalised(zero, {torch::ones({3, 2})}, Norm::Layer);
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("tensor 0 of the direction is")));
}

TEST(RandomPlane, SaysHowItWasMade) {
  const Many net = many();
  EXPECT_EQ(random_plane(*net, {.draw = Draw::Gaussian, .norm = Norm::Filter}).how,
            "two Gaussian draws, filter-normalised, biases and normalisation layers fixed");
  EXPECT_EQ(random_plane(*net, {.norm = Norm::Weight, .ignore_bias_bn = false}).how,
            "two draws of the model's initialiser, times the weights, biases and normalisation "
            "layers along themselves");
}

TEST(RandomPlane, MovesBuffersIfAsked) {
  const Many net = many();
  EXPECT_TRUE(random_plane(*net).buffers.names.empty());
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian, .buffers = true});
  EXPECT_EQ(plane.buffers.names,
            (std::vector<std::string>{"norm.running_mean", "norm.running_var"}));
  EXPECT_GT(plane.buffers.v[1].abs().min().item<double>(), 0);
  EXPECT_TRUE(plane.u[0].equal(random_plane(*net, {.draw = Draw::Gaussian}).u[0]));
  const Plane fixed = random_plane(*net, {.norm = Norm::Filter, .buffers = true});
  EXPECT_EQ(fixed.buffers.u[0].abs().max().item<double>(), 0);
}

TEST(RandomPlane, RefusesADirectionThatDoesNotMove) {
  nn::LayerNorm net(nn::LayerNormOptions({4}));
  EXPECT_NO_THROW(random_plane(*net, {.draw = Draw::Gaussian}));
  EXPECT_THAT([&] { random_plane(*net, {.draw = Draw::Gaussian, .norm = Norm::Filter}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("direction u is zero: ")));
}

TEST(FilterNormalisation, DoesNotSeeTheScaleOfReLULayers) {
  torch::manual_seed(6);
  const auto build = [] {
    using O = nn::LinearOptions;
    return nn::Sequential(nn::Linear(O(3, 8).bias(false)), nn::ReLU(),
                          nn::Linear(O(8, 6).bias(false)), nn::ReLU(),
                          nn::Linear(O(6, 1).bias(false)));
  };
  auto net = build();
  net->to(torch::kFloat64);
  const Data data{torch::randn({20, 3}, torch::kFloat64), torch::randn({20, 1}, torch::kFloat64)};
  const PlaneOptions options{.seed = 4, .draw = Draw::Gaussian, .norm = Norm::Filter};
  const Axis axis{-1, 1, 5};
  const Grid before = evaluate(*net, mse, data, random_plane(*net, options), axis, axis);
  const Grid raw = evaluate(*net, mse, data,
                            random_plane(*net, {.seed = 4, .draw = Draw::Gaussian}), axis, axis);
  {
    const torch::NoGradGuard no_grad;
    net->parameters()[0].mul_(7);
    net->parameters()[1].div_(7);
  }
  const Grid after = evaluate(*net, mse, data, random_plane(*net, options), axis, axis);
  const Grid raw_after = evaluate(
      *net, mse, data, random_plane(*net, {.seed = 4, .draw = Draw::Gaussian}), axis, axis);
  for (size_t k = 0; k < before.values.size(); ++k) {
    EXPECT_NEAR(after.values[k], before.values[k], 1e-9 * before.values[k]);
  }
  EXPECT_GT(std::abs(raw_after.values[0] - raw.values[0]), 0.01 * raw.values[0]);
}

TEST(LineBetween, EndsInTheTwoNetworks) {
  auto a = sine_net(), b = sine_net();
  {
    const torch::NoGradGuard no_grad;
    torch::manual_seed(11);
    for (auto& parameter : b->parameters()) parameter.add_(torch::randn_like(parameter));
  }
  const Plane line = line_between(*a, *b);
  EXPECT_TRUE(line.is_line());
  EXPECT_EQ(line.marks.size(), 2u);
  const Data data = sine_data();
  const Grid grid = evaluate(*a, mse, data, line, {0, 1, 3});
  for (const auto& [net, j] : {std::pair{a, 0}, std::pair{b, 2}}) {
    auto same = net;
    const double loss = mse(same->forward(data.input), data.target).item<double>();
    EXPECT_NEAR(grid.at(0, j), loss, 1e-5 * loss);
  }
  EXPECT_THAT([&] { line_between(*a, *a); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("the two networks are equal")));
  EXPECT_THAT([&] { line_between(*a, *sine_net(8)); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("parameter '0.weight' of the first network is Float[16, 1] on cpu")));
}

TEST(LineBetween, TakesBuffersAlong) {
  nn::BatchNorm1d a(2), b(2);
  b->running_mean.fill_(3);
  {
    const torch::NoGradGuard no_grad;
    b->weight.fill_(2);
  }
  const Plane line = line_between(*a, *b);
  EXPECT_EQ(line.buffers.names, (std::vector<std::string>{"running_mean", "running_var"}));
  EXPECT_TRUE(line.buffers.u[0].equal(torch::full({2}, 3.f)));
  EXPECT_TRUE(line.buffers.u[1].equal(torch::zeros({2})));
  EXPECT_TRUE(line.buffers.v.empty());
}

TEST(PlaneBetween, HoldsTheThreeNetworksInDistancesBetweenWeights) {
  std::array<nn::Sequential, 3> nets{sine_net(), sine_net(), sine_net()};
  torch::manual_seed(12);
  for (auto& net : nets) {
    net->to(torch::kFloat64);
    const torch::NoGradGuard no_grad;
    for (auto& parameter : net->parameters()) parameter.add_(torch::randn_like(parameter));
  }
  const Plane plane = plane_between(*nets[0], *nets[1], *nets[2]);
  EXPECT_NEAR(plane.cosine(), 0, 1e-12);
  double u = 0, v = 0;
  for (const auto& tensor : plane.u) u += tensor.square().sum().item<double>();
  for (const auto& tensor : plane.v) v += tensor.square().sum().item<double>();
  EXPECT_NEAR(u, 1, 1e-12);
  EXPECT_NEAR(v, 1, 1e-12);
  ASSERT_EQ(plane.marks.size(), 3u);
  for (size_t n = 0; n < 3; ++n) {
    const auto& mark = plane.marks[n];
    const auto parameters = nets[n]->parameters();
    for (size_t k = 0; k < parameters.size(); ++k) {
      const auto there = plane.center[k] + mark.alpha * plane.u[k] + mark.beta * plane.v[k];
      EXPECT_LT((there - parameters[k]).abs().max().item<double>(), 1e-13);
    }
  }
  const Plane line = plane.line();
  ASSERT_EQ(line.marks.size(), 2u);
  EXPECT_EQ(line.marks[1].label, "second");
  EXPECT_NE(line.hash(), plane.hash());
  EXPECT_THAT([&] { plane_between(*nets[0], *nets[1], *nets[1]); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("lie on one line")));
  EXPECT_THAT([&] { plane_between(*nets[0], *nets[0], *nets[1]); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("lie on one line")));
}

TEST(PlaneBetween, HasTheSameBitsForAnyNumberOfThreads) {
  torch::manual_seed(12);
  nn::Linear a(500, 400), b(500, 400), c(500, 400);
  const int threads = torch::get_num_threads();
  std::vector<uint64_t> hashes;
  std::vector<double> cosines, places;
  for (const int count : {1, 2, 3}) {
    torch::set_num_threads(count);
    const Plane plane = plane_between(*a, *b, *c);
    hashes.push_back(plane.hash());
    cosines.push_back(given_plane(*a, b->parameters(), c->parameters()).cosine());
    places.push_back(plane.marks[2].alpha);
    EXPECT_EQ(torch::get_num_threads(), count);
  }
  torch::set_num_threads(threads);
  EXPECT_THAT(hashes, testing::Each(hashes[0]));
  EXPECT_THAT(cosines, testing::Each(cosines[0]));
  EXPECT_THAT(places, testing::Each(places[0]));
}

TEST(Normalised, HasTheSameBitsForAnyNumberOfThreads) {
  torch::manual_seed(12);
  const torch::Tensor weights = torch::randn({500, 400}, torch::kFloat64),
                      d = torch::randn({500, 800}, torch::kFloat64).slice(1, 0, 800, 2);
  const int threads = torch::get_num_threads();
  for (const Norm norm : {Norm::Filter, Norm::Layer, Norm::DFilter, Norm::DLayer}) {
    torch::set_num_threads(1);
    const torch::Tensor one = normalised({d}, {weights}, norm)[0];
    torch::set_num_threads(2);
    EXPECT_TRUE(normalised({d}, {weights}, norm)[0].equal(one)) << static_cast<int>(norm);
  }
  torch::set_num_threads(threads);
}

TEST(GivenPlane, IsALineWithoutV) {
  nn::Linear net(2, 3);
  const std::vector<torch::Tensor> u{torch::ones({3, 2}), torch::ones({3})};
  EXPECT_TRUE(given_plane(*net, u).is_line());
  EXPECT_EQ(given_plane(*net, u).how, "a given direction");
  EXPECT_DOUBLE_EQ(given_plane(*net, u, u).cosine(), 1);
  EXPECT_THAT(
      [&] {
        given_plane(*net, {torch::zeros({3, 2}), torch::zeros({3})});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("direction u is zero")));
}

TEST(RandomPlane, LeavesFrozenParametersWhereTheyAre) {
  nn::Sequential net(nn::Linear(2, 3), nn::Tanh(), nn::Linear(3, 1));
  const PlaneOptions options{.seed = 5, .draw = Draw::Gaussian};
  const Plane all = random_plane(*net, options);
  for (const auto& p : net->ptr(0)->parameters()) p.requires_grad_(false);
  const Plane rest = random_plane(*net, options);
  for (const size_t k : {0u, 1u}) {
    EXPECT_FALSE(rest.u[k].any().item<bool>());
    EXPECT_FALSE(rest.v[k].any().item<bool>());
  }
  for (const size_t k : {2u, 3u}) {
    EXPECT_TRUE(rest.u[k].equal(all.u[k]));
    EXPECT_TRUE(rest.v[k].equal(all.v[k]));
  }
  EXPECT_EQ(rest.how, "two Gaussian draws, 2 of 4 parameters frozen");
  EXPECT_EQ(random_plane(*net, {.seed = 5, .draw = Draw::Gaussian, .frozen = true}).hash(),
            all.hash());
  for (const auto& p : net->parameters()) p.requires_grad_(false);  // loaded for inference
  EXPECT_EQ(random_plane(*net, options).hash(), all.hash());
}

class NobodysImpl : public nn::Cloneable<NobodysImpl> {
 public:
  NobodysImpl() { reset(); }
  void reset() override { register_parameter("w", torch::ones({1})); }
};

TEST(Network, HasATypeWithoutWhereNobodyElseSeesIt) {
  const std::string type = Network(NobodysImpl()).model().type();
  EXPECT_THAT(type, testing::EndsWith("tests::NobodysImpl"));
}

TEST(Only, MovesTheParametersOfAPatternAlone) {
  const auto net = sine_net(4);
  const Plane plane = random_plane(*net), part = only(plane, "2.*");
  for (size_t k = 0; k < plane.names.size(); ++k) {
    const bool moves = plane.names[k].starts_with("2.");
    EXPECT_EQ(part.u[k].equal(plane.u[k]), moves) << plane.names[k];
    EXPECT_EQ(part.v[k].any().item<bool>(), moves) << plane.names[k];
    EXPECT_TRUE(part.center[k].equal(plane.center[k]));
  }
  EXPECT_THAT(part.how, HasSubstr("where only 2.* moves"));
  EXPECT_EQ(only(plane, "*").hash(), plane.hash());
}

TEST(Only, KeepsTheMarksThatLieOnThePlane) {
  const auto a = sine_net(4);
  const auto b = std::dynamic_pointer_cast<nn::SequentialImpl>(a->clone());
  {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : b->parameters()) parameter.add_(1);
  }
  const Plane line = only(line_between(*a, *b), "*.bias");
  ASSERT_EQ(line.marks.size(), 1u);
  EXPECT_EQ(line.marks[0].alpha, 0);
}

/// One weight matrix as both layers.
class TwiceImpl : public nn::Cloneable<TwiceImpl> {
 public:
  TwiceImpl() { TwiceImpl::reset(); }
  void reset() override {
    auto layer = register_module("embed", nn::Linear(3, 3));
    register_module("head", layer);
    register_module("last", nn::Linear(3, 1));
  }
};

TEST(Only, TakesTiedWeightsByAnyOfTheirNames) {
  const TwiceImpl net;
  const Plane plane = random_plane(net);
  ASSERT_THAT(plane.names, ElementsAre("embed.weight", "embed.bias", "last.weight", "last.bias"));
  for (const char* const pattern : {"embed.*", "head.*"}) {
    const Plane part = only(plane, pattern);
    EXPECT_TRUE(part.u[0].equal(plane.u[0])) << pattern;
    EXPECT_FALSE(part.u[2].any().item<bool>()) << pattern;
  }
}

TEST(Only, RefusesWhatDoesNotMove) {
  const auto net = sine_net(4);
  EXPECT_THAT(
      [&] { only(random_plane(*net), "head.*"); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("fits no parameter; there are 0.weight")));
  const Plane filters = random_plane(*net, {.norm = Norm::Filter});
  EXPECT_THAT([&] { only(filters, "*.bias"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("does not move *.bias")));
}

TEST(Layers, AreThePartsOfNamesAheadOfTheLastDot) {
  const auto net = sine_net(4);
  EXPECT_THAT(layers(random_plane(*net)), ElementsAre("0", "2", "4"));
  const std::vector<at::Tensor> tensors(3, torch::ones({2}));
  Plane plane = given_plane(tensors, tensors);
  plane.names = {"token", "block.0.weight", "block.weight"};
  EXPECT_THAT(layers(plane), ElementsAre("token", "block.0", "block"));
}

TEST(Layers, MoveTheirOwnParametersAlone) {
  const auto net = sine_net(4);
  const Plane plane = random_plane(*net), layer = only_layer(plane, "2");
  for (size_t k = 0; k < plane.names.size(); ++k) {
    const bool moves = plane.names[k].starts_with("2.");
    EXPECT_EQ(layer.u[k].equal(plane.u[k]), moves) << plane.names[k];
    EXPECT_EQ(layer.v[k].any().item<bool>(), moves) << plane.names[k];
  }
  EXPECT_THAT(layer.how, HasSubstr("where only 2 moves"));
  // "block" is not what lies inside of it.
  const std::vector<at::Tensor> tensors(2, torch::ones({2}));
  Plane nested = given_plane(tensors, tensors, tensors);
  nested.names = {"block.weight", "block.0.weight"};
  EXPECT_FALSE(only_layer(nested, "block").u[1].any().item<bool>());
}

TEST(Layers, LeaveOutThoseThatThePlaneHoldsStill) {
  const std::vector<at::Tensor> ones(2, torch::ones({2})),
      first{torch::ones({2}), torch::zeros({2})};
  Plane plane = given_plane(ones, ones, first);
  plane.names = {"conv.weight", "norm.weight"};
  EXPECT_THAT(layers(plane), ElementsAre("conv"));
  EXPECT_THAT([&] { only_layer(plane, "norm"); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("layer = \"norm\" is none that the plane moves; there are conv")));
}

}  // namespace
}  // namespace descent::tests

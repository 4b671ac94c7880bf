#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models.h"

namespace descent::tests {
namespace {

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

}  // namespace
}  // namespace descent::tests

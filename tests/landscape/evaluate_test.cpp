#include <atomic>
#include <cmath>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models.h"

namespace descent::tests {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const Axis kWide{-5, 5, 7}, kPoint{0, 0, 1};

torch::Tensor absolute_error(const torch::Tensor& prediction, const torch::Tensor& target) {
  return (prediction - target).abs().mean();
}

TEST(Evaluate, GivesTheTrainingLossAtTheCenter) {
  auto net = sine_net();
  const Data data = sine_data();
  const double training = torch::mse_loss(net->forward(data.input), data.target).item<double>();
  const Plane plane = random_plane(*net);
  for (const auto path : {Path::Loop, Path::Fused}) {
    const Grid grid = evaluate(*net, mse, data, plane, kPoint, kPoint, {.path = path});
    ASSERT_EQ(grid.values.size(), 1u);
    EXPECT_NEAR(grid.values[0], training, 1e-6 * training);
  }
  EXPECT_NEAR(mse(net->forward(data.input), data.target).item<double>(), training, 1e-6 * training);
}

TEST(Evaluate, PutsAlphaAlongColumnsAndBetaAlongRows) {
  nn::Linear net(nn::LinearOptions(1, 1).bias(false));
  {
    const torch::NoGradGuard no_grad;
    net->weight.fill_(10);
  }
  const std::vector<torch::Tensor> u{torch::ones({1, 1})}, v{torch::full({1, 1}, 3.f)};
  const Data data{torch::ones({1, 1}), torch::zeros({1, 1})};
  for (const auto path : {Path::Loop, Path::Fused}) {
    const Grid grid =
        evaluate(*net, mse, data, given_plane(*net, u, v), {0, 2, 3}, {0, 1, 2}, {.path = path});
    EXPECT_EQ(grid.x_name, "alpha");
    EXPECT_EQ(grid.values, (std::vector<double>{100, 121, 144, 169, 196, 225}));
  }
}

TEST(Evaluate, TakesACustomModuleAndItsBuffersByTheLoop) {
  UserNet net;
  torch::manual_seed(1);
  const Data data{torch::randn({20, 2}), torch::randn({20, 1})};
  net->forward(data.input * 3 + 1);  // moves the running statistics
  const Snapshot before(*net);
  const Plane plane = random_plane(*net, {.seed = 2});
  const Grid grid = evaluate(*net, mse, data, plane, {-1, 1, 3}, {-1, 1, 3});
  EXPECT_EQ(grid.notes.at("path"), "loop");
  EXPECT_THAT(grid.notes.at("reason"), HasSubstr("UserNet"));
  EXPECT_EQ(before, Snapshot(*net));

  net->eval();
  const torch::NoGradGuard no_grad;
  const double center = torch::mse_loss(net->forward(data.input), data.target).item<double>();
  EXPECT_NEAR(grid.at(1, 1), center, 1e-6 * center);
  const auto parameters = net->parameters();
  for (size_t k = 0; k < parameters.size(); ++k) parameters[k].add_(plane.u[k]).sub_(plane.v[k]);
  const double corner = torch::mse_loss(net->forward(data.input), data.target).item<double>();
  EXPECT_NEAR(grid.at(0, 2), corner, 1e-5 * corner);
}

TEST(Evaluate, TakesAnyLossByTheLoop) {
  auto net = sine_net();
  const Data data = sine_data();
  const Grid grid = evaluate(*net, absolute_error, data, random_plane(*net), kPoint, kPoint);
  EXPECT_EQ(grid.notes.at("path"), "loop");
  EXPECT_EQ(grid.notes.at("reason"), "the loss is not descent::mse");
  const double expected = absolute_error(net->forward(data.input), data.target).item<double>();
  EXPECT_NEAR(grid.values[0], expected, 1e-6 * expected);

  nn::Sequential classifier(nn::Linear(2, 3));
  const Data labelled{torch::randn({9, 2}), torch::arange(9) % 3};
  const auto cross_entropy = [](const torch::Tensor& p, const torch::Tensor& t) {
    return torch::nn::functional::cross_entropy(p, t);
  };
  const Grid entropy =
      evaluate(*classifier, cross_entropy, labelled, random_plane(*classifier), kPoint, kPoint);
  EXPECT_NEAR(entropy.values[0],
              cross_entropy(classifier->forward(labelled.input), labelled.target).item<double>(),
              1e-6);
}

TEST(Evaluate, EvaluatesInEvalModeWithoutGradients) {
  nn::Sequential net(nn::Linear(1, 50), nn::Dropout(0.5), nn::Linear(50, 1));
  const Data data = sine_data();
  const Plane plane = random_plane(*net);
  const auto loss = [](const torch::Tensor& p, const torch::Tensor& t) {
    if (p.requires_grad() || torch::GradMode::is_enabled()) throw std::logic_error("gradients");
    return (p - t).square().mean();
  };
  const Grid loop = evaluate(*net, loss, data, plane, kWide, kWide, {.threads = 2});
  const Grid fused = evaluate(*net, mse, data, plane, kWide, kWide, {.path = Path::Fused});
  for (size_t k = 0; k < loop.values.size(); ++k) {
    EXPECT_NEAR(loop.values[k], fused.values[k], 1e-5 * loop.values[k]);
  }
  EXPECT_TRUE(net->is_training());
}

TEST(Evaluate, MovesTiedWeightsTogether) {
  nn::Linear shared(2, 2);
  nn::Sequential net(shared, nn::Tanh(), shared);
  const Data data{torch::randn({10, 2}), torch::randn({10, 2})};
  const Plane plane = random_plane(*net, {.seed = 9});
  const Grid fused = evaluate(*net, mse, data, plane, {1, 1, 1}, kPoint, {.path = Path::Fused});
  const Grid loop = evaluate(*net, mse, data, plane, {1, 1, 1}, kPoint, {.path = Path::Loop});
  const torch::NoGradGuard no_grad;
  shared->weight.add_(plane.u[0]);
  shared->bias.add_(plane.u[1]);
  const double expected = mse(net->forward(data.input), data.target).item<double>();
  EXPECT_NEAR(loop.values[0], expected, 1e-5 * expected);
  EXPECT_NEAR(fused.values[0], expected, 1e-5 * expected);
}

TEST(Evaluate, TakesParametersOfLowPrecisionByTheLoop) {
  auto net = sine_net();
  net->to(torch::kBFloat16);
  Data data = sine_data();
  data = {data.input.to(torch::kBFloat16), data.target.to(torch::kBFloat16)};
  const Grid grid = evaluate(*net, mse, data, random_plane(*net), kPoint, kPoint);
  EXPECT_EQ(grid.notes.at("reason"), "the parameters are BFloat16");
  EXPECT_NEAR(grid.values[0], mse(net->forward(data.input), data.target).item<double>(), 1e-2);
}

TEST(Evaluate, LeavesTheModuleAndTheGlobalGeneratorAlone) {
  auto net = sine_net();
  const Data data = sine_data();
  const Plane plane = random_plane(*net);
  const Snapshot before(*net);
  torch::manual_seed(7);
  const auto expected = torch::rand(5);
  torch::manual_seed(7);
  evaluate(*net, mse, data, plane, kWide, kWide, {.path = Path::Loop, .threads = 2});
  evaluate(*net, mse, data, plane, kWide, kWide, {.path = Path::Fused, .threads = 2});
  EXPECT_TRUE(torch::rand(5).equal(expected));
  EXPECT_EQ(before, Snapshot(*net));
}

TEST(Evaluate, PassesAnExceptionOfTheLossOnAndLeavesTheModuleAlone) {
  auto net = sine_net();
  const Data data = sine_data();
  const Plane plane = random_plane(*net);
  const Snapshot before(*net);
  for (const int threads : {1, 2}) {
    std::atomic<int> calls{0};
    const auto loss = [&](const torch::Tensor& p, const torch::Tensor& t) {
      if (++calls > 20) throw std::runtime_error("out of patience");
      return (p - t).square().mean();
    };
    EXPECT_THAT([&] { evaluate(*net, loss, data, plane, kWide, kWide, {.threads = threads}); },
                ThrowsMessage<std::runtime_error>("out of patience"));
    EXPECT_LT(calls, 49);
    EXPECT_EQ(before, Snapshot(*net));
  }
}

TEST(Evaluate, GivesTheSameBitsForAnyNumberOfThreads) {
  auto net = sine_net(33);
  const Data data = sine_data(77);
  const Plane plane = random_plane(*net);
  const Axis x{-5, 5, 41}, y{-5, 5, 9};
  for (const auto path : {Path::Loop, Path::Fused}) {
    const Grid one = evaluate(*net, mse, data, plane, x, y, {.path = path, .threads = 1});
    for (const int threads : {2, 3, 7}) {
      const Grid more = evaluate(*net, mse, data, plane, x, y, {.path = path, .threads = threads});
      EXPECT_EQ(one.values, more.values);
      EXPECT_EQ(one.notes, more.notes);
    }
  }
}

TEST(Evaluate, KeepsWhatIsNotFinite) {
  auto net = sine_net();
  Data data = sine_data();
  data.input[3] = NAN;
  const Grid grid = evaluate(*net, mse, data, random_plane(*net), kWide, kPoint);
  EXPECT_TRUE(std::isnan(grid.values[0]));
  nn::Linear linear(1, 1);
  const std::vector<torch::Tensor> u{torch::full({1, 1}, 1e38f), torch::zeros({1})};
  for (const auto path : {Path::Loop, Path::Fused}) {
    const Grid overflow = evaluate(*linear, mse, {torch::full({1, 1}, 2.f), torch::zeros({1, 1})},
                                   given_plane(*linear, u, u), {3, 3, 1}, kPoint, {.path = path});
    EXPECT_EQ(overflow.values[0], INFINITY);
  }
}

TEST(Evaluate, ReportsProgressOnTheCallingThread) {
  auto net = sine_net();
  const auto caller = std::this_thread::get_id();
  std::vector<double> seen;
  const auto progress = [&](double fraction) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    seen.push_back(fraction);
    return true;
  };
  const Grid grid = evaluate(*net, mse, sine_data(), random_plane(*net), kWide, {-5, 5, 30},
                             {.threads = 2, .on_progress = progress});
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), 1.0);
  EXPECT_FALSE(grid.notes.count("stopped"));
}

TEST(Evaluate, StopsWhenProgressSaysSoAndKeepsWhatIsDone) {
  auto net = sine_net();
  const Grid grid = evaluate(*net, mse, sine_data(), random_plane(*net), kWide, {-5, 5, 30},
                             {.threads = 1, .on_progress = [](double done) { return done < 0.5; }});
  EXPECT_TRUE(std::isfinite(grid.values.front()));
  EXPECT_TRUE(std::isnan(grid.values.back()));
  EXPECT_TRUE(grid.notes.count("stopped"));
}

TEST(Evaluate, RecordsWhereTheNumbersComeFrom) {
  auto net = sine_net();
  const Plane plane = random_plane(*net, {.seed = 12});
  const Grid grid = evaluate(*net, mse, sine_data(), plane, kWide, kWide);
  EXPECT_EQ(grid.notes.at("path"), "fused");
  EXPECT_EQ(grid.notes.at("seed"), "12");
  EXPECT_EQ(grid.notes.at("torch"), TORCH_VERSION);
  EXPECT_EQ(grid.notes.at("plane"), "two draws of the model's initialiser");
  EXPECT_EQ(grid.notes.at("directions").size(), 16u);
  EXPECT_THAT(grid.notes.at("self_check"), HasSubstr("3 points"));
  EXPECT_THAT(grid.notes.at("reason"), HasSubstr("by pieces"));
  EXPECT_EQ(grid.log().notes.at("path"), "fused");
}

TEST(Evaluate, RefusesBadInputBeforeAnyWork) {
  auto net = sine_net();
  const Data data = sine_data();
  const Plane plane = random_plane(*net);
  const auto refused = [&](const Data& d, const Plane& p, const Axis& x, const Axis& y,
                           const EvaluateOptions& options, const std::string& reason) {
    EXPECT_THAT([&] { evaluate(*net, mse, d, p, x, y, options); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(reason)));
  };
  refused(data, plane, {-5, 5, 0}, kWide, {}, "axis x");
  refused(data, plane, kWide, {-INFINITY, 5, 3}, {}, "axis y");
  refused(data, plane, kWide, kWide, {.threads = -1}, "options.threads is -1");
  refused({data.input.slice(0, 0, 0), data.target}, plane, kWide, kWide, {}, "data.input is empty");
  refused({data.input, torch::Tensor()}, plane, kWide, kWide, {}, "data.target is empty");
  refused({data.input, data.target.squeeze(1)}, plane, kWide, kWide, {},
          "data.target has shape [50], but the module's predictions have shape [50, 1]");

  Plane bad = plane;
  bad.u.pop_back();
  refused(data, bad, kWide, kWide, {}, "5 tensors in u, the module has 6 parameters");
  bad = plane;
  bad.v[2] = torch::zeros({4, 4});
  refused(data, bad, kWide, kWide, {}, "parameter '2.weight' is Float[16, 16]");
  bad = plane;
  bad.center[1] = bad.center[1].to(torch::kFloat64);
  refused(data, bad, kWide, kWide, {}, "center is Double[16]");
  bad = plane;
  bad.center[1] = torch::full({16}, NAN);
  refused(data, bad, kWide, kWide, {},
          "center of parameter '0.bias' has values that are not finite");
  refused(data, random_plane(*sine_net(8)), kWide, kWide, {}, "the plane does not fit the module");

  const auto no_reduction = [](const torch::Tensor& p, const torch::Tensor& t) { return p - t; };
  EXPECT_THAT([&] { evaluate(*net, no_reduction, data, plane, kWide, kWide); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("of shape [50, 1]")));
}

TEST(Evaluate, RefusesTheFusedPathWithTheReason) {
  const Axis point = kPoint;
  const auto refused = [&](nn::Sequential net, const Data& data, const std::string& reason) {
    EXPECT_THAT(
        [&] { evaluate(*net, mse, data, random_plane(*net), point, point, {.path = Path::Fused}); },
        ThrowsMessage<std::invalid_argument>(HasSubstr(reason)));
  };
  const Data image{torch::randn({2, 1, 4, 4}), torch::randn({2, 1, 2, 2})};
  refused(nn::Sequential(nn::Conv2d(1, 1, 3)), image, "the module holds a torch::nn::Conv2dImpl");
  const Data row{torch::randn({4, 2}), torch::randn({4, 2})};
  refused(nn::Sequential(nn::ReLU(), nn::Linear(2, 2)), row, "begins with a torch::nn::ReLUImpl");
  refused(nn::Sequential(nn::Linear(2, 2)), {row.input, row.target.to(torch::kFloat64)},
          "data.target is Double");
  const PassOf tensor("tensor");
  refused(sine_net(), sine_data(), "the pass is tensor");
}

/// reset() that registers a submodule built elsewhere: its clone would share the submodule.
class SharingImpl : public nn::Cloneable<SharingImpl> {
 public:
  SharingImpl() : linear_(1, 1) { reset(); }
  void reset() override { register_module("linear", linear_); }
  torch::Tensor forward(const torch::Tensor& x) { return linear_(x); }

 private:
  nn::Linear linear_;
};
TORCH_MODULE(Sharing);

TEST(Evaluate, RefusesAModuleThatSharesSubmodulesWithItsClone) {
  const Sharing net;
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  EXPECT_THAT([&] { evaluate(*net, mse, sine_data(), plane, kPoint, kPoint); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("reset() must create")));
}

/// Without an override, clone() yields a Sequential, which LibTorch then cannot put in place.
class HalfCloneableImpl : public nn::SequentialImpl {
 public:
  using SequentialImpl::SequentialImpl;
  torch::Tensor forward(const torch::Tensor& x) { return SequentialImpl::forward(x); }
};
TORCH_MODULE(HalfCloneable);

TEST(Evaluate, RefusesAModuleWhoseCloneLacksAPart) {
  nn::Sequential net(HalfCloneable(nn::Linear(1, 1)));
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  EXPECT_THAT([&] { evaluate(*net, mse, sine_data(), plane, kPoint, kPoint); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("clone lacks a submodule")));
}

/// A Sequential whose forward() is not that of a chain.
class ResidualImpl : public BlockImpl {
 public:
  using BlockImpl::BlockImpl;
  torch::Tensor forward(const torch::Tensor& x) { return x + SequentialImpl::forward(x); }
  std::shared_ptr<nn::Module> clone(
      const std::optional<torch::Device>& device = std::nullopt) const override {
    auto copy = std::make_shared<ResidualImpl>();
    for (const auto& part : *this) copy->push_back(part.clone(device));
    return copy;
  }
};
TORCH_MODULE(Residual);

TEST(Evaluate, TakesTheLoopWhenTheFusedPathFailsItsSelfCheck) {
  Residual net(nn::Linear(1, 4), nn::Tanh(), nn::Linear(4, 1));
  const Data data = sine_data();
  const Plane plane = random_plane(*net);
  const Grid grid = evaluate(*net, mse, data, plane, kPoint, kPoint);
  EXPECT_EQ(grid.notes.at("path"), "loop");
  EXPECT_THAT(grid.notes.at("reason"), HasSubstr("failed its self-check at alpha = 0, beta = 0"));
  EXPECT_FALSE(grid.notes.count("self_check"));
  const double expected = mse(net->forward(data.input), data.target).item<double>();
  EXPECT_NEAR(grid.values[0], expected, 1e-6 * expected);
  EXPECT_THAT([&] { evaluate(*net, mse, data, plane, kPoint, kPoint, {.path = Path::Fused}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("failed its self-check")));
}

}  // namespace
}  // namespace descent::tests

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/data.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/pooling.h>
#include <torch/nn/modules/rnn.h>
#include <torch/version.h>

#include <descent/landscape/paths/loop/loop.h>
#include <descent/networks.h>

#include "models.h"

namespace descent::tests {
namespace evaluate_test {
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
  const Grid grid = evaluate(*net, mse, data, plane, {-1, 1, 3}, {-1, 1, 3}, {.path = Path::Loop});
  EXPECT_EQ(grid.notes.at("path"), "loop");
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

TEST(Evaluate, TakesAnyLoss) {
  auto net = sine_net();
  const Data data = sine_data();
  const Grid grid = evaluate(*net, absolute_error, data, random_plane(*net), kPoint, kPoint);
  EXPECT_NE(grid.notes.at("path"), "fused");
  EXPECT_THAT(grid.notes.at("reason"), HasSubstr("the metric 'loss' is not computed there"));
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
  EXPECT_THAT(grid.notes.at("reason"), HasSubstr("the parameters are BFloat16"));
  EXPECT_NEAR(grid.values[0], mse(net->forward(data.input), data.target).item<double>(), 1e-2);
}

/// Sets DESCENT_BFLOAT16 while it lives: whether the processor is to be taken for one that has it.
class Bfloat16Is {
 public:
  explicit Bfloat16Is(const char* said) { setenv("DESCENT_BFLOAT16", said, 1); }
  ~Bfloat16Is() { unsetenv("DESCENT_BFLOAT16"); }
};

TEST(Evaluate, ComputesInBfloat16WhereItIsAskedTo) {
  const Bfloat16Is here("yes");
  torch::manual_seed(1);
  nn::Sequential net(nn::Conv2d(nn::Conv2dOptions(3, 8, 3).padding(1)), nn::BatchNorm2d(8),
                     nn::ReLU(), nn::AdaptiveAvgPool2d(1), nn::Flatten(), nn::Linear(8, 4));
  const Data data{torch::randn({40, 3, 6, 6}), torch::arange(40) % 4};
  const Plane plane = random_plane(*net, {.seed = 3, .norm = Norm::Filter});
  for (const auto mode : {BatchNorm::Keep, BatchNorm::Batch, BatchNorm::Recompute}) {
    EvaluateOptions options{.path = Path::Loop, .batch_norm = mode};
    const Grid wide = evaluate(*net, cross_entropy, data, plane, {-1, 1, 3}, {-1, 1, 3}, options);
    options.path = Path::Auto;
    options.precision = Precision::Bfloat16;
    const Grid narrow = evaluate(*net, cross_entropy, data, plane, {-1, 1, 3}, {-1, 1, 3}, options);
    EXPECT_EQ(narrow.notes.at("path"), "loop");
    EXPECT_EQ(narrow.notes.at("reason"), "precision is bfloat16");
    double difference = 0;
    for (size_t k = 0; k < 9; ++k) {
      difference = std::max(difference, std::abs(narrow.values[k] - wide.values[k]));
      EXPECT_NEAR(narrow.values[k], wide.values[k], 0.02);
    }
    EXPECT_GT(difference, 1e-6);
    std::ostringstream at_network;
    at_network << "bfloat16, which gives " << narrow.at(1, 1)
               << " at the network where float32 gives " << wide.at(1, 1);
    EXPECT_EQ(narrow.notes.at("precision"), at_network.str());
    EXPECT_EQ(wide.notes.count("precision"), 0u);
  }
  EXPECT_EQ(net->parameters()[0].scalar_type(), torch::kFloat);
}

TEST(Evaluate, RefusesBfloat16WhereItGainsNothing) {
  auto net = sine_net();
  const auto refused = [&](const char* processor, const Data& data, EvaluateOptions options,
                           const std::string& why) {
    const Bfloat16Is here(processor);
    options.precision = Precision::Bfloat16;
    EXPECT_THAT([&] { evaluate(*net, mse, data, random_plane(*net), kPoint, kPoint, options); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(why)));
  };
  refused("no", sine_data(), {}, "precision is Bfloat16, but this processor has no instructions");
  refused("maybe", sine_data(), {}, "DESCENT_BFLOAT16 = maybe, must be yes or no");
  refused("yes", sine_data(), {.path = Path::Fused}, "options.path is fused; allowed is loop");
  net->to(torch::kDouble);
  refused("yes", sine_data(), {}, "has weights of type Double on cpu; allowed is Float on cpu");
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
    const EvaluateOptions options{.path = Path::Loop, .threads = threads};
    EXPECT_THAT([&] { evaluate(*net, loss, data, plane, kWide, kWide, options); },
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
  EXPECT_EQ(grid.notes.at("metric"), "mse");
  EXPECT_EQ(grid.value_name, "loss");
  EXPECT_EQ(grid.notes.at("network"), "torch::nn::SequentialImpl");
  EXPECT_EQ(grid.notes.at("parameters"), std::to_string(32 + 272 + 17));
  EXPECT_EQ(grid.notes.at("dtype"), "Float");
  auto mixed = sine_net();
  mixed->ptr(2)->to(torch::kBFloat16);
  const Network in_two_types(*mixed, [](nn::SequentialImpl& m, const torch::Tensor& x) {
    return m.ptr<nn::LinearImpl>(4)->forward(m.ptr<nn::LinearImpl>(0)->forward(x));
  });
  EXPECT_EQ(evaluate(in_two_types, mse, sine_data(), random_plane(*mixed), kPoint, kPoint)
                .notes.at("dtype"),
            "BFloat16, Float");
  EXPECT_EQ(grid.notes.at("samples"), "50");
  EXPECT_EQ(grid.notes.at("batch_norm"), "keep");
  EXPECT_THAT(grid.notes.at("descent"), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));

  Data data = sine_data();
  data.target[0] += 1;
  const Grid other_data = evaluate(*net, mse, data, plane, kPoint, kPoint);
  EXPECT_NE(other_data.notes.at("data_hash"), grid.notes.at("data_hash"));
  EXPECT_EQ(other_data.notes.at("weights"), grid.notes.at("weights"));
  Plane moved = plane;
  moved.center[0] = moved.center[0] + 1;
  const Grid other_weights = evaluate(*net, mse, sine_data(), moved, kPoint, kPoint);
  EXPECT_EQ(other_weights.notes.at("data_hash"), grid.notes.at("data_hash"));
  EXPECT_NE(other_weights.notes.at("weights"), grid.notes.at("weights"));

  const Grid own =
      evaluate(*net, Metric("margin", absolute_error), sine_data(), plane, kPoint, kPoint);
  EXPECT_EQ(own.value_name, "margin");
  EXPECT_EQ(own.notes.at("metric"), "margin");
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
  const int64_t many = 4'000'000'000;
  refused(data, plane, {-5, 5, many}, {-5, 5, many}, {}, "axis y has 4000000000, which is more");
  refused(data, plane, {0, 1e300, 9}, kWide, {}, "axis x reaches 1e+300; allowed with weights of");
  refused(data, plane, kWide, {-1e39, 0, 2}, {}, "axis y reaches -1e+39");
  refused(data, plane, kWide, kWide, {.threads = -1}, "options.threads is -1");
  refused({data.input.slice(0, 0, 0), data.target}, plane, kWide, kWide, {}, "data.input is empty");
  refused({data.input, torch::Tensor()}, plane, kWide, kWide, {}, "data.target is empty");
  refused({data.input, data.target.squeeze(1)}, plane, kWide, kWide, {},
          "data.target has shape [50], but the network's predictions have shape [50, 1]");

  Plane bad = plane;
  bad.u.pop_back();
  refused(data, bad, kWide, kWide, {}, "5 parameters in u, the network has 6");
  bad = plane;
  bad.v[2] = torch::zeros({4, 4});
  refused(data, bad, kWide, kWide, {}, "'2.weight' is Float[16, 16]");
  bad = plane;
  bad.center[1] = bad.center[1].to(torch::kFloat64);
  refused(data, bad, kWide, kWide, {}, "center is Double[16]");
  bad = plane;
  bad.center[1] = torch::full({16}, NAN);
  refused(data, bad, kWide, kWide, {}, "center of '0.bias' has values that are not finite");
  refused(data, random_plane(*sine_net(8)), kWide, kWide, {}, "the plane does not fit the network");

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
  const Snapshot before(*net);
  EXPECT_THAT([&] { evaluate(*net, mse, sine_data(), plane, kPoint, kPoint); },
              ThrowsMessage<std::invalid_argument>(AllOf(
                  HasSubstr("reset() must create"), HasSubstr("an optimizer that was built"))));
  const Snapshot after(*net);
  for (size_t k = 0; k < before.values.size(); ++k) {
    EXPECT_TRUE(after.values[k].equal(before.values[k]));
  }
}

/// A linear layer that multiplies by what it keeps of its weight: a view from the beginning, or a
/// copy from the first call.
class KeepsItsWeightImpl : public nn::Cloneable<KeepsItsWeightImpl> {
 public:
  explicit KeepsItsWeightImpl(bool view) : view_(view) { KeepsItsWeightImpl::reset(); }
  void reset() override {
    weight_ = register_parameter("weight", torch::randn({1, 1}));
    kept_ = view_ ? weight_.t() : torch::Tensor();
  }
  torch::Tensor forward(const torch::Tensor& x) {
    if (!kept_.defined()) kept_ = weight_.detach().clone();
    return x.matmul(kept_);
  }

 private:
  bool view_;
  torch::Tensor weight_, kept_;
};
TORCH_MODULE(KeepsItsWeight);

TEST(Evaluate, RefusesAModuleThatReadsItsWeightsPastItsParameters) {
  for (const bool view : {true, false}) {
    const KeepsItsWeight net(view);
    const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
    const auto refused = ThrowsMessage<std::invalid_argument>(
        AllOf(HasSubstr("KeepsItsWeightImpl"), HasSubstr("override clone()")));
    EXPECT_THAT([&] { evaluate(*net, mse, sine_data(), plane, kPoint, kPoint); }, refused);
    EXPECT_THAT([&] { losses_at(*net, mse, sine_data(), {plane.center}); }, refused);
  }
}

TEST(Evaluate, TakesNetworksThatHideTheirWeightsNowAndThen) {
  torch::manual_seed(6);
  nn::Linear net(1, 3);
  const Data data{torch::randn({9, 1}), torch::randn({9, 3})};
  const Plane plane = random_plane(*net);
  const auto taken = [&](const Network& network, const Batches& batches) {
    const Grid grid = evaluate(network, absolute_error, batches, plane, {-2, 2, 3}, kPoint);
    EXPECT_TRUE(std::isfinite(grid.values[0]));
    EXPECT_NE(grid.values[0], grid.values[2]);
  };
  // NaN is turned into 0 at the end.
  taken({*net,
         [](nn::LinearImpl& m, const torch::Tensor& x) {
           const torch::Tensor y = m.forward(x);
           return torch::where(y > 0, y, 0.);
         }},
        data);
  // A batch of zeros is not looked at.
  taken({*net,
         [](nn::LinearImpl& m, const torch::Tensor& x) {
           return x.any().item<bool>() ? m.forward(x) : torch::zeros({x.size(0), 3});
         }},
        std::vector<Data>{{torch::zeros({2, 1}), torch::ones({2, 3})}, data});
  // Numbers of classes, which may be those of NaN.
  const Data first{data.input.abs() + 1, torch::zeros({9})};
  {
    const torch::NoGradGuard no_grad;
    net->weight.copy_(torch::tensor({{9.}, {1.}, {1.}}));
  }
  const Grid grid = evaluate(
      Network(*net,
              [](nn::LinearImpl& m, const torch::Tensor& x) { return m.forward(x).argmax(1); }),
      [](const torch::Tensor& p, const torch::Tensor& t) { return (p - t).abs().mean(); }, first,
      random_plane(*net), kPoint, kPoint);
  EXPECT_EQ(grid.values[0], 0);
}

TEST(Evaluate, RefusesWhatWritesIntoItsArguments) {
  nn::Linear net(1, 1);
  const Data data = sine_data();
  const Data before{data.input.clone(), data.target.clone()};
  const Plane plane = random_plane(*net);
  const auto refused = [&](const Network& network, const std::vector<Metric>& metrics,
                           const std::string& reason) {
    EXPECT_THAT([&] { evaluate(network, metrics, data, plane, kPoint, kPoint); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(reason)));
    EXPECT_TRUE(data.input.equal(before.input));
    EXPECT_TRUE(data.target.equal(before.target));
  };
  const Network writing(*net, [](nn::LinearImpl& m, const torch::Tensor& x) {
    return m.forward(x.view({-1, 1}).sub_(0.5));
  });
  refused(writing, {mse},
          "forward() of the network of type torch::nn::LinearImpl changes its input");
  const Metric of_target("mine", [](const torch::Tensor& p, const torch::Tensor& t) {
    return t.sub_(p).square().mean();
  });
  refused(*net, {of_target}, "the metric 'mine' changes its arguments in place");
  const Metric of_prediction("mine", [](const torch::Tensor& p, const torch::Tensor& t) {
    return p.sub_(t).square().mean();
  });
  refused(*net, {of_prediction, mse}, "the metric 'mine' changes its arguments in place");
  const Grid alone = evaluate(*net, of_prediction, data, plane, kPoint, kPoint);
  EXPECT_NEAR(alone.values[0], evaluate(*net, mse, data, plane, kPoint, kPoint).values[0], 1e-6);

  Data inference;
  {
    const c10::InferenceMode mode;
    inference = sine_data();
  }
  EXPECT_EQ(evaluate(*net, mse, inference, plane, kPoint, kPoint).values,
            evaluate(*net, mse, data, plane, kPoint, kPoint).values);
}

TEST(Evaluate, RefusesWhatDrawsRandomNumbers) {
  nn::Linear net(1, 1);
  const Data data = sine_data();
  const Plane plane = random_plane(*net);
  const Network noisy(*net, [](nn::LinearImpl& m, const torch::Tensor& x) {
    return m.forward(x) + 0.1 * torch::randn_like(x);
  });
  const auto some = [](const torch::Tensor& p, const torch::Tensor& t) {
    const auto chosen = torch::randperm(p.size(0)).slice(0, 0, 10);
    return (p - t).index_select(0, chosen).abs().mean();
  };
  torch::manual_seed(7);
  const auto expected = torch::rand(5);
  torch::manual_seed(7);
  const auto refused = ThrowsMessage<std::invalid_argument>(HasSubstr("draws random numbers"));
  EXPECT_THAT([&] { evaluate(noisy, mse, data, plane, kPoint, kPoint); }, refused);
  EXPECT_THAT([&] { evaluate(*net, some, data, plane, kPoint, kPoint); }, refused);
  EXPECT_TRUE(torch::rand(5).equal(expected));
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

/// A network that says it is a plain module, but computes something else with it.
class Deceiving : public landscape::Model {
 public:
  using Other = std::function<torch::Tensor(landscape::Model&, const torch::Tensor&)>;
  Deceiving(std::shared_ptr<landscape::Model> model, Other other)
      : model_(std::move(model)), other_(std::move(other)) {}

  std::string type() const override { return model_->type(); }
  landscape::Named parameters() const override { return model_->parameters(); }
  landscape::Named buffers() const override { return model_->buffers(); }
  std::unique_ptr<Model> clone(const char* who) const override {
    return std::make_unique<Deceiving>(model_->clone(who), other_);
  }
  torch::Tensor forward(const torch::Tensor& input) override { return other_(*model_, input); }
  void eval(bool batch_statistics) override { model_->eval(batch_statistics); }
  void reset_statistics(const char* who) override { model_->reset_statistics(who); }
  const nn::Module* module() const override { return model_->module(); }

 private:
  std::shared_ptr<landscape::Model> model_;
  Other other_;
};

TEST(Evaluate, TakesAnotherPathWhenTheFusedOneFailsItsSelfCheck) {
  auto net = sine_net(4);
  const Data data = sine_data();
  const Plane plane = random_plane(*net);
  const auto deceiving = [&](Deceiving::Other other) {
    return Network(
        std::make_shared<const Deceiving>(Network(*net).model().clone("test"), std::move(other)));
  };
  const Network residual =
      deceiving([](landscape::Model& m, const torch::Tensor& x) { return x + m.forward(x); });
  const Grid grid = evaluate(residual, mse, data, plane, kPoint, kPoint);
  EXPECT_NE(grid.notes.at("path"), "fused");
  EXPECT_THAT(grid.notes.at("reason"),
              HasSubstr("not fused: the fused path failed its self-check at alpha = 0, beta = 0"));
  const double expected = mse(data.input + net->forward(data.input), data.target).item<double>();
  EXPECT_NEAR(grid.values[0], expected, 1e-6 * expected);
  EXPECT_THAT([&] { evaluate(residual, mse, data, plane, kPoint, kPoint, {.path = Path::Fused}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("failed its self-check")));

  // Different where no point of the grid lies.
  const Network off = deceiving([&](landscape::Model& m, const torch::Tensor& x) {
    const bool center = m.parameters()[0].second.equal(plane.center[0]);
    return center ? x + m.forward(x) : m.forward(x);
  });
  const Grid far = evaluate(off, mse, data, plane, {1, 2, 3}, kPoint);
  EXPECT_THAT(far.notes.at("reason"), HasSubstr("self-check at alpha = 0, beta = 0"));
}

TEST(Evaluate, TakesTheLoopWhereNothingFiniteCanBeCompared) {
  auto net = sine_net();
  Data data = sine_data();
  data.input[3] = NAN;
  const Grid grid = evaluate(*net, mse, data, random_plane(*net), kWide, kPoint);
  EXPECT_EQ(grid.notes.at("path"), "loop");
  EXPECT_THAT(grid.notes.at("reason"), HasSubstr("fused path cannot be checked: no value"));
}

/// Always predicts the first class, which is what the largest of NaN is taken for as well.
class ReadsMemoryImpl : public nn::Cloneable<ReadsMemoryImpl> {
 public:
  ReadsMemoryImpl() { ReadsMemoryImpl::reset(); }
  void reset() override { weight_ = register_parameter("weight", torch::randn({1})); }
  torch::Tensor forward(const torch::Tensor& x) {
    const double weight = weight_.const_data_ptr<float>()[0];
    return torch::tensor({1 + weight * weight, 0.}).expand({x.size(0), 2});
  }

 private:
  torch::Tensor weight_;
};
TORCH_MODULE(ReadsMemory);

TEST(Evaluate, IsNotDeceivedByAccuracyAlone) {
  const ReadsMemory net;
  const Data data{torch::randn({20, 1}), torch::arange(20) % 2};
  const Plane plane = random_plane(*net);
  const Grid grid = evaluate(*net, accuracy, data, plane, {-1, 1, 3}, kPoint);
  EXPECT_EQ(grid.notes.at("path"), "loop") << grid.notes.at("reason");
  EXPECT_EQ(grid.values, std::vector<double>(3, 0.5));
  EXPECT_EQ(grid.value_name, "accuracy");
  nn::Sequential chain(nn::Linear(1, 4), nn::Tanh(), nn::Linear(4, 2));
  const Grid fused = evaluate(*chain, accuracy, data, random_plane(*chain), {-1, 1, 3}, kPoint);
  EXPECT_EQ(fused.notes.at("path"), "fused") << fused.notes.at("reason");
  // Classes beyond those that the network knows count as wrong.
  const Grid beyond =
      evaluate(*net, accuracy, {data.input, data.target * 7 - 1}, plane, kPoint, kPoint);
  EXPECT_EQ(beyond.values[0], 0);
}

/// Scores of two classes that are nearly equal; which is larger depends on the memory of a parameter.
class NearlyTiedImpl : public nn::Cloneable<NearlyTiedImpl> {
 public:
  NearlyTiedImpl() { NearlyTiedImpl::reset(); }
  void reset() override { weight_ = register_parameter("weight", torch::randn({1})); }
  torch::Tensor forward(const torch::Tensor& x) {
    const bool first = std::isnan(weight_.const_data_ptr<float>()[0]);
    const torch::Tensor scores = torch::zeros({x.size(0), 2, x.size(1)});
    scores.select(1, 0).fill_(first ? 1e-6 : -1e-6);
    return scores + 0 * weight_;
  }

 private:
  torch::Tensor weight_;
};
TORCH_MODULE(NearlyTied);

TEST(Evaluate, CountsEveryChoiceOfASampleWhenItComparesAccuracies) {
  const NearlyTied net;
  const Data data{torch::randn({1, 40}), torch::zeros({1, 40}, torch::kLong)};
  const auto grids =
      evaluate(*net, {cross_entropy, accuracy}, data, random_plane(*net), {-1, 1, 3}, kPoint);
  EXPECT_EQ(grids[1].notes.at("path"), "loop") << grids[1].notes.at("reason");
  EXPECT_EQ(grids[1].values, std::vector<double>(3, 0.0));
}

/// A classifier with batch normalisation, whose running statistics are those of other data.
nn::Sequential classifier() {
  torch::manual_seed(3);
  nn::Sequential net(nn::Linear(4, 8), nn::BatchNorm1d(8), nn::ReLU(), nn::Linear(8, 3));
  net->forward(2 * torch::randn({30, 4}) + 1);
  net->to(torch::kFloat64);
  return net;
}

Data labelled(int64_t samples) {
  return {torch::randn({samples, 4}, torch::kFloat64), torch::randint(0, 3, {samples})};
}

TEST(Evaluate, GivesSeveralMetricsInOnePass) {
  auto net = classifier();
  const Data data = labelled(40);
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  int forwards = 0;
  const Network counted(*net, [&](nn::SequentialImpl& m, const torch::Tensor& x) {
    ++forwards;
    return m.forward(x);
  });
  const auto grids = evaluate(
      counted, {cross_entropy, accuracy, {"largest", [](auto& p, auto&) { return p.max(); }}}, data,
      plane, {0, 1, 2}, kPoint, {.path = Path::Loop, .threads = 1});
  EXPECT_EQ(forwards, 2 /* at the center, which is a point of the grid */ + 1);
  ASSERT_EQ(grids.size(), 3u);
  net->eval();
  const torch::NoGradGuard no_grad;
  const auto logits = net->forward(data.input);
  const double entropy = torch::nn::functional::cross_entropy(logits, data.target).item<double>();
  const double right = (logits.argmax(1) == data.target).to(torch::kFloat64).mean().item<double>();
  EXPECT_EQ(grids[0].value_name, "cross_entropy");
  EXPECT_NEAR(grids[0].values[0], entropy, 1e-14);
  EXPECT_EQ(grids[1].value_name, "accuracy");
  EXPECT_EQ(grids[1].values[0], right);
  EXPECT_EQ(grids[2].value_name, "largest");
  EXPECT_EQ(grids[2].values[0], logits.max().item<double>());
}

TEST(Evaluate, WeighsBatchesByTheirSamples) {
  auto net = classifier();
  const Data all = labelled(50);
  const auto part = [&](int64_t from, int64_t to) {
    return Data{all.input.slice(0, from, to), all.target.slice(0, from, to)};
  };
  const std::vector<Data> parts{part(0, 7), part(7, 30), part(30, 50)};
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  const auto whole = evaluate(*net, {cross_entropy, accuracy}, all, plane, {-1, 1, 3}, {-1, 1, 3});
  const auto summed =
      evaluate(*net, {cross_entropy, accuracy}, parts, plane, {-1, 1, 3}, {-1, 1, 3});
  for (size_t k = 0; k < 9; ++k) {
    EXPECT_NEAR(whole[0].values[k], summed[0].values[k], 1e-13 * whole[0].values[k]);
    EXPECT_NEAR(whole[1].values[k], summed[1].values[k], 1e-15);
  }
}

TEST(Evaluate, TakesAWholeDataLoader) {
  const Data all = labelled(10);
  std::vector<torch::data::Example<>> samples;
  for (int64_t k = 0; k < 10; ++k) samples.emplace_back(all.input[k], all.target[k]);
  struct Samples : torch::data::datasets::Dataset<Samples> {
    std::vector<torch::data::Example<>> list;
    torch::data::Example<> get(size_t k) override { return list[k]; }
    std::optional<size_t> size() const override { return list.size(); }
  } dataset;
  dataset.list = samples;
  auto loader = torch::data::make_data_loader<torch::data::samplers::SequentialSampler>(
      dataset.map(torch::data::transforms::Stack<>()), 4);
  const Batches batches = collect(*loader);
  EXPECT_EQ(batches.size(), 3u);
  auto net = classifier();
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  const double whole = evaluate(*net, cross_entropy, all, plane, kPoint, kPoint).values[0];
  EXPECT_NEAR(evaluate(*net, cross_entropy, batches, plane, kPoint, kPoint).values[0], whole,
              1e-14);
}

/// The loss of a copy of the network at center + alpha * u, batch normalisation as `mode` says.
double by_hand(const nn::Sequential& net, const Plane& plane, double alpha, const Batches& data,
               BatchNorm mode) {
  const torch::NoGradGuard no_grad;
  auto copy = std::dynamic_pointer_cast<nn::SequentialImpl>(net->clone());
  const auto parameters = copy->parameters();
  for (size_t k = 0; k < parameters.size(); ++k) {
    parameters[k].copy_(plane.center[k] + alpha * plane.u[k]);
  }
  auto* norm = copy->ptr(1)->as<nn::BatchNorm1d>();
  copy->eval();
  if (mode == BatchNorm::Interpolate) {
    norm->running_mean.copy_(plane.buffers.center[0] + alpha * plane.buffers.u[0]);
    norm->running_var.copy_(plane.buffers.center[1] + alpha * plane.buffers.u[1]);
  }
  if (mode == BatchNorm::Recompute) {
    torch::Tensor mean = torch::zeros(8, torch::kFloat64), variance = mean.clone();
    for (const Data& batch : data) {
      const auto hidden = copy->ptr(0)->as<nn::Linear>()->forward(batch.input);
      mean += hidden.mean(0) / static_cast<double>(data.size());
      variance += hidden.var(0) / static_cast<double>(data.size());
    }
    norm->running_mean.copy_(mean);
    norm->running_var.copy_(variance);
  }
  if (mode == BatchNorm::Batch) norm->train();
  double sum = 0, samples = 0;
  for (const Data& batch : data) {
    sum += static_cast<double>(batch.input.size(0)) *
           cross_entropy(copy->forward(batch.input), batch.target).item<double>();
    samples += static_cast<double>(batch.input.size(0));
  }
  return sum / samples;
}

TEST(Evaluate, NormalisesBatchesAsItIsTold) {
  auto net = classifier();
  const Batches data(std::vector<Data>{labelled(20), labelled(35)});
  const Snapshot before(*net);
  const Plane plane = random_plane(
      *net,
      {.draw = Draw::Gaussian, .norm = Norm::Layer, .ignore_bias_bn = false, .buffers = true});
  ASSERT_EQ(plane.buffers.names, (std::vector<std::string>{"1.running_mean", "1.running_var"}));
  std::vector<double> values;
  for (const auto mode :
       {BatchNorm::Keep, BatchNorm::Interpolate, BatchNorm::Recompute, BatchNorm::Batch}) {
    const Grid grid = evaluate(*net, cross_entropy, data, plane.line(), {0, 1, 3},
                               {.path = Path::Loop, .batch_norm = mode});
    for (int64_t j = 0; j < 3; ++j) {
      EXPECT_NEAR(grid.at(0, j), by_hand(net, plane, grid.x.at(j), data, mode), 1e-13);
    }
    values.push_back(grid.at(0, 2));
  }
  std::sort(values.begin(), values.end());
  for (size_t k = 1; k < 4; ++k) EXPECT_GT(values[k] - values[k - 1], 1e-6);
  EXPECT_EQ(before, Snapshot(*net));
  EXPECT_THAT(
      [&] {
        evaluate(*net, cross_entropy, data, random_plane(*net, {.draw = Draw::Gaussian}), {0, 1, 2},
                 kPoint, {.batch_norm = BatchNorm::Interpolate});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("no directions for buffers")));
  auto bare = sine_net();
  EXPECT_THAT(
      [&] {
        evaluate(*bare, mse, sine_data(), random_plane(*bare, {.buffers = true}), kPoint, kPoint,
                 {.batch_norm = BatchNorm::Interpolate});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("has no buffers of a floating type")));
  const Batches with_one(std::vector<Data>{labelled(5), labelled(1)});
  for (const auto mode : {BatchNorm::Recompute, BatchNorm::Batch}) {
    const std::string name = mode == BatchNorm::Batch ? "Batch" : "Recompute";
    const EvaluateOptions options{.batch_norm = mode};
    EXPECT_THAT([&] { evaluate(*net, cross_entropy, with_one, plane, kPoint, kPoint, options); },
                ThrowsMessage<std::invalid_argument>(
                    AllOf(HasSubstr("options.batch_norm is " + name),
                          HasSubstr("does not take data.input of shape [1, 4]"))));
  }
}

/// A classifier of its own weights and statistics.
nn::Sequential another_classifier(uint64_t seed) {
  auto net = classifier();
  torch::manual_seed(seed);
  const torch::NoGradGuard no_grad;
  for (const auto& p : net->parameters()) p.add_(0.5 * torch::randn_like(p));
  for (int k = 0; k < 20; ++k) net->forward(4 * torch::randn({30, 4}, torch::kFloat64) - 3);
  return net;
}

TEST(Evaluate, ShowsTheOwnLossOfEachNetworkAtItsMark) {
  auto a = classifier(), b = another_classifier(21), c = another_classifier(22);
  const Data data = labelled(30);
  std::vector<double> own;
  for (auto net : {a, b, c}) {
    const torch::NoGradGuard no_grad;
    net->eval();
    own.push_back(
        nn::functional::cross_entropy(net->forward(data.input), data.target).item<double>());
  }
  for (const Plane& plane : {line_between(*a, *b), plane_between(*a, *b, *c)}) {
    for (size_t k = 0; k < plane.marks.size(); ++k) {
      const auto& [label, alpha, beta] = plane.marks[k];
      const Axis x{alpha, alpha, 1}, y{beta, beta, 1};
      const Grid grid = evaluate(*a, cross_entropy, data, plane, x, y);
      EXPECT_NEAR(grid.values[0], own[k], 1e-12) << label;
      EXPECT_EQ(grid.notes.at("batch_norm"), "interpolate");
      EXPECT_THAT(grid.notes.at("statistics"), HasSubstr("each network of it has its own"));
      const Grid kept =
          evaluate(*a, cross_entropy, data, plane, x, y, {.batch_norm = BatchNorm::Keep});
      if (k > 0) {
        EXPECT_GT(std::abs(kept.values[0] - own[k]), 0.01) << label;
      }
      EXPECT_THAT(kept.notes.at("statistics"), HasSubstr("values at the others are not their own"));
    }
  }
}

/// A network with a mask of infinities among its buffers.
class MaskedImpl : public nn::Cloneable<MaskedImpl> {
 public:
  MaskedImpl() { reset(); }
  void reset() override {
    linear_ = register_module("linear", nn::Linear(2, 2));
    mask_ = register_buffer("mask", torch::tensor({0.f, -INFINITY}));
  }
  torch::Tensor forward(const torch::Tensor& x) { return (linear_(x) + mask_).softmax(1); }

 private:
  nn::Linear linear_{nullptr};
  torch::Tensor mask_;
};
TORCH_MODULE(Masked);

TEST(Evaluate, TakesBuffersThatHoldInfinities) {
  const Masked a, b;
  const Data data{torch::randn({5, 2}), torch::rand({5, 2})};
  const Grid grid = evaluate(*a, mse, data, line_between(*a, *b), {0, 1, 3});
  for (const double value : grid.values) EXPECT_TRUE(std::isfinite(value));
}

TEST(Evaluate, TakesAModuleWithoutASimpleForward) {
  torch::manual_seed(8);
  nn::LSTM lstm(nn::LSTMOptions(3, 5).batch_first(true));
  const Data data{torch::randn({4, 6, 3}), torch::randn({4, 6, 5})};
  const Network network(
      *lstm, [](nn::LSTMImpl& m, const torch::Tensor& x) { return std::get<0>(m.forward(x)); });
  const Plane plane = random_plane(network, {.draw = Draw::Gaussian});
  const double expected = mse(std::get<0>(lstm->forward(data.input)), data.target).item<double>();
  EXPECT_NEAR(evaluate(network, mse, data, plane, kPoint, kPoint).values[0], expected, 1e-6);
  EXPECT_THAT([&] { evaluate(*lstm, mse, data, plane, kPoint, kPoint); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("hand over the concrete type")));
}

TEST(Evaluate, DrawsALineAsOneRow) {
  auto net = sine_net();
  const Data data = sine_data();
  const Plane plane = random_plane(*net);
  const Grid line = evaluate(*net, mse, data, plane.line(), {-5, 5, 9});
  const Grid row = evaluate(*net, mse, data, plane, {-5, 5, 9}, kPoint);
  EXPECT_EQ(line.notes.at("path"), "fused");
  EXPECT_EQ(line.values, row.values);
  EXPECT_EQ(line.y.n, 1);
  EXPECT_THAT([&] { evaluate(*net, mse, data, plane.line(), kWide, kWide); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("the plane is a line")));
}

TEST(Evaluate, SaysWhatDoesNotFit) {
  auto net = classifier();
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  const auto refused = [&](const Metric& metric, const Batches& data, const std::string& reason) {
    EXPECT_THAT([&] { evaluate(*net, metric, data, plane, kPoint, kPoint); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(reason)));
  };
  const Data data = labelled(5);
  refused(cross_entropy, {data.input.slice(1, 0, 3), data.target},
          "does not take data.input of shape [5, 3]");
  refused(cross_entropy, {data.input, data.target.to(torch::kInt)}, "class indices of type Long");
  refused(cross_entropy, {data.input, data.target + 7},
          "the metrics do not take predictions of shape [5, 3]");
  refused(cross_entropy, std::vector<Data>{}, "no batches");
  EXPECT_THAT([&] { evaluate(*net, std::vector<Metric>{}, data, plane, kPoint, kPoint); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("no metrics")));
  EXPECT_THAT([&] { find_metric("cross_entrpy"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("did you mean cross_entropy")));
}

TEST(Evaluate, SaysWhichTypeTheNetworkWants) {
  nn::Linear net(2, 1);
  for (const auto type : {torch::kFloat64, torch::kUInt8, torch::kInt64}) {
    const Data data{torch::ones({6, 2}, type), torch::ones({6, 1})};
    EXPECT_THAT([&] { evaluate(*net, mse, data, random_plane(*net), kPoint, kPoint); },
                ThrowsMessage<std::invalid_argument>(
                    AllOf(HasSubstr("and the network's parameters are Float: hand over "
                                    "data.input.to(torch::kFloat)"),
                          HasSubstr(type == torch::kUInt8 ? "--scale 1/255" : "Float"),
                          HasSubstr(". LibTorch says: "))));
  }
}

TEST(Evaluate, KeepsToItsBudget) {
  auto net = classifier();
  const Data data = labelled(1000);
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  EXPECT_THAT(
      [&] { evaluate(*net, cross_entropy, data, plane, kPoint, kPoint, {.memory = 1400}); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("options.memory is 1400 bytes, but one")));
  evaluate(*net, cross_entropy, data, plane, kPoint, kPoint, {.memory = 10000});  // by parts

  std::atomic<int> now{0}, most{0};
  const Network counted(*net, [&](nn::SequentialImpl& m, const torch::Tensor& x) {
    const int here = ++now;
    if (here > most) most = here;
    // Time for another network to begin.
    if (most < 2) std::this_thread::sleep_for(std::chrono::milliseconds(4));
    torch::Tensor prediction = m.forward(x);
    --now;
    return prediction;
  });
  const std::vector<Metric> metrics{cross_entropy};
  const landscape::Problem problem{counted.model(), metrics, data, plane};
  landscape::Loop loop(problem);
  {
    const torch::NoGradGuard no_grad;
    loop.try_center();
  }
  const auto run = [&](int64_t memory) {
    most = 0;
    return evaluate(counted, cross_entropy, data, plane, kWide, kWide,
                    {.path = Path::Loop, .threads = 2, .memory = memory});
  };
  const Grid wide = run(int64_t{256} << 20);
  EXPECT_EQ(most, 2);
  const Grid tight = run(2 * loop.bytes() - 1);
  EXPECT_EQ(most, 1);
  EXPECT_EQ(wide.values, tight.values);
}

/// A weight of 208 MB, of which it takes the first number.
class LargeImpl : public nn::Cloneable<LargeImpl> {
 public:
  LargeImpl() { LargeImpl::reset(); }
  void reset() override { weight_ = register_parameter("weight", torch::ones({52'000'000})); }
  torch::Tensor forward(const torch::Tensor& x) { return x * weight_[0]; }

 private:
  torch::Tensor weight_;
};

TEST(Evaluate, TakesANetworkThatIsLargerThanTheDefaultBudget) {
  const LargeImpl net;
  const Plane line = given_plane(net, {torch::ones({52'000'000})});
  const Data data{torch::ones({1, 1}), torch::zeros({1, 1})};
  EXPECT_EQ(evaluate(net, mse, data, line, {1, 1, 1}).values, std::vector<double>{4});
}

/// Counts its calls in a buffer, also when it is evaluated.
class CountingImpl : public nn::Cloneable<CountingImpl> {
 public:
  explicit CountingImpl(bool predicts) : predicts_(predicts) { CountingImpl::reset(); }
  void reset() override {
    linear_ = register_module("linear", nn::Linear(2, 1));
    calls_ = register_buffer("calls", torch::zeros({}));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    calls_.add_(1);
    return predicts_ ? linear_(x) * calls_ : linear_(x);
  }

 private:
  bool predicts_;
  nn::Linear linear_{nullptr};
  torch::Tensor calls_;
};

TEST(Evaluate, RefusesPredictionsThatDependOnTheCallsBefore) {
  const Data data{torch::randn({6, 2}), torch::randn({6, 1})};
  const auto run = [&](const Network& network) {
    return evaluate(network, mse, data, random_plane(network), {0, 1, 2}, {.path = Path::Loop});
  };
  const CountingImpl harmless(false), harmful(true);
  run(harmless);
  EXPECT_THAT([&] { run(harmful); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("writes its buffer 'calls', and predicts otherwise afterwards")));
  const auto exported = load_network(NETWORK_FILES "/buffers.pt2");
  const Plane plane = random_plane(exported, {.draw = Draw::Gaussian});
  const Data some{torch::randn({4, 3}, torch::kDouble), torch::randn({4, 3}, torch::kDouble)};
  EXPECT_THAT(
      [&] {
        evaluate(exported, mse, some, plane, Axis{0, 1, 2});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("writes its buffer '")));
}

TEST(Evaluate, SplitsBatchesOfAnExportOnlyWhereItDoesNotTrain) {
  const Network network(load_network(NETWORK_FILES "/lstm.pt2"));  // for two samples
  const auto model = network.model().clone("test");
  const torch::Tensor x = torch::randn({4, 5, 3}, torch::kDouble);
  EXPECT_THAT([&] { model->forward(x); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("must be 2, for which it was")));
  model->eval(false);
  EXPECT_EQ(model->forward(x).size(0), 4);
}

TEST(Evaluate, KeepsNoPredictions) {
  auto net = classifier();
  const Batches data(std::vector<Data>{labelled(1000), labelled(500)});
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  const Network network(*net);
  const std::vector<Metric> metrics{cross_entropy};
  const landscape::Problem problem{network.model(), metrics, data, plane};
  landscape::Loop loop(problem);
  const torch::NoGradGuard no_grad;
  const landscape::Center center = loop.try_center();
  ASSERT_EQ(center.predictions.size(), 2u);
  for (size_t k = 0; k < 2; ++k) {
    const torch::Tensor& prediction = center.predictions[k];
    EXPECT_EQ(prediction.sizes(), (std::vector<int64_t>{data[k].input.size(0), 3}));
    EXPECT_EQ(prediction.scalar_type(), torch::kFloat64);
    EXPECT_LE(prediction.storage().nbytes(), 64u);
  }
}

TEST(LossesAt, KeepsNoTiles) {
  auto net = sine_net();
  EXPECT_THAT(
      [&] { losses_at(*net, mse, sine_data(), {random_plane(*net).center}, {.tiles = "/tmp"}); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("options.tiles = /tmp, must be empty")));
}

TEST(LossesAt, MeasuresAnyWeights) {
  auto net = sine_net();
  const Data data = sine_data();
  const Plane plane = random_plane(*net);
  std::vector<std::vector<torch::Tensor>> weights(2, plane.center);
  for (size_t k = 0; k < weights[1].size(); ++k) weights[1][k] = plane.center[k] + plane.u[k];
  const auto losses = losses_at(*net, mse, data, weights, {.threads = 2});
  const Grid row = evaluate(*net, mse, data, plane, {0, 1, 2}, kPoint, {.path = Path::Loop});
  EXPECT_NEAR(losses[0], row.values[0], 1e-7 * losses[0]);
  EXPECT_NEAR(losses[1], row.values[1], 1e-6 * losses[1]);
  EXPECT_EQ(losses_at(*net, mse, data, weights, {.path = Path::Fused}), losses);
}

TEST(LossesAt, TakesTheBuffersThatItIsGiven) {
  auto a = classifier(), b = another_classifier(23);
  const Data data = labelled(20);
  const auto weights_of = [](const nn::Sequential& net) {
    std::vector<torch::Tensor> list;
    for (const auto& p : net->parameters()) list.push_back(p.detach());
    return list;
  };
  const std::vector<torch::Tensor> statistics{b->named_buffers()["1.running_mean"],
                                              b->named_buffers()["1.running_var"]};
  b->eval();
  const double own =
      nn::functional::cross_entropy(b->forward(data.input), data.target).item<double>();
  const auto losses =
      losses_at(*a, cross_entropy, data, {weights_of(b), weights_of(a), weights_of(b)}, {},
                {statistics, {}, {}});
  EXPECT_NEAR(losses[0], own, 1e-13);
  a->eval();
  EXPECT_NEAR(losses[1],
              nn::functional::cross_entropy(a->forward(data.input), data.target).item<double>(),
              1e-13);
  EXPECT_GT(std::abs(losses[2] - own), 0.01);  // with the statistics of a
  EXPECT_THAT(
      [&] {
        losses_at(*a, cross_entropy, data, {weights_of(a)}, {}, {{}, {}});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("2 lists of buffers for 1 networks")));
}

TEST(SquaredNorm, DoesNotDependOnThreads) {
  nn::Linear net(1000, 300);
  const Plane plane = random_plane(*net);
  const int threads = at::get_num_threads();
  std::vector<std::vector<double>> values;
  for (const int count : {1, 3}) {
    at::set_num_threads(count);
    values.push_back(squared_norm(plane, {-2, 3, 4}, {-1, 5, 3}).values);
  }
  at::set_num_threads(threads);
  EXPECT_EQ(values[0], values[1]);
}

TEST(SquaredNorm, IsThatOfTheWeights) {
  auto net = sine_net();
  net->to(torch::kFloat64);
  const Plane plane = random_plane(*net);
  const Grid grid = squared_norm(plane, {-2, 3, 4}, {-1, 5, 3});
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 4; ++j) {
      double expected = 0;
      for (size_t k = 0; k < plane.center.size(); ++k) {
        expected += (plane.center[k] + grid.x.at(j) * plane.u[k] + grid.y.at(i) * plane.v[k])
                        .square()
                        .sum()
                        .item<double>();
      }
      EXPECT_NEAR(grid.at(i, j), expected, 1e-12 * expected);
    }
  }
}

}  // namespace
}  // namespace evaluate_test
}  // namespace descent::tests

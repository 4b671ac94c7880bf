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

TEST(Evaluate, TakesAnotherPathWhenTheFusedOneFailsItsSelfCheck) {
  Residual net(nn::Linear(1, 4), nn::Tanh(), nn::Linear(4, 1));
  const Data data = sine_data();
  const Plane plane = random_plane(*net);
  const Grid grid = evaluate(*net, mse, data, plane, kPoint, kPoint);
  EXPECT_NE(grid.notes.at("path"), "fused");
  EXPECT_THAT(grid.notes.at("reason"),
              HasSubstr("not fused: the fused path failed its self-check at alpha = 0, beta = 0"));
  const double expected = mse(net->forward(data.input), data.target).item<double>();
  EXPECT_NEAR(grid.values[0], expected, 1e-6 * expected);
  EXPECT_THAT([&] { evaluate(*net, mse, data, plane, kPoint, kPoint, {.path = Path::Fused}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("failed its self-check")));
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
  EXPECT_EQ(forwards, 2 /* at the center */ + 2);
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

TEST(Evaluate, KeepsToItsBudget) {
  auto net = classifier();
  const Data data = labelled(1000);
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  EXPECT_THAT(
      [&] { evaluate(*net, cross_entropy, data, plane, kPoint, kPoint, {.memory = 10000}); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("options.memory is 10000 bytes, but one")));
  const auto unlimited =
      evaluate(*net, cross_entropy, data, plane, kWide, kWide, {.path = Path::Loop, .threads = 2});
  const auto tight = evaluate(*net, cross_entropy, data, plane, kWide, kWide,
                              {.path = Path::Loop, .threads = 2, .memory = 400000});
  EXPECT_EQ(unlimited.values, tight.values);
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
}  // namespace descent::tests

#include <cmath>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/conv.h>

#include "models.h"

namespace descent::tests {
namespace metric_test {
namespace {

namespace F = torch::nn::functional;
using testing::HasSubstr;
using testing::ThrowsMessage;
using torch::Tensor;

const Axis kFive{-0.5, 0.5, 5}, kThree{-0.5, 0.5, 3};

nn::Sequential chain() {
  torch::manual_seed(5);
  nn::Sequential net(nn::Linear(4, 8), nn::Tanh(), nn::Linear(8, 3));
  net->to(torch::kFloat64);
  return net;
}

/// Twelve samples of three classes, five of which are padding; the first two and samples 7 to 9 make
/// up whole batches of padding.
Data padded() {
  torch::manual_seed(6);
  Data data{torch::randn({12, 4}, torch::kFloat64), torch::randint(0, 3, {12})};
  for (const int64_t k : {0, 1, 7, 8, 9}) data.target[k] = -100;
  return data;
}

Batches cut(const Data& all, const std::vector<int64_t>& ends) {
  std::vector<Data> parts;
  int64_t from = 0;
  for (const int64_t to : ends) {
    parts.push_back({all.input.slice(0, from, to), all.target.slice(0, from, to)});
    from = to;
  }
  return parts;
}

void expect_near(const Grid& a, const Grid& b, double tolerance) {
  ASSERT_EQ(a.values.size(), b.values.size());
  for (size_t k = 0; k < a.values.size(); ++k) {
    EXPECT_NEAR(a.values[k], b.values[k], tolerance) << a.value_name << " at " << k;
  }
}

TEST(Metric, IsAveragedOverTheTargetsThatCount) {
  auto net = chain();
  const Data all = padded();
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  const torch::NoGradGuard no_grad;
  const Tensor logits = net->forward(all.input);
  const double entropy = F::cross_entropy(logits, all.target).item<double>();
  const double right = (logits.argmax(1) == all.target).sum().item<double>() / 7;
  std::vector<Grid> first;
  for (const Path path : {Path::Loop, Path::Fused}) {
    for (const auto& ends : {std::vector<int64_t>{12}, {6, 12}, {2, 7, 10, 12}, {1, 2, 11, 12}}) {
      const auto grids = evaluate(*net, {cross_entropy, accuracy}, cut(all, ends), plane, kFive,
                                  kThree, {.path = path});
      EXPECT_NEAR(grids[0].at(1, 2), entropy, 1e-14);
      EXPECT_NEAR(grids[1].at(1, 2), right, 1e-15);
      if (first.empty()) first = grids;
      for (const size_t m : {0u, 1u}) expect_near(grids[m], first[m], 1e-13);
    }
  }
  const std::vector<std::vector<Tensor>> center{plane.center};
  for (const auto& ends : {std::vector<int64_t>{12}, {6, 12}, {2, 7, 10, 12}}) {
    EXPECT_NEAR(losses_at(*net, cross_entropy, cut(all, ends), center)[0], entropy, 1e-14);
    EXPECT_NEAR(losses_at(*net, accuracy, cut(all, ends), center)[0], right, 1e-15);
  }
}

TEST(Metric, IgnoresTheSameTargetsInLogProbabilities) {
  nn::Sequential net(nn::Linear(4, 3), nn::LogSoftmax(1));
  net->to(torch::kFloat64);
  const Data all = padded();
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  const Grid whole = evaluate(*net, nll, all, plane, kFive, kThree);
  const torch::NoGradGuard no_grad;
  EXPECT_NEAR(whole.at(1, 2), F::nll_loss(net->forward(all.input), all.target).item<double>(),
              1e-14);
  for (const auto& ends : {std::vector<int64_t>{6, 12}, {2, 7, 10, 12}}) {
    expect_near(evaluate(*net, nll, cut(all, ends), plane, kFive, kThree), whole, 1e-13);
  }
}

TEST(Metric, CountsTheStepsOfPaddedSequences) {
  torch::manual_seed(7);
  nn::Sequential net(nn::Conv1d(nn::Conv1dOptions(2, 3, 3).padding(1)));
  net->to(torch::kFloat64);
  Data all{torch::randn({6, 2, 10}, torch::kFloat64), torch::randint(0, 3, {6, 10})};
  for (int64_t k = 0; k < 6; ++k) all.target[k].slice(0, 10 - 2 * k, 10).fill_(-100);
  all.target[3].fill_(-100);
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  const auto whole = evaluate(*net, {cross_entropy, accuracy}, all, plane, kFive, kThree);
  const torch::NoGradGuard no_grad;
  const Tensor logits = net->forward(all.input);
  EXPECT_NEAR(whole[0].at(1, 2), F::cross_entropy(logits, all.target).item<double>(), 1e-14);
  const Tensor counts = all.target != -100;
  EXPECT_NEAR(whole[1].at(1, 2),
              (logits.argmax(1) == all.target).sum().item<double>() / counts.sum().item<double>(),
              1e-15);
  for (const Path path : {Path::Auto, Path::Loop}) {
    for (const auto& ends : {std::vector<int64_t>{1, 6}, {3, 4, 6}}) {
      const auto parts = evaluate(*net, {cross_entropy, accuracy}, cut(all, ends), plane, kFive,
                                  kThree, {.path = path});
      for (const size_t m : {0u, 1u}) expect_near(parts[m], whole[m], 1e-13);
    }
  }
}

TEST(Metric, WeighsBatchesOfSequencesByTheirSteps) {
  nn::Linear net(1, 1);
  net->to(torch::kFloat64);
  torch::manual_seed(8);
  const auto part = [](int64_t n, int64_t length) {
    return Data{torch::randn({n, length, 1}, torch::kFloat64),
                torch::randn({n, length, 1}, torch::kFloat64)};
  };
  const std::vector<Data> parts{part(2, 7), part(3, 1)};
  const torch::NoGradGuard no_grad;
  for (const Metric& metric : {Metric(mse), Metric(l1)}) {
    double sum = 0;
    for (const Data& batch : parts) {
      const Tensor error = net->forward(batch.input) - batch.target;
      sum += (metric.name == "mse" ? error.square() : error.abs()).sum().item<double>();
    }
    const std::vector<Tensor> center{net->weight.detach(), net->bias.detach()};
    EXPECT_NEAR(losses_at(*net, metric, parts, {center})[0], sum / 17, 1e-14);
  }
}

TEST(Metric, NeedsATargetThatCounts) {
  auto net = chain();
  Data data = padded();
  data.target.fill_(-100);
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  EXPECT_THAT([&] { evaluate(*net, accuracy, data, plane, kFive, kThree); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("evaluate: no target of the data counts in accuracy")));
}

TEST(Metric, IsWhatLibTorchComputes) {
  torch::manual_seed(9);
  const Tensor logits = torch::randn({7, 2}, torch::kFloat64),
               target = torch::rand({7, 2}, torch::kFloat64);
  EXPECT_EQ(l1(logits, target).item<double>(), torch::l1_loss(logits, target).item<double>());
  EXPECT_EQ(binary_cross_entropy(logits.sigmoid(), target).item<double>(),
            torch::binary_cross_entropy(logits.sigmoid(), target).item<double>());
  EXPECT_EQ(binary_cross_entropy_with_logits(logits, target).item<double>(),
            torch::binary_cross_entropy_with_logits(logits, target).item<double>());
  nn::Sequential net(nn::Linear(2, 2), nn::Sigmoid());
  const Data data{torch::randn({7, 2}), torch::rand({7, 2})};
  const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
  const Grid grid = evaluate(*net, binary_cross_entropy, data, plane, kFive, kThree);
  EXPECT_EQ(grid.value_name, "loss");
  EXPECT_NEAR(grid.at(1, 2),
              torch::binary_cross_entropy(net->forward(data.input), data.target).item<double>(),
              1e-6);
}

TEST(Metric, IsFoundByItsNameAndByLibTorchs) {
  for (const Metric& metric : known_metrics())
    EXPECT_EQ(find_metric(metric.name).name, metric.name);
  EXPECT_EQ(find_metric("l1_loss").name, "l1");
  EXPECT_EQ(find_metric("mse_loss").name, "mse");
  EXPECT_THAT([] { find_metric("binary_crossentropy"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("binary_cross_entropy")));
}

/// A metric of a user that is written as those of the library are.
struct Margin {
  static constexpr const char* name = "margin";
  static constexpr MetricTraits traits{.higher_is_better = true, .in_double = true};
  static double count(const Tensor& target) { return static_cast<double>(target.size(0)); }
  Tensor operator()(const Tensor& prediction, const Tensor& target) const {
    EXPECT_EQ(prediction.scalar_type(), torch::kFloat64);
    EXPECT_EQ(target.scalar_type(), torch::kFloat64);
    return (prediction - target).amin();
  }
};

TEST(Metric, OfAUserHasTraitsToo) {
  auto net = sine_net();
  const Grid grid = evaluate(*net, Margin{}, sine_data(), random_plane(*net), kFive, kThree,
                             {.path = Path::Loop});
  EXPECT_EQ(grid.value_name, "margin");
}

TEST(Metric, NamesTheTypesThatItWasGiven) {
  nn::Sequential net(nn::Linear(2, 3));
  const Data data{torch::randn({5, 2}), torch::zeros({5})};
  EXPECT_THAT([&] { evaluate(*net, cross_entropy, data, random_plane(*net), kFive, kThree); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("the target is Float[5]")));
}

}  // namespace
}  // namespace metric_test
}  // namespace descent::tests

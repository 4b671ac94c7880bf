#include <cmath>
#include <fstream>
#include <stdexcept>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/optim.h>
#include <descent/tune.h>

namespace rates_test {
namespace {

using descent::RangeTest, descent::range_test, descent::critical_rate;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// A small network on a fixed problem, with buffers and dropout.
struct Setting {
  torch::nn::Sequential net{nullptr};
  at::Tensor x, y;

  Setting() {
    torch::manual_seed(1);
    net =
        torch::nn::Sequential(torch::nn::Linear(2, 16), torch::nn::BatchNorm1d(16),
                              torch::nn::Tanh(), torch::nn::Dropout(0.1), torch::nn::Linear(16, 1));
    x = torch::randn({32, 2});
    y = torch::sin(x.sum(1, true));
  }
  at::Tensor loss() { return torch::mse_loss(net->forward(x), y); }
  descent::RateClosure closure() {
    return [this] {
      at::Tensor found = loss();
      found.backward();
      return found;
    };
  }
  std::vector<at::Tensor> all() const {
    std::vector<at::Tensor> list;
    for (const auto& p : net->parameters()) list.push_back(p.detach().clone());
    for (const auto& b : net->buffers()) list.push_back(b.clone());
    for (const auto& p : net->parameters())
      list.push_back(p.grad().defined() ? p.grad().clone() : at::Tensor());
    list.push_back(at::detail::getDefaultCPUGenerator().get_state());
    return list;
  }
};

void expect_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].defined(), b[i].defined()) << i;
    EXPECT_TRUE(!a[i].defined() || torch::equal(a[i], b[i])) << i;
  }
}

/// Training after a test must go on as training without one.
template <class Make, class Test>
void expect_untouched(const Make& make, const Test& test) {
  const auto train = [&](bool with_test) {
    Setting setting;
    auto optimizer = make(setting.net->parameters());
    const auto step = [&] {
      optimizer->zero_grad();
      optimizer->step(setting.closure());
    };
    for (int i = 0; i < 3; ++i) step();
    if (with_test) {
      const auto before = setting.all();
      test(*optimizer, setting);
      expect_equal(setting.all(), before);
    }
    for (int i = 0; i < 3; ++i) step();
    return setting.all();
  };
  expect_equal(train(true), train(false));
}

using Parameters = std::vector<at::Tensor>;
std::unique_ptr<torch::optim::Optimizer> ours(const Parameters& p) {
  return descent::make_optimizer("adamw", p, {{"lr", 0.01}});
}
std::unique_ptr<torch::optim::Optimizer> libtorchs(const Parameters& p) {
  return std::make_unique<torch::optim::Adam>(p, torch::optim::AdamOptions(0.01));
}
std::unique_ptr<torch::optim::Optimizer> wrapped(const Parameters& p) {
  return std::make_unique<descent::Lookahead>(descent::Adam(p, {.lr = 0.01}));
}

TEST(TheRangeTest, PutsEverythingBack) {
  const auto test = [](torch::optim::Optimizer& optimizer, Setting& setting) {
    const RangeTest found = range_test(optimizer, setting.closure(), setting.net->buffers());
    EXPECT_GT(found.rates.size(), 20u);
  };
  for (const auto& make : {ours, libtorchs, wrapped}) expect_untouched(make, test);
}

TEST(TheRangeTest, PutsEverythingBackWhenTheClosureThrows) {
  const auto test = [](torch::optim::Optimizer& optimizer, Setting& setting) {
    int calls = 0;
    const auto closure = [&]() -> at::Tensor {
      if (++calls == 7) throw std::runtime_error("no data");
      return setting.closure()();
    };
    EXPECT_THAT([&] { range_test(optimizer, closure, setting.net->buffers()); },
                ThrowsMessage<std::runtime_error>(HasSubstr("no data")));
  };
  for (const auto& make : {ours, libtorchs, wrapped}) expect_untouched(make, test);
}

TEST(TheRangeTest, RisesFromLoToHiAndGivesUpWhenTheLossExplodes) {
  // f = x^2 / 2 from x = 1 by SGD: x grows once the rate is above 2.
  at::Tensor x = torch::ones({1}, torch::dtype(torch::kDouble).requires_grad(true));
  descent::SGD optimizer({x}, {.lr = 0.5});
  const auto closure = [&] {
    at::Tensor loss = (x * x).sum() / 2;
    loss.backward();
    return loss;
  };
  const RangeTest found =
      range_test(optimizer, closure, {}, {.lo = 1e-4, .hi = 100, .steps = 60, .smoothing = 0});
  EXPECT_TRUE(found.gave_up);
  double position = 1, lowest = 1;
  for (size_t i = 0; i < found.rates.size(); ++i) {
    const double rate = 1e-4 * std::pow(1e6, static_cast<double>(i) / 60);
    EXPECT_NEAR(found.rates[i], rate, 1e-12 * rate);
    EXPECT_NEAR(found.losses[i], position * position / 2, 1e-12);
    EXPECT_EQ(found.smoothed[i], found.losses[i]);
    EXPECT_EQ(i >= 10 && found.smoothed[i] > 4 * std::min(lowest, found.smoothed[i]),
              i + 1 == found.rates.size());
    lowest = std::min(lowest, found.smoothed[i]);
    position -= rate * position;
  }
  EXPECT_LT(found.valley, 2);
  EXPECT_LT(found.steep, 2);
  EXPECT_LT(found.minimum, 0.3);
  EXPECT_EQ(x.item<double>(), 1);
}

TEST(TheRangeTest, GoesOnWhereLossesAreNegative) {
  at::Tensor x = torch::ones({1}, torch::dtype(torch::kDouble).requires_grad(true));
  descent::SGD optimizer({x}, {.lr = 0.5});
  const auto closure = [&] {
    at::Tensor loss = (x * x).sum() / 2 - 3;
    loss.backward();
    return loss;
  };
  const RangeTest found = range_test(optimizer, closure, {}, {.lo = 1e-4, .steps = 60});
  EXPECT_FALSE(found.gave_up);
  EXPECT_EQ(found.rates.size(), 60u);
  EXPECT_GT(found.valley, 1e-4);
}

TEST(TheRangeTest, SmoothsWithoutTheBiasOfTheBeginning) {
  at::Tensor x = torch::ones({1}, torch::requires_grad());
  descent::SGD optimizer({x}, {.lr = 0.5});
  double next = 0;
  std::vector<double> given;
  const auto closure = [&] {
    given.push_back(std::cos(next++) + 2);
    return (x * given.back()).sum().backward(), x.detach() * 0 + given.back();
  };
  const RangeTest found = range_test(optimizer, closure, {}, {.steps = 30});
  for (size_t i = 0; i < 30; ++i) {
    double sum = 0, weights = 0;
    for (size_t j = 0; j <= i; ++j) {
      sum += std::pow(0.98, static_cast<double>(i - j)) * given[j];
      weights += std::pow(0.98, static_cast<double>(i - j));
    }
    EXPECT_NEAR(found.smoothed[i], sum / weights, 1e-6);
  }
}

TEST(TheRangeTest, HasTheValleysOfAnIndependentEvaluation) {
  const auto golden = nlohmann::json::parse(std::ifstream(GOLDEN_FILE));
  for (const auto& curve : golden["valleys"]) {
    RangeTest test;
    test.smoothed = curve["losses"].get<std::vector<double>>();
    for (size_t i = 0; i < test.smoothed.size(); ++i) test.rates.push_back(static_cast<double>(i));
    test.smoothed.push_back(0);  // does not count
    test.rates.push_back(0);
    test.suggest(0);
    EXPECT_EQ(test.valley, curve["valley"].get<double>());
  }
}

TEST(TheRangeTest, SuggestsRatesAsFastaiDoes) {
  RangeTest test;
  for (int i = 0; i < 40; ++i) test.rates.push_back(std::pow(10, -6 + 0.15 * i));
  // Flat for 15 points, falls for 15, rises: the first 10 and the last do not count.
  for (int i = 0; i < 40; ++i)
    test.smoothed.push_back(i < 15 ? 3.0 : i < 30 ? 3 - 0.1 * (i - 14) - (i >= 22 ? 0.5 : 0) : 5.0);
  test.suggest(10);
  // Counted from the 10th: the longest fall ends at 19, has 16 points, and begins at 3.
  EXPECT_EQ(test.valley, test.rates[10 + 3 + 5 + 2]);
  EXPECT_EQ(test.minimum, test.rates[29] / 10);
  EXPECT_TRUE(test.steep == test.rates[21] || test.steep == test.rates[22]);
  test.smoothed.resize(12);
  test.suggest(10);
  EXPECT_TRUE(std::isnan(test.valley) && std::isnan(test.steep) && std::isnan(test.minimum));
}

TEST(TheRangeTest, RefusesOptionsOutOfRange) {
  Setting setting;
  descent::SGD optimizer(setting.net->parameters(), {.lr = 0.1});
  for (const auto& [options, text] : std::vector<std::pair<descent::RangeTestOptions, std::string>>{
           {{.lo = 0}, "range_test: lo = 0, must be finite and > 0"},
           {{.lo = 1, .hi = 1}, "lo = 1, must be < hi = 1"},
           {{.steps = 0}, "steps = 0"},
           {{.smoothing = 1}, "smoothing = 1, must be in [0, 1)"},
           {{.give_up = 1}, "give_up = 1, must be"}}) {
    const auto& given = options;
    EXPECT_THAT([&] { range_test(optimizer, setting.closure(), {}, given); },
                ThrowsMessage<std::invalid_argument>(HasSubstr(text)));
  }
  EXPECT_THAT([&] { range_test(optimizer, [] { return at::Tensor(); }); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("returned no loss")));
}

TEST(TheCriticalRate, IsThatOfAQuadratic) {
  const at::Tensor h = torch::tensor({1.0, 4.0, 25.0}, torch::kDouble);
  for (const double guess : {1e-6, 0.05, 7.0}) {
    at::Tensor x = torch::tensor({3.0, -1.0, 0.2}, torch::kDouble).set_requires_grad(true);
    int64_t calls = 0;
    const auto closure = [&] {
      ++calls;
      at::Tensor loss = (h * x * x).sum() / 2;
      loss.backward();
      return loss;
    };
    const at::Tensor g = (h * x).detach();
    const double exact = 2 * ((g * g).sum() / (g * h * g).sum()).item<double>();
    descent::SGD ours({x}, {.lr = guess});
    torch::optim::SGD libtorchs({x}, torch::optim::SGDOptions(guess));
    for (torch::optim::Optimizer* const optimizer :
         {static_cast<torch::optim::Optimizer*>(&ours),
          static_cast<torch::optim::Optimizer*>(&libtorchs)}) {
      calls = 0;
      const double rate = critical_rate(*optimizer, closure);
      EXPECT_GE(rate, exact);
      EXPECT_LE(rate, exact / (1 - 1.0 / 16));
      EXPECT_EQ(optimizer->param_groups()[0].options().get_lr(), guess);
      EXPECT_TRUE(guess != 0.05 || optimizer != &ours || calls <= 8) << calls;
    }
    EXPECT_EQ(x[2].item<double>(), 0.2);
  }
}

TEST(TheCriticalRate, IsThatOfARuleThatLooksAhead) {
  const at::Tensor h = torch::tensor({1.0, 40.0}, torch::kDouble);
  const auto loss_after = [&](double rate, double* found) {
    at::Tensor x = torch::tensor({3.0, 1.0}, torch::kDouble).set_requires_grad(true);
    const auto closure = [&] {
      x.mutable_grad() = at::Tensor();
      at::Tensor loss = (h * x * x).sum() / 2;
      loss.backward();
      return loss;
    };
    descent::SGD sgd({x}, {.lr = 0.02, .momentum = 0.9, .lookahead = true});
    for (int i = 0; i < 3; ++i) sgd.step(closure);
    const double before = closure().item<double>();
    if (found != nullptr) *found = critical_rate(sgd, closure);
    sgd.param_groups()[0].options().set_lr(rate);
    sgd.step(closure);
    return closure().item<double>() - before;
  };
  double found = 0;
  loss_after(0.02, &found);
  EXPECT_GT(loss_after(found, nullptr), 0);
  EXPECT_LE(loss_after(found * (1 - 1.0 / 16), nullptr), 0);
}

TEST(TheCriticalRate, PutsEverythingBack) {
  const auto test = [](torch::optim::Optimizer& optimizer, Setting& setting) {
    setting.net->eval();  // dropout would give another loss at each call
    EXPECT_GT(critical_rate(optimizer, setting.closure(), setting.net->buffers()), 0);
    setting.net->train();
  };
  for (const auto& make : {ours, libtorchs, wrapped}) expect_untouched(make, test);
}

TEST(TheCriticalRate, SaysWhereThereIsNone) {
  at::Tensor x = torch::ones({1}, torch::dtype(torch::kDouble).requires_grad(true));
  descent::SGD optimizer({x}, {.lr = 1});
  const auto falling = [&] {
    at::Tensor loss = -x.sum();
    loss.backward();
    return loss;
  };
  EXPECT_THAT([&] { critical_rate(optimizer, falling); },
              ThrowsMessage<std::runtime_error>(HasSubstr("raises the loss")));
  const auto infinite = [&] {
    at::Tensor loss = x.sum() * INFINITY;
    loss.backward();
    return loss;
  };
  EXPECT_THAT([&] { critical_rate(optimizer, infinite); },
              ThrowsMessage<std::runtime_error>(HasSubstr("the loss is inf where it begins")));
}

}  // namespace
}  // namespace rates_test

// Averages of weights, and the statistics of batch normalisation that go with them.
#include <gmock/gmock.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>
#include <torch/serialize/archive.h>
#include <torch/types.h>

#include <descent/optim.h>

#include "checks.h"
#include "wrapping.h"

namespace averaging_test {
namespace {

using namespace checks;
using namespace wrapping;
using descent::ExponentialMovingAverage;
using descent::StochasticWeightAverage;
using testing::HasSubstr;

/// A parameter of 3, a buffer of 2 and one that counts.
struct Small : torch::nn::Module {
  at::Tensor w = register_parameter("w", at::zeros({3}, at::kDouble));
  at::Tensor none = register_parameter("none", at::Tensor(), false);
  at::Tensor b = register_buffer("b", at::zeros({2}, at::kDouble));
  at::Tensor n = register_buffer("n", at::zeros({}, at::kLong));

  /// sin(0.7 i + 1.3 t), the buffer 0.5 further.
  void move_to(int64_t t) {
    const at::NoGradGuard no_grad;
    for (int64_t i = 0; i < 3; ++i)
      w[i].fill_(std::sin(0.7 * static_cast<double>(i) + 1.3 * static_cast<double>(t)));
    for (int64_t i = 0; i < 2; ++i)
      b[i].fill_(std::sin(0.7 * static_cast<double>(i) + 1.3 * static_cast<double>(t) + 0.5));
    n.fill_(10 * t);
  }
};

template <class Average>
void take_five(Average& average, Small& module) {
  for (int64_t t = 1; t <= 5; ++t) {
    module.move_to(t);
    average.update();
  }
}

void expect_averages(const descent::WeightAverage& average, const std::vector<double>& w,
                     const std::vector<double>& b) {
  ASSERT_EQ(average.averages().size(), 3);
  EXPECT_EQ(difference({average.averages()[0], average.averages()[1]},
                       {at::tensor(w, at::kDouble), at::tensor(b, at::kDouble)}, 1e-15),
            "");
  EXPECT_EQ(average.averages()[2].item<int64_t>(), 50);
  EXPECT_EQ(average.updates(), 5);
}

template <class Average>
std::string written(const Average& average) {
  torch::serialize::OutputArchive archive;
  average.save(archive);
  std::ostringstream out;
  archive.save_to(out);
  return out.str();
}
template <class Average>
void read(Average& average, const std::string& bytes) {
  torch::serialize::InputArchive archive;
  archive.load_from(bytes.data(), bytes.size());
  average.load(archive);
}

// torch.optim.swa_utils.AveragedModel of Python 2.13 on the same weights.
TEST(TheExponentialMovingAverage, GivesPythonsNumbers) {
  Small module;
  ExponentialMovingAverage copied(module, {.decay = 0.8});
  take_five(copied, module);
  expect_averages(copied, {0.2610979575481902, 0.3280159248794401, 0.2406628773496804},
                  {0.6569865987187891, 0.9881682338770004});
  ExponentialMovingAverage averaged(module, {.decay = 0.8, .use_buffers = true});
  take_five(averaged, module);
  expect_averages(averaged, {0.2610979575481902, 0.3280159248794401, 0.2406628773496804},
                  {0.3246284169111555, 0.2802571824059755});
}

TEST(TheStochasticWeightAverage, GivesPythonsNumbers) {
  Small module;
  StochasticWeightAverage copied(module);
  take_five(copied, module);
  expect_averages(copied, {0.024591746084469103, 0.035530385613577235, 0.029758529611030118},
                  {0.6569865987187891, 0.9881682338770004});
}

TEST(TheStochasticWeightAverage, IsThePlainMeanOfBuffersToo) {
  Small module;
  StochasticWeightAverage averaged(module, {.use_buffers = true});
  at::Tensor sum = at::zeros({2}, at::kDouble);
  for (int64_t t = 1; t <= 5; ++t) {
    module.move_to(t);
    averaged.update();
    sum += module.b;
  }
  EXPECT_EQ(difference({averaged.averages()[1]}, {sum / 5}, 1e-15), "");
}

TEST(TheExponentialMovingAverage, FollowsFasterWhileItWarmsUp) {
  const at::Tensor p = at::zeros({1}, at::kDouble).requires_grad_();
  ExponentialMovingAverage ema({p}, {.decay = 0.35, .warmup = true});
  double a = 0;
  for (int64_t t = 0; t <= 6; ++t) {
    p.detach().fill_(static_cast<double>(t * t + 1));
    ema.update();
    const double decay =
        std::min(0.35, (1 + static_cast<double>(t)) / (10 + static_cast<double>(t)));
    a = t == 0 ? 1 : decay * a + (1 - decay) * static_cast<double>(t * t + 1);
    EXPECT_NEAR(ema.averages()[0].item<double>(), a, 1e-12) << t;
  }
}

TEST(TheExponentialMovingAverage, StaysOrFollowsAtTheEndsOfItsRange) {
  Small module;
  ExponentialMovingAverage still(module, {.decay = 1}), close(module, {.decay = 0});
  module.move_to(1);
  still.update();
  close.update();
  const at::Tensor first = module.w.detach().clone();
  module.move_to(2);
  still.update();
  close.update();
  EXPECT_EQ(difference({still.averages()[0], close.averages()[0]}, {first, module.w.detach()}), "");
}

TEST(TheAverages, Of16BitWeightsAreFloat) {
  const at::Tensor p = at::ones({3}, at::kBFloat16).requires_grad_();
  ExponentialMovingAverage ema({p}, {.decay = 0.999});
  ema.update();
  p.detach().fill_(2);
  for (int i = 0; i < 1000; ++i) ema.update();
  // In bfloat16 a step of 0.001 from 1 rounds away.
  EXPECT_NEAR(ema.averages()[0][0].item<double>(), 2 - std::pow(0.999, 1000), 1e-4);
  const auto before = p.detach().clone();
  {
    const auto scope = ema.applied();
    EXPECT_NEAR(p[0].item<double>(), 2 - std::pow(0.999, 1000), 1e-2);
  }
  EXPECT_TRUE(same_bits(p, before));
}

TEST(TheAverages, StandInTheWeightsForAScope) {
  Small module;
  ExponentialMovingAverage ema(module, {.decay = 0.8});
  take_five(ema, module);
  module.move_to(6);
  const auto before = copies({module.w, module.b, module.n});
  const auto inside = [&] {
    EXPECT_EQ(difference({module.w.detach(), module.b, module.n}, copies(ema.averages())), "");
    EXPECT_THAT(refusal([&] { ema.update(); }), HasSubstr("update() came while"));
    EXPECT_THAT(refusal([&] { const auto again = ema.applied(); }), HasSubstr("already"));
  };
  {
    const auto scope = ema.applied();
    inside();
  }
  EXPECT_EQ(difference(copies({module.w, module.b, module.n}), before), "");
  EXPECT_THROW(
      [&] {
        const auto scope = ema.applied();
        inside();
        throw std::runtime_error("no data");
      }(),
      std::runtime_error);
  EXPECT_EQ(difference(copies({module.w, module.b, module.n}), before), "");
  ema.update();
  EXPECT_EQ(ema.updates(), 6);
}

TEST(TheAverages, MayBeCopiedForGood) {
  Small module, other;
  StochasticWeightAverage swa(module);
  take_five(swa, module);
  swa.copy_to(other);
  EXPECT_EQ(difference({other.w.detach(), other.b, other.n}, copies(swa.averages())), "");
  EXPECT_FALSE(same_bits(module.w, other.w));
  swa.copy_to();
  EXPECT_TRUE(same_bits(module.w, other.w));

  StochasticWeightAverage list({module.w});
  other.move_to(3);
  const auto buffer = other.b.clone();
  list.copy_to(other);
  EXPECT_TRUE(same_bits(other.w, module.w));
  EXPECT_TRUE(same_bits(other.b, buffer));
  torch::nn::Linear wrong(3, 3);
  EXPECT_THAT(refusal([&] { swa.copy_to(*wrong); }),
              HasSubstr("StochasticWeightAverage: the module has 2 parameters and buffers"));
}

TEST(TheAverages, GoAlongWithAnyOptimizer) {
  Problem problem{parameters({{4}, {2, 2}}, at::kDouble)};
  descent::Lookahead opt(torch::optim::SGD(problem.params, torch::optim::SGDOptions(0.1)));
  StochasticWeightAverage swa(problem.params);
  auto sum = copies(problem.params);
  for (auto& x : sum) x.zero_();
  for (int64_t t = 1; t <= 7; ++t) {
    problem.t = t;
    opt.step(problem.closure());
    swa.update();
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += problem.params[i].detach() / 7;
  }
  EXPECT_EQ(difference(copies(swa.averages()), sum, 1e-14), "");
}

TEST(TheAverages, ContinueBitForBit) {
  const auto check = [](auto make) {
    Small module, fresh_module;
    auto whole = make(module), resumed = make(fresh_module);
    for (int64_t t = 1; t <= 3; ++t) {
      module.move_to(t);
      whole->update();
      fresh_module.move_to(t + 5);
      resumed->update();
    }
    read(*resumed, written(*whole));
    EXPECT_EQ(resumed->updates(), 3);
    for (int64_t t = 4; t <= 6; ++t)
      for (auto* side : {&whole, &resumed}) {
        (side == &whole ? module : fresh_module).move_to(t);
        (*side)->update();
      }
    EXPECT_EQ(difference(copies(resumed->averages()), copies(whole->averages())), "");
  };
  check([](Small& m) {
    return std::make_unique<ExponentialMovingAverage>(
        m, ExponentialMovingAverage::Options{.decay = 0.9, .warmup = true, .use_buffers = true});
  });
  check([](Small& m) { return std::make_unique<StochasticWeightAverage>(m); });
}

TEST(TheAverages, RefuseArchivesOfOthersAndStayAsTheyWere) {
  Small module;
  ExponentialMovingAverage ema(module, {.decay = 0.9}), list({module.w});
  StochasticWeightAverage swa(module);
  take_five(ema, module);
  const auto before = copies(ema.averages());
  ExponentialMovingAverage wider({at::zeros({4}), at::zeros({2}), at::zeros({1})});
  EXPECT_THAT(refusal([&] { read(ema, written(swa)); }),
              HasSubstr("the archive's average is StochasticWeightAverage, must be "
                        "ExponentialMovingAverage"));
  EXPECT_THAT(refusal([&] { read(ema, written(list)); }), HasSubstr("has 1 averages, must have 3"));
  EXPECT_THAT(refusal([&] { read(ema, written(wider)); }),
              HasSubstr("has sizes [4], must have [3]"));
  torch::serialize::OutputArchive other;
  other.write("x", c10::IValue(1));
  std::ostringstream out;
  other.save_to(out);
  EXPECT_THAT(
      refusal([&] { read(ema, out.str()); }),
      HasSubstr("the archive has no average, must have been written by ExponentialMovingAverage"));
  EXPECT_EQ(difference(copies(ema.averages()), before), "");
  EXPECT_EQ(ema.updates(), 5);
}

TEST(TheAverages, TakeAParameterForAnother) {
  Small module;
  ExponentialMovingAverage ema(module, {.decay = 0.5});
  take_five(ema, module);
  const auto average = ema.averages()[0].clone();
  const at::Tensor longer = at::ones({4}, at::kDouble).requires_grad_();
  const auto extend = [](const at::Tensor& x) {
    return at::cat({x, at::full({1}, 9.0, x.options())});
  };
  EXPECT_THAT(
      refusal([&] { ema.replace_param(module.w, longer, [](const auto& x) { return x; }); }),
      HasSubstr("must return a tensor of sizes [4]"));
  ema.replace_param(module.w, longer, extend);
  ema.update();
  EXPECT_EQ(difference({ema.averages()[0]}, {(extend(average) + 1) / 2}, 1e-15), "");
  EXPECT_THAT(refusal([&] { ema.replace_param(module.w, longer, extend); }),
              HasSubstr("is not a parameter"));
}

TEST(TheAverages, RefuseWhatIsOutOfRange) {
  Small module;
  EXPECT_THAT(refusal([&] { ExponentialMovingAverage ema(module, {.decay = 1.5}); }),
              HasSubstr("ExponentialMovingAverage: decay = 1.5, must be in [0, 1]"));
  EXPECT_THAT(refusal([&] { ExponentialMovingAverage ema({module.w}, {.use_buffers = true}); }),
              HasSubstr("use_buffers = true, must be false for a list"));
  EXPECT_THAT(refusal([] { StochasticWeightAverage swa(std::vector<at::Tensor>{}); }),
              HasSubstr("there are no parameters"));
  StochasticWeightAverage swa(module);
  module.w.set_data(at::zeros({4}, at::kDouble));
  EXPECT_THAT(refusal([&] { swa.update(); }), HasSubstr("weights[0] has sizes [4], must have [3]"));
  EXPECT_EQ(swa.updates(), 0);
}

/// Linear(2, 3), BatchNorm1d(3) and a dropout, as the Python that made the numbers below.
struct Normalised : torch::nn::Module {
  torch::nn::Linear linear = register_module("linear", torch::nn::Linear(2, 3));
  torch::nn::BatchNorm1d norm =
      register_module("norm", torch::nn::BatchNorm1d(torch::nn::BatchNormOptions(3).momentum(0.3)));
  torch::nn::Dropout dropout = register_module("dropout", torch::nn::Dropout(0.5));

  Normalised() {
    to(at::kDouble);
    const at::NoGradGuard no_grad;
    for (int64_t i = 0; i < 6; ++i)
      linear->weight.view({-1})[i].fill_(std::sin(0.7 * static_cast<double>(i)));
    linear->bias.copy_(at::tensor({0.1, 0.2, 0.3}, at::kDouble));
    norm->running_mean.fill_(5);
    norm->running_var.fill_(7);
    norm->num_batches_tracked.fill_(9);
    eval();
    norm->train();
  }
  at::Tensor forward(const at::Tensor& x) { return dropout(norm(linear(x))); }
};

std::vector<at::Tensor> batches() {
  std::vector<at::Tensor> list;
  for (int64_t k = 0; k < 3; ++k) {
    list.push_back(at::empty({4 + k, 2}, at::kDouble));
    for (int64_t i = 0; i < 4 + k; ++i)
      for (int64_t j = 0; j < 2; ++j)
        list.back()[i][j].fill_(std::cos(0.3 * static_cast<double>(k) +
                                         1.1 * static_cast<double>(i) +
                                         0.5 * static_cast<double>(j)));
  }
  return list;
}

TEST(TheRenewalOfStatistics, GivesPythonsNumbers) {
  Normalised net;
  int passes = 0;
  descent::update_bn(net, batches(), [&](const at::Tensor& x) {
    EXPECT_TRUE(net.is_training() && net.dropout->is_training());
    EXPECT_FALSE(net.forward(x).requires_grad());
    ++passes;
  });
  EXPECT_EQ(passes, 3);
  EXPECT_EQ(
      difference(
          {net.norm->running_mean, net.norm->running_var},
          {at::tensor({0.03170363244865121, 0.07617037884374155, 0.3262024337226519}, at::kDouble),
           at::tensor({0.2470348527258861, 2.0825218341805236, 0.015186981885259123}, at::kDouble)},
          1e-14),
      "");
  EXPECT_EQ(net.norm->num_batches_tracked.item<int64_t>(), 3);
  EXPECT_EQ(net.norm->options.momentum(), 0.3);
  EXPECT_FALSE(net.is_training());
  EXPECT_FALSE(net.dropout->is_training());
  EXPECT_TRUE(net.norm->is_training());
}

TEST(TheRenewalOfStatistics, LeavesEverythingAsItWasIfThePassThrows) {
  Normalised net;
  EXPECT_THROW(descent::update_bn(net,
                                  [&] {
                                    net.forward(batches()[0]);
                                    throw std::runtime_error("out of data");
                                  }),
               std::runtime_error);
  EXPECT_EQ(net.norm->running_mean[0].item<double>(), 5);
  EXPECT_EQ(net.norm->running_var[0].item<double>(), 7);
  EXPECT_EQ(net.norm->num_batches_tracked.item<int64_t>(), 9);
  EXPECT_EQ(net.norm->options.momentum(), 0.3);
  EXPECT_FALSE(net.is_training());
  EXPECT_TRUE(net.norm->is_training());
}

TEST(TheRenewalOfStatistics, NeedsNoPassWithoutNormalisation) {
  Small module;
  descent::update_bn(module, [] { FAIL() << "called"; });
}

TEST(TheRenewalOfStatistics, FindsNormalisationsOfEveryDimensionAndKind) {
  const torch::nn::BatchNorm2d flat(torch::nn::BatchNormOptions(2));
  const torch::nn::BatchNorm3d deep(torch::nn::BatchNormOptions(2));
  const torch::nn::BatchNorm1d untracked(torch::nn::BatchNormOptions(2).track_running_stats(false));
  const torch::nn::BatchNorm1d cumulative(torch::nn::BatchNormOptions(2).momentum(std::nullopt));
  torch::nn::Sequential net(flat, deep, untracked, cumulative);
  descent::update_bn(*net, [&] {
    EXPECT_EQ(flat->options.momentum(), std::nullopt);
    for (const double mean : {1.0, 2.0, 6.0}) {
      flat.ptr()->forward(at::full({2, 2, 3, 1}, mean));
      deep.ptr()->forward(at::full({2, 2, 3, 1, 2}, mean + 1));
    }
  });
  EXPECT_NEAR(flat->running_mean[0].item<double>(), 3, 1e-6);
  EXPECT_NEAR(deep->running_mean[1].item<double>(), 4, 1e-6);
  EXPECT_EQ(flat->options.momentum(), 0.1);
  EXPECT_EQ(cumulative->options.momentum(), std::nullopt);
}

}  // namespace
}  // namespace averaging_test

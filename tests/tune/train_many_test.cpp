#include <gmock/gmock.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/base/pass.h>
#include <descent/optim.h>
#include <descent/tune/train_many.h>

namespace {

using descent::Candidate;
using descent::Path;
using descent::TrainManyOptions;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using torch::Tensor;
namespace nn = torch::nn;

/// The references are loops of operations that are too small for several threads, which would also
/// round otherwise.
class OneThread : public testing::Environment {
  void SetUp() override { torch::set_num_threads(1); }
};
[[maybe_unused]] const auto* const one_thread = testing::AddGlobalTestEnvironment(new OneThread);

/// A chain of these widths, with an activation behind all Linear but the last.
template <class Activation>
nn::Sequential chain(const std::vector<int64_t>& widths, Activation activation,
                     torch::Dtype type = torch::kFloat, bool bias = true) {
  torch::manual_seed(5);
  nn::Sequential net;
  for (size_t k = 0; k + 1 < widths.size(); ++k) {
    net->push_back(nn::Linear(nn::LinearOptions(widths[k], widths[k + 1]).bias(bias)));
    if (k + 2 < widths.size()) net->push_back(activation);
  }
  net->to(type);
  return net;
}

descent::Batches sine(int64_t samples = 40, torch::Dtype type = torch::kFloat) {
  const Tensor x = torch::linspace(-2, 2, samples, type).unsqueeze(1);
  return {x, torch::sin(2 * x)};
}

std::vector<Candidate> rates(std::initializer_list<double> list) {
  std::vector<Candidate> candidates;
  for (const double lr : list) candidates.push_back({.options = {{"lr", lr}}});
  return candidates;
}

/// A training as a user writes it, of the network itself.
struct ByHand {
  std::vector<double> losses;
  std::vector<Tensor> weights;
};
template <class Loss>
ByHand by_hand(nn::Sequential net, const Loss& loss, const descent::Batches& data,
               const std::string& optimizer, const descent::OptionValues& options, int64_t steps) {
  ByHand result;
  const auto opt = descent::make_optimizer(optimizer, net->parameters(), options);
  for (int64_t step = 0; step < steps; ++step) {
    const auto& batch = data[static_cast<size_t>(step) % data.size()];
    opt->zero_grad();
    const Tensor value = loss(net->forward(batch.input), batch.target);
    value.backward();
    opt->step();
    result.losses.push_back(value.template item<double>());
  }
  for (const Tensor& p : net->parameters()) result.weights.push_back(p.detach().clone());
  return result;
}

double farthest(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double most = 0;
  for (size_t k = 0; k < a.size(); ++k)
    most = std::max(
        most, (a[k] - b[k]).abs().max().item<double>() / (1e-3 + b[k].abs().max().item<double>()));
  return most;
}

void expect_same_bits(const descent::TrainedMany& a, const descent::TrainedMany& b) {
  ASSERT_EQ(a.trainings.size(), b.trainings.size());
  for (size_t k = 0; k < a.trainings.size(); ++k) {
    EXPECT_EQ(a.trainings[k].losses, b.trainings[k].losses) << k;
    EXPECT_EQ(a.trainings[k].final, b.trainings[k].final) << k;
    for (size_t p = 0; p < a.trainings[k].weights.size(); ++p)
      EXPECT_TRUE(a.trainings[k].weights[p].equal(b.trainings[k].weights[p])) << k;
  }
}

std::string refusal(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was refused";
}

/// Trains one candidate on the fused path for `steps` steps of plain SGD and compares it with the
/// same by hand.
template <class Loss>
void expect_equal_to_autograd(const nn::Sequential& net, const Loss& loss,
                              const descent::Batches& data, double tolerance, int64_t steps = 3) {
  const descent::OptionValues options{{"lr", 0.1}};
  const auto many = descent::train_many(
      *net, loss, data, "sgd", {{.options = options}},
      {.steps = steps, .path = Path::Fused, .keep_losses = true, .keep_weights = true});
  const auto copy = std::dynamic_pointer_cast<nn::SequentialImpl>(net->clone());
  const ByHand hand = by_hand(nn::Sequential(copy), loss, data, "sgd", options, steps);
  const auto& trained = many.trainings[0];
  ASSERT_EQ(trained.losses.size(), hand.losses.size());
  for (size_t t = 0; t < hand.losses.size(); ++t)
    EXPECT_NEAR(trained.losses[t], hand.losses[t], tolerance * (1 + hand.losses[t])) << t;
  EXPECT_LT(farthest(trained.weights, hand.weights), 30 * tolerance);
}

constexpr double kFloat = 3e-6, kDouble = 1e-13;

template <class Activation>
void expect_gradients_of(Activation activation) {
  for (const auto& widths : std::vector<std::vector<int64_t>>{
           {1, 64, 64, 1}, {16, 16, 1}, {3, 5, 7, 2}, {20, 33, 17, 19}, {5, 1, 6, 3}}) {
    SCOPED_TRACE(testing::PrintToString(widths));
    for (const int64_t samples : {1, 16, 37, 130}) {
      SCOPED_TRACE(samples);
      for (const auto type : {torch::kFloat, torch::kDouble}) {
        torch::manual_seed(samples);
        const descent::Batches data{torch::randn({samples, widths.front()}, type),
                                    torch::randn({samples, widths.back()}, type)};
        expect_equal_to_autograd(chain(widths, activation, type), descent::mse, data,
                                 type == torch::kFloat ? kFloat : kDouble);
      }
    }
  }
}

TEST(TrainMany, HasTheGradientOfAutogradForReLU) { expect_gradients_of(nn::ReLU()); }
TEST(TrainMany, HasTheGradientOfAutogradForTanh) { expect_gradients_of(nn::Tanh()); }
TEST(TrainMany, HasTheGradientOfAutogradForSigmoid) { expect_gradients_of(nn::Sigmoid()); }
TEST(TrainMany, HasTheGradientOfAutogradForSiLU) { expect_gradients_of(nn::SiLU()); }
TEST(TrainMany, HasTheGradientOfAutogradForGELU) { expect_gradients_of(nn::GELU()); }
TEST(TrainMany, HasTheGradientOfAutogradForGELUByTanh) {
  expect_gradients_of(nn::GELU(nn::GELUOptions().approximate("tanh")));
}

TEST(TrainMany, HasTheGradientOfSeveralActivationsInARow) {
  torch::manual_seed(3);
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    nn::Sequential net(nn::Linear(4, 9), nn::ReLU(), nn::Tanh(), nn::SiLU(), nn::Linear(9, 6),
                       nn::GELU(), nn::Sigmoid(), nn::ReLU(), nn::Linear(6, 2), nn::Tanh());
    net->to(type);
    const descent::Batches data{torch::randn({30, 4}, type), torch::randn({30, 2}, type)};
    expect_equal_to_autograd(net, descent::mse, data, type == torch::kFloat ? kFloat : kDouble);
  }
}

TEST(TrainMany, HasTheGradientWithoutBiases) {
  const descent::Batches data{torch::randn({21, 6}), torch::randn({21, 3})};
  expect_equal_to_autograd(chain({6, 11, 3}, nn::Tanh(), torch::kFloat, false), descent::mse, data,
                           kFloat);
}

TEST(TrainMany, HasTheGradientOfTheCrossEntropy) {
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    torch::manual_seed(8);
    const Tensor x = torch::randn({75, 4}, type), classes = torch::randint(0, 10, {75});
    const auto net = chain({4, 18, 10}, nn::ReLU(), type);
    const double tolerance = type == torch::kFloat ? kFloat : kDouble;
    expect_equal_to_autograd(net, descent::cross_entropy, {x, classes}, tolerance);
    Tensor ignoring = classes.clone();
    ignoring.slice(0, 0, 75, 3) = -100;
    expect_equal_to_autograd(net, descent::cross_entropy, {x, ignoring}, tolerance);
  }
}

TEST(TrainMany, TakesBatchesInTurn) {
  torch::manual_seed(2);
  std::vector<descent::Data> batches;
  for (const int64_t n : {20, 20, 7})
    batches.push_back({torch::randn({n, 3}), torch::randn({n, 2})});
  auto net = chain({3, 8, 2}, nn::Tanh());
  expect_equal_to_autograd(net, descent::mse, batches, kFloat, 8);
  const auto done = descent::train_many(*net, descent::mse, batches, "sgd", rates({0}),
                                        {.steps = 1, .path = Path::Fused});
  double sum = 0;
  for (const auto& batch : batches)
    sum += static_cast<double>(batch.target.size(0)) *
           torch::mse_loss(net->forward(batch.input), batch.target).item<double>();
  EXPECT_NEAR(done.trainings[0].final, sum / 47, 1e-6);
}

TEST(TrainMany, TrainsAsEveryOptimizerDoes) {
  const auto whole = chain({1, 12, 1}, nn::Tanh(), torch::kDouble);
  const auto matrices = chain({1, 12, 1}, nn::Tanh(), torch::kDouble, /*bias=*/false);
  const auto data = sine(24, torch::kDouble);
  int fused = 0;
  for (const auto* rule : descent::optimizers()) {
    SCOPED_TRACE(rule->about.key);
    const descent::OptionValues options{{"lr", 3e-3}};
    const auto& net = rule->block_problem ? matrices : whole;  // which may refuse vectors
    TrainManyOptions wanted{.steps = 12, .keep_losses = true, .keep_weights = true};
    const auto done = descent::train_many(*net, descent::mse, data, rule->about.key,
                                          {{.options = options}}, wanted);
    wanted.path = Path::Loop;
    const auto loop = descent::train_many(*net, descent::mse, data, rule->about.key,
                                          {{.options = options}}, wanted);
    EXPECT_THAT(done.reason, Not(HasSubstr("self-check")));
    fused += done.path == Path::Fused;
    const auto &a = done.trainings[0], &b = loop.trainings[0];
    ASSERT_EQ(a.losses.size(), b.losses.size());
    for (size_t t = 0; t < a.losses.size(); ++t) EXPECT_NEAR(a.losses[t], b.losses[t], 1e-10);
    EXPECT_NEAR(a.final, b.final, 1e-10);
  }
  EXPECT_GE(fused, 20);
}

TEST(TrainMany, LoopsAsAUserDoes) {
  const auto net = chain({1, 12, 1}, nn::ReLU());
  const descent::OptionValues options{{"lr", 1e-2}, {"weight_decay", 0.1}, {"betas", {0.8, 0.99}}};
  const auto done = descent::train_many(
      *net, descent::mse, sine(), "adamw", {{.options = options}},
      {.steps = 30, .path = Path::Loop, .keep_losses = true, .keep_weights = true});
  EXPECT_EQ(done.path, Path::Loop);
  const auto in_double = [](const Tensor& prediction, const Tensor& target) {
    return descent::mse(prediction.to(torch::kDouble), target.to(torch::kDouble));
  };
  const auto hand = by_hand(net, in_double, sine(), "adamw", options, 30);
  EXPECT_EQ(done.trainings[0].losses, hand.losses);
  EXPECT_EQ(farthest(done.trainings[0].weights, hand.weights), 0);
}

TEST(TrainMany, FollowsASchedule) {
  const auto net = chain({1, 12, 1}, nn::Tanh(), torch::kDouble);
  const auto data = sine(24, torch::kDouble);
  TrainManyOptions wanted{.steps = 25,
                          .path = Path::Fused,
                          .schedule = descent::CosineAnnealingLR{.T_max = 20, .eta_min = 1e-4}};
  const auto fused = descent::train_many(*net, descent::mse, data, "adamw", rates({1e-2}), wanted);
  wanted.path = Path::Loop;
  const auto loop = descent::train_many(*net, descent::mse, data, "adamw", rates({1e-2}), wanted);
  EXPECT_NEAR(fused.trainings[0].final, loop.trainings[0].final, 1e-11);
  wanted.schedule = descent::ConstantLR{.factor = 1};
  const auto constant =
      descent::train_many(*net, descent::mse, data, "adamw", rates({1e-2}), wanted);
  EXPECT_GT(std::abs(constant.trainings[0].final - loop.trainings[0].final), 1e-6);
}

TEST(TrainMany, GivesTheSameBitsForAnyNumberOfThreads) {
  const auto net = chain({1, 20, 20, 1}, nn::ReLU());
  std::vector<Candidate> candidates;
  for (uint64_t k = 0; k < 40; ++k)
    candidates.push_back({.options = {{"lr", 1e-3 * static_cast<double>(k + 1)}}, .seed = k});
  for (const Path path : {Path::Fused, Path::Loop}) {
    TrainManyOptions wanted{
        .steps = 15, .threads = 1, .path = path, .keep_losses = true, .keep_weights = true};
    const auto one = descent::train_many(*net, descent::mse, sine(), "adamw", candidates, wanted);
    for (const int threads : {2, 7}) {
      wanted.threads = threads;
      expect_same_bits(
          one, descent::train_many(*net, descent::mse, sine(), "adamw", candidates, wanted));
    }
  }
}

TEST(TrainMany, GivesTheSameBitsOnV3AndV4) {
  if (!descent::supported(descent::Pass::V4)) GTEST_SKIP() << "this CPU has no AVX-512";
  for (const auto type : {torch::kFloat, torch::kDouble}) {
    const auto net = chain({7, 20, 21, 3}, nn::GELU(), type);
    torch::manual_seed(4);
    const descent::Batches data{torch::randn({77, 7}, type), torch::randn({77, 3}, type)};
    std::vector<descent::TrainedMany> results;
    for (const char* pass : {"v4", "v3", "baseline"}) {
      descent::set_pass(pass);
      results.push_back(descent::train_many(
          *net, descent::mse, data, "adamw", rates({1e-3, 1e-2}),
          {.steps = 10, .path = Path::Fused, .keep_losses = true, .keep_weights = true}));
      EXPECT_EQ(results.back().kernel, pass);
    }
    descent::set_pass("auto");
    expect_same_bits(results[0], results[1]);
    EXPECT_LT(farthest(results[0].trainings[0].weights, results[2].trainings[0].weights), 1e-3);
  }
}

TEST(TrainMany, EndsWhatDiverges) {
  const auto net = chain({1, 16, 1}, nn::Tanh());
  for (const Path path : {Path::Fused, Path::Loop}) {
    const auto done =
        descent::train_many(*net, descent::mse, sine(), "sgd", rates({0.05, 1e6, 1e30}),
                            {.steps = 200, .path = path, .keep_losses = true});
    const auto &good = done.trainings[0], &bad = done.trainings[1];
    EXPECT_TRUE(good.converged());
    EXPECT_EQ(good.losses.size(), 200u);
    EXPECT_EQ(good.first, good.losses[0]);
    EXPECT_LT(good.final, good.first);
    EXPECT_EQ(good.diverged, -1);
    EXPECT_FALSE(bad.converged());
    EXPECT_GT(bad.diverged, 0);
    EXPECT_LT(bad.diverged, 10);
    EXPECT_EQ(static_cast<int64_t>(bad.losses.size()), bad.diverged + 1);
    EXPECT_EQ(bad.final, descent::kInfinity);
    EXPECT_EQ(bad.best, bad.losses[0]);
    EXPECT_GT(done.trainings[2].diverged, 0);
  }
}

TEST(TrainMany, CountsLossesAsItSays) {
  const auto net = chain({1, 16, 1}, nn::Tanh());
  const auto done = descent::train_many(*net, descent::mse, sine(), "adam", rates({0.02}),
                                        {.steps = 50, .keep_losses = true});
  const auto& t = done.trainings[0];
  double sum = 0, tail = 0;
  for (size_t k = 0; k < 50; ++k) {
    sum += t.losses[k];
    if (k >= 30) tail += t.losses[k];
  }
  EXPECT_DOUBLE_EQ(t.mean, sum / 50);
  EXPECT_NEAR(t.tail, tail / 20, 1e-12);
  EXPECT_EQ(t.best, std::min(t.final, *std::min_element(t.losses.begin(), t.losses.end())));
}

TEST(TrainMany, GivesLayersAndParametersRatesOfTheirOwn) {
  auto net = chain({1, 12, 1}, nn::Tanh(), torch::kDouble);
  const auto data = sine(24, torch::kDouble);
  const std::vector<Candidate> candidates{
      {.options = {{"lr", 0.02}, {"2.lr", 0.3}, {"2.bias.lr", 0.1}}}};
  for (const Path path : {Path::Fused, Path::Loop}) {
    const auto done = descent::train_many(*net, descent::mse, data, "sgd", candidates,
                                          {.steps = 10, .path = path, .keep_weights = true});
    auto copy = nn::Sequential(std::dynamic_pointer_cast<nn::SequentialImpl>(net->clone()));
    const auto p = copy->parameters();
    descent::SGD opt({p[0], p[1]}, {.lr = 0.02});
    opt.add_group({p[2]}, {{"lr", 0.3}});
    opt.add_group({p[3]}, {{"lr", 0.1}});
    for (int step = 0; step < 10; ++step) {
      opt.zero_grad();
      descent::mse(copy->forward(data[0].input), data[0].target).backward();
      opt.step();
    }
    EXPECT_LT(farthest(done.trainings[0].weights, copy->parameters()), 1e-12);
  }
}

TEST(TrainMany, DrawsAndScalesInitialWeights) {
  const auto net = chain({4, 30, 1}, nn::Tanh());
  const auto before = net->parameters()[0].clone();
  const descent::Batches data{torch::randn({9, 4}), torch::randn({9, 1})};
  const descent::OptionValues still{{"lr", 0.0}};
  const auto done = descent::train_many(*net, descent::mse, data, "sgd",
                                        {{.options = still},
                                         {.options = still, .seed = 1},
                                         {.options = still, .seed = 1, .scale = 3},
                                         {.options = still, .seed = 2},
                                         {.options = still, .scale = 2}},
                                        {.steps = 1, .keep_weights = true});
  const auto weight = [&](size_t candidate, size_t k) {
    return done.trainings[candidate].weights[k];
  };
  EXPECT_TRUE(weight(0, 0).equal(before));
  for (size_t k = 0; k < 4; ++k) {
    const double bound = k < 2 ? 0.5 : 1 / std::sqrt(30.0);
    EXPECT_LE(weight(1, k).abs().max().item<double>(), bound);
    EXPECT_TRUE(torch::allclose(weight(2, k), 3 * weight(1, k)));
    EXPECT_FALSE(weight(3, k).equal(weight(1, k)));
    EXPECT_TRUE(torch::allclose(weight(4, k), 2 * net->parameters()[k]));
  }
  EXPECT_GT(weight(1, 0).abs().max().item<double>(), 0.45);
  EXPECT_NEAR(weight(1, 0).mean().item<double>(), 0, 0.1);
  EXPECT_TRUE(net->parameters()[0].equal(before));
}

TEST(TrainMany, TakesOtherNetworksByTheLoopAndSaysWhy) {
  torch::manual_seed(1);
  const descent::Batches data{torch::randn({6, 1, 8}), torch::randn({6, 1})};
  nn::Sequential net(nn::Conv1d(1, 2, 3), nn::ReLU(), nn::Flatten(), nn::Linear(12, 1));
  auto done = descent::train_many(*net, descent::mse, data, "adamw", rates({1e-2, 1e-3}),
                                  {.steps = 5, .threads = 2});
  EXPECT_EQ(done.path, Path::Loop);
  EXPECT_THAT(done.reason, HasSubstr("Conv1d"));
  EXPECT_LT(done.trainings[0].final, done.trainings[0].first);

  const auto small = chain({1, 8, 1}, nn::Tanh());
  const auto matrices = chain({1, 8, 1}, nn::Tanh(), torch::kFloat, /*bias=*/false);
  done = descent::train_many(*matrices, descent::mse, sine(), "muon", rates({1e-2}), {.steps = 3});
  EXPECT_EQ(done.path, Path::Loop);
  EXPECT_THAT(done.reason, HasSubstr("Muon is no formula of single numbers"));
  done = descent::train_many(*small, descent::l1, sine(), "sgd", rates({1e-2}), {.steps = 3});
  EXPECT_THAT(done.reason, HasSubstr("'l1' is not computed there"));
  done = descent::train_many(*small, descent::mse, sine(), "adamw",
                             {{.options = {{"lr", 1e-2}, {"state_bits", 8}}}}, {.steps = 3});
  EXPECT_EQ(done.path, Path::Loop);
  EXPECT_THAT(done.reason, HasSubstr("in how many bits"));
  small->parameters()[0].requires_grad_(false);
  done = descent::train_many(*small, descent::mse, sine(), "sgd", rates({1e-2}),
                             {.steps = 3, .keep_weights = true});
  EXPECT_THAT(done.reason, HasSubstr("frozen"));
  EXPECT_TRUE(done.trainings[0].weights[0].equal(small->parameters()[0]));
  EXPECT_FALSE(done.trainings[0].weights[1].equal(small->parameters()[1]));
}

/// Says that it is a mean of squares, and is another loss.
struct NotMse {
  static constexpr const char* name = "mse";
  static constexpr auto traits = descent::Mse::traits;
  static constexpr auto count = descent::Mse::count;
  Tensor operator()(const Tensor& prediction, const Tensor& target) const {
    return (1 + 1e-3) * descent::mse(prediction, target);
  }
};

TEST(TrainMany, FindsOutWhereItsKernelsDiffer) {
  const auto net = chain({1, 8, 1}, nn::Tanh());
  const auto done =
      descent::train_many(*net, NotMse{}, sine(), "sgd", rates({1e-2, 2e-2}), {.steps = 9});
  EXPECT_EQ(done.path, Path::Loop);
  EXPECT_THAT(done.reason, HasSubstr("failed its self-check"));
}

TEST(TrainMany, IsCheckedAtTheEdgeOfStability) {
  const auto net = chain({1, 16, 16, 1}, nn::Tanh());
  std::vector<Candidate> candidates;
  for (int k = 0; k < 30; ++k) candidates.push_back({.options = {{"lr", 0.05 * std::pow(1.2, k)}}});
  const auto done =
      descent::train_many(*net, descent::mse, sine(), "sgd", candidates, {.steps = 150});
  EXPECT_EQ(done.path, Path::Fused) << done.reason;
  EXPECT_THAT(done.check, StartsWith("3 trainings equal single ones within"));
  EXPECT_FALSE(done.trainings.back().converged());
  EXPECT_TRUE(done.trainings.front().converged());
}

TEST(TrainMany, StopsWhereItIsAsked) {
  const auto net = chain({1, 16, 1}, nn::Tanh());
  const auto done = descent::train_many(
      *net, descent::mse, sine(), "sgd", rates({0.1, 0.1, 0.1, 0.1, 0.1, 0.1}),
      {.steps = 20, .threads = 1, .on_progress = [](double part) { return part < 0.4; }});
  EXPECT_TRUE(done.stopped);
  EXPECT_TRUE(std::isfinite(done.trainings[0].final));
  EXPECT_TRUE(std::isnan(done.trainings[5].final));
  EXPECT_FALSE(done.trainings[5].converged());
}

TEST(TrainMany, RefusesWhatItCannotDo) {
  const auto net = chain({1, 8, 1}, nn::Tanh());
  const auto why = [&](const descent::OptionValues& options, TrainManyOptions wanted,
                       const char* optimizer = "sgd", descent::Metric loss = descent::mse) {
    return refusal([&] {
      descent::train_many(*net, loss, sine(), optimizer, {{}, {.options = options}}, wanted);
    });
  };
  EXPECT_THAT(why({}, {}), HasSubstr("train_many: options.steps = 0"));
  EXPECT_THAT(why({{"lrr", 1}}, {.steps = 1}),
              testing::AllOf(HasSubstr("candidates[1]"), HasSubstr("did you mean lr")));
  EXPECT_THAT(why({{"lr", -1}}, {.steps = 1}),
              testing::AllOf(HasSubstr("candidates[1]"), HasSubstr("lr = -1")));
  EXPECT_THAT(why({{"5.lr", 1}}, {.steps = 1}), HasSubstr("'5.'"));
  EXPECT_THAT(why({}, {.steps = 1}, "adamm"), HasSubstr("did you mean"));
  EXPECT_THAT(why({}, {.steps = 1}, "sgd", descent::accuracy), HasSubstr("is no loss"));
  EXPECT_THAT(why({}, {.steps = 1, .schedule = descent::StepLR{}}), HasSubstr("step_size"));
  EXPECT_THAT(why({}, {.steps = 1, .path = Path::Fused}, "schedule_free_sgd"),
              HasSubstr("options.path is fused, but ScheduleFreeSGD is evaluated"));
  EXPECT_THAT(
      refusal([&] { descent::train_many(*net, descent::mse, sine(), "sgd", {}, {.steps = 1}); }),
      HasSubstr("no candidates"));
  EXPECT_THAT(refusal([&] {
                descent::train_many(*net, descent::mse, {torch::zeros({5, 1}), torch::zeros({5})},
                                    "sgd", {{}}, {.steps = 1});
              }),
              HasSubstr("[5, 1]"));
  nn::Sequential drawing(nn::Linear(1, 4), nn::Dropout(0.5), nn::Linear(4, 1));
  const auto train = [&] {
    return descent::train_many(*drawing, descent::mse, sine(), "sgd", {{}}, {.steps = 1});
  };
  EXPECT_THAT(refusal(train), HasSubstr("draws random numbers"));
  drawing->eval();
  EXPECT_EQ(train().path, Path::Fused);
}

}  // namespace

#include <cmath>

#include <gmock/gmock.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/optim.h>
#include <descent/tune/train_many.h>
#include <descent/tune/train_map.h>

#include "networks.h"

namespace {

using descent::Candidate;
using descent::Path;
using descent::TrainManyOptions;
using namespace descent::networks_of_tests;  // NOLINT
using testing::HasSubstr;
using testing::StartsWith;
using torch::Tensor;

/// Candidates that differ in rate, decay and seed.
std::vector<Candidate> several(size_t count, double lo = 1e-4, double hi = 3e-2) {
  std::vector<Candidate> result;
  for (size_t k = 0; k < count; ++k) {
    const double part = static_cast<double>(k) / static_cast<double>(count);
    result.push_back({.options = {{"lr", lo * std::pow(hi / lo, part)},
                                  {"weight_decay", k % 3 == 0 ? 0.0 : 0.01 * part}},
                      .seed = k});
  }
  return result;
}

descent::Batches images(int64_t n = 12, torch::Dtype type = torch::kDouble) {
  torch::manual_seed(1);
  return {torch::randn({n, 1, 8, 8}, type), torch::randint(0, 10, {n})};
}
descent::Batches vectors(int64_t n = 20, torch::Dtype type = torch::kDouble) {
  torch::manual_seed(2);
  const Tensor x = torch::randn({n, 8}, type);
  return {x, torch::sin(x.sum(1, /*keepdim=*/true))};
}
descent::Batches sequences(int64_t n = 10, torch::Dtype type = torch::kDouble) {
  torch::manual_seed(3);
  const Tensor x = torch::randn({n, 6, 4}, type);
  return {x, x.mean({1, 2}).unsqueeze(1)};
}

/// Trains by vmap and by the loop, and compares everything.
void expect_equal_to_the_loop(const descent::Network& net, const descent::Metric& loss,
                              const descent::Batches& data, const std::string& optimizer,
                              const std::vector<Candidate>& candidates,
                              TrainManyOptions wanted = {.steps = 15}, double tolerance = 1e-9) {
  wanted.keep_losses = wanted.keep_weights = true;
  wanted.path = Path::Batched;
  const auto many = descent::train_many(net, loss, data, optimizer, candidates, wanted);
  EXPECT_EQ(many.path, Path::Batched);
  EXPECT_THAT(many.check, StartsWith("3 trainings equal single ones within"));
  wanted.path = Path::Loop;
  const auto loop = descent::train_many(net, loss, data, optimizer, candidates, wanted);
  for (size_t k = 0; k < candidates.size(); ++k) {
    SCOPED_TRACE(k);
    const auto &a = many.trainings[k], &b = loop.trainings[k];
    EXPECT_EQ(a.diverged, b.diverged);
    ASSERT_EQ(a.losses.size(), b.losses.size());
    for (size_t t = 0; t < a.losses.size(); ++t) {
      if (std::isfinite(b.losses[t])) {
        EXPECT_NEAR(a.losses[t], b.losses[t], tolerance * (1 + std::abs(b.losses[t]))) << t;
      } else {
        EXPECT_FALSE(std::isfinite(a.losses[t])) << t;
      }
    }
    if (b.diverged >= 0) continue;
    EXPECT_NEAR(a.final, b.final, tolerance);
    EXPECT_NEAR(a.mean, b.mean, tolerance);
    ASSERT_EQ(a.weights.size(), b.weights.size());
    for (size_t p = 0; p < a.weights.size(); ++p)
      EXPECT_TRUE(torch::allclose(a.weights[p], b.weights[p], 1e-6, 100 * tolerance)) << p;
  }
}

template <class Net>
Net in_double(Net net) {
  net->to(torch::kDouble);
  return net;
}

TEST(BatchedTraining, OfConvolutionsIsThatOfTheLoop) {
  const auto net = in_double(Convolutions());
  expect_equal_to_the_loop(*net, descent::cross_entropy, images(), "adamw", several(11));
}

TEST(BatchedTraining, OfResidualBlocksIsThatOfTheLoop) {
  const auto net = in_double(Residual());
  expect_equal_to_the_loop(*net, descent::mse, vectors(), "adamw", several(11));
}

TEST(BatchedTraining, OfAttentionIsThatOfTheLoop) {
  const auto net = in_double(Attention());
  expect_equal_to_the_loop(*net, descent::mse, sequences(), "adamw", several(11));
}

TEST(BatchedTraining, IsThatOfTheLoopUpToRoundingInFloat) {
  torch::manual_seed(4);
  expect_equal_to_the_loop(*Residual(), descent::mse, vectors(20, torch::kFloat), "adamw",
                           several(9), {.steps = 6}, 2e-4);
}

TEST(BatchedTraining, NormalisesEachCopysBatchesByItself) {
  auto net = in_double(Convolutions(/*normalises=*/true));
  expect_equal_to_the_loop(*net, descent::cross_entropy, images(), "sgd", several(9));
  net->eval();
  net->named_buffers()["norm.running_mean"].fill_(0.3);
  expect_equal_to_the_loop(*net, descent::cross_entropy, images(), "sgd", several(9));
}

TEST(BatchedTraining, StepsAsEveryOptimizerDoes) {
  const auto net = in_double(Residual(6));
  const std::vector<Candidate> candidates{{.options = {{"lr", 1e-3}}},
                                          {.options = {{"lr", 2e-3}}, .seed = 1},
                                          {.options = {{"lr", 4e-3}}, .seed = 2}};
  int batched = 0;
  for (const auto* rule : descent::optimizers()) {
    SCOPED_TRACE(rule->about.key);
    if (rule->block_problem) continue;  // refuses vectors
    try {
      descent::train_many(*net, descent::mse, vectors(), rule->about.key, candidates,
                          {.steps = 1, .path = Path::Batched});
    } catch (const std::invalid_argument& refusal) {
      EXPECT_THAT(refusal.what(), HasSubstr("options.path is batched, but "));
      EXPECT_THAT(refusal.what(), testing::Not(HasSubstr("self-check")));
      continue;
    }
    ++batched;
    expect_equal_to_the_loop(*net, descent::mse, vectors(), rule->about.key, candidates,
                             {.steps = 8});
  }
  EXPECT_GE(batched, 20);
}

TEST(BatchedTraining, FollowsSchedulesLayersRatesAndBatches) {
  const auto net = in_double(Residual(6));
  const auto one = vectors(20);
  std::vector<descent::Data> batches;
  for (const auto& [first, end] : {std::pair{0, 8}, {8, 16}, {16, 20}})
    batches.push_back({one[0].input.slice(0, first, end), one[0].target.slice(0, first, end)});
  auto candidates = several(9);
  for (size_t k = 0; k < candidates.size(); ++k) {
    candidates[k].options.emplace_back("out.lr", 1e-3 * static_cast<double>(k));
    candidates[k].options.emplace_back("norm0.weight.weight_decay", 0.0);
  }
  expect_equal_to_the_loop(
      *net, descent::mse, batches, "adamw", candidates,
      {.steps = 17, .schedule = descent::CosineAnnealingLR{.T_max = 12, .eta_min = 1e-5}});
}

TEST(BatchedTraining, LeavesOutWhatDiverges) {
  const auto net = in_double(Residual());
  auto candidates = several(16, 1e-3, 1e-2);
  for (const size_t k : {0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15})
    candidates[k].options[0].second = 10.0 * static_cast<double>(k + 1);
  expect_equal_to_the_loop(*net, descent::mse, vectors(), "sgd", candidates, {.steps = 25});
  for (Candidate& candidate : candidates) candidate.options[0].second = 1e30;
  const auto none = descent::train_many(*net, descent::mse, vectors(), "sgd", candidates,
                                        {.steps = 25, .path = Path::Batched});
  for (const auto& training : none.trainings) EXPECT_GE(training.diverged, 0);
}

TEST(BatchedTraining, LeavesFrozenAndUnusedParametersAlone) {
  struct HalfImpl : nn::Cloneable<HalfImpl> {
    HalfImpl() { reset(); }
    void reset() override {
      used = register_module("used", nn::Linear(8, 4));
      frozen = register_module("frozen", nn::Linear(4, 4));
      unused = register_module("unused", nn::Linear(3, 3));
      out = register_module("out", nn::Linear(4, 1));
    }
    Tensor forward(const Tensor& x) { return out(torch::tanh(frozen(torch::tanh(used(x))))); }
    nn::Linear used{nullptr}, frozen{nullptr}, unused{nullptr}, out{nullptr};
  } net;
  net.to(torch::kDouble);
  net.frozen->weight.requires_grad_(false);
  net.frozen->bias.requires_grad_(false);
  expect_equal_to_the_loop(net, descent::mse, vectors(), "adamw", several(9));
}

TEST(BatchedTraining, GivesTheSameBitsForAnyNumberOfThreads) {
  torch::manual_seed(4);
  const Residual net;
  const auto data = vectors(20, torch::kFloat);
  const auto candidates = several(70, 1e-3, 3);  // of which some diverge
  TrainManyOptions wanted{
      .steps = 20, .threads = 1, .path = Path::Batched, .keep_losses = true, .keep_weights = true};
  const auto one = descent::train_many(*net, descent::mse, data, "sgd", candidates, wanted);
  for (const int threads : {2, 7}) {
    wanted.threads = threads;
    const auto other = descent::train_many(*net, descent::mse, data, "sgd", candidates, wanted);
    for (size_t k = 0; k < candidates.size(); ++k) {
      const auto &a = one.trainings[k], &b = other.trainings[k];
      EXPECT_EQ(a.diverged, b.diverged) << k;
      for (size_t p = 0; p < a.weights.size(); ++p)
        EXPECT_TRUE(a.weights[p].equal(b.weights[p]) || a.diverged >= 0) << k;
      if (a.diverged < 0) {
        EXPECT_EQ(a.losses, b.losses) << k;
      }
    }
  }
}

TEST(BatchedTraining, IsTakenForManyAndNotForFew) {
  torch::manual_seed(4);
  const Residual net;
  const auto data = vectors(20, torch::kFloat);
  const auto train = [&](size_t count) {
    return descent::train_many(*net, descent::mse, data, "adamw", several(count), {.steps = 2});
  };
  const auto many = train(128);
  EXPECT_EQ(many.path, Path::Batched) << many.reason;
  EXPECT_THAT(many.reason, HasSubstr("at once; not fused: "));
  const auto few = train(3);
  EXPECT_EQ(few.path, Path::Loop);
  EXPECT_THAT(few.reason, HasSubstr("not batched: so few trainings gain nothing"));
}

TEST(BatchedTraining, SaysWhyNot) {
  torch::manual_seed(4);
  const auto why = [&](const descent::Network& net, const descent::Batches& data,
                       const char* optimizer, const descent::Metric& loss = descent::mse) {
    const std::vector<Candidate> candidates(130, Candidate{.options = {{"lr", 1e-3}}});
    const auto done = descent::train_many(net, loss, data, optimizer, candidates, {.steps = 2});
    EXPECT_EQ(done.path, Path::Loop);
    EXPECT_TRUE(done.trainings[129].converged()) << done.reason;
    return done.reason;
  };
  const auto data = vectors(20, torch::kFloat);
  EXPECT_THAT(why(*Residual(), data, "schedule_free_sgd"),
              HasSubstr("not batched: ScheduleFreeSGD is evaluated at other weights"));

  struct BranchingImpl : nn::Cloneable<BranchingImpl> {
    BranchingImpl() { reset(); }
    void reset() override { out = register_module("out", nn::Linear(8, 1)); }
    Tensor forward(const Tensor& x) {
      const Tensor y = out(x);
      return y.sum().item<double>() > 1e9 ? -y : y;
    }
    nn::Linear out{nullptr};
  };
  EXPECT_THAT(why(BranchingImpl(), data, "sgd"), HasSubstr("not batched: it failed: "));

  struct ReadingImpl : nn::Cloneable<ReadingImpl> {
    ReadingImpl() { reset(); }
    void reset() override { out = register_module("out", nn::Linear(8, 1)); }
    Tensor forward(const Tensor& x) {
      const auto* const bias = static_cast<const float*>(out->bias.data_ptr());
      return out(x) + 0.5 * static_cast<double>(*bias);
    }
    nn::Linear out{nullptr};
  };
  EXPECT_THAT(why(ReadingImpl(), data, "sgd"), HasSubstr("not batched: "));
}

TEST(BatchedTraining, MakesMaps) {
  torch::manual_seed(4);
  const auto net = in_double(Residual(6));
  const descent::MapAxis x{"lr", descent::LogRange{1e-3, 10}, 16},
      y{"momentum", descent::Range{0, 0.9}, 16};
  const auto map = [&](Path path) {
    return descent::train_map(*net, descent::mse, vectors(), "sgd", x, y,
                              {.steps = 12, .path = path});
  };
  const auto many = map(Path::Auto), loop = map(Path::Loop);
  EXPECT_EQ(many.loss.notes.at("path"), "batched");
  EXPECT_THAT(many.loss.notes.at("self_check"), StartsWith("3 trainings"));
  int diverged = 0;
  for (size_t k = 0; k < many.loss.values.size(); ++k) {
    diverged += many.diverged.values[k] < 12;
    if (std::isfinite(loop.loss.values[k])) {
      EXPECT_NEAR(many.loss.values[k], loop.loss.values[k], 1e-6 * (1 + loop.loss.values[k])) << k;
    } else {
      EXPECT_EQ(many.loss.values[k], loop.loss.values[k]) << k;
    }
  }
  EXPECT_GT(diverged, 5);
  EXPECT_LT(diverged, 250);
}

}  // namespace

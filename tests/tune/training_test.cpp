#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/tune/training.h>

namespace {

using descent::Choice;
using descent::GridSearch;
using descent::LogRange;
using descent::Path;
using descent::RandomSearch;
using descent::Range;
using descent::Space;
using descent::Study;
using descent::StudyOptions;
using descent::Training;
using descent::TrialRecord;
using descent::TrialState;
using testing::HasSubstr;
using testing::ThrowsMessage;
namespace fs = std::filesystem;
namespace nn = torch::nn;

nn::Sequential network_of(uint64_t seed) {
  torch::manual_seed(seed);
  return nn::Sequential(nn::Linear(4, 6), nn::Tanh(), nn::Linear(6, 1));
}

class ATraining : public testing::Test {
 protected:
  ATraining() { fs::remove(journal_); }
  ~ATraining() override { fs::remove(journal_); }

  Training sgd(int64_t steps = 30) const { return {*net_, descent::mse, {x_, y_}, "sgd", steps}; }

  const nn::Sequential net_ = network_of(11);
  const torch::Tensor x_ = torch::randn({8, 4}), y_ = torch::randn({8, 1});
  const Space space_{{"lr", LogRange{1e-2, 1e2}}, {"momentum", Range{0, 0.9}}};
  const fs::path journal_ = fs::path(testing::TempDir()) / "descent_training_test.jsonl";
};

std::vector<double> values_of(const Study& study) {
  std::vector<double> values;
  for (const TrialRecord& trial : study.trials()) values.push_back(trial.value);
  return values;
}

TEST_F(ATraining, MakesTheTrialsThatTrainManyMakes) {
  for (const descent::Method& method :
       {descent::Method(GridSearch{.points = 6}), descent::Method(RandomSearch{.rounds = 4}),
        descent::Method(descent::Tpe{})}) {
    const int64_t trials = std::holds_alternative<GridSearch>(method) ? 0 : 32;
    const Study study =
        descent::tune(space_, sgd(), {.method = method, .trials = trials, .seed = 5});
    std::vector<descent::Candidate> candidates;
    for (const TrialRecord& trial : study.trials()) candidates.push_back({.options = trial.values});
    const auto many = descent::train_many(*net_, descent::mse, {x_, y_}, "sgd", candidates,
                                          {.steps = 30, .path = Path::Fused});
    ASSERT_GE(study.trials().size(), 32u);
    int diverged = 0;
    for (size_t k = 0; k < candidates.size(); ++k) {
      EXPECT_EQ(study.trials()[k].state, TrialState::Done);
      EXPECT_EQ(study.trials()[k].value, many.trainings[k].final);
      diverged += std::isinf(study.trials()[k].value);
    }
    EXPECT_GT(diverged, 0);
    EXPECT_LT(study.best().value, many.trainings[0].first);
  }
}

TEST_F(ATraining, HasTheSameTrialsForAnyNumberOfThreads) {
  const auto study = [&](int64_t threads) {
    return values_of(descent::tune(
        space_, sgd(), {.method = RandomSearch{.rounds = 3}, .trials = 40, .threads = threads}));
  };
  EXPECT_EQ(study(1), study(2));
  EXPECT_EQ(study(1), study(7));
}

TEST_F(ATraining, SearchesLayersRatesTheScaleOfTheWeightsAndWords) {
  Training training{*net_, descent::mse, {x_, y_}, "adam", 20};
  training.options = {{"lr", 0.01}};
  training.seed = 3;
  const Study study = descent::tune(
      {{"0.lr", LogRange{1e-4, 1}}, {"scale", LogRange{0.1, 10}}, {"amsgrad", Choice{true, false}}},
      training, {.method = RandomSearch{.rounds = 1}, .trials = 20});
  const TrialRecord& trial = study.trials()[7];
  const double scale = std::get<double>(trial.values[1].second);
  const auto one = descent::train_many(
      *net_, descent::mse, {x_, y_}, "adam",
      {{.options = {{"lr", 0.01}, trial.values[0], trial.values[2]}, .seed = 3, .scale = scale}},
      {.steps = 20, .path = Path::Fused});
  EXPECT_EQ(trial.value, one.trainings[0].final);
}

TEST_F(ATraining, OfAnyNetworkIsALoop) {
  torch::manual_seed(2);
  nn::Sequential normed(nn::Linear(4, 6), nn::LayerNorm(nn::LayerNormOptions({6})), nn::Tanh(),
                        nn::Linear(6, 1));
  const Study study = descent::tune({{"lr", LogRange{1e-3, 1}}},
                                    Training{*normed, descent::mse, {x_, y_}, "adamw", 10},
                                    {.method = GridSearch{.points = 4}, .threads = 2});
  std::vector<descent::Candidate> candidates;
  for (const TrialRecord& trial : study.trials()) candidates.push_back({.options = trial.values});
  const auto many = descent::train_many(*normed, descent::mse, {x_, y_}, "adamw", candidates,
                                        {.steps = 10, .path = Path::Loop});
  for (size_t k = 0; k < 4; ++k) EXPECT_EQ(study.trials()[k].value, many.trainings[k].final);
}

TEST_F(ATraining, GoesOnFromItsJournalAndFromNoOthers) {
  const StudyOptions whole{.method = GridSearch{.points = 5}, .journal = journal_};
  StudyOptions part = whole;
  part.on_progress = [](const Study& study) { return study.ended() < 9; };
  const int64_t ended = descent::tune(space_, sgd(), part).ended();
  EXPECT_GE(ended, 9);
  EXPECT_LT(ended, 25);
  const auto refused = [&](const Training& training) {
    return [=, this] { descent::tune(space_, training, whole); };
  };
  const nn::Sequential others = network_of(12);
  const Training steps = sgd(31), weights{*others, descent::mse, {x_, y_}, "sgd", 30},
                 data{*net_, descent::mse, {x_, y_ + 1}, "sgd", 30};
  for (const Training* other : {&steps, &weights, &data})
    EXPECT_THAT(refused(*other),
                ThrowsMessage<std::invalid_argument>(HasSubstr("is of another study: subject")));
  const Study rest = descent::tune(space_, sgd(), whole);
  fs::remove(journal_);
  EXPECT_EQ(values_of(rest), values_of(descent::tune(space_, sgd(), whole)));
}

TEST_F(ATraining, IsRefusedAheadOfAnyTrialWhereItCannotBe) {
  const auto why = [&](const Space& space, const Training& training, StudyOptions options) {
    options.journal = journal_;
    try {
      descent::tune(space, training, options);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("nothing was refused");
  };
  EXPECT_THAT(why(space_, sgd(), {.method = descent::Halving{.resource = 30}, .trials = 9}),
              HasSubstr("tune: the method halving:"));
  EXPECT_THAT(why(space_, sgd(), {.optimizer = "adam"}),
              HasSubstr("tune: options.optimizer = adam, must be empty"));
  Training twice = sgd();
  twice.options = {{"momentum", 0.5}};
  EXPECT_THAT(why(space_, twice, {}),
              HasSubstr("training.options has momentum = 0.5, which the space changes"));
  EXPECT_THAT(why({{"momentun", Range{0, 1}}}, sgd(), {}), HasSubstr("did you mean momentum"));
  EXPECT_THAT(why({{"scale", Choice{"small", "large"}}}, sgd(), {}),
              HasSubstr("scale = small, must be a number"));
  EXPECT_THAT(why(space_, sgd(0), {}), HasSubstr("tune: training.steps = 0"));
  EXPECT_THAT(why(space_, sgd(), {.threads = 0}), HasSubstr("threads = 0"));
  EXPECT_FALSE(fs::exists(journal_));
}

}  // namespace

#include "functions.h"
#include "killed.h"

namespace interrupted_test {
namespace {

double falling(descent::Trial& trial, const killed::Event& event) {
  const double end = functions::branin(trial.options());
  double loss = 0;
  event();
  for (int64_t step = 0; step < 9; ++step) {
    loss = end + 10.0 / static_cast<double>(1 + step * (trial.number() % 3 + 1));
    if (!trial.report(step, loss)) break;
    event();
  }
  return loss;
}

TEST(AStudyWhoseProcessIsKilled, GoesOnWithTheSameTrials) {
  const auto journal = std::filesystem::path(testing::TempDir()) / "killed.jsonl";
  for (const int64_t threads : {1, 2})
    for (const auto& [method, trials] :
         std::vector<std::pair<descent::Method, int64_t>>{{descent::RandomSearch{.rounds = 4}, 16},
                                                          {descent::GridSearch{.points = 4}, 0},
                                                          {descent::Halving{.resource = 9}, 0},
                                                          {descent::Hyperband{.resource = 9}, 0},
                                                          {descent::Asha{.eta = 3}, 20},
                                                          {descent::Tpe{}, 20},
                                                          {descent::Bayes{.startup = 8}, 14}})
      killed::expect_the_same_trials(
          functions::all()[0].space,
          {.method = method, .trials = trials, .threads = threads, .batch = 2, .journal = journal},
          falling);
}

}  // namespace
}  // namespace interrupted_test

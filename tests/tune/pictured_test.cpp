// What pictures are given of studies and populations.
#include <gtest/gtest.h>

#include <descent/tune/population.h>
#include <descent/tune/tune.h>

namespace {

using descent::Choice, descent::LogRange, descent::Lineage, descent::Trials;

const descent::Space space{{"lr", LogRange{1e-4, 1}}, {"mode", Choice{"a", "b", "c"}}};

TEST(WhatIsPicturedOfAStudy, AreItsTrialsThatHaveEnded) {
  const descent::Study study = descent::tune(
      space,
      [](descent::Trial& trial) {
        const double loss =
            trial.number("lr") + (trial.value("mode") == descent::OptionValue("b") ? 0 : 1);
        for (int64_t step = 0; step < 9; ++step)
          if (!trial.report(step, loss)) break;
        return loss;
      },
      {.method = descent::Halving{.resource = 9}});
  const Trials trials = study;
  ASSERT_EQ(trials.parameters.size(), 2u);
  EXPECT_TRUE(trials.parameters[0].log);
  EXPECT_EQ(trials.parameters[0].hi, 1);
  EXPECT_EQ(trials.parameters[1].words, (std::vector<std::string>{"a", "b", "c"}));
  ASSERT_EQ(trials.trials.size(), study.trials().size());
  for (size_t k = 0; k < trials.trials.size(); ++k) {
    const descent::TrialRecord& record = study.trials()[k];
    EXPECT_EQ(trials.trials[k].stopped, record.state == descent::TrialState::Stopped);
    EXPECT_EQ(trials.trials[k].value, record.value);
    const auto word = static_cast<size_t>(trials.trials[k].at[1]);
    EXPECT_EQ(descent::OptionValue(trials.parameters[1].words[word]), record.values[1].second);
    EXPECT_EQ(descent::OptionValue(trials.trials[k].at[0]), record.values[0].second);
  }
  EXPECT_EQ(trials.trials[trials.best()].number, study.best().number);
  EXPECT_NO_THROW(check(trials, "test"));
}

/// Its loss falls by its rate.
class Walker final : public descent::PopulationMember {
 public:
  double train(int64_t, int64_t steps) override {
    return loss_ -= static_cast<double>(steps) * rate_;
  }
  void set(const descent::OptionValues& values) override {
    rate_ = std::get<double>(values[0].second);
  }
  void copy(const descent::PopulationMember& other) override {
    loss_ = dynamic_cast<const Walker&>(other).loss_;
  }

 private:
  double rate_ = 0, loss_ = 0;
};

TEST(WhatIsPicturedOfAPopulation, LeadsToTheScheduleOfItsBestMember) {
  descent::Population members(space, 10, [](int64_t) { return std::make_unique<Walker>(); },
                              {.interval = 5, .seed = 2});
  members.run(43);
  const Lineage lineage = members;
  ASSERT_FALSE(members.copies().empty());
  EXPECT_EQ(lineage.lives.size(), 10u * 9);
  size_t copies = 0;
  for (const Lineage::Life& life : lineage.lives) copies += life.parent >= 0;
  EXPECT_EQ(copies, members.copies().size());
  // Back from the best, from one life to the one that it began with.
  std::vector<double> rates;
  int64_t member = lineage.best, at = 43;
  for (size_t k = lineage.lives.size(); k-- > 0;) {
    const Lineage::Life& life = lineage.lives[k];
    if (life.member != member || life.to != at) continue;
    if (rates.empty() || rates.back() != life.values[0]) rates.push_back(life.values[0]);
    at = life.from;
    if (life.parent >= 0) member = life.parent;
  }
  EXPECT_EQ(at, 0);
  std::vector<double> wanted;
  for (const auto& change : members.schedule()) {
    const double rate = std::get<double>(change.values[0].second);
    if (wanted.empty() || wanted.back() != rate) wanted.push_back(rate);
  }
  EXPECT_EQ(std::vector<double>(rates.rbegin(), rates.rend()), wanted);
  EXPECT_GT(wanted.size(), 1u);
}

}  // namespace

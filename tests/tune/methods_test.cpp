#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <set>
#include <stdexcept>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <descent/tune/methods/brackets.h>
#include <descent/tune/methods/parzen.h>
#include <descent/tune/methods/tpe_point.h>
#include <descent/tune/tune.h>

#include "functions.h"

namespace {

using descent::Choice, descent::Integer, descent::LogInteger, descent::LogRange,
    descent::OptionValues, descent::Range, descent::Space, descent::Study, descent::StudyOptions,
    descent::Trial, descent::TrialState;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

#define EXPECT_REFUSES(expression, ...) \
  EXPECT_THAT([&] { expression; }, ThrowsMessage<std::invalid_argument>(AllOf(__VA_ARGS__)))

const json& golden() {
  static const json all = json::parse(std::ifstream(GOLDEN_FILE));
  return all;
}

Study finished(
    const Space& space, StudyOptions options,
    double (*value)(const OptionValues&) = [](const OptionValues&) { return 0.0; }) {
  Study study(space, std::move(options));
  while (const auto trial = study.ask()) study.tell(*trial, value(study.trials().back().values));
  return study;
}

/// The recorded curve of a trial.
double loss(int64_t trial, int64_t step) {
  const json& x = golden()["curves"][static_cast<size_t>(trial)][static_cast<size_t>(step)];
  return x.is_number() ? x.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

/// How many steps each trial made whose losses are the recorded curves.
std::vector<int64_t> steps_made(const descent::Method& method, int64_t trials, int64_t threads) {
  std::vector<int64_t> steps;
  const Study study =
      descent::tune({{"x", Range{0, 1}}},
                    [](Trial& trial) {
                      int64_t step = 0;
                      while (step < 81 && trial.report(step, loss(trial.number(), step))) ++step;
                      return loss(trial.number(), std::min<int64_t>(step, 80));
                    },
                    {.method = method, .trials = trials, .threads = threads});
  for (const auto& record : study.trials())
    steps.push_back(static_cast<int64_t>(record.reports.size()));
  return steps;
}

TEST(GridSearch, GoesThroughAllPointsTheLastParameterFastest) {
  const Study study = finished({{"lr", LogRange{1e-4, 1}},
                                {"n", Integer{1, 2}},
                                {"mode", Choice{"a", "b", "c"}},
                                {"x", Range{-1, 1}}},
                               {.method = descent::GridSearch{.points = 5}});
  ASSERT_EQ(study.size(), 5 * 2 * 3 * 5);
  for (int64_t i = 0; i < study.size(); ++i) {
    const OptionValues& values = study.trials()[static_cast<size_t>(i)].values;
    EXPECT_NEAR(functions::number(values, 0), 1e-4 * std::pow(1e4, static_cast<double>(i / 30) / 4),
                1e-15);
    EXPECT_EQ(functions::number(values, 1), static_cast<double>(i / 15 % 2 + 1));
    EXPECT_EQ(std::get<std::string>(values[2].second), std::string(1, "abc"[i / 5 % 3]));
    EXPECT_EQ(functions::number(values, 3), -1 + 0.5 * static_cast<double>(i % 5));
  }
  EXPECT_EQ(functions::number(study.trials().back().values, 0), 1);
}

TEST(GridSearch, GoesFromEndToEndInWholeNumbers) {
  const auto values = [](const descent::Scale& scale, int64_t points) {
    std::vector<double> list;
    const Study study = finished({{"n", scale}}, {.method = descent::GridSearch{.points = points}});
    for (const auto& trial : study.trials()) list.push_back(functions::number(trial.values, 0));
    return list;
  };
  using Values = std::vector<double>;
  EXPECT_EQ(values(LogInteger{8, 512}, 7), (Values{8, 16, 32, 64, 128, 256, 512}));
  EXPECT_EQ(values(LogInteger{1, 100}, 10), (Values{1, 2, 3, 5, 8, 13, 22, 36, 60, 100}));
  EXPECT_EQ(values(Integer{1, 100}, 10), (Values{1, 12, 23, 34, 45, 56, 67, 78, 89, 100}));
  EXPECT_EQ(values(LogInteger{1, 3}, 5), (Values{1, 2, 3})) << "all of few";
  EXPECT_EQ(values(LogInteger{1, 100}, 20),
            (Values{1, 2, 3, 4, 5, 7, 9, 11, 14, 18, 23, 30, 38, 48, 62, 78, 100}))
      << "1.3, 1.6 and 2.1 make two";
}

TEST(GridSearch, HasAsManyTrialsAsPoints) {
  const Space space{{"x", Range{0, 1}}, {"y", Range{0, 1}}};
  EXPECT_EQ(Study(space, {.method = descent::GridSearch{.points = 7}}).size(), 49);
  EXPECT_EQ(Study(space,
                  {.method = descent::GridSearch{.points = 7}, .first = {{{"x", 0.1}, {"y", 0.2}}}})
                .size(),
            50);
  EXPECT_REFUSES(Study(space, {.method = descent::GridSearch{.points = 7}, .trials = 20}),
                 HasSubstr("grid: trials = 20, must be 49"));
  EXPECT_REFUSES(Study(space, {.method = descent::GridSearch{.points = 1}}),
                 HasSubstr("grid: points = 1, must be a whole number, finite and >= 2"));
}

TEST(RandomSearch, DrawsEachRoundInABoxAroundTheBest) {
  const Space space{{"x", Range{0, 1}}, {"y", Range{0, 1}}, {"mode", Choice{"a", "b"}}};
  const auto value = [](const OptionValues& v) {
    return std::abs(functions::number(v, 0) - 0.05) + std::abs(functions::number(v, 1) - 0.5);
  };
  const Study study = finished(
      space, {.method = descent::RandomSearch{.rounds = 4, .shrink = 0.5}, .trials = 40}, value);
  const auto& trials = study.trials();
  for (size_t round = 1; round < 4; ++round) {
    const auto best =
        std::min_element(trials.begin(), trials.begin() + static_cast<std::ptrdiff_t>(10 * round),
                         [](const auto& a, const auto& b) { return a.value < b.value; });
    const double width = std::pow(0.5, static_cast<double>(round));
    std::set<double> modes;
    for (size_t i = 10 * round; i < 10 * round + 10; ++i) {
      for (size_t side = 0; side < 2; ++side) {
        // Moved, not cut: the box is as wide at the end of the whole.
        const double lo = std::clamp(best->point[side] - width / 2, 0.0, 1 - width);
        EXPECT_GE(trials[i].point[side], lo);
        EXPECT_LE(trials[i].point[side], lo + width);
      }
      modes.insert(trials[i].point[2]);
    }
    EXPECT_EQ(modes.size(), 2u) << "a list is drawn from whole";
  }
}

TEST(RandomSearch, TriesTheBestAgainWhereValuesAreNoisy) {
  // The first trial is lucky once: its second value shows that it is not the best.
  int calls = 0;
  Study study({{"x", Range{0, 1}}},
              {.method = descent::RandomSearch{.rounds = 3, .noisy = true}, .trials = 6});
  while (const auto trial = study.ask())
    study.tell(*trial, std::vector<double>{-1, 0.1, 3, 5, 6, 7}[static_cast<size_t>(calls++)]);
  const auto& trials = study.trials();
  EXPECT_EQ(trials[2].point, trials[0].point);
  EXPECT_EQ(trials[4].point, trials[1].point);
  EXPECT_NE(trials[3].point, trials[0].point);
  EXPECT_EQ(study.best().number, 0) << "(-1 + 3) / 2 is less than (0.1 + 6) / 2";
}

TEST(RandomSearch, CountsAllValuesAtOnePoint) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto best = [](const std::vector<double>& values) {
    size_t calls = 0;
    Study study({{"x", Range{0, 1}}},
                {.method = descent::RandomSearch{.rounds = 3, .noisy = true}, .trials = 6});
    while (const auto trial = study.ask()) {
      const double value = values[calls++];
      if (value == -9)
        study.fail(*trial, "no memory");
      else
        study.tell(*trial, value);
    }
    return study.best().number;
  };
  EXPECT_EQ(best({-1, 0.1, nan, 5, 6, 7}), 1) << "trial 2 is at the point of trial 0";
  EXPECT_EQ(best({-1, 0.1, -9, 5, 6, 7}), 1);
  EXPECT_EQ(best({-1, nan, nan, nan, nan, nan}), 0) << "of all that were not finite once";
}

TEST(RandomSearch, NeedsATrialForEachRound) {
  const Space space{{"x", Range{0, 1}}};
  EXPECT_REFUSES(Study(space, {.trials = 9}),
                 HasSubstr("random: trials = 9, must be at least one a round, rounds = 10"));
  EXPECT_EQ(Study(space, {.method = descent::RandomSearch{.rounds = 1}, .trials = 1}).size(), 1);
}

TEST(Hyperband, HasTheTablesOfThePaper) {
  for (const json& table : golden()["hyperband"]) {
    const auto brackets = descent::search::hyperband_brackets(table["resource"], table["eta"]);
    ASSERT_EQ(brackets.size(), table["brackets"].size());
    for (size_t s = 0; s < brackets.size(); ++s) {
      ASSERT_EQ(brackets[s].rounds.size(), table["brackets"][s].size());
      for (size_t i = 0; i < brackets[s].rounds.size(); ++i) {
        EXPECT_EQ(brackets[s].rounds[i].trials, table["brackets"][s][i][0].get<int64_t>());
        EXPECT_NEAR(brackets[s].rounds[i].resource, table["brackets"][s][i][1].get<double>(),
                    1e-12);
      }
    }
  }
  EXPECT_EQ(Study({{"x", Range{0, 1}}}, {.method = descent::Hyperband{}}).size(),
            81 + 34 + 15 + 8 + 5);
  EXPECT_EQ(Study({{"x", Range{0, 1}}}, {.method = descent::Hyperband{}, .trials = 286}).size(),
            286);
  EXPECT_REFUSES(Study({{"x", Range{0, 1}}}, {.method = descent::Hyperband{}, .trials = 100}),
                 HasSubstr("hyperband: trials = 100, must be 143 or a multiple"));
}

TEST(Halving, KeepsTheTrialsThatAnIndependentEvaluationKeeps) {
  const auto wanted = golden()["halving"].get<std::vector<int64_t>>();
  for (const int64_t threads : {1, 2, 7})
    EXPECT_EQ(steps_made(descent::Halving{}, 0, threads), wanted) << threads;
}

TEST(Halving, DividesTheTrialsThatAreGiven) {
  // 27 trials by 3 three times: resources 81/27, 81/9, 81/3 and 81.
  std::vector<int64_t> steps = steps_made(descent::Halving{}, 27, 2);
  std::sort(steps.begin(), steps.end());
  EXPECT_EQ(std::count(steps.begin(), steps.end(), 3), 18);
  EXPECT_EQ(std::count(steps.begin(), steps.end(), 9), 6);
  EXPECT_EQ(std::count(steps.begin(), steps.end(), 27), 2);
  EXPECT_EQ(std::count(steps.begin(), steps.end(), 81), 1);
  EXPECT_REFUSES(Study({{"x", Range{0, 1}}}, {.method = descent::Halving{}, .trials = 2}),
                 HasSubstr("halving: trials = 2, must be at least eta = 3"));
}

TEST(Halving, CountsWhatAShortTrialEndedWith) {
  // Trial 1 ends by itself ahead of its first round, as the best of all.
  const Study study =
      descent::tune({{"x", Range{0, 1}}},
                    [](Trial& trial) {
                      const auto value = static_cast<double>(trial.number());
                      for (int64_t step = 0; step < (trial.number() == 1 ? 1 : 9); ++step)
                        if (!trial.report(step, value)) break;
                      return trial.number() == 1 ? -1 : value;
                    },
                    {.method = descent::Halving{.resource = 9}, .trials = 4, .threads = 2});
  std::vector<size_t> steps;
  for (const auto& record : study.trials()) steps.push_back(record.reports.size());
  EXPECT_EQ(steps, (std::vector<size_t>{3, 1, 3, 3})) << "one of four goes on, and it has ended";
  EXPECT_EQ(study.best().number, 1);
}

TEST(Asha, DecidesAsAnIndependentEvaluation) {
  for (const json& row : golden()["asha"]) {
    const descent::Asha asha{
        .min_resource = row["min_resource"], .eta = row["eta"], .bracket = row["bracket"]};
    for (const int64_t threads : {1, 2, 7})
      EXPECT_EQ(steps_made(asha, 81, threads), row["steps"].get<std::vector<int64_t>>()) << threads;
  }
}

TEST(Tpe, HasTheFirst30PointsOfAnIndependentEvaluation) {
  const json& wanted = golden()["tpe"];
  const auto stream = wanted["stream"].get<std::vector<double>>();
  size_t used = 0;
  const auto uniform = [&] { return stream.at(used++); };
  const Space space = functions::all()[0].space;
  std::vector<std::vector<double>> points;
  std::vector<double> values;
  for (size_t i = 0; i < 30; ++i) {
    if (i < 10) {
      const double x = uniform();
      points.push_back({x, uniform()});
    } else {
      points.push_back(descent::search::tpe_point({}, {0, 0}, points, values, uniform));
    }
    for (size_t side = 0; side < 2; ++side)
      EXPECT_NEAR(points[i][side], wanted["points"][i][side].get<double>(), 1e-9) << i;
    values.push_back(functions::branin(space.values(points[i])));
  }
  EXPECT_EQ(used, stream.size());
}

TEST(Tpe, WeighsOldTrialsLess) {
  for (const auto& [n, weights] : golden()["parzen_weights"].items()) {
    const auto own = descent::search::parzen_weights(std::stoul(n));
    ASSERT_EQ(own.size(), weights.size());
    for (size_t i = 0; i < own.size(); ++i)
      EXPECT_NEAR(own[i], weights[i].get<double>(), 1e-15) << n;
  }
}

TEST(Tpe, HasDensitiesThatIntegrateToOne) {
  const descent::search::Parzen parzen({{0.1, 0.5}, {0.3, 0.9}, {0.35, 0.1}}, {0, 3});
  constexpr int kPoints = 20000;
  double sum = 0;
  for (int i = 0; i < kPoints; ++i)
    for (int mode = 0; mode < 3; ++mode)
      sum += std::exp(parzen.log_density({(i + 0.5) / kPoints, (mode + 0.5) / 3})) / kPoints;
  EXPECT_NEAR(sum, 1, 1e-6);
}

TEST(Tpe, LearnsWhichWordOfAListIsBest) {
  int64_t right = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Study study =
        finished({{"mode", Choice{"a", "b", "c", "d"}}, {"x", Range{0, 1}}},
                 {.method = descent::Tpe{}, .trials = 60, .seed = seed}, [](const OptionValues& v) {
                   return (std::get<std::string>(v[0].second) == "c" ? 0.0 : 1.0) +
                          std::abs(functions::number(v, 1) - 0.25);
                 });
    for (size_t i = 40; i < 60; ++i)
      right += std::get<std::string>(study.trials()[i].values[0].second) == "c";
    EXPECT_LT(study.best().value, 0.15);
  }
  EXPECT_GT(right, 80) << "of 200, of which chance gets 50 right";
}

TEST(Tpe, TakesWhatIsNotFiniteAsTheWorst) {
  const Study study = finished(
      {{"x", Range{0, 1}}}, {.method = descent::Tpe{}, .trials = 50}, [](const OptionValues& v) {
        const double x = functions::number(v, 0);
        return x > 0.5 ? std::numeric_limits<double>::quiet_NaN() : std::abs(x - 0.4);
      });
  int64_t wrong = 0;
  for (size_t i = 30; i < 50; ++i) wrong += std::isnan(study.trials()[i].value);
  EXPECT_LE(wrong, 7);
  EXPECT_LT(study.best().value, 0.01);
}

TEST(Tpe, LearnsHoweverManyTrialsAreRandom) {
  const Study study({{"x", Range{0, 1}}}, {.method = descent::Tpe{.startup = 60}});
  EXPECT_EQ(study.size(), 61);
}

TEST(TheInverseOfTheNormalDistribution, IsItsInverse) {
  EXPECT_EQ(descent::search::inverse_normal(0.5), 0);
  for (const double x : {-8.0, -3.0, -1.0, -0.2, 0.7, 2.0, 5.0})
    EXPECT_NEAR(descent::search::inverse_normal(0.5 * std::erfc(-x / std::sqrt(2.0))), x,
                x > 4 ? 1e-9 : 1e-13);
}

TEST(Methods, ArePrintedAndReadWithAllOptions) {
  EXPECT_EQ(to_text(descent::Method(descent::Tpe{})),
            "tpe:startup=10,candidates=24,gamma=0.1,most_below=25");
  for (const std::string& name : descent::methods()) {
    const std::string text = to_text(descent::make_method(name));
    const size_t colon = text.find(':');
    EXPECT_EQ(to_text(descent::make_method(text.substr(0, colon),
                                           descent::parse_options(text.substr(colon + 1)))),
              text);
  }
  EXPECT_EQ(to_text(descent::make_method("ASHA", {{"eta", 3}})),
            "asha:min_resource=1,eta=3,bracket=0");
}

TEST(Methods, RefuseWhatIsOutOfRange) {
  EXPECT_REFUSES(descent::make_method("tpa"), HasSubstr("no method is called tpa"),
                 HasSubstr("did you mean tpe"));
  EXPECT_REFUSES(descent::make_method("tpe", {{"gama", 1}}), HasSubstr("did you mean gamma"));
  EXPECT_REFUSES(descent::make_method("tpe", {{"gamma", 1}}),
                 HasSubstr("tpe: gamma = 1, must be in (0, 1)"));
  EXPECT_REFUSES(Study({{"x", Range{0, 1}}}, {.method = descent::Halving{.eta = 1}}),
                 HasSubstr("halving: eta = 1, must be"));
  EXPECT_REFUSES(Study({{"x", Range{0, 1}}}, {.method = descent::Tpe{}, .trials = 10}),
                 HasSubstr("tpe: trials = 10, must be more than startup = 10"));
}

}  // namespace

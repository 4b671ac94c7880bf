#include <cmath>
#include <fstream>
#include <map>
#include <numeric>
#include <random>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <descent/base/random.h>
#include <descent/tune/methods/gaussian_process.h>
#include <descent/tune/methods/lbfgs.h>
#include <descent/tune/methods/sobol.h>
#include <descent/tune/tune.h>

#include "functions.h"

namespace {

using descent::search::Box, descent::search::GaussianProcess, descent::search::Kernel;
using nlohmann::json;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Vector = std::vector<double>;

const json& golden(const char* key) {
  static const json all = json::parse(std::ifstream(GOLDEN_FILE));
  return all[key];
}

Vector flat(const json& rows) {
  Vector all;
  for (const json& row : rows)
    for (const json& x : row) all.push_back(x.get<double>());
  return all;
}

Kernel golden_kernel() {
  const json& wanted = golden("gaussian_process");
  return {wanted["weights"].get<Vector>(), wanted["scale"], wanted["noise"]};
}
GaussianProcess golden_process() {
  const json& wanted = golden("gaussian_process");
  return {flat(wanted["x"]), wanted["y"].get<Vector>(), wanted["lists"].get<std::vector<bool>>()};
}

TEST(AGaussianProcess, PredictsAsAnIndependentEvaluation) {
  const json& wanted = golden("gaussian_process");
  GaussianProcess process = golden_process();
  ASSERT_TRUE(process.take(golden_kernel()));
  const Vector at = flat(wanted["at"]);
  const auto all = process.at(at);
  Vector mean_slope, variance_slope;
  for (size_t i = 0; i < 20; ++i) {
    const double mean = wanted["mean"][i], variance = wanted["variance"][i];
    for (const auto& there :
         {all[i], process.at(&at[3 * i]), process.at(&at[3 * i], mean_slope, variance_slope)}) {
      EXPECT_NEAR(there.mean, mean, 1e-10);
      EXPECT_NEAR(there.variance, variance, 1e-10);
    }
    for (const size_t j : {i, i + 20}) {
      const auto log = descent::search::log_improvement(mean, std::sqrt(variance + 1e-12),
                                                        wanted["log_improvement"][j][0]);
      const double value = wanted["log_improvement"][j][1];
      EXPECT_NEAR(log.value, value, 1e-10 * std::max(1.0, std::abs(value)));
    }
  }
  EXPECT_NEAR(process.loss(golden_kernel(), nullptr), wanted["loss"].get<double>(), 1e-10);
}

/// The slope of f at x by the difference of two points.
template <class F>
double slope(const F& f, double x) {
  const double h = 1e-5 * std::max(1.0, std::abs(x));
  return (f(x + h) - f(x - h)) / (2 * h);
}

TEST(AGaussianProcess, HasTheSlopesOfWhatItComputes) {
  GaussianProcess process = golden_process();
  ASSERT_TRUE(process.take(golden_kernel()));
  Vector at{0.3, 0.6, 1}, mean_slope, variance_slope;
  process.at(at.data(), mean_slope, variance_slope);
  for (size_t i = 0; i < 2; ++i) {
    const auto moved = [&](double x) {
      Vector point = at;
      point[i] = x;
      return process.at(point.data());
    };
    EXPECT_NEAR(slope([&](double x) { return moved(x).mean; }, at[i]), mean_slope[i], 1e-7);
    EXPECT_NEAR(slope([&](double x) { return moved(x).variance; }, at[i]), variance_slope[i], 1e-7);
  }
  EXPECT_EQ(mean_slope[2], 0) << "a list has no slope";

  Vector gradient;
  process.loss(golden_kernel(), &gradient);
  const Kernel kernel = golden_kernel();
  const auto loss_at = [&](size_t parameter, double x) {
    Kernel other = kernel;
    if (parameter < 3)
      other.weights[parameter] = std::exp(x);
    else if (parameter == 3)
      other.scale = std::exp(x);
    else
      other.noise = std::exp(x) + descent::search::kLeastNoise;
    return process.loss(other, nullptr);
  };
  const double at_log[] = {std::log(3), std::log(0.7), std::log(0.4), std::log(1.3),
                           std::log(2e-3 - 1e-6)};
  for (size_t i = 0; i < 5; ++i)
    EXPECT_NEAR(slope([&](double x) { return loss_at(i, x); }, at_log[i]), gradient[i], 1e-6) << i;
}

TEST(AGaussianProcess, FindsTheKernelWithTheSmallestLoss) {
  for (const bool deterministic : {false, true}) {
    GaussianProcess process = golden_process();
    process.fit({{1, 1, 1}, 1, 1}, deterministic);
    Vector gradient;
    process.loss(process.kernel(), &gradient);
    for (size_t i = 0; i < (deterministic ? 4u : 5u); ++i) EXPECT_LE(std::abs(gradient[i]), 1e-2);
    EXPECT_EQ(process.kernel().noise == descent::search::kLeastNoise, deterministic);
  }
  GaussianProcess process = golden_process();
  process.fit({{1e300, 1e-300, 1}, 1e300, 1e300}, false);  // a start from which nothing is found
  EXPECT_LT(process.kernel().scale, 100);
}

TEST(AGaussianProcess, BelievesWhatItExpects) {
  GaussianProcess process = golden_process();
  ASSERT_TRUE(process.take(golden_kernel()));
  const Vector point{0.9, 0.1, 0};
  const auto before = process.at(point.data());
  process.believe(point);
  const auto after = process.at(point.data());
  EXPECT_EQ(process.size(), 13u);
  EXPECT_NEAR(after.mean, before.mean, 1e-9);
  EXPECT_LT(after.variance, before.variance / 10);
}

TEST(TheLogOfTheImprovement, HasTheSlopesOfItsValueWhereverItLies) {
  using descent::search::log_improvement;
  for (const double mean : {2.0, 0.0, -3.0, -24.9, -25.1, -300.0}) {
    const auto log = log_improvement(mean, 1.0, 0.0);
    const double scale = std::max(1.0, std::abs(log.by_mean));
    EXPECT_NEAR(slope([&](double x) { return log_improvement(x, 1.0, 0.0).value; }, mean),
                log.by_mean, 1e-5 * scale)
        << mean;
    EXPECT_NEAR(slope([&](double x) { return log_improvement(mean, x, 0.0).value; }, 1.0),
                log.by_deviation, 1e-5 * std::max(1.0, std::abs(log.by_deviation)))
        << mean;
  }
  EXPECT_NEAR(log_improvement(-25 + 1e-9, 1, 0).value, log_improvement(-25 - 1e-9, 1, 0).value,
              1e-6);
}

TEST(SobolPoints, AreThoseOfSciPy) {
  const json& wanted = golden("sobol");
  const Vector points = descent::search::sobol_points(32, 64, std::vector<uint32_t>(32, 0));
  EXPECT_EQ(points, flat(wanted));
}

TEST(SobolPoints, AreAsEvenAfterAShift) {
  // Each half of each half of a side holds as many points.
  const Vector points = descent::search::sobol_points(3, 64, {0x12345678, 0xdeadbeef, 0x0badcafe});
  for (size_t d = 0; d < 3; ++d) {
    int counts[16] = {};
    for (size_t i = 0; i < 64; ++i) ++counts[static_cast<size_t>(points[3 * i + d] * 16)];
    for (const int count : counts) EXPECT_EQ(count, 4);
  }
}

TEST(TheMethodOfLbfgs, FindsMinimaInsideOfTheBoxAndAtItsEnds) {
  const auto rosenbrock = [](const Vector& x, Vector& g) {
    double sum = 0;
    std::fill(g.begin(), g.end(), 0);
    for (size_t i = 0; i + 1 < x.size(); ++i) {
      const double a = 1 - x[i], b = x[i + 1] - x[i] * x[i];
      sum += a * a + 100 * b * b;
      g[i] += -2 * a - 400 * b * x[i];
      g[i + 1] += 200 * b;
    }
    return sum;
  };
  const double inf = descent::kInfinity;
  const auto free = descent::search::minimize(rosenbrock, Vector(10, -1),
                                              {Vector(10, -inf), Vector(10, inf)}, 1e-8, 500);
  for (const double x : free.x) EXPECT_NEAR(x, 1, 1e-6);
  EXPECT_LT(free.evaluations, 250);
  // With x <= 1/2 the minimum lies at (1/2, 1/4).
  const auto held = descent::search::minimize(rosenbrock, {-1, 1}, {{-2, -2}, {0.5, 2}}, 1e-8, 500);
  EXPECT_EQ(held.x[0], 0.5);
  EXPECT_NEAR(held.x[1], 0.25, 1e-7);
  EXPECT_FALSE(descent::search::minimize([](const Vector&, Vector&) { return NAN; }, {0},
                                         {{-1}, {1}}, 1e-8, 9)
                   .finite);
}

TEST(Bayes, LearnsWordsAndWholeNumbers) {
  const descent::Space space{{"mode", descent::Choice{"a", "b", "c"}},
                             {"n", descent::Integer{1, 9}},
                             {"x", descent::Range{0, 1}}};
  descent::Study study(space, {.method = descent::Bayes{}, .trials = 35});
  while (const auto trial = study.ask()) {
    const auto& values = study.trials().back().values;
    const double n = functions::number(values, 1), x = functions::number(values, 2);
    study.tell(*trial, (std::get<std::string>(values[0].second) == "b" ? 0 : 1) +
                           0.05 * (n - 6) * (n - 6) + (x - 0.3) * (x - 0.3));
  }
  const auto& best = study.best();
  EXPECT_EQ(std::get<std::string>(best.values[0].second), "b");
  EXPECT_EQ(functions::number(best.values, 1), 6);
  EXPECT_NEAR(functions::number(best.values, 2), 0.3, 0.05);
}

TEST(Bayes, ChoosesSeveralPointsOfABatchApart) {
  const auto all = functions::all();
  descent::Study study(all[0].space, {.method = descent::Bayes{}, .trials = 30, .batch = 4});
  while (!study.finished()) {
    std::vector<int64_t> batch;
    while (const auto trial = study.ask()) batch.push_back(*trial);
    for (const int64_t trial : batch)
      study.tell(trial, all[0].value(study.trials()[static_cast<size_t>(trial)].values));
  }
  const auto& trials = study.trials();
  for (size_t first = 10; first < 30; first += 4)
    for (size_t i = first; i < first + 4; ++i)
      for (size_t j = first; j < i; ++j)
        EXPECT_GT(std::hypot(trials[i].point[0] - trials[j].point[0],
                             trials[i].point[1] - trials[j].point[1]),
                  1e-3);
  EXPECT_LT(study.best().value - all[0].minimum, 0.5);
}

TEST(Bayes, TakesWhatIsNotFiniteAsTheWorst) {
  for (const bool none : {false, true}) {
    descent::Study study({{"x", descent::Range{0, 1}}},
                         {.method = descent::Bayes{.startup = 5}, .trials = 25});
    while (const auto trial = study.ask()) {
      const double x = functions::number(study.trials().back().values, 0);
      study.tell(*trial, none || x > 0.5 ? NAN : std::abs(x - 0.4));
    }
    if (none) continue;
    EXPECT_LT(study.best().value, 0.01);
  }
}

/// Few points, which are all known soon, and values that are all equal.
TEST(MethodsThatLearn, GoOnWhereNothingIsLeftToLearn) {
  const descent::Space space{{"mode", descent::Choice{"a", "b"}}, {"n", descent::Integer{0, 2}}};
  for (const descent::Method& method :
       {descent::Method(descent::Tpe{}), descent::Method(descent::Bayes{}),
        descent::Method(descent::Bayes{.deterministic = true})})
    for (const bool equal : {false, true}) {
      descent::Study study(space, {.method = method, .trials = 50, .seed = 2, .batch = 3});
      std::map<std::vector<double>, int> points;
      while (const auto trial = study.ask()) {
        const auto& record = study.trials().back();
        ++points[record.point];
        const double n = functions::number(record.values, 1);
        study.tell(*trial, equal ? 1
                                 : (std::get<std::string>(record.values[0].second) == "b" ? 0 : 1) +
                                       std::abs(n - 2));
      }
      EXPECT_TRUE(study.finished());
      EXPECT_EQ(points.size(), 6u) << to_text(method);
      EXPECT_EQ(study.best().value, equal ? 1 : 0);
      if (equal) {
        EXPECT_EQ(study.best().number, 0) << "of equals the first";
      }
    }
}

TEST(Bayes, AvoidsWhereValuesAreHuge) {
  descent::Study study({{"x", descent::Range{0, 1}}}, {.method = descent::Bayes{}, .trials = 30});
  int64_t huge = 0;
  while (const auto trial = study.ask()) {
    const double x = functions::number(study.trials().back().values, 0);
    study.tell(*trial, x > 0.7 ? 1e200 : std::abs(x - 0.4));
    huge += *trial >= 10 && x > 0.75;
  }
  EXPECT_LE(huge, 2);
}

/// As losses are: a bowl, and trainings that diverge, to 1e21, at rates above 0.1.
TEST(Bayes, FindsTheMinimumBesideLossesThatDiverge) {
  functions::Function function = functions::all()[2];
  function.value = [](const descent::OptionValues& values) {
    const double rate = functions::number(values, 0);
    return rate > 0.1 ? 10 * std::pow(rate / 0.1, 10) : functions::log_bowl(values);
  };
  EXPECT_LT(functions::median_regrets(function, descent::Bayes{}, 5)[2], 1e-3);
}

TEST(Bayes, NeedsMoreTrialsThanRandomOnes) {
  EXPECT_THAT(
      [] {
        descent::Study({{"x", descent::Range{0, 1}}}, {.method = descent::Bayes{}, .trials = 10});
      },
      ThrowsMessage<std::invalid_argument>(
          HasSubstr("bayes: trials = 10, must be more than startup = 10")));
}

}  // namespace

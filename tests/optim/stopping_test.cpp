// What ends a training: convergence tests, early stopping, and the average that smooths a metric.
#include <cmath>
#include <random>
#include <sstream>

#include <gmock/gmock.h>
#include <torch/serialize.h>
#include <torch/serialize/archive.h>
#include <torch/types.h>

#include <descent/optim/training/ewa.h>
#include <descent/optim/training/stopping.h>

namespace stopping_test {
namespace {

using descent::Convergence;
using descent::EarlyStopping;
using descent::EWA;
using descent::GradientTest;
using descent::MaxIter;
using descent::MetricMode;
using descent::StepTest;
using testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

at::Tensor point(const std::vector<double>& x) {
  return at::tensor(x, at::kDouble).requires_grad_();
}

template <class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

TEST(TheGradientTest, LooksAtTheLargestElementOfAllGradients) {
  const at::Tensor x = point({1, 2}), y = point({3}), none = point({4});
  Convergence done({x, y, none}, {GradientTest{0.5}});
  EXPECT_FALSE(done.check());  // no gradient at all
  x.mutable_grad() = at::tensor({0.5, -0.5}, at::kDouble);
  EXPECT_TRUE(done.check());
  EXPECT_EQ(done.reason(), "GradientTest");
  y.mutable_grad() = at::tensor({-0.5000001}, at::kDouble);
  EXPECT_FALSE(done.check());
  EXPECT_EQ(done.reason(), "");
  y.mutable_grad() = at::tensor({kNan}, at::kDouble);
  EXPECT_FALSE(done.check());
  y.mutable_grad() = at::tensor({0.25}, at::kDouble).to_sparse();
  EXPECT_TRUE(done.check());
  y.mutable_grad() = at::tensor({0.75}, at::kDouble).to_sparse();
  EXPECT_FALSE(done.check());
}

TEST(TheStepTest, LooksAtTheLargestChangeSinceTheLastCheck) {
  const at::Tensor x = point({1, 2}), y = point({3}), empty = point({});
  Convergence done({x, y, empty}, {StepTest{0.25}});
  const auto set = [](const at::Tensor& p, double value) {
    const at::NoGradGuard no_grad;
    p.data().fill_(value);
  };
  set(y, 3.5);
  EXPECT_FALSE(done.check());  // since it was made
  EXPECT_TRUE(done.check());   // no change since
  set(y, 3.75);
  EXPECT_TRUE(done.check());
  set(y, 3.25);
  EXPECT_FALSE(done.check());
  set(y, kNan);
  EXPECT_FALSE(done.check());
  EXPECT_EQ(done.n(), 5);
}

TEST(TheConvergence, NamesTheFirstTestThatHolds) {
  const at::Tensor x = point({1});
  x.mutable_grad() = at::zeros({1}, at::kDouble);
  Convergence step_first({x}, {StepTest{0}, GradientTest{0}, MaxIter{1}});
  EXPECT_TRUE(step_first.check());
  EXPECT_EQ(step_first.reason(), "StepTest");
  x.mutable_grad() = at::ones({1}, at::kDouble);
  Convergence third({x}, {GradientTest{}, MaxIter{3}});
  EXPECT_FALSE(third.check());
  EXPECT_FALSE(third.check());
  EXPECT_TRUE(third.check());
  EXPECT_EQ(third.reason(), "MaxIter");
}

TEST(TheConvergence, RefusesWhatItCannotUse) {
  const at::Tensor x = point({1});
  EXPECT_THAT(refusal([&] { Convergence({x}, {GradientTest{-1}}); }),
              HasSubstr("GradientTest: tol = -1, must be"));
  EXPECT_THAT(refusal([&] { Convergence({x}, {StepTest{kNan}}); }),
              HasSubstr("StepTest: tol = nan"));
  EXPECT_THAT(refusal([&] { Convergence({x}, {MaxIter{}}); }), HasSubstr("MaxIter: max_iter = 0"));
  EXPECT_THAT(refusal([&] { Convergence({x}, {}); }), HasSubstr("tests is empty"));
  EXPECT_THAT(refusal([&] { Convergence({}, {MaxIter{1}}); }), HasSubstr("params is empty"));
  EXPECT_THAT(refusal([&] { Convergence({at::Tensor()}, {MaxIter{1}}); }), HasSubstr("params[0]"));
}

/// keras/src/callbacks/early_stopping.py, on_epoch_end, line by line; the metric is never NaN.
struct Keras {
  int patience, start_from_epoch, wait = 0, best_epoch = 0, best_weights = -1;
  double min_delta;
  bool less;
  std::optional<double> baseline, best;

  bool monitor_op(double a, double b) const { return less ? a < b : a > b; }
  bool is_improvement(double value, std::optional<double> reference) const {
    return !reference ||
           monitor_op(value - (less ? -std::abs(min_delta) : std::abs(min_delta)), *reference);
  }
  bool on_epoch_end(int epoch, double current) {
    if (epoch < start_from_epoch) return false;
    if (best_weights < 0) best_weights = best_epoch = epoch;
    wait += 1;
    if (is_improvement(current, best)) {
      best = current;
      best_epoch = best_weights = epoch;
      if (!baseline || is_improvement(current, *baseline)) wait = 0;
      return false;
    }
    return wait >= patience && epoch > 0;
  }
};

TEST(EarlyStop, DecidesAsKerasOverRandomSequences) {
  std::mt19937 random(7);
  int stops = 0, runs_to_the_end = 0;
  for (int run = 0; run < 3000; ++run) {
    const auto draw = [&random](int count) { return static_cast<int>(random() % count); };
    // Metrics on a coarse grid, so that differences of exactly min_delta occur.
    const double delta = 0.25 * (draw(5) - 2);
    const bool less = draw(2) == 0;
    std::optional<double> baseline;
    if (draw(2) == 0) baseline = 0.25 * (draw(9) - 4);
    Keras keras{.patience = draw(12),
                .start_from_epoch = draw(4),
                .min_delta = delta,
                .less = less,
                .baseline = baseline,
                .best = {}};
    const at::Tensor weights = at::zeros({2}, at::kDouble);
    EarlyStopping ours({.patience = keras.patience,
                        .min_delta = delta,
                        .mode = less ? MetricMode::Min : MetricMode::Max,
                        .baseline = baseline,
                        .restore_best = true,
                        .start_from = keras.start_from_epoch},
                       {weights});
    bool stopped = false;
    for (int epoch = 0; epoch < 12 && !stopped; ++epoch) {
      weights.fill_(epoch);
      const double metric = 0.25 * (draw(13) - 6);
      stopped = keras.on_epoch_end(epoch, metric);
      ASSERT_EQ(ours.check(metric), stopped) << "run " << run << ", epoch " << epoch;
      EXPECT_EQ(ours.best(), keras.best);
      EXPECT_EQ(ours.wait(), keras.wait);
      if (stopped) {
        EXPECT_EQ(weights[1].item<double>(), keras.best_weights);
      }
    }
    EXPECT_EQ(ours.best_check(), keras.best_epoch);
    ++(stopped ? stops : runs_to_the_end);
  }
  EXPECT_GT(stops, 1000);
  EXPECT_GT(runs_to_the_end, 50);
}

TEST(EarlyStop, StopsAtTheFirstBadCheckForPatienceZeroAndOne) {
  for (const int64_t patience : {0, 1}) {
    EarlyStopping stop({.patience = patience});
    EXPECT_FALSE(stop.check(1));
    EXPECT_FALSE(stop.check(0.5));
    EXPECT_TRUE(stop.check(0.5));
    EXPECT_EQ(stop.best(), 0.5);
    EXPECT_EQ(stop.best_check(), 1);
  }
}

TEST(EarlyStop, NeverTakesNanForAnImprovement) {
  const at::Tensor weights = at::full({1}, 5.0, at::kDouble);
  EarlyStopping stop({.patience = 2, .restore_best = true}, {weights});
  EXPECT_FALSE(stop.check(kNan));
  EXPECT_EQ(stop.best(), std::nullopt);
  weights.fill_(6);
  EXPECT_TRUE(stop.check(kNan));
  EXPECT_EQ(weights.item<double>(), 5);  // nothing was better than the first
  EarlyStopping later({.patience = 2});
  EXPECT_FALSE(later.check(kNan));
  EXPECT_FALSE(later.check(3));
  EXPECT_FALSE(later.check(kNan));
  EXPECT_TRUE(later.check(kNan));
  EXPECT_EQ(later.best(), 3);
}

TEST(EarlyStop, PutsBestWeightsBackOnRequestAndOnlyIfItKeepsThem) {
  const at::Tensor weights = point({1.0});
  const auto set = [&weights](double value) { weights.data().fill_(value); };
  EarlyStopping keeps({.patience = 9, .restore_best = true}, {weights});
  keeps.check(1);
  set(2);
  keeps.check(2);
  keeps.restore();
  EXPECT_EQ(weights.item<double>(), 1);
  EarlyStopping forgets({}, {weights});
  forgets.check(1);
  set(2);
  EXPECT_TRUE(forgets.check(2));
  forgets.restore();
  EXPECT_EQ(weights.item<double>(), 2);
}

std::string saved(const EarlyStopping& stop) {
  torch::serialize::OutputArchive archive;
  stop.save(archive);
  std::ostringstream out;
  archive.save_to(out);
  return out.str();
}
void load_from(EarlyStopping& stop, const std::string& bytes) {
  torch::serialize::InputArchive archive;
  archive.load_from(bytes.data(), bytes.size());
  stop.load(archive);
}

TEST(EarlyStop, GoesOnFromAnArchive) {
  const EarlyStopping::Options options{
      .patience = 3, .baseline = 0.5, .restore_best = true, .start_from = 1};
  const std::vector<double> metrics{9, 4, 3, 3.5, kNan, 3.25};
  for (size_t cut = 0; cut < metrics.size(); ++cut) {
    const at::Tensor weights = at::zeros({2}, at::kDouble);
    auto stop = std::make_unique<EarlyStopping>(options, std::vector{weights});
    for (size_t i = 0; i < metrics.size(); ++i) {
      if (i == cut) {
        const std::string bytes = saved(*stop);
        stop = std::make_unique<EarlyStopping>(options, std::vector{weights});
        load_from(*stop, bytes);
        EXPECT_EQ(stop->n(), static_cast<int64_t>(i));
      }
      weights.fill_(static_cast<double>(i));
      // The baseline was never reached, so waiting never started afresh.
      ASSERT_EQ(stop->check(metrics[i]), i >= 3) << i;
      if (i == 3) {
        EXPECT_EQ(weights[0].item<double>(), 2);
      }
    }
    EXPECT_EQ(stop->best(), 3);
    EXPECT_EQ(stop->best_check(), 2);
  }
}

TEST(EarlyStop, RefusesOtherArchivesAndStaysAsItWas) {
  const at::Tensor two = at::zeros({2}, at::kDouble), three = at::zeros({3}, at::kDouble);
  EarlyStopping mine({.patience = 2, .restore_best = true}, {two});
  mine.check(7);
  EarlyStopping settings({.patience = 3, .restore_best = true}, {two});
  EarlyStopping sizes({.patience = 2, .restore_best = true}, {three});
  EarlyStopping count({.patience = 2, .restore_best = true}, {two, three});
  for (EarlyStopping* other : {&settings, &sizes, &count}) {
    other->check(1);
    EXPECT_THROW(load_from(mine, saved(*other)), c10::Error);
  }
  std::ostringstream tensor;
  torch::save(two, tensor);
  EXPECT_THROW(load_from(mine, tensor.str()), c10::Error);
  EXPECT_EQ(mine.n(), 1);
  EXPECT_EQ(mine.best(), 7);
}

TEST(EarlyStop, RefusesWhatItCannotUse) {
  const auto refused = [](const EarlyStopping::Options& options) {
    return refusal([&options] { EarlyStopping stop(options); });
  };
  EXPECT_THAT(refused({.patience = -1}), HasSubstr("EarlyStopping: patience = -1, must be"));
  EXPECT_THAT(refused({.min_delta = kNan}), HasSubstr("min_delta = nan"));
  EXPECT_THAT(refused({.mode = static_cast<MetricMode>(2)}), HasSubstr("must be min or max"));
  EXPECT_THAT(refused({.baseline = kNan}), HasSubstr("baseline = nan, must be none or finite"));
  EXPECT_THAT(refused({.start_from = -1}), HasSubstr("start_from = -1"));
  EXPECT_THAT(refused({.restore_best = true}), HasSubstr("restore_best = true, must be false"));
  EXPECT_EQ(refused({.min_delta = -0.5}), "");
}

TEST(TheEwa, IsTheCorrectedAverage) {
  const double b = 0.8;
  EWA average(b);
  double v = 0;
  for (int t = 1; t <= 30; ++t) {
    const double x = std::sin(1.7 * t);
    v = b * v + (1 - b) * x;
    EXPECT_NEAR(average.update(x), v / (1 - std::pow(b, t)), 1e-14);
    EXPECT_EQ(average.t(), t);
  }
  EWA constant(0.99);
  for (int t = 0; t < 5; ++t) EXPECT_NEAR(constant.update(3), 3, 1e-12);
  EWA last(0);
  last.update(1);
  EXPECT_EQ(last.update(2), 2);
}

TEST(TheEwa, AveragesTensors) {
  EWA<at::Tensor> average(0.5);
  const at::Tensor x = at::tensor({1.0, 2.0}, at::kDouble);
  EXPECT_TRUE(at::equal(average.update(x), x));
  EXPECT_TRUE(at::allclose(average.update(4 * x), 3 * x, 0, 1e-14));
  EXPECT_TRUE(at::equal(x, at::tensor({1.0, 2.0}, at::kDouble)));
}

TEST(TheEwa, RefusesFactorsOutOfRangeAndHasNoValueAtFirst) {
  EXPECT_THAT(refusal([] { EWA<> average(1); }), HasSubstr("EWA: b = 1, must be in [0, 1)"));
  EXPECT_THAT(refusal([] { EWA<> average(-0.1); }), HasSubstr("b = -0.1"));
  EXPECT_THAT(refusal([] { EWA<> average(kNan); }), HasSubstr("b = nan"));
  EXPECT_THAT(refusal([] { EWA<>(0.5).value(); }), HasSubstr("EWA: t = 0"));
}

}  // namespace
}  // namespace stopping_test

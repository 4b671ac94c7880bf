// Schedules, by their formulas, on ours and on LibTorch's optimizers.
#include <cmath>
#include <fstream>
#include <numbers>
#include <sstream>

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <descent/optim/schedules.h>

#include "../replay/case.h"
#include "checks.h"

namespace {

using descent::CosineAnnealingLR;
using descent::Scheduler;
using descent::StepLR;
using testing::ElementsAre;
using testing::HasSubstr;

at::Tensor leaf() { return at::ones({2}, at::kDouble).requires_grad_(); }
double rate(torch::optim::Optimizer& opt, size_t group = 0) {
  return opt.param_groups()[group].options().get_lr();
}

/// The rates that n = 0, 1, ... steps of a schedule give.
template <class Schedule>
std::vector<double> rates(const Schedule& schedule, double base, int64_t count) {
  descent::SGD opt({leaf()}, {.lr = base});
  Scheduler scheduler(opt, schedule);
  std::vector<double> list;
  for (int64_t n = 0; n < count; ++n) {
    list.push_back(rate(opt));
    EXPECT_EQ(scheduler.n(), n);
    EXPECT_THAT(scheduler.last_lr(), ElementsAre(list.back()));
    opt.step();
    scheduler.step();
  }
  return list;
}

TEST(TheStepSchedule, DropsWhenPythonsDoes) {
  EXPECT_THAT(rates(StepLR{.step_size = 2, .gamma = 0.5}, 1, 7),
              ElementsAre(1, 1, 0.5, 0.5, 0.25, 0.25, 0.125));
  EXPECT_THAT(rates(StepLR{.step_size = 1, .gamma = 0}, 1, 3), ElementsAre(1, 0, 0));
}

TEST(LibTorchsStepSchedule, IsOneStepLate) {
  descent::SGD opt({leaf()}, {.lr = 1});
  torch::optim::StepLR theirs(opt, 2, 0.5);
  std::vector<double> list;
  for (int n = 0; n < 7; ++n) {
    list.push_back(rate(opt));
    theirs.step();
  }
  EXPECT_THAT(list, ElementsAre(1, 1, 1, 0.5, 0.5, 0.25, 0.25));
}

TEST(TheCosineSchedule, FallsByHalfAWaveAndRisesAgain) {
  const auto list = rates(CosineAnnealingLR{.T_max = 4, .eta_min = 0.1}, 1.1, 10);
  for (size_t n = 0; n < list.size(); ++n)
    EXPECT_NEAR(list[n], 0.1 + (1 + std::cos(std::numbers::pi * static_cast<double>(n) / 4)) / 2,
                1e-15);
  EXPECT_NEAR(list[4], 0.1, 1e-15);
  EXPECT_NEAR(list[8], 1.1, 1e-15);
}

TEST(TheCosineSchedule, StaysAtItsEndIfItIsClamped) {
  const auto list = rates(CosineAnnealingLR{.T_max = 3, .eta_min = 0.25, .clamp = true}, 1, 9);
  for (size_t n = 3; n < list.size(); ++n) EXPECT_EQ(list[n], 0.25);
}

TEST(EverySchedule, IsAtNWhatNStepsGive) {
  const StepLR step{.step_size = 3, .gamma = 0.7};
  const CosineAnnealingLR cosine{.T_max = 7, .eta_min = 0.01};
  const auto steps = rates(step, 0.3, 40), waves = rates(cosine, 0.3, 40);
  for (int64_t n = 0; n < 40; ++n) {
    EXPECT_EQ(steps[static_cast<size_t>(n)], step.at(0.3, n));
    EXPECT_EQ(waves[static_cast<size_t>(n)], cosine.at(0.3, n));
  }
}

/// The recorded runs, with LibTorch's own optimizers driven by our schedules; `replay` runs them
/// with ours.
TEST(EverySchedule, DrivesLibTorchsOptimizersAsRecorded) {
  std::ifstream in(GOLDEN_FOLDER "/schedules.json");
  std::ostringstream text;
  text << in.rdbuf();
  int run = 0;
  for (const auto& json : replay::split(text.str())) {
    const replay::Case row = replay::read_case(json);
    std::vector<at::Tensor> params;
    for (const auto& p : row.groups.at(0).params)
      params.push_back(at::tensor(p.values, at::kDouble).view(p.shape).requires_grad_());
    double lr = 1e-3, momentum = 0, decay = row.optimizer == "sgd" ? 0 : 1e-2;
    bool known = true;
    for (const auto& [name, value] : row.groups[0].options) {
      if (name == "lr")
        lr = std::get<double>(value);
      else if (name == "momentum")
        momentum = std::get<double>(value);
      else if (name == "weight_decay")
        decay = std::get<double>(value);
      else
        known = false;
    }
    if (!known) continue;
    std::unique_ptr<torch::optim::Optimizer> opt;
    if (row.optimizer == "sgd")
      opt = std::make_unique<torch::optim::SGD>(
          params, torch::optim::SGDOptions(lr).momentum(momentum).weight_decay(decay));
    else
      opt = std::make_unique<torch::optim::AdamW>(
          params, torch::optim::AdamWOptions(lr).weight_decay(decay));
    StepLR step;
    CosineAnnealingLR cosine;
    bool steps = false;
    for (const auto& [name, value] : *row.schedule) {
      if (name == "name")
        steps = to_text(value) == "step";
      else if (steps)
        ASSERT_EQ(descent::fields::set(step, name, value), "");
      else
        ASSERT_EQ(descent::fields::set(cosine, name, value), "");
    }
    Scheduler scheduler = steps ? Scheduler(*opt, step) : Scheduler(*opt, cosine);
    for (int64_t t = 1; t <= row.steps; ++t) {
      const auto& gradients = row.gradients.at(static_cast<size_t>(t - 1));
      for (size_t p = 0; p < params.size(); ++p)
        params[p].mutable_grad() =
            gradients[p] ? at::tensor(*gradients[p], at::kDouble).view(params[p].sizes())
                         : at::Tensor();
      opt->step();
      scheduler.step();
      const auto expected = row.expected.find(t);
      if (expected == row.expected.end()) continue;
      for (size_t p = 0; p < params.size(); ++p)
        EXPECT_TRUE(at::allclose(
            params[p].detach(),
            at::tensor(expected->second[p], at::kDouble).view(params[p].sizes()), 0, 1e-11))
            << json["name"] << ", step " << t << ", parameter " << p;
    }
    ++run;
  }
  EXPECT_GE(run, 5);
}

TEST(EverySchedule, KeepsABaseRateForEachGroup) {
  descent::AdamW opt({leaf()}, {.lr = 1});
  opt.add_group({leaf()}, [](auto& o) { o.lr = 0.5; });
  Scheduler scheduler(opt, StepLR{.step_size = 1, .gamma = 0.5});
  for (int i = 0; i < 2; ++i) scheduler.step();
  EXPECT_EQ(rate(opt, 0), 0.25);
  EXPECT_EQ(rate(opt, 1), 0.125);
  EXPECT_THAT(scheduler.base_lrs(), ElementsAre(1, 0.5));
}

TEST(EverySchedule, TakesInAGroupThatCameLater) {
  descent::AdamW opt({leaf()}, {.lr = 1});
  Scheduler scheduler(opt, StepLR{.step_size = 1, .gamma = 0.5});
  scheduler.step();
  opt.add_group({leaf()}, [](auto& o) { o.lr = 8; });
  scheduler.step();
  EXPECT_EQ(rate(opt, 0), 0.25);
  EXPECT_EQ(rate(opt, 1), 2);
  EXPECT_THAT(scheduler.base_lrs(), ElementsAre(1, 8));
}

TEST(EverySchedule, MovesTheParametersByItsRates) {
  const at::Tensor p = at::zeros({1}, at::kDouble).requires_grad_();
  const at::Tensor q = at::zeros({1}, at::kDouble).requires_grad_();
  descent::SGD ours({p}, {.lr = 1});
  torch::optim::SGD theirs({q}, torch::optim::SGDOptions(1));
  Scheduler one(ours, StepLR{.step_size = 1, .gamma = 0.5}),
      two(theirs, StepLR{.step_size = 1, .gamma = 0.5});
  for (int i = 0; i < 3; ++i) {
    for (const at::Tensor& x : {p, q}) x.mutable_grad() = -at::ones({1}, at::kDouble);
    ours.step();
    theirs.step();
    one.step();
    two.step();
  }
  EXPECT_EQ(p.item<double>(), 1.75);
  EXPECT_EQ(q.item<double>(), 1.75);
}

std::string saved(const Scheduler& scheduler) {
  torch::serialize::OutputArchive archive;
  scheduler.save(archive);
  std::ostringstream out;
  archive.save_to(out);
  return out.str();
}
void load_from(Scheduler& scheduler, const std::string& bytes) {
  torch::serialize::InputArchive archive;
  archive.load_from(bytes.data(), bytes.size());
  scheduler.load(archive);
}

TEST(EverySchedule, GoesOnFromAnArchive) {
  const CosineAnnealingLR cosine{.T_max = 9, .eta_min = 0.01};
  descent::SGD opt({leaf()}, {.lr = 0.7}), other({leaf()}, {.lr = 0.2});
  Scheduler whole(opt, cosine);
  for (int i = 0; i < 4; ++i) whole.step();
  const std::string bytes = saved(whole);
  Scheduler resumed(other, cosine);
  load_from(resumed, bytes);
  EXPECT_EQ(resumed.n(), 4);
  EXPECT_EQ(rate(other), rate(opt));
  for (int i = 0; i < 10; ++i) {
    whole.step();
    resumed.step();
    EXPECT_EQ(rate(other), rate(opt));
  }
}

TEST(EverySchedule, RefusesArchivesOfOtherSchedulesAndStaysAsItWas) {
  descent::SGD opt({leaf()}, {.lr = 1}), two({leaf()}, {.lr = 1});
  two.add_group({leaf()});
  Scheduler mine(opt, StepLR{.step_size = 2, .gamma = 0.5});
  mine.step();
  mine.step();
  descent::SGD elsewhere({leaf()}, {.lr = 1});
  const std::string settings = saved(Scheduler(elsewhere, StepLR{.step_size = 3, .gamma = 0.5}));
  const std::string kind = saved(Scheduler(elsewhere, CosineAnnealingLR{.T_max = 2}));
  const std::string groups = saved(Scheduler(two, StepLR{.step_size = 2, .gamma = 0.5}));
  std::ostringstream tensor;
  torch::save(leaf(), tensor);
  for (const std::string& bytes : {settings, kind, groups, tensor.str()})
    EXPECT_THROW(load_from(mine, bytes), c10::Error);
  EXPECT_EQ(mine.n(), 2);
  EXPECT_EQ(rate(opt), 0.5);
}

template <class Schedule>
std::string refusal(const Schedule& schedule) {
  descent::SGD opt({leaf()}, {.lr = 0.75});
  std::string message;
  try {
    Scheduler scheduler(opt, schedule);
  } catch (const c10::Error& error) {
    message = error.what_without_backtrace();
  }
  EXPECT_EQ(rate(opt), 0.75);
  return message;
}

TEST(EverySchedule, RefusesSettingsOutOfRange) {
  EXPECT_THAT(refusal(StepLR{}), HasSubstr("step_size = 0, must be"));
  EXPECT_THAT(refusal(StepLR{.step_size = -1}), HasSubstr("step_size = -1"));
  EXPECT_THAT(refusal(StepLR{.step_size = 1, .gamma = -0.5}), HasSubstr("gamma = -0.5"));
  EXPECT_THAT(refusal(StepLR{.step_size = 1, .gamma = NAN}), HasSubstr("gamma = nan"));
  EXPECT_THAT(refusal(CosineAnnealingLR{}), HasSubstr("T_max = 0"));
  EXPECT_THAT(refusal(CosineAnnealingLR{.T_max = 1, .eta_min = -1}), HasSubstr("eta_min = -1"));
  EXPECT_THAT(refusal(CosineAnnealingLR{.T_max = 1, .eta_min = INFINITY}),
              HasSubstr("eta_min = inf"));
  EXPECT_EQ(refusal(StepLR{.step_size = 1, .gamma = 1}), "");
}

TEST(EverySchedule, SaysWhichScheduleRefused) {
  EXPECT_THAT(refusal(StepLR{}), HasSubstr("StepLR"));
  EXPECT_THAT(refusal(CosineAnnealingLR{}), HasSubstr("CosineAnnealingLR"));
}

}  // namespace

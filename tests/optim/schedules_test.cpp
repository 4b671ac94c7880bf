// Schedules, by their formulas, on ours and on LibTorch's optimizers.
#include <cmath>
#include <fstream>
#include <map>
#include <numbers>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/schedulers/lr_scheduler.h>
#include <torch/optim/schedulers/step_lr.h>
#include <torch/optim/sgd.h>
#include <torch/serialize.h>
#include <torch/serialize/archive.h>
#include <torch/types.h>

#include <descent/optim/schedules/momentum.h>
#include <descent/optim/schedules/reduce_lr_on_plateau.h>
#include <descent/optim/schedules/schedules.h>
#include <descent/optim/wrappers/lookahead.h>

#include "../replay/case.h"
#include "checks.h"

namespace schedules_test {
namespace {

using descent::AnnealStrategy;
using descent::BaseRate;
using descent::ChainedScheduler;
using descent::ConstantLR;
using descent::CosineAnnealingLR;
using descent::CosineAnnealingWarmRestarts;
using descent::CyclicLR;
using descent::CyclicMode;
using descent::ExponentialE;
using descent::ExponentialLR;
using descent::InverseSqrt;
using descent::LambdaLR;
using descent::LinearLR;
using descent::MetricMode;
using descent::MultiplicativeLR;
using descent::MultiStepLR;
using descent::OneCycleLR;
using descent::PolynomialLR;
using descent::ReduceLROnPlateau;
using descent::Schedule;
using descent::Scheduler;
using descent::ScheduleStart;
using descent::SequentialLR;
using descent::StepBased;
using descent::StepLR;
using descent::SWALR;
using descent::ThresholdMode;
using descent::TimeBased;
using descent::TimeBasedMode;
using descent::Warmup;
using descent::WSD;
using descent::WsdShape;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

at::Tensor leaf() { return at::ones({2}, at::kDouble).requires_grad_(); }
double rate(torch::optim::Optimizer& opt, size_t group = 0) {
  return opt.param_groups()[group].options().get_lr();
}

/// The rates that n = 0, 1, ... steps of a schedule give.
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

TEST(OurStepSchedule, IsWrittenAsLibTorchsAndThenHasItsNumbers) {
  descent::SGD opt({leaf()}, {.lr = 1}), theirs({leaf()}, {.lr = 1});
  StepLR schedule{opt, 2, 0.5};
  torch::optim::StepLR reference(theirs, 2, 0.5);
  for (int n = 0; n < 7; ++n) {
    EXPECT_EQ(rate(opt), rate(theirs)) << n;
    n % 2 == 0 ? schedule.step() : static_cast<torch::optim::LRScheduler&>(schedule).step();
    reference.step();
  }
#ifdef __cpp_aggregate_paren_init
  struct Trainer {
    descent::SGD optimizer{{leaf()}, {.lr = 1}};
    StepLR schedule;
    Trainer() : schedule(optimizer, 1) {}
  } trainer;
  const auto shared = std::make_shared<StepLR>(trainer.optimizer, 1, 0.5);
  trainer.schedule.step();
  trainer.schedule.step();
  EXPECT_DOUBLE_EQ(rate(trainer.optimizer), 0.1);
  shared->step();
  shared->step();
  EXPECT_DOUBLE_EQ(rate(trainer.optimizer), 0.05);
#endif
}

TEST(OurStepSchedule, RefusesAStepWithoutAnOptimizerAndWrongOptions) {
  descent::SGD opt({leaf()}, {.lr = 1});
  StepLR alone{.step_size = 2}, never{opt, 0, 0.5};
  EXPECT_THAT([&] { alone.step(); },
              ThrowsMessage<c10::Error>(HasSubstr("StepLR: has no optimizer, must be made as")));
  EXPECT_THAT([&] { never.step(); },
              ThrowsMessage<c10::Error>(HasSubstr("StepLR: step_size = 0, must be")));
  EXPECT_EQ(rate(opt), 1);
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

replay::Json golden() {
  std::ifstream in(GOLDEN_FOLDER "/schedules.json");
  return replay::Json::parse(in)["cases"];
}

/// The schedules of golden/rules/schedules.py by their names there.
std::vector<std::pair<std::string, Schedule>> schedules() {
  const LinearLR linear{.start_factor = 0.2, .end_factor = 0.9, .total_iters = 4};
  const ConstantLR constant{.factor = 0.25, .total_iters = 6};
  const ExponentialLR exponential{.gamma = 0.9}, slow{.gamma = 0.99};
  const CosineAnnealingLR cosine{.T_max = 7, .eta_min = 0.02};
  const CosineAnnealingWarmRestarts restarts{.T_0 = 3, .T_mult = 2, .eta_min = 0.01};
  const StepLR step{.step_size = 3, .gamma = 0.5};
  const auto inverse = [](int64_t n) { return 1 / (1 + 0.3 * static_cast<double>(n)); };
  const auto wobble = [](int64_t n) { return 0.9 + 0.05 * static_cast<double>(n % 3); };
  const OneCycleLR cycle{.max_lr = {0.5, 0.2}, .total_steps = 20};
  OneCycleLR line = cycle, three = cycle, three_lines = cycle, still = cycle, falls = cycle;
  line.pct_start = 0.4, line.anneal_strategy = AnnealStrategy::Linear;
  line.base_momentum = 0.7, line.max_momentum = 0.9;
  line.div_factor = 10, line.final_div_factor = 50;
  three.three_phase = three_lines.three_phase = true;
  three.base_momentum = {0.8, 0.85}, three.max_momentum = {0.9, 0.97};
  three_lines.anneal_strategy = AnnealStrategy::Linear, three_lines.pct_start = 0.35;
  still.cycle_momentum = false;
  falls.pct_start = 0;
  const CyclicLR cyclic{.base_lr = {0.01, 0.002}, .max_lr = {0.4, 0.1}, .step_size_up = 4};
  CyclicLR halved = cyclic, shrinking = cyclic, cyclic_still = cyclic;
  halved.mode = CyclicMode::Triangular2, halved.step_size_down = 7;
  halved.base_momentum = {0.7, 0.6}, halved.max_momentum = 0.95;
  shrinking.mode = CyclicMode::ExpRange, shrinking.gamma = 0.97, shrinking.step_size_down = 2;
  cyclic_still.cycle_momentum = false;
  return {
      {"time-based", TimeBased{.d = 0.03}},
      {"time-based, hyperbolic", TimeBased{.d = 0.03, .mode = TimeBasedMode::Hyperbolic}},
      {"step-based", StepBased{.d = 0.6, .r = 4}},
      {"exponential, e", ExponentialE{.d = 0.15}},
      {"cosine, held", CosineAnnealingLR{.T_max = 7, .eta_min = 0.02, .clamp = true}},
      {"polynomial to an end rate", PolynomialLR{.total_iters = 9, .power = 1.7, .end_lr = 0.02}},
      {"wsd", WSD{.W = 5, .S = 6, .D = 8, .min = 0.1}},
      {"wsd, cosine and linear",
       WSD{.W = 5, .S = 6, .D = 8, .warm = WsdShape::Cosine, .decay = WsdShape::Linear}},
      {"wsd, roots", WSD{.W = 5,
                         .S = 6,
                         .D = 8,
                         .min = 0.05,
                         .warm = WsdShape::OneMinusSqrt,
                         .decay = WsdShape::OneMinusSqrt}},
      {"inverse root", InverseSqrt{.W = 6}},
      {"inverse root, own scale", InverseSqrt{.W = 4, .s = 20}},
      {"warm-up", Warmup{.W = 5, .from = 0.1, .schedule = cosine}},
      {"warm-up of a constant", Warmup{.W = 3, .schedule = constant}},
      {"chained warm-up", ChainedScheduler{{exponential, Warmup{.W = 4, .schedule = step}}}},
      {"chained roots", ChainedScheduler{{InverseSqrt{.W = 6}, exponential}}},
      {"step", step},
      {"multi-step", MultiStepLR{.milestones = {11, 4, 4, 0}, .gamma = 0.7}},
      {"constant", constant},
      {"linear", linear},
      {"linear to zero", LinearLR{.start_factor = 1, .end_factor = 0, .total_iters = 6}},
      {"exponential", exponential},
      {"polynomial", PolynomialLR{.total_iters = 9, .power = 1.7}},
      {"cosine, three waves", cosine},
      {"cosine, T_max 1", CosineAnnealingLR{.T_max = 1, .eta_min = 0.02}},
      {"restarts", CosineAnnealingWarmRestarts{.T_0 = 4, .eta_min = 0.01}},
      {"restarts, twice as long", restarts},
      {"restarts, thrice as long", CosineAnnealingWarmRestarts{.T_0 = 2, .T_mult = 3}},
      {"lambda", LambdaLR{{inverse, wobble}}},
      {"multiplicative", MultiplicativeLR{{inverse, wobble}}},
      {"one cycle", cycle},
      {"one cycle, linear", line},
      {"one cycle, three phases", three},
      {"one cycle, three linear phases", three_lines},
      {"one cycle, momentum alone", still},
      {"one cycle, falls at once", falls},
      {"cyclic", cyclic},
      {"cyclic, halved", halved},
      {"cyclic, shrinking", shrinking},
      {"cyclic, momentum alone", cyclic_still},
      {"swa", SWALR{.swa_lr = {0.05, 0.5}, .anneal_epochs = 8}},
      {"swa, linear",
       SWALR{.swa_lr = 0.05, .anneal_epochs = 6, .anneal_strategy = AnnealStrategy::Linear}},
      {"swa at once", SWALR{.swa_lr = 0.05, .anneal_epochs = 0}},
      {"sequential", SequentialLR{{linear, cosine}, {4}}},
      {"sequential, three", SequentialLR{{constant, restarts, step}, {5, 11}}},
      {"sequential, a milestone twice", SequentialLR{{linear, cosine, step}, {5, 5}}},
      {"sequential, a milestone at 0", SequentialLR{{linear, exponential}, {0}}},
      {"sequential, multiplicative", SequentialLR{{linear, MultiplicativeLR{{wobble}}}, {4}}},
      {"sequential, swa",
       SequentialLR{{exponential, SWALR{.swa_lr = 0.03, .anneal_epochs = 5}}, {6}}},
      {"sequential, one cycle last",
       SequentialLR{{linear, OneCycleLR{.max_lr = {25 * 0.3, 25 * 0.07}, .total_steps = 20}}, {4}}},
      {"chained", ChainedScheduler{{constant, exponential}}},
      {"chained, three",
       ChainedScheduler{{linear, step, PolynomialLR{.total_iters = 12, .power = 2}}}},
      {"chained, cosine", ChainedScheduler{{cosine, slow}}},
      {"chained, cosine after",
       ChainedScheduler{{constant, step, CosineAnnealingLR{.T_max = 25, .eta_min = 0.001}}}},
      {"chained, multiplicative", ChainedScheduler{{exponential, MultiplicativeLR{{wobble}}}}},
      {"chained, swa", ChainedScheduler{{exponential, SWALR{.swa_lr = 0.03, .anneal_epochs = 5}}}},
      {"chained, lambda first", ChainedScheduler{{LambdaLR{{inverse}}, exponential}}},
      {"chained, lambda last", ChainedScheduler{{exponential, LambdaLR{{inverse}}}}},
      {"chained, restarts", ChainedScheduler{{restarts, step}}},
      {"chained, sequential", ChainedScheduler{{slow, SequentialLR{{linear, cosine}, {5}}}}},
  };
}

/// One of four optimizers with two groups and a momentum of 0.6.
std::unique_ptr<torch::optim::Optimizer> optimizer(const std::string& name, bool ours,
                                                   const std::vector<double>& base = {0.3, 0.07}) {
  std::unique_ptr<torch::optim::Optimizer> opt;
  if (ours && name == "sgd")
    opt = std::make_unique<descent::SGD>(std::vector{leaf()},
                                         descent::SGD::Options{.lr = base[0], .momentum = 0.6});
  else if (ours)
    opt = std::make_unique<descent::AdamW>(
        std::vector{leaf()}, descent::AdamW::Options{.lr = base[0], .betas = {0.6, 0.99}});
  else if (name == "sgd")
    opt = std::make_unique<torch::optim::SGD>(std::vector{leaf()},
                                              torch::optim::SGDOptions(base[0]).momentum(0.6));
  else
    opt = std::make_unique<torch::optim::AdamW>(
        std::vector{leaf()}, torch::optim::AdamWOptions(base[0]).betas({0.6, 0.99}));
  if (auto* sgd = dynamic_cast<descent::SGD*>(opt.get()))
    sgd->add_group({leaf()});
  else if (auto* adamw = dynamic_cast<descent::AdamW*>(opt.get()))
    adamw->add_group({leaf()});
  else
    opt->add_param_group(torch::optim::OptimizerParamGroup(std::vector{leaf()}));
  opt->param_groups()[1].options().set_lr(base[1]);
  return opt;
}

TEST(EverySchedule, GivesTheSequenceOfPythonOrOfItsFormula) {
  const auto cases = golden();
  std::set<std::string> compared;
  for (const auto& row : cases.back()["sequences"]) {
    const auto name = row["name"].get<std::string>();
    if (row.contains("metric")) continue;
    const auto all = schedules();
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&name](const auto& entry) { return entry.first == name; });
    ASSERT_NE(found, all.end()) << name;
    for (const char* whose : {"ours", "LibTorch's", "wrapped"}) {
      const auto inner = optimizer(row["optimizer"], whose != std::string("LibTorch's"),
                                   row["base"].get<std::vector<double>>());
      descent::Lookahead wrapper(*inner, {.k = 3});
      torch::optim::Optimizer& opt = whose == std::string("wrapped") ? wrapper : *inner;
      Scheduler scheduler(opt, found->second);
      const size_t count = row["lr"][0].size();
      for (size_t n = 0; n < count; ++n) {
        if (n > 0) {
          opt.step();
          scheduler.step();
        }
        for (size_t g = 0; g < 2; ++g) {
          EXPECT_NEAR(rate(opt, g), row["lr"][g][n].get<double>(), 1e-13)
              << name << ", " << whose << ", group " << g << ", n = " << n;
          EXPECT_EQ(scheduler.last_lr()[g], rate(*inner, g));
          const double momentum =
              row.contains("momentum") ? row["momentum"][g][n].get<double>() : 0.6;
          EXPECT_NEAR(descent::momentum_of(opt, g).value(), momentum, 1e-13)
              << name << ", " << whose << ", group " << g << ", n = " << n;
        }
      }
    }
    compared.insert(name);
  }
  EXPECT_EQ(compared.size(), schedules().size());
}

TEST(EverySchedule, IsAtNWhatNStepsGive) {
  for (const auto& [name, schedule] : schedules()) {
    const auto opt = optimizer("sgd", true);
    Scheduler scheduler(*opt, schedule);
    for (int64_t n = 0; n <= 20; ++n) {
      for (size_t g = 0; g < 2; ++g)
        EXPECT_EQ(rate(*opt, g), schedule.at({g == 0 ? 0.3 : 0.07, g}, n))
            << name << ", group " << g << ", n = " << n;
      if (n < 20) scheduler.step();
    }
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
    if (!row.schedule) continue;
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
            gradients[p] ? at::tensor(gradients[p]->values, at::kDouble).view(params[p].sizes())
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

TEST(EverySchedule, GoesOnFromAnArchiveWithItsMomentum) {
  for (const auto& [name, schedule] : schedules()) {
    const auto opt = optimizer("adamw", true), other = optimizer("adamw", false, {0.9, 0.8});
    Scheduler whole(*opt, schedule);
    for (int i = 0; i < 7; ++i) whole.step();
    Scheduler resumed(*other, schedule);
    load_from(resumed, saved(whole));
    EXPECT_EQ(resumed.n(), 7);
    for (int i = 0; i < 12; ++i) {
      for (size_t g = 0; g < 2; ++g) {
        EXPECT_EQ(rate(*other, g), rate(*opt, g)) << name << ", group " << g;
        EXPECT_EQ(descent::momentum_of(*other, g), descent::momentum_of(*opt, g)) << name;
      }
      whole.step();
      resumed.step();
    }
  }
}

TEST(EverySchedule, GoesOnFromAStartWithRatesThatHaveFallen) {
  for (const auto& [name, schedule] : schedules()) {
    const auto opt = optimizer("adamw", true), other = optimizer("adamw", false);
    Scheduler whole(*opt, schedule);
    for (int i = 0; i < 7; ++i) whole.step();
    for (size_t g = 0; g < 2; ++g) other->param_groups()[g].options().set_lr(rate(*opt, g));
    Scheduler late(*other, schedule, {7, whole.base_lrs()});
    EXPECT_EQ(late.n(), 7);
    EXPECT_EQ(late.base_lrs(), whole.base_lrs());
    for (int i = 0; i < 12; ++i) {
      for (size_t g = 0; g < 2; ++g) {
        EXPECT_EQ(rate(*other, g), rate(*opt, g)) << name << ", group " << g;
        EXPECT_EQ(descent::momentum_of(*other, g), descent::momentum_of(*opt, g)) << name;
      }
      whole.step();
      late.step();
    }
  }
}

TEST(EverySchedule, StartsFromTheRatesThatAreThereIfNoOthersAreGiven) {
  descent::SGD opt({leaf()}, {.lr = 0.5});
  Scheduler late(opt, StepLR{.step_size = 20}, {45});
  EXPECT_THAT(late.base_lrs(), ElementsAre(0.5));
  EXPECT_DOUBLE_EQ(rate(opt), 0.005);
  late.start({19, {2}});
  EXPECT_EQ(rate(opt), 2);
  late.step();
  EXPECT_DOUBLE_EQ(rate(opt), 0.2);
}

TEST(EverySchedule, RefusesAStartThatCannotBeAndStaysAsItWas) {
  descent::SGD opt({leaf()}, {.lr = 0.5}), other({leaf()}, {.lr = 0.5});
  Scheduler mine(opt, StepLR{.step_size = 2, .gamma = 0.5}, {2});
  const auto refused = [&](const ScheduleStart& from) {
    std::string message;
    try {
      mine.start(from);
    } catch (const c10::Error& error) {
      message = error.what_without_backtrace();
    }
    EXPECT_THROW(Scheduler(other, StepLR{.step_size = 2}, from), c10::Error);
    EXPECT_EQ(mine.n(), 2);
    EXPECT_THAT(mine.base_lrs(), ElementsAre(0.5));
    EXPECT_EQ(rate(opt), 0.25);
    EXPECT_EQ(rate(other), 0.5);
    return message;
  };
  EXPECT_THAT(refused({-1}), HasSubstr("Scheduler: n = -1, must be in [0, 4294967295)"));
  EXPECT_THAT(refused({4294967295}), HasSubstr("n = 4294967295"));
  EXPECT_THAT(refused({1, {1, 2}}), HasSubstr("base_lrs of 2 groups, must be of 1"));
  EXPECT_THAT(refused({1, {-1}}), HasSubstr("base_lrs has -1, must be finite and >= 0"));
}

TEST(EverySchedule, SavesTheSettingsOfTheSchedulesInside) {
  const auto opt = optimizer("sgd", true);
  const auto plan = [](double gamma) {
    return SequentialLR{
        {Warmup{.W = 2, .schedule = ExponentialLR{.gamma = gamma}}, StepLR{.step_size = 5}}, {4}};
  };
  Scheduler mine(*opt, plan(0.5));
  EXPECT_THROW(load_from(mine, saved(Scheduler(*opt, plan(0.25)))), c10::Error);
  load_from(mine, saved(Scheduler(*opt, plan(0.5))));
  EXPECT_EQ(Schedule(plan(0.5)).text(),
            "SequentialLR [Warmup [ExponentialLR gamma=0.5] W=2 from=0, StepLR step_size=5 "
            "gamma=0.1] milestones=[4]");
}

/// What a Scheduler says to a schedule that it refuses; "" if it takes it. Changes nothing then.
std::string refusal(const Schedule& schedule) {
  descent::SGD opt({leaf()}, {.lr = 0.75, .momentum = 0.5});
  opt.add_group({leaf()});
  try {
    Scheduler scheduler(opt, schedule);
    return "";
  } catch (const c10::Error& error) {
    EXPECT_EQ(rate(opt), 0.75);
    EXPECT_EQ(opt.options().momentum, 0.5);
    return error.what_without_backtrace();
  }
}

TEST(EverySchedule, RefusesSettingsOutOfRange) {
  const StepLR step{.step_size = 1};
  const std::vector<std::pair<Schedule, const char*>> refused{
      {StepLR{}, "StepLR: step_size = 0, must be"},
      {StepLR{.step_size = -1}, "step_size = -1"},
      {StepLR{.step_size = 1, .gamma = -0.5}, "gamma = -0.5, must be finite and >= 0"},
      {StepLR{.step_size = 1, .gamma = NAN}, "gamma = nan"},
      {CosineAnnealingLR{}, "CosineAnnealingLR: T_max = 0"},
      {CosineAnnealingLR{.T_max = 1, .eta_min = -1}, "eta_min = -1"},
      {CosineAnnealingLR{.T_max = 1, .eta_min = INFINITY}, "eta_min = inf"},
      {TimeBased{}, "TimeBased: d = nan"},
      {TimeBased{.d = -0.1}, "TimeBased: d = -0.1"},
      {TimeBased{.d = 1, .mode = static_cast<TimeBasedMode>(2)}, "mode = 2, must be recursive or"},
      {StepBased{.d = 0.5}, "StepBased: r = 0"},
      {StepBased{.d = -1, .r = 1}, "StepBased: d = -1"},
      {ExponentialE{.d = INFINITY}, "ExponentialE: d = inf"},
      {MultiStepLR{.milestones = {3, -1}}, "MultiStepLR: milestones = [3, -1]"},
      {MultiStepLR{.milestones = {3}, .gamma = -1}, "gamma = -1"},
      {ExponentialLR{}, "ExponentialLR: gamma = nan"},
      {ExponentialLR{.gamma = -1}, "ExponentialLR: gamma = -1"},
      {ConstantLR{.factor = -0.1}, "ConstantLR: factor = -0.1, must be in [0, 1]"},
      {ConstantLR{.factor = 1.1}, "ConstantLR: factor = 1.1"},
      {ConstantLR{.total_iters = 0}, "total_iters = 0"},
      {LinearLR{.start_factor = 0}, "LinearLR: start_factor = 0, must be in (0, 1]"},
      {LinearLR{.end_factor = 1.5}, "end_factor = 1.5"},
      {LinearLR{.total_iters = 0}, "LinearLR: total_iters = 0"},
      {PolynomialLR{.total_iters = 0}, "PolynomialLR: total_iters = 0"},
      {PolynomialLR{.power = -1}, "power = -1"},
      {PolynomialLR{.end_lr = -1}, "end_lr = -1"},
      {CosineAnnealingWarmRestarts{}, "CosineAnnealingWarmRestarts: T_0 = 0"},
      {CosineAnnealingWarmRestarts{.T_0 = 1, .T_mult = 0}, "T_mult = 0"},
      {LambdaLR{}, "LambdaLR: lr_lambda = 0 functions, must be one"},
      {LambdaLR{{nullptr}}, "LambdaLR: lr_lambda = empty"},
      {MultiplicativeLR{descent::Lambdas(3, [](int64_t) { return 1.0; })},
       "MultiplicativeLR: lr_lambda = 3 functions, must be one, or one for each group, of which "
       "there are 2"},
      {LambdaLR{{[](int64_t) { return -1.0; }}}, "LambdaLR: lr = -0.75 for group 0 at n = 0"},
      {OneCycleLR{.total_steps = 5}, "OneCycleLR: max_lr = [nan]"},
      {OneCycleLR{.max_lr = 1}, "OneCycleLR: total_steps = 0"},
      {OneCycleLR{.max_lr = {1, 2, 3}, .total_steps = 5},
       "max_lr = [1, 2, 3], must be one number, or one for each group, of which there are 2"},
      {OneCycleLR{.max_lr = 1, .total_steps = 5, .pct_start = 1.1}, "pct_start = 1.1"},
      {OneCycleLR{.max_lr = 1, .total_steps = 5, .pct_start = -0.1}, "pct_start = -0.1"},
      {OneCycleLR{.max_lr = 1, .total_steps = 5, .base_momentum = 1}, "base_momentum = [1]"},
      {OneCycleLR{.max_lr = 1, .total_steps = 5, .div_factor = 0}, "div_factor = 0"},
      {CyclicLR{.max_lr = 1}, "CyclicLR: base_lr = [nan]"},
      {CyclicLR{.base_lr = 1}, "CyclicLR: max_lr = [nan]"},
      {CyclicLR{.base_lr = 1, .max_lr = 2, .step_size_up = 0}, "step_size_up = 0"},
      {CyclicLR{.base_lr = 1, .max_lr = 2, .step_size_down = 0},
       "step_size_down = 0, must be none"},
      {CyclicLR{.base_lr = 1, .max_lr = 2, .gamma = -1}, "gamma = -1"},
      {WSD{.W = -1}, "WSD: W = -1"},
      {WSD{.S = -1}, "WSD: S = -1"},
      {WSD{.D = -1}, "WSD: D = -1"},
      {WSD{.min = 2}, "WSD: min = 2"},
      {InverseSqrt{}, "InverseSqrt: s = none, must be given if W = 0"},
      {InverseSqrt{.W = -1}, "InverseSqrt: W = -1"},
      {InverseSqrt{.W = 1, .s = 0}, "InverseSqrt: s = 0"},
      {SWALR{}, "SWALR: swa_lr = [nan]"},
      {SWALR{.swa_lr = 1, .anneal_epochs = -1}, "anneal_epochs = -1"},
      {SequentialLR{}, "SequentialLR: schedules = [], must hold a schedule"},
      {SequentialLR{{step, step}, {}}, "SequentialLR: milestones = [], must be one less"},
      {SequentialLR{{step, step, step}, {4, 2}}, "milestones = [4, 2], must be ascending"},
      {SequentialLR{{step, StepLR{}}, {4}}, "StepLR: step_size = 0"},
      {ChainedScheduler{}, "ChainedScheduler: schedules = []"},
      {ChainedScheduler{{step, ExponentialLR{}}}, "ExponentialLR: gamma = nan"},
      {Warmup{.W = -1, .schedule = step}, "Warmup: W = -1"},
      {Warmup{.from = -1, .schedule = step}, "Warmup: from = -1"},
      {Warmup{.W = 1, .schedule = StepLR{}}, "StepLR: step_size = 0"},
  };
  for (const auto& [schedule, message] : refused)
    EXPECT_THAT(refusal(schedule), HasSubstr(message));
  EXPECT_EQ(refusal(StepLR{.step_size = 1, .gamma = 1}), "");
  EXPECT_EQ(refusal(InverseSqrt{.s = 10}), "");
  EXPECT_EQ(refusal(CyclicLR{.base_lr = {0, 0}, .max_lr = 2}), "");
}

/// What a step that must fail says; rates and momentum stay, and it is not counted.
std::string refused_step(Scheduler& scheduler, torch::optim::Optimizer& opt) {
  const int64_t n = scheduler.n();
  const double lr = rate(opt);
  const auto momentum = descent::momentum_of(opt, 0);
  std::string message;
  try {
    scheduler.step();
  } catch (const c10::Error& error) {
    message = error.what_without_backtrace();
  }
  EXPECT_EQ(scheduler.n(), n);
  EXPECT_EQ(rate(opt), lr);
  EXPECT_EQ(descent::momentum_of(opt, 0), momentum);
  return message;
}

TEST(EverySchedule, RefusesAStepWithoutARateAndStaysAsItWas) {
  descent::SGD opt({leaf()}, {.lr = 0.5, .momentum = 0.9});
  Scheduler lambda(opt, LambdaLR{{[](int64_t n) { return n < 2 ? 1 : NAN; }}});
  lambda.step();
  EXPECT_THAT(refused_step(lambda, opt), HasSubstr("LambdaLR: lr = nan for group 0 at n = 2"));
  Scheduler cycle(opt, OneCycleLR{.max_lr = 1, .total_steps = 3});
  for (int i = 0; i < 3; ++i) cycle.step();
  EXPECT_THAT(refused_step(cycle, opt),
              HasSubstr("OneCycleLR: n = 4, must be at most total_steps = 3"));
}

TEST(TheChain, RefusesARateThatPythonLetsFallBelowZero) {
  descent::SGD opt({leaf()}, {.lr = 0.07});
  Scheduler scheduler(
      opt, ChainedScheduler{{CosineAnnealingLR{.T_max = 7, .eta_min = 0.02}, ExponentialLR{0.9}}});
  for (int i = 0; i < 10; ++i) scheduler.step();
  EXPECT_THAT(refused_step(scheduler, opt), HasSubstr("ChainedScheduler: lr = -0.004"));
}

TEST(EverySchedule, RefusesAGroupThatItHasNoNumberFor) {
  descent::SGD opt({leaf()}, {.lr = 0.5});
  opt.add_group({leaf()});
  Scheduler scheduler(opt, SWALR{.swa_lr = {0.1, 0.2}});
  opt.add_group({leaf()});
  EXPECT_THAT(refused_step(scheduler, opt), HasSubstr("of which there are 3"));
}

TEST(TheMultiplicativeSchedule, CallsItsFunctionOnceAStep) {
  descent::SGD opt({leaf()}, {.lr = 1});
  std::vector<int64_t> calls;
  const MultiplicativeLR half{{[&calls](int64_t n) {
    calls.push_back(n);
    return 0.5;
  }}};
  Scheduler scheduler(opt, ChainedScheduler{{half, CosineAnnealingLR{.T_max = 50}}});
  for (int i = 0; i < 4; ++i) scheduler.step();
  EXPECT_THAT(calls, ElementsAre(1, 2, 3, 4));
}

TEST(TheOneCycle, StaysOnItsLineWherePythonFallsBelowZero) {
  const OneCycleLR cycle{.max_lr = 1, .total_steps = 10, .anneal_strategy = AnnealStrategy::Linear};
  EXPECT_NEAR(cycle.at(1, 9), 1.0 / 25 / 1e4, 1e-16);
  EXPECT_EQ(cycle.at(1, 10), cycle.at(1, 9));
  EXPECT_NEAR(*cycle.momentum(0, 10), 0.95, 1e-16);
}

TEST(TheOneCycle, PassesAPhaseWithoutLength) {
  const OneCycleLR cycle{.max_lr = 2, .total_steps = 10, .pct_start = 0.1};  // Python divides by 0
  EXPECT_EQ(cycle.at(1, 0), 2);
  EXPECT_LT(cycle.at(1, 1), 2);
  EXPECT_NEAR(OneCycleLR({.max_lr = 2, .total_steps = 10, .pct_start = 1}).at(1, 9), 2, 1e-15);
}

TEST(TheChain, StartsFromTheBaseRateWhereAFactorWasZero) {
  const ChainedScheduler chain{
      {CosineAnnealingLR{.T_max = 100}, Warmup{.W = 2, .schedule = ExponentialLR{.gamma = 1}}}};
  EXPECT_EQ(chain.at(1, 0), 0);
  EXPECT_EQ(chain.at(1, 1), 0.5);
  EXPECT_EQ(chain.at(1, 2), (1 + std::cos(std::numbers::pi * 2 / 100)) /
                                (1 + std::cos(std::numbers::pi * 1 / 100)));
}

template <class Options>
Options& options_of(torch::optim::Optimizer& opt) {
  return static_cast<Options&>(opt.param_groups()[0].options());
}

TEST(TheMomentum, MovesInEveryOptimizerThatHasOne) {
  const OneCycleLR cycle{
      .max_lr = 1, .total_steps = 10, .base_momentum = 0.25, .max_momentum = 0.75};
  descent::SGD sgd({leaf()}, {.momentum = 0.5});
  descent::Adam adam({leaf()}, {.betas = {0.5, 0.875}});
  descent::Lion lion({leaf()}, {.betas = {0.5, 0.875}});
  torch::optim::SGD torch_sgd({leaf()}, torch::optim::SGDOptions(1).momentum(0.5));
  torch::optim::RMSprop torch_rmsprop({leaf()}, torch::optim::RMSpropOptions(1).momentum(0.5));
  torch::optim::Adam torch_adam({leaf()}, torch::optim::AdamOptions(1).betas({0.5, 0.875}));
  torch::optim::AdamW torch_adamw({leaf()}, torch::optim::AdamWOptions(1).betas({0.5, 0.875}));
  descent::Lookahead once(adam), twice(static_cast<torch::optim::Optimizer&>(once));
  // A reference to the options, taken before, must see the change: it is made in place.
  const auto& sgd_options = sgd.options();
  const auto& adam_options = adam.options();
  const auto moves = [&cycle](torch::optim::Optimizer& opt, const auto& momentum) {
    Scheduler scheduler(opt, cycle);
    EXPECT_EQ(momentum(), 0.75);
    scheduler.step();
    scheduler.step();
    EXPECT_EQ(momentum(), 0.25);  // the end of the first phase, 0.3 * 10 - 1
  };
  moves(sgd, [&] { return sgd_options.momentum; });
  moves(lion, [&] { return lion.options().betas[0]; });
  moves(twice, [&] { return adam_options.betas[0]; });
  moves(torch_sgd, [&] { return options_of<torch::optim::SGDOptions>(torch_sgd).momentum(); });
  moves(torch_rmsprop,
        [&] { return options_of<torch::optim::RMSpropOptions>(torch_rmsprop).momentum(); });
  moves(torch_adam,
        [&] { return std::get<0>(options_of<torch::optim::AdamOptions>(torch_adam).betas()); });
  moves(torch_adamw,
        [&] { return std::get<0>(options_of<torch::optim::AdamWOptions>(torch_adamw).betas()); });
  EXPECT_EQ(adam_options.betas[1], 0.875);
  EXPECT_EQ(lion.options().betas[1], 0.875);
  EXPECT_EQ(std::get<1>(options_of<torch::optim::AdamOptions>(torch_adam).betas()), 0.875);
}

TEST(TheMomentum, IsRefusedByOptimizersWithoutOne) {
  const OneCycleLR cycle{.max_lr = 1, .total_steps = 10};
  OneCycleLR still = cycle;
  still.cycle_momentum = false;
  descent::FullAdagrad ours({leaf()}, {.lr = 0.5});
  torch::optim::Adagrad theirs({leaf()}, torch::optim::AdagradOptions(0.5));
  descent::Lookahead wrapped(ours);
  for (torch::optim::Optimizer* opt : {static_cast<torch::optim::Optimizer*>(&ours),
                                       static_cast<torch::optim::Optimizer*>(&theirs),
                                       static_cast<torch::optim::Optimizer*>(&wrapped)}) {
    for (const Schedule& schedule :
         {Schedule(cycle), Schedule(SequentialLR{{StepLR{.step_size = 1}, cycle}, {5}}),
          Schedule(CyclicLR{.base_lr = 0, .max_lr = 1})}) {
      try {
        Scheduler scheduler(*opt, schedule);
        ADD_FAILURE() << schedule.text();
      } catch (const c10::Error& error) {
        EXPECT_THAT(error.what_without_backtrace(),
                    HasSubstr(std::string(schedule.name()) + ": cycle_momentum = true, must be"));
      }
      EXPECT_EQ(rate(*opt), 0.5);
    }
  }
  Scheduler scheduler(ours, still);
  EXPECT_NEAR(rate(ours), 1.0 / 25, 1e-15);
}

TEST(TheMomentum, IsRefusedWhereTheOptionsDoNotAllowIt) {
  descent::SGD opt({leaf()}, {.lr = 0.5, .momentum = 0.5, .nesterov = true});
  Scheduler scheduler(opt, CyclicLR{.base_lr = 0.25,
                                    .max_lr = 1,
                                    .step_size_up = 1,
                                    .base_momentum = 0,
                                    .max_momentum = 0.75});
  EXPECT_THAT(refused_step(scheduler, opt), HasSubstr("SGD: nesterov"));
  EXPECT_EQ(rate(opt), 0.25);
}

template <class T>
std::string archived(const T& saver) {
  torch::serialize::OutputArchive archive;
  saver.save(archive);
  std::ostringstream out;
  archive.save_to(out);
  return out.str();
}
template <class T>
void restore(T& loader, const std::string& bytes) {
  torch::serialize::InputArchive archive;
  archive.load_from(bytes.data(), bytes.size());
  loader.load(archive);
}

const std::map<std::string, ReduceLROnPlateau::Options> kPlateaus{
    {"plateau", {.factor = 0.5, .patience = 2, .cooldown = 3, .min_lr = {0.001, 0.02}}},
    {"plateau, abs",
     {.factor = 0.5, .patience = 0, .threshold = 0.05, .threshold_mode = ThresholdMode::Abs}},
    {"plateau, max", {.mode = MetricMode::Max, .factor = 0.3, .patience = 4, .threshold = 0.01}},
    {"plateau, max, abs",
     {.mode = MetricMode::Max,
      .factor = 0.9,
      .patience = 1,
      .threshold = 0.1,
      .threshold_mode = ThresholdMode::Abs,
      .eps = 0.01}}};

TEST(ThePlateau, ReducesWhenPythonsDoesAndGoesOnFromAnArchive) {
  int compared = 0;
  const auto cases = golden();
  for (const auto& row : cases.back()["sequences"]) {
    if (!row.contains("metric")) continue;
    const auto& options = kPlateaus.at(row["name"]);
    for (const bool ours : {true, false}) {
      const auto opt = optimizer("sgd", ours, row["base"].get<std::vector<double>>());
      auto plateau = std::make_unique<ReduceLROnPlateau>(*opt, options);
      size_t n = 0;
      for (const auto& metric : row["metric"]) {
        plateau->step(metric.get<double>());
        ++n;
        for (size_t g = 0; g < 2; ++g) {
          EXPECT_NEAR(rate(*opt, g), row["lr"][g][n].get<double>(), 1e-15) << row["name"] << n;
          EXPECT_EQ(plateau->last_lr()[g], rate(*opt, g));
        }
        auto resumed = std::make_unique<ReduceLROnPlateau>(*opt, options);
        restore(*resumed, archived(*plateau));
        EXPECT_EQ(resumed->n(), static_cast<int64_t>(n));
        EXPECT_EQ(resumed->best(), plateau->best());
        plateau = std::move(resumed);
      }
    }
    ++compared;
  }
  EXPECT_EQ(compared, 4);
}

TEST(ThePlateau, TakesNanForBad) {
  descent::SGD opt({leaf()}, {.lr = 1});
  ReduceLROnPlateau plateau(opt, {.factor = 0.5, .patience = 1});
  for (const double metric : {1.0, static_cast<double>(NAN), static_cast<double>(NAN)})
    plateau.step(metric);
  EXPECT_EQ(rate(opt), 0.5);
  EXPECT_EQ(plateau.best(), 1);
}

/// Python's margins lie on the wrong side of a negative best.
TEST(ThePlateau, MeasuresItsMarginByTheBestMetricsSize) {
  const auto reductions = [](const ReduceLROnPlateau::Options& options,
                             const std::vector<double>& metrics) {
    descent::SGD opt({leaf()}, {.lr = 1});
    ReduceLROnPlateau plateau(opt, options);
    for (const double metric : metrics) plateau.step(metric);
    return std::lround(-std::log2(rate(opt)));
  };
  ReduceLROnPlateau::Options options{.factor = 0.5, .patience = 0, .threshold = 0.01};
  EXPECT_EQ(reductions(options, {-1, -1, -1, -1}), 3);
  EXPECT_EQ(reductions(options, {-1, -0.999, -0.998, -0.997}), 3) << "it worsens";
  EXPECT_EQ(reductions(options, {-1, -1.005, -1.009, -1.011}), 2)
      << "below the margin, then beyond";
  EXPECT_EQ(reductions(options, {1, 0.995, 0.991, 0.989}), 2);
  EXPECT_EQ(reductions(options, {0, 0, -1e-9}), 1) << "of nothing the margin is nothing";
  options.mode = descent::MetricMode::Max;
  EXPECT_EQ(reductions(options, {-1, -1, -1}), 2);
  EXPECT_EQ(reductions(options, {-1, -0.995, -0.991, -0.989}), 2);
  EXPECT_EQ(reductions(options, {1, 1.005, 1.009, 1.011}), 2);
  EXPECT_EQ(reductions(options, {-1, -1.1, -1.2}), 2) << "it worsens";
  for (const double threshold : {1.0, 2.0}) {
    options.threshold = threshold;
    options.mode = descent::MetricMode::Min;
    EXPECT_EQ(reductions(options, {7}), 0) << "the first metric is the best so far";
    EXPECT_EQ(reductions(options, {7, 6}), 1);
    EXPECT_EQ(reductions(options, {7, -7 * threshold - 1}), 0);
  }
}

TEST(ThePlateau, RefusesSettingsOutOfRangeAndOtherArchives) {
  descent::SGD opt({leaf()}, {.lr = 1});
  const auto refused = [&opt](const ReduceLROnPlateau::Options& options) -> std::string {
    try {
      ReduceLROnPlateau plateau(opt, options);
    } catch (const c10::Error& error) {
      return error.what_without_backtrace();
    }
    return "";
  };
  EXPECT_THAT(refused({.factor = 1}), HasSubstr("ReduceLROnPlateau: factor = 1, must be"));
  EXPECT_THAT(refused({.factor = -0.1}), HasSubstr("factor = -0.1"));
  EXPECT_THAT(refused({.patience = -1}), HasSubstr("patience = -1"));
  EXPECT_THAT(refused({.threshold = -1}), HasSubstr("threshold = -1"));
  EXPECT_THAT(refused({.cooldown = -1}), HasSubstr("cooldown = -1"));
  EXPECT_THAT(refused({.min_lr = {0, 0}}), HasSubstr("of which there are 1"));
  EXPECT_THAT(refused({.min_lr = -1}), HasSubstr("min_lr = [-1]"));
  EXPECT_THAT(refused({.eps = NAN}), HasSubstr("eps = nan"));

  ReduceLROnPlateau mine(opt, {.patience = 3}), other(opt, {.patience = 4});
  mine.step(2);
  EXPECT_THROW(restore(mine, archived(other)), c10::Error);
  EXPECT_THROW(restore(mine, archived(Scheduler(opt, StepLR{.step_size = 1}))), c10::Error);
  EXPECT_EQ(mine.n(), 1);
  EXPECT_EQ(mine.best(), 2);
}

TEST(ASchedule, SetsItsListsAndOptionalsByName) {
  CyclicLR cyclic;
  EXPECT_EQ(descent::fields::set(cyclic, "base_lr", 0.5), "");
  EXPECT_EQ(descent::fields::set(cyclic, "max_lr", "0.5,0.75"), "");
  EXPECT_EQ(descent::fields::set(cyclic, "step_size_down", "7"), "");
  EXPECT_THAT(cyclic.base_lr, ElementsAre(0.5));
  EXPECT_THAT(cyclic.max_lr, ElementsAre(0.5, 0.75));
  EXPECT_EQ(cyclic.step_size_down, 7);
  EXPECT_EQ(descent::fields::set(cyclic, "step_size_down", "none"), "");
  EXPECT_EQ(cyclic.step_size_down, std::nullopt);
  EXPECT_THAT(descent::fields::set(cyclic, "step_size_down", "2.5"),
              HasSubstr("step_size_down = 2.5, must be none or a whole number"));
  EXPECT_THAT(descent::fields::set(cyclic, "max_lr", true), HasSubstr("max_lr = true"));
  MultiStepLR steps;
  EXPECT_EQ(descent::fields::set(steps, "milestones", {3, 5}), "");
  EXPECT_THAT(steps.milestones, ElementsAre(3, 5));
  EXPECT_THAT(descent::fields::set(steps, "milestones", {3, 5.5}), HasSubstr("[3, 5.5]"));
}

}  // namespace
}  // namespace schedules_test

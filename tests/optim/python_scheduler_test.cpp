// State_dicts of Python's schedulers, written here and spoilt one at a time. What Python itself
// writes and reads: python_schedulers_test.cpp.
#include <cmath>
#include <filesystem>
#include <map>

#include <gmock/gmock.h>
#include <torch/optim/optimizer.h>
#include <torch/types.h>
#include <unistd.h>

#include <descent/base/atomic_file.h>
#include <descent/optim.h>
#include <descent/pickle/pickle.h>

namespace python_scheduler_test {
namespace {

using namespace descent;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

at::Tensor leaf() { return at::ones({1}).requires_grad_(); }
double rate(const torch::optim::Optimizer& opt, size_t group = 0) {
  return opt.param_groups()[group].options().get_lr();
}

class StateDictsOfSchedulers : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  using Write = std::function<void(pickle::Writer&)>;
  void write(const std::map<std::string, Write>& keys) const {
    pickle::Writer out;
    out.begin_dict();
    for (const auto& [key, value] : keys) {
      out.text(key);
      value(out);
    }
    out.end_dict();
    write_atomically(path_, [&](std::ostream& stream) { out.write(stream); });
  }

  /// The message with which the file is refused; fails the test unless nothing has changed.
  std::string refusal(Scheduler& scheduler, const torch::optim::Optimizer& opt) const {
    const int64_t n = scheduler.n();
    const auto base_lrs = scheduler.base_lrs();
    const double before = rate(opt);
    std::string message;
    try {
      load_python(scheduler, path_);
    } catch (const c10::Error& error) {
      message = error.what_without_backtrace();
    }
    EXPECT_THAT(message, testing::StartsWith(path_.string() + ": "));
    EXPECT_EQ(scheduler.n(), n) << message;
    EXPECT_EQ(scheduler.base_lrs(), base_lrs) << message;
    EXPECT_EQ(rate(opt), before) << message;
    return message;
  }

  static Write real(double x) {
    return [x](pickle::Writer& out) { out.real(x); };
  }
  static Write whole(int64_t x) {
    return [x](pickle::Writer& out) { out.integer(x); };
  }
  static Write list(const std::vector<double>& numbers) {
    return [numbers](pickle::Writer& out) {
      out.begin_list();
      for (const double x : numbers) out.real(x);
      out.end_list();
    };
  }
  static Write tensor(double x) {
    return [x](pickle::Writer& out) { out.tensor(at::scalar_tensor(x, at::kDouble)); };
  }
  /// Of StepLR after 5 steps from the rate 1.
  static std::map<std::string, Write> five_steps() {
    return {{"step_size", whole(2)},
            {"gamma", real(0.5)},
            {"last_epoch", whole(5)},
            {"base_lrs", list({1})},
            {"_last_lr", list({1})},
            {"_step_count", whole(6)},
            {"verbose", [](pickle::Writer& out) { out.boolean(false); }}};
  }

  const std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                      ("descent_python_scheduler_test." + std::to_string(getpid()));
};

TEST_F(StateDictsOfSchedulers, AreRead) {
  for (const Write& rates : {list({1}), Write([](pickle::Writer& out) {
                               out.begin_list();
                               tensor(1)(out);
                               out.end_list();
                             })}) {
    SGD opt({leaf()}, {.lr = 0.125});
    Scheduler scheduler(opt, StepLR{.step_size = 2, .gamma = 0.5});
    auto keys = five_steps();
    keys["base_lrs"] = rates;
    write(keys);
    load_python(scheduler, path_);
    EXPECT_EQ(scheduler.n(), 5);
    EXPECT_THAT(scheduler.base_lrs(), ElementsAre(1));
    EXPECT_EQ(rate(opt), 0.25);
    scheduler.step();
    EXPECT_EQ(rate(opt), 0.125);
  }
}

TEST_F(StateDictsOfSchedulers, HoldCyclesThatNeverEnd) {
  SGD opt({leaf()}, {.lr = 0.125});
  for (const int64_t times : {int64_t{1} << 53, INT64_MAX}) {
    const CosineAnnealingWarmRestarts longer{.T_0 = 1024, .T_mult = times};
    const Scheduler scheduler(opt, longer, {.n = 2000});
    save_python(scheduler, path_);
    const pickle::File file(path_);
    const auto& dict = *std::get<pickle::Dict*>(file.top());
    EXPECT_EQ(std::get<int64_t>(*dict.find("T_i")), INT64_MAX);
    EXPECT_EQ(std::get<int64_t>(*dict.find("T_cur")), 2000 - 1024);
  }
}

TEST_F(StateDictsOfSchedulers, AreFoundInsideOfLargerFiles) {
  const auto dict = [](pickle::Writer& out, const std::map<std::string, Write>& keys) {
    out.begin_dict();
    for (const auto& [key, value] : keys) {
      out.text(key);
      value(out);
    }
    out.end_dict();
  };
  auto later = five_steps();
  later["last_epoch"] = whole(6);
  write({{"first", [&](pickle::Writer& out) { dict(out, five_steps()); }},
         {"second", [&](pickle::Writer& out) { dict(out, later); }}});
  SGD opt({leaf()}, {.lr = 1});
  Scheduler scheduler(opt, StepLR{.step_size = 2, .gamma = 0.5});
  EXPECT_THAT(refusal(scheduler, opt),
              HasSubstr("holds 2 state_dicts of schedulers, first, second; one must be named"));
  load_python(scheduler, path_, "second");
  EXPECT_EQ(scheduler.n(), 6);
}

TEST_F(StateDictsOfSchedulers, WithOtherKeysOrSettingsAreRefusedByName) {
  SGD opt({leaf()}, {.lr = 0.5});
  Scheduler scheduler(opt, StepLR{.step_size = 2, .gamma = 0.5}, {1});
  const auto message = [&](const std::string& key, const Write& value) {
    auto keys = five_steps();
    keys[key] = value;
    write(keys);
    return refusal(scheduler, opt);
  };
  EXPECT_THAT(message("step_size", whole(3)),
              HasSubstr("StepLR: the state_dict has step_size = 3, must be 2"));
  EXPECT_THAT(message("gamma", tensor(0.25)), HasSubstr("gamma = 0.25, must be 0.5"));
  EXPECT_THAT(message("gamma", [](pickle::Writer& out) { out.none(); }),
              HasSubstr("gamma is None, must be a number"));
  EXPECT_THAT(message("last_epoch", real(5.5)), HasSubstr("last_epoch = 5.5, must be a whole"));
  EXPECT_THAT(message("last_epoch", whole(-1)), HasSubstr("n = -1, must be in [0, "));
  EXPECT_THAT(message("last_epoch", whole(int64_t{1} << 40)),
              HasSubstr("n = 1099511627776, must be in [0, "));
  EXPECT_THAT(message("base_lrs", list({1, 1})), HasSubstr("has 2 groups, must have 1"));
  EXPECT_THAT(message("base_lrs", list({-1})), HasSubstr("base_lrs has -1"));
  EXPECT_THAT(message("base_lrs", whole(1)), HasSubstr("base_lrs = 1, must be a list"));
  EXPECT_THAT(message("T_max", whole(1)), HasSubstr("StepLR: the state_dict has T_max, must be as "
                                                    "Python's StepLR writes it"));
  auto keys = five_steps();
  for (const char* key : {"step_size", "base_lrs", "last_epoch"}) keys.erase(key);
  write(keys);
  EXPECT_THAT(refusal(scheduler, opt), HasSubstr("lacks step_size, base_lrs, last_epoch"));
  keys.erase("_last_lr");
  write(keys);
  EXPECT_THAT(refusal(scheduler, opt), HasSubstr("holds no state_dict of a scheduler"));
}

TEST_F(StateDictsOfSchedulers, WhoseCountersCountNoNumbersOrTooManyAreRefused) {
  SGD opt({leaf()}, {.lr = 0.5});
  Scheduler scheduler(opt, MultiStepLR{.milestones = {1, 3}, .gamma = 0.5});
  const auto message = [&](double milestone, int64_t times) {
    auto keys = five_steps();
    keys.erase("step_size");
    keys["milestones"] = [=](pickle::Writer& out) {
      out.begin_dict();
      out.real(milestone);
      out.integer(times);
      out.end_dict();
    };
    write(keys);
    return refusal(scheduler, opt);
  };
  EXPECT_THAT(message(1, 1), HasSubstr("milestones = [1], must be [1, 3]"));
  EXPECT_THAT(message(std::nan(""), 1), HasSubstr("milestones counts nan, must be finite"));
  EXPECT_THAT(message(1, -1), HasSubstr("milestones counts 1 -1 times, must be at most 50000"));
  EXPECT_THAT(message(1, 50'001), HasSubstr("50001 times, must be at most 50000"));
}

TEST_F(StateDictsOfSchedulers, OfSchedulesThatPythonHasNotAreRefused) {
  SGD opt({leaf()}, {.lr = 0.5});
  const auto message = [&](const Schedule& schedule) {
    write(five_steps());
    Scheduler scheduler(opt, schedule);
    const std::string read = refusal(scheduler, opt);
    std::filesystem::remove(path_);
    try {
      save_python(scheduler, path_);
      ADD_FAILURE() << "wrote " << schedule.name();
    } catch (const c10::Error& error) {
      EXPECT_FALSE(std::filesystem::exists(path_));
      EXPECT_THAT(read, HasSubstr(error.what_without_backtrace()));
    }
    return read;
  };
  EXPECT_THAT(message(TimeBased{.d = 0}), HasSubstr("TimeBased: has no state_dict of Python"));
  EXPECT_THAT(message(SequentialLR{{StepLR{.step_size = 2}}, {}}),
              HasSubstr("SequentialLR: has no state_dict of Python, must be a schedule of "
                        "torch.optim.lr_scheduler that is not made of others"));
  EXPECT_THAT(message(PolynomialLR{.end_lr = 0.5}),
              HasSubstr("PolynomialLR: end_lr = 0.5, must be 0 in a file of Python"));
  EXPECT_THAT(message(CosineAnnealingLR{.T_max = 2, .clamp = true}),
              HasSubstr("CosineAnnealingLR: clamp = true, must be false in a file of Python"));
}

TEST_F(StateDictsOfSchedulers, AreNotWrittenWherePythonKeepsAPartElsewhere) {
  SGD opt({leaf()}, {.lr = 0.5});
  for (const Schedule& schedule :
       {Schedule(SWALR{.swa_lr = 0.5}),
        Schedule(OneCycleLR{.max_lr = 0.5, .total_steps = 9, .cycle_momentum = false})}) {
    try {
      save_python(Scheduler(opt, schedule), path_);
      ADD_FAILURE() << "wrote " << schedule.name();
    } catch (const c10::Error& error) {
      EXPECT_THAT(error.what_without_backtrace(),
                  AllOf(HasSubstr(schedule.name()), HasSubstr("in the optimizer's groups")));
    }
  }
}

/// Schedules that are written for Python, each ahead of some with one other setting.
std::vector<std::vector<Schedule>> schedules() {
  const CyclicLR cyclic{.base_lr = 0.1, .max_lr = 0.2, .step_size_up = 3};
  std::vector<Schedule> cyclics{cyclic};
  const auto change = [&](const auto& set) {
    CyclicLR changed = cyclic;
    set(changed);
    cyclics.emplace_back(changed);
  };
  change([](CyclicLR& s) { s.base_lr = 0.15; });
  change([](CyclicLR& s) { s.max_lr = 0.25; });
  change([](CyclicLR& s) { s.step_size_up = 4, s.step_size_down = 2; });
  change([](CyclicLR& s) { s.step_size_down = 4; });
  change([](CyclicLR& s) { s.mode = CyclicMode::Triangular2; });
  change([](CyclicLR& s) { s.max_momentum = 0.95; });
  change([](CyclicLR& s) { s.cycle_momentum = false; });
  const LambdaLR lambda{{[](int64_t n) { return 1.0 / static_cast<double>(n + 1); }}};
  return {
      {StepLR{.step_size = 2}, StepLR{.step_size = 3}, StepLR{.step_size = 2, .gamma = 0.5}},
      {MultiStepLR{.milestones = {7, 1, 7}}, MultiStepLR{.milestones = {1, 7}},
       MultiStepLR{.milestones = {1, 1, 7}}, MultiStepLR{.milestones = {7, 1, 7}, .gamma = 0.5}},
      {ConstantLR{}, ConstantLR{.factor = 0.5}, ConstantLR{.total_iters = 6}},
      {LinearLR{}, LinearLR{.start_factor = 0.5}, LinearLR{.end_factor = 0.5},
       LinearLR{.total_iters = 6}},
      {ExponentialLR{.gamma = 0.9}, ExponentialLR{.gamma = 0.8}},
      {PolynomialLR{}, PolynomialLR{.total_iters = 6}, PolynomialLR{.power = 2}},
      {CosineAnnealingLR{.T_max = 9}, CosineAnnealingLR{.T_max = 8},
       CosineAnnealingLR{.T_max = 9, .eta_min = 0.1}},
      {CosineAnnealingWarmRestarts{.T_0 = 2, .T_mult = 2}, CosineAnnealingWarmRestarts{.T_0 = 2},
       CosineAnnealingWarmRestarts{.T_0 = 3, .T_mult = 2},
       CosineAnnealingWarmRestarts{.T_0 = 2, .T_mult = 2, .eta_min = 0.1}},
      {lambda},
      cyclics,
  };
}

TEST_F(StateDictsOfSchedulers, AreReadBackButNotWithOtherSettings) {
  for (const std::vector<Schedule>& list : schedules()) {
    const Schedule& schedule = list[0];
    SGD opt({leaf()}, {.lr = 0.5, .momentum = 0.9}), other({leaf()}, {.lr = 0.25, .momentum = 0.9});
    Scheduler scheduler(opt, schedule), resumed(other, schedule);
    for (int i = 0; i < 5; ++i) scheduler.step();
    save_python(scheduler, path_);
    load_python(resumed, path_);
    EXPECT_EQ(resumed.n(), 5) << schedule.name();
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(rate(other), rate(opt)) << schedule.name();
      scheduler.step();
      resumed.step();
    }
    for (size_t i = 1; i < list.size(); ++i) {
      Scheduler with_other_settings(other, list[i]);
      EXPECT_THAT(refusal(with_other_settings, other), HasSubstr("the state_dict has "))
          << list[i].text();
    }
  }
}

}  // namespace
}  // namespace python_scheduler_test

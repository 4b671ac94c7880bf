// Schedules go on where those of Python's torch.optim.lr_scheduler stopped, and the other way
// round. python_schedulers.py is the other side.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <torch/serialize.h>
#include <torch/types.h>
#include <unistd.h>

#include <descent/optim.h>
#include <descent/optim/schedules/momentum.h>

#include "../python_server.h"

namespace python_schedulers_test {
namespace {

using namespace descent;

constexpr int64_t kSteps = 12, kMiddle = 5;

/// The schedules of python_schedulers.py.
std::vector<std::pair<std::string, Schedule>> schedules() {
  const auto reciprocal = [](int64_t n) { return 1.0 / static_cast<double>(n + 1); };
  return {
      {"StepLR", StepLR{.step_size = 2}},
      {"MultiStepLR", MultiStepLR{.milestones = {1, 7, 7}, .gamma = 0.5}},
      {"ConstantLR", ConstantLR{.total_iters = 8}},
      {"LinearLR", LinearLR{.total_iters = 8}},
      {"ExponentialLR", ExponentialLR{.gamma = 0.9}},
      {"PolynomialLR", PolynomialLR{.total_iters = 9, .power = 2}},
      {"CosineAnnealingLR", CosineAnnealingLR{.T_max = 9, .eta_min = 0.01}},
      {"CosineAnnealingWarmRestarts", CosineAnnealingWarmRestarts{.T_0 = 2, .T_mult = 2}},
      {"CosineAnnealingWarmRestarts.same", CosineAnnealingWarmRestarts{.T_0 = 3}},
      {"LambdaLR", LambdaLR{{reciprocal}}},
      {"MultiplicativeLR", MultiplicativeLR{{reciprocal}}},
      {"CyclicLR", CyclicLR{.base_lr = 0.1, .max_lr = 0.2, .step_size_up = 3}},
      {"CyclicLR.still", CyclicLR{.base_lr = {0.1, 0.05},
                                  .max_lr = {0.2, 0.4},
                                  .step_size_up = 3,
                                  .step_size_down = 4,
                                  .mode = CyclicMode::ExpRange,
                                  .gamma = 0.9,
                                  .cycle_momentum = false}},
      {"OneCycleLR", OneCycleLR{.max_lr = {0.5, 0.25}, .total_steps = 14}},
      {"OneCycleLR.three", OneCycleLR{.max_lr = 0.5,
                                      .total_steps = 14,
                                      .pct_start = 0.4,
                                      .anneal_strategy = AnnealStrategy::Linear,
                                      .three_phase = true}},
      {"SWALR", SWALR{.swa_lr = 0.05, .anneal_epochs = 8}},
  };
}

SGD optimizer() {
  SGD opt({at::ones({1}).requires_grad_()}, {.lr = 0.5, .momentum = 0.75});
  opt.add_group({at::ones({1}).requires_grad_()}, {{"lr", 0.2}});
  return opt;
}

/// Runs the schedule to its end and compares with the rates and momenta that Python had.
void expect_rates(SGD& opt, Scheduler& scheduler, const at::Tensor& wanted,
                  const std::string& what) {
  for (int64_t n = scheduler.n(); n <= kSteps; ++n) {
    std::vector<double> found;
    for (size_t g = 0; g < 2; ++g) {
      found.push_back(opt.param_groups()[g].options().get_lr());
      found.push_back(momentum_of(opt, g).value());
    }
    EXPECT_TRUE(at::allclose(at::tensor(found, at::kDouble), wanted[n], 1e-12, 1e-15))
        << what << ", n = " << n << ": " << at::tensor(found, at::kDouble) << " and " << wanted[n];
    if (n < kSteps) scheduler.step();
  }
}

TEST(PythonsSchedulers, GoOnFromWhatWasSavedHereAndTheOtherWayRound) {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("descent_python_schedulers_test." + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto python = [&](const char* work) {
    return python_server::run(std::string(PYTHON_SCHEDULERS " ") + work + " " + folder.string());
  };
  ASSERT_EQ(python("make"), 0);
  for (const auto& [name, schedule] : schedules()) {
    const auto file = [&, &of = name](const char* what) {
      return folder / (of + "." + what + ".pt");
    };
    std::ifstream in(file("rates"), std::ios::binary);
    const at::Tensor wanted =
        torch::pickle_load({std::istreambuf_iterator<char>(in), {}}).toTensor();

    SGD started = optimizer();
    const LoadedPython loaded = load_python(started, file("middle"));
    EXPECT_EQ(loaded.initial_lrs.size(), 2u) << name;
    Scheduler from_start(started, schedule, {kMiddle, loaded.initial_lrs});
    expect_rates(started, from_start, wanted, name + " from a start");

    SGD resumed = optimizer();
    Scheduler from_file(resumed, schedule);
    load_python(from_file, file("middle"));
    EXPECT_EQ(from_file.n(), kMiddle) << name;
    expect_rates(resumed, from_file, wanted, name + " from Python's scheduler");

    SGD own = optimizer();
    Scheduler here(own, schedule);
    for (int64_t n = 0; n < kMiddle; ++n) here.step();
    if (!name.starts_with("OneCycleLR") && name != "SWALR") {
      save_python(own, file("optimizer"));
      save_python(here, file("scheduler"));
    }
    expect_rates(own, here, wanted, name + " here");
  }
  EXPECT_EQ(python("check"), 0);
  if (!HasFailure()) std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace python_schedulers_test

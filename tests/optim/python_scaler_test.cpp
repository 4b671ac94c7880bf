// Loss scaling goes on where that of Python's torch.amp.GradScaler stopped, and the other way
// round. python_scaler.py is the other side.
#include <filesystem>
#include <fstream>
#include <limits>

#include <gmock/gmock.h>
#include <torch/serialize.h>
#include <torch/types.h>
#include <unistd.h>

#include <descent/optim.h>

#include "../python_server.h"

namespace python_scaler {
namespace {

using namespace descent;

constexpr int64_t kSteps = 20, kMiddle = 9;

const GradScaler::Options kOptions{
    .init_scale = 24, .growth_factor = 3, .backoff_factor = 0.3, .growth_interval = 3};

/// The training of python_scaler.py.
struct Training {
  at::Tensor x = torch::linspace(-1, 1, 7, at::kDouble).requires_grad_();
  SGD opt{{x}, {.lr = 0.1, .momentum = 0.9}};
  GradScaler scaler{};

  void step(int64_t t) {
    opt.zero_grad();
    const at::Tensor loss = (x * x).sum() / 2 + (x + static_cast<double>(t)).sin().sum();
    scaler.scale(loss).backward();
    if (t == 2 || t == 7 || t == 8 || t == 15)
      x.grad()[t % 7] = t % 2 != 0 ? std::numeric_limits<double>::infinity()
                                   : std::numeric_limits<double>::quiet_NaN();
    if (t % 3 == 1) scaler.unscale_(opt);
    scaler.step(opt);
    scaler.update();
  }
};

TEST(PythonsGradScaler, GoesOnFromWhatWasSavedHereAndTheOtherWayRound) {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("descent_python_scaler_test." + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto python = [&](const char* work) {
    return python_server::run(std::string(PYTHON_SCALER " ") + work + " " + folder.string());
  };
  const auto read = [&](const char* name) {
    std::ifstream in(folder / name, std::ios::binary);
    return torch::pickle_load({std::istreambuf_iterator<char>(in), {}});
  };
  ASSERT_EQ(python("make"), 0);
  const at::Tensor scales = read("scales.pt").toTensor();
  const at::Tensor parameters = read("parameters.pt").toTensor();
  const auto follows = [&](Training& run, int64_t from) {
    for (int64_t t = from; t < kSteps; ++t) {
      run.step(t);
      EXPECT_EQ(run.scaler.get_scale(), scales[t][0].item<double>()) << t;
      EXPECT_EQ(run.scaler.state_dict()->_growth_tracker, scales[t][1].item<double>()) << t;
      EXPECT_TRUE(at::allclose(run.x, parameters[t], 1e-12, 1e-12)) << t;
      if (from == 0 && t + 1 == kMiddle) {
        save_python(run.scaler, folder / "scaler.pt");
        save_python(run.opt, folder / "optimizer.pt");
      }
    }
  };
  Training here;
  here.scaler = GradScaler(kOptions);
  follows(here, 0);
  EXPECT_EQ(python("check"), 0);

  Training resumed;
  load_python(resumed.scaler, folder / "middle.pt");
  load_python(resumed.opt, folder / "middle.pt");
  resumed.x.set_data(parameters[kMiddle - 1].clone());
  follows(resumed, kMiddle);

  GradScaler scaler(kOptions);
  EXPECT_THAT([&] { load_python(scaler, folder / "disabled.pt", "scaler"); },
              testing::ThrowsMessage<c10::Error>(
                  testing::HasSubstr("The source state dict is empty, possibly because")));
  GradScaler disabled({.enabled = false});
  load_python(disabled, folder / "middle.pt");
  save_python(disabled, folder / "none.pt");
  EXPECT_THAT([&] { load_python(scaler, folder / "none.pt"); },
              testing::ThrowsMessage<c10::Error>(testing::HasSubstr("state dict is empty")));
  EXPECT_THAT([&] { load_python(scaler, folder / "optimizer.pt"); },
              testing::ThrowsMessage<c10::Error>(
                  testing::HasSubstr("holds no state_dict of a GradScaler")));
  if (!HasFailure()) std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace python_scaler

// L-BFGS goes on where Python's torch.optim.LBFGS stopped, and the other way round.
// python_lbfgs.py is the other side.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <torch/serialize.h>
#include <torch/types.h>
#include <unistd.h>

#include <descent/optim.h>

#include "../python_server.h"

namespace python_lbfgs {
namespace {

using namespace descent;

constexpr int64_t kSteps = 8, kMiddle = 4;

/// The cases of python_lbfgs.py.
const std::vector<std::pair<std::string, LBFGS::Options>> kCases{
    {"plain", {.lr = 0.4, .max_iter = 4}},
    {"wolfe", {.max_iter = 5, .line_search = WolfeSearch::StrongWolfe}},
    {"short",
     {.lr = 0.7,
      .max_iter = 3,
      .max_eval = 9,
      .tolerance_grad = 1e-12,
      .tolerance_change = 1e-15,
      .history_size = 2,
      .line_search = WolfeSearch::StrongWolfe}},
};

std::vector<at::Tensor> parameters(const at::Tensor& flat) {
  std::vector<at::Tensor> list;
  int64_t first = 0;
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{4, 3}, {5}, {}}) {
    const int64_t n = c10::multiply_integers(shape);
    list.push_back(flat.narrow(0, first, n).reshape(shape).clone().requires_grad_());
    first += n;
  }
  return list;
}

at::Tensor flat(const std::vector<at::Tensor>& params) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& p : params) parts.push_back(p.reshape(-1));
  return torch::cat(parts);
}

void step(LBFGS& opt, int64_t t) {
  opt.step([&] {
    opt.zero_grad();
    const at::Tensor x = flat(opt.param_groups()[0].params());
    const at::Tensor i = torch::arange(x.numel(), at::kDouble);
    const at::Tensor loss = ((1 + 0.5 * i) * x * x / 2 - 0.15 * (2 * x).cos() +
                             0.2 * (1.3 * static_cast<double>(t) + 0.7 * i).sin() * x)
                                .sum();
    loss.backward();
    return loss;
  });
}

TEST(PythonsLBFGS, GoesOnFromWhatWasSavedHereAndTheOtherWayRound) {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("descent_python_lbfgs_test." + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto python = [&](const char* work) {
    return python_server::run(std::string(PYTHON_LBFGS " ") + work + " " + folder.string());
  };
  ASSERT_EQ(python("make"), 0);
  for (const auto& [name, options] : kCases) {
    const auto read = [&, &of = name](const char* what) {
      std::ifstream in(folder / (of + "." + what + ".pt"), std::ios::binary);
      return torch::pickle_load({std::istreambuf_iterator<char>(in), {}}).toTensor();
    };
    const at::Tensor ways = read("parameters"), counts = read("counts");
    const auto follows = [&, &of = name](LBFGS& opt, int64_t from) {
      for (int64_t t = from; t <= kSteps; ++t) {
        step(opt, t);
        const at::Tensor found = flat(opt.param_groups()[0].params()).detach();
        EXPECT_TRUE(at::allclose(found, ways[t], 1e-12, 1e-12))
            << of << ", step " << t << ": " << (found - ways[t]).abs().max();
        EXPECT_EQ(opt.memory()->func_evals(), counts[t - 1][0].item<int64_t>()) << of << t;
        EXPECT_EQ(opt.memory()->n_iter(), counts[t - 1][1].item<int64_t>()) << of << t;
        if (from == 1 && t == kMiddle) save_python(opt, folder / (of + ".back.pt"));
      }
    };
    LBFGS here(parameters(ways[0]), options);
    follows(here, 1);
    LBFGS resumed(parameters(ways[kMiddle]));
    const LoadedPython loaded = load_python(resumed, folder / (name + ".middle.pt"));
    EXPECT_THAT(loaded.passed_over, testing::IsEmpty());
    EXPECT_THAT(load_python(resumed, folder / (name + ".False.pt")).passed_over,
                testing::IsEmpty());
    const auto load_another = [&, file = folder / (name + ".True.pt")] {
      load_python(resumed, file);
    };
    EXPECT_THAT(
        load_another,
        testing::ThrowsMessage<c10::Error>(testing::HasSubstr(
            "the archive's group has maximize = True, which torch::optim::LBFGS does not")));
    follows(resumed, kMiddle + 1);
  }
  EXPECT_EQ(python("check"), 0);

  LBFGS other({torch::ones({3}, at::kDouble).requires_grad_()});
  EXPECT_THAT([&] { load_python(other, folder / "plain.middle.pt"); },
              testing::ThrowsMessage<c10::Error>(
                  testing::HasSubstr("the archive's group has 3 parameters, must have 1")));
  EXPECT_EQ(other.memory(), nullptr);
  SGD sgd({torch::ones({3}, at::kDouble).requires_grad_()});
  save_python(sgd, folder / "sgd.pt");
  EXPECT_THAT([&] { load_python(other, folder / "sgd.pt"); },
              testing::ThrowsMessage<c10::Error>(
                  testing::HasSubstr("LBFGS: the group of the archive lacks max_iter")));
  if (!HasFailure()) std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace python_lbfgs

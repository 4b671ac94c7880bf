// Trains the sine network hundreds of times by each of six optimizers, with learning rates and weight
// decays that span several decades, and draws the loss of the last weights over both, side by side:
// how wide the valley of good rates is, and from where on training diverges.
//
//   six_optimizers out/six            steps of training and points along an axis may follow
//
// The folder gets maps.png and maps.svg.
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <numbers>
#include <string>
#include <vector>

#include <ATen/Context.h>
#include <ATen/ops/linspace.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <descent/pictures.h>
#include <descent/tune.h>

namespace {

namespace nn = torch::nn;
using descent::LogRange;

struct Contestant {
  std::string name, optimizer;
  descent::OptionValues options{};
};

void run(const std::filesystem::path& folder, int64_t steps, int64_t points) {
  at::manual_seed(0);
  nn::Sequential net(nn::Linear(1, 64), nn::ReLU(), nn::Linear(64, 64), nn::ReLU(),
                     nn::Linear(64, 1));
  const at::Tensor x = at::linspace(-std::numbers::pi, std::numbers::pi, 100).view({-1, 1});
  const descent::Batches data(x, x.sin());

  const Contestant contestants[] = {{"SGD, momentum 0.9", "sgd", {{"momentum", 0.9}}},
                                    {"Adagrad", "adagrad"},
                                    {"RMSprop", "rmsprop"},
                                    {"AdamW", "adamw"},
                                    {"Lion", "lion"},
                                    {"LAMB", "lamb"}};
  std::vector<descent::TwoSides> panels;
  const auto start = std::chrono::steady_clock::now();
  for (const Contestant& one : contestants) {
    const descent::TrainMap map = descent::train_map(
        *net, descent::mse, data, one.optimizer, {"lr", LogRange{1e-5, 10}, points},
        {"weight_decay", LogRange{1e-5, 10}, points},
        {.steps = steps, .value = descent::MapValue::Final, .options = one.options});
    const auto least = map.loss.minimum();
    std::cout << one.name << ": least loss " << least.value << " at lr " << std::pow(10, least.x)
              << ", weight_decay " << std::pow(10, least.y) << " (" << map.loss.notes.at("path")
              << ", " << map.loss.notes.at("self_check") << ")\n";
    panels.push_back({map.loss, map.diverged, one.name});
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::cout << 6 * points * points << " trainings of " << steps << " steps in " << seconds
            << " s\n";

  std::filesystem::create_directories(folder);
  for (const char* const file : {"maps.png", "maps.svg"})
    descent::draw_two_sided(
        panels, folder / file,
        {.width = 1500,
         .height = 1060,
         .title = "Where six optimizers train a network on the sine",
         .caption = std::to_string(points * points) + " trainings each of " +
                    std::to_string(steps) +
                    " steps, a ReLU network of 1-64-64-1. Blue: the loss of the last weights. Red: "
                    "no better than at the start (pale), or diverged at that step.",
         .first_name = "mse"});
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc > 1 ? argv[1] : "six_optimizers", argc > 2 ? std::stoi(argv[2]) : 150,
        argc > 3 ? std::stoi(argv[3]) : 16);
    return 0;
  } catch (const c10::Error& error) {
    std::cerr << "six_optimizers: " << error.what_without_backtrace() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "six_optimizers: " << error.what() << '\n';
  }
  return 1;
}

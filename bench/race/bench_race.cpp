// The joint race on f0, ten optimizers by 100 steps: computed, and drawn in every format. Prints a
// JSON object a line with the best of the rounds. Its peer is what one writes with LibTorch alone:
// the surface as tensor operations, backward(), and LibTorch's own optimizers.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <torch/optim/adagrad.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/pictures.h>
#include <descent/surfaces.h>

#include "commands/gallery/families.h"

namespace {

namespace fs = std::filesystem;

/// The least seconds of several rounds.
double best_of(int rounds, const std::function<void()>& work) {
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

void print(const nlohmann::ordered_json& line) { std::cout << line.dump() << '\n'; }

using Make = std::function<std::unique_ptr<torch::optim::Optimizer>(std::vector<at::Tensor>)>;

/// 100 steps of each over f0, and the points they passed.
size_t libtorch_race(const std::vector<Make>& racers) {
  size_t points = 0;
  for (const Make& make : racers) {
    const auto p = torch::tensor({9.0, 9.0}, torch::dtype(torch::kDouble).requires_grad(true));
    const auto optimizer = make({p});
    std::vector<double> x, y, losses;
    for (int step = 0; step <= 100; ++step) {
      optimizer->zero_grad();
      const auto loss = (p / 10).square().sum();
      loss.backward();
      x.push_back(p[0].item<double>());
      y.push_back(p[1].item<double>());
      losses.push_back(loss.item<double>());
      if (step < 100) optimizer->step();
    }
    points += losses.size();
  }
  return points;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times the joint race on f0, and its pictures");
  int rounds = 5;
  app.add_option("--rounds", rounds, "of which the best counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const descent::Family joint = descent::find_family("joint");
  const descent::Surface surface = joint.heats.front().surface;
  const descent::Noise noise;
  const descent::Grid grid = descent::mesh(surface, 200, 200, &noise);
  std::vector<descent::Track> tracks;
  print({{"what", "joint race"},
         {"who", "descent"},
         {"optimizers", joint.racers.size()},
         {"steps", 100},
         {"s", best_of(10 * rounds,
                       [&] { tracks = descent::race(surface, joint.racers, {.noise = noise}); })}});

  // The four of the ten that LibTorch has.
  const std::vector<Make> peers{
      [](auto p) { return std::make_unique<torch::optim::SGD>(p, 10.0); },
      [](auto p) {
        return std::make_unique<torch::optim::SGD>(
            p, torch::optim::SGDOptions(10.0).momentum(0.9).nesterov(true));
      },
      [](auto p) { return std::make_unique<torch::optim::Adagrad>(p, 10.0); },
      [](auto p) { return std::make_unique<torch::optim::AdamW>(p, 1.0); }};
  const std::vector<descent::Racer> same{
      descent::racer("sgd:lr=10"), descent::racer("sgd:lr=10,momentum=0.9,nesterov=true"),
      descent::racer("adagrad:lr=10"), descent::racer("adamw:lr=1")};
  for (const auto& [who, run] : {std::pair<const char*, std::function<void()>>{
                                     "descent", [&] { descent::race(surface, same); }},
                                 {"torch::optim and backward()", [&] { libtorch_race(peers); }}})
    print({{"what", "race of LibTorch's four"},
           {"who", who},
           {"optimizers", same.size()},
           {"steps", 100},
           {"s", best_of(rounds, run)}});

  const fs::path folder = fs::temp_directory_path() / "descent-bench-race";
  fs::create_directories(folder);
  const auto drawing = [&](const char* name, const std::function<void(const fs::path&)>& draw) {
    const double s = best_of(rounds, [&] { draw(folder / name); });
    print({{"what", name}, {"who", "descent"}, {"s", s}, {"bytes", fs::file_size(folder / name)}});
  };
  descent::PictureOptions square{
      .width = 900, .height = 900, .contour_map = false, .lo = 0, .hi = 1.5};
  descent::PictureOptions wide{.lo = 0, .hi = 1.5};
  drawing("surface-900x900.png",
          [&](const fs::path& f) { descent::draw(grid, tracks, f, square); });
  drawing("race-1600x800.png", [&](const fs::path& f) { descent::draw(grid, tracks, f, wide); });
  drawing("race.svg", [&](const fs::path& f) { descent::draw(grid, tracks, f, wide); });
  drawing("race-101-frames.gif", [&](const fs::path& f) { descent::draw(grid, tracks, f, wide); });
  drawing("losses.png", [&](const fs::path& f) { descent::draw_losses(tracks, f); });
  drawing("race.html", [&](const fs::path& f) { descent::draw(grid, tracks, f, wide); });
  fs::remove_all(folder);
  return 0;
}

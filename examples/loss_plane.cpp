// Trains the network of sine_regression and computes its loss on a plane through the trained
// weights: 100 x 100 networks over [-5, 5]^2, along two directions drawn as initial weights are.
//
//   loss_plane --out out/plane
//
// --out gets the numbers as plane.npy, .csv and .json, pictures as plane.png, .svg and .gif (which
// turns), the page to turn it by hand, plane.html, and summary.json.
#include <chrono>
#include <iostream>
#include <numbers>

#include <ATen/Parallel.h>
#include <ATen/ops/linspace.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <descent/base/atomic_file.h>
#include <descent/landscape.h>
#include <descent/optim/adam.h>
#include <descent/optim/optimizer/drop_in.h>
#ifdef HAS_PICTURES
#include <descent/pictures.h>
#endif

namespace {

struct Settings {
  int64_t steps = 2000, samples = 100, points = 100;
  uint64_t seed = 0;
  int threads = 0;
  std::filesystem::path out;
};

torch::nn::Sequential trained(const Settings& settings, const descent::Data& data) {
  const int threads = at::get_num_threads();
  at::set_num_threads(1);  // more only get in each other's way on a network this small
  at::manual_seed(settings.seed);
  torch::nn::Sequential net(torch::nn::Linear(1, 64), torch::nn::ReLU(), torch::nn::Linear(64, 64),
                            torch::nn::ReLU(), torch::nn::Linear(64, 1));
  descent::AdamW opt(net->parameters());
  for (int64_t step = 0; step < settings.steps; ++step) {
    opt.zero_grad();
    descent::mse(net->forward(data.input), data.target).backward();
    opt.step();
  }
  at::set_num_threads(threads);
  return net;
}

void look(const Settings& settings) {
  const at::Tensor x =
      at::linspace(-std::numbers::pi, std::numbers::pi, settings.samples).view({-1, 1});
  const descent::Data data{x, x.sin()};
  torch::nn::Sequential net = trained(settings, data);
  const double loss = descent::mse(net->forward(x), data.target).item<double>();
  std::cout << "trained for " << settings.steps << " steps, loss " << loss << '\n';

  const auto plane = descent::random_plane(*net, {.seed = settings.seed});
  const descent::Axis axis{-5, 5, settings.points};
  const auto start = std::chrono::steady_clock::now();
  const auto grid =
      descent::evaluate(*net, descent::mse, data, plane, axis, axis, {.threads = settings.threads});
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  const auto minimum = grid.minimum();
  const auto networks = static_cast<double>(grid.values.size());
  std::cout << networks << " networks in " << time.count() << " s, " << networks / time.count()
            << " a second\nleast loss " << minimum.value << " at (" << minimum.x << ", "
            << minimum.y << ")\n";
  for (const auto& [name, note] : grid.notes) std::cout << "  " << name << ": " << note << '\n';
  if (settings.out.empty()) return;

  std::filesystem::create_directories(settings.out);
  for (const char* const name : {"plane.npy", "plane.csv", "plane.json"})
    grid.save(settings.out / name);
#ifdef HAS_PICTURES
  for (const char* const name : {"plane.png", "plane.svg", "plane.gif", "plane.html"})
    descent::draw(grid, settings.out / name,
                  {.title = "Loss of a sine network on a plane through its trained weights",
                   .caption = std::to_string(settings.samples) + " samples, " +
                              std::to_string(settings.steps) + " steps of AdamW, " + plane.how,
                   .log = true});
#endif
  const nlohmann::json summary{
      {"samples", settings.samples}, {"points", settings.points},
      {"steps", settings.steps},     {"loss", loss},
      {"seconds", time.count()},     {"networks_per_second", networks / time.count()},
      {"least", minimum.value},      {"notes", grid.notes}};
  descent::write_atomically(settings.out / "summary.json", summary.dump(2) + "\n");
  std::cout << "written to " << settings.out.string() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("The loss of a trained network on a plane through its weights.");
  app.add_option("--steps", settings.steps, "of training")->check(CLI::NonNegativeNumber);
  app.add_option("--samples", settings.samples, "of the sine")->check(CLI::Range(2, 1000000));
  app.add_option("--points", settings.points, "along each axis")->check(CLI::Range(1, 10000));
  app.add_option("--seed", settings.seed, "of weights and directions");
  app.add_option("--threads", settings.threads, "0: as many as LibTorch uses")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--out", settings.out, "folder for numbers and pictures, made if missing");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    look(settings);
    return 0;
  } catch (const c10::Error& error) {
    std::cerr << "loss_plane: " << error.what_without_backtrace() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "loss_plane: " << error.what() << '\n';
  }
  return 1;
}

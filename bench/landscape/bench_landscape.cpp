// The landscape of the sine network: 10,000 networks 1-H-H-1 with ReLU on a plane, mean squared
// error over N samples. Prints a JSON object a line: the best of the rounds, in which descent and
// its peer alternate.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <iostream>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <torch/torch.h>

#include <descent/landscape.h>

namespace {

double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// What one writes with LibTorch alone: set the weights, call the network, point after point.
std::vector<double> libtorch_loop(torch::nn::Sequential net, const descent::Data& data,
                                  const descent::Plane& plane, const descent::Axis& x,
                                  const descent::Axis& y) {
  const torch::NoGradGuard no_grad;
  auto parameters = net->parameters();
  std::vector<double> values;
  for (int64_t i = 0; i < y.n; ++i) {
    for (int64_t j = 0; j < x.n; ++j) {
      for (size_t k = 0; k < parameters.size(); ++k) {
        parameters[k].copy_(plane.center[k] + x.at(j) * plane.u[k] + y.at(i) * plane.v[k]);
      }
      values.push_back(torch::mse_loss(net->forward(data.input), data.target).item<double>());
    }
  }
  for (size_t k = 0; k < parameters.size(); ++k) parameters[k].copy_(plane.center[k]);
  return values;
}

double largest_log_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double result = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    result = std::max(result, std::abs(std::log(a[k]) - std::log(b[k])));
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times the 100 x 100 loss landscape of a network 1-H-H-1 with ReLU on N samples");
  int threads = 1, rounds = 5;
  int64_t hidden = 64, samples = 100;
  app.add_option("--threads", threads, "threads")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--hidden", hidden, "H, units of both hidden layers")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--samples", samples, "N, samples of the sine")
      ->check(CLI::Range(2, 10000000))
      ->capture_default_str();
  app.add_option("--rounds", rounds, "rounds, of which the best counts")
      ->check(CLI::Range(5, 1000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  at::set_num_threads(threads);
  torch::manual_seed(0);
  namespace nn = torch::nn;
  nn::Sequential net(nn::Linear(1, hidden), nn::ReLU(), nn::Linear(hidden, hidden), nn::ReLU(),
                     nn::Linear(hidden, 1));
  const auto x = torch::linspace(-std::numbers::pi, std::numbers::pi, samples).unsqueeze(1);
  const descent::Data data{x, x.sin()};
  const auto plane = descent::random_plane(*net, {.seed = 1});
  const descent::Axis axis{-5, 5, 100};

  descent::Grid grid;
  std::vector<double> peer;
  double best = std::numeric_limits<double>::infinity(), best_peer = best;
  for (int round = 0; round < rounds; ++round) {
    best = std::min(best, seconds([&] {
                      grid = descent::evaluate(*net, descent::mse, data, plane, axis, axis);
                    }));
    best_peer =
        std::min(best_peer, seconds([&] { peer = libtorch_loop(net, data, plane, axis, axis); }));
  }
  const auto line = [&](const char* who, const std::string& path, double s) {
    std::cout
        << nlohmann::ordered_json{{"who", who},        {"H", hidden}, {"N", samples},
                                  {"path", path},      {"s", s},      {"networks", axis.n * axis.n},
                                  {"threads", threads}}
               .dump()
        << "\n";
  };
  line("descent", grid.notes.at("path"), best);
  line("libtorch loop", "loop", best_peer);
  const double difference = largest_log_difference(grid.values, peer);
  if (!(difference < 1e-3)) {
    std::cerr << "bench_landscape: descent and the loop differ by " << difference
              << " in log loss\n";
    return 1;
  }
  return 0;
}

// The landscape of networks of Linear and ReLU on a plane, their mean squared error (one output) or
// cross entropy over N samples; by default 10,000 of the sine network 1-64-64-1. Prints a JSON object
// a line: the best of the rounds, in which descent and its peer alternate.
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
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

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
                                  const descent::Axis& y, bool classes) {
  const torch::NoGradGuard no_grad;
  auto parameters = net->parameters();
  std::vector<double> values;
  for (int64_t i = 0; i < y.n; ++i) {
    for (int64_t j = 0; j < x.n; ++j) {
      for (size_t k = 0; k < parameters.size(); ++k) {
        parameters[k].copy_(plane.center[k] + x.at(j) * plane.u[k] + y.at(i) * plane.v[k]);
      }
      const auto out = net->forward(data.input);
      values.push_back((classes ? torch::cross_entropy_loss(out, data.target)
                                : torch::mse_loss(out, data.target))
                           .item<double>());
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
  CLI::App app("Times the loss landscape of a network of Linear and ReLU on N samples");
  int threads = 1, rounds = 5;
  int64_t samples = 100, points = 100;
  std::vector<int64_t> widths{1, 64, 64, 1};
  app.add_option("--threads", threads, "threads")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--widths", widths, "of the layers; one input: the sine; one output: mse")
      ->delimiter(',')
      ->expected(2, 100)
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--points", points, "of each axis, -5 to 5")
      ->check(CLI::Range(1, 1000))
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
  nn::Sequential net;
  for (size_t k = 1; k < widths.size(); ++k) {
    if (k > 1) net->push_back(nn::ReLU());
    net->push_back(nn::Linear(widths[k - 1], widths[k]));
  }
  const bool sine = widths.front() == 1, classes = widths.back() > 1;
  const auto x = sine ? torch::linspace(-std::numbers::pi, std::numbers::pi, samples).unsqueeze(1)
                      : torch::randn({samples, widths.front()});
  const descent::Data data{
      x, classes ? torch::randint(0, widths.back(), {samples}) : x.sum(1, /*keepdim=*/true).sin()};
  const descent::Metric metric =
      classes ? descent::Metric(descent::cross_entropy) : descent::Metric(descent::mse);
  const auto plane = descent::random_plane(*net, {.seed = 1});
  const descent::Axis axis{-5, 5, points};

  descent::Grid grid;
  std::vector<double> peer;
  double best = std::numeric_limits<double>::infinity(), best_peer = best;
  for (int round = 0; round < rounds; ++round) {
    best = std::min(
        best, seconds([&] { grid = descent::evaluate(*net, metric, data, plane, axis, axis); }));
    best_peer = std::min(
        best_peer, seconds([&] { peer = libtorch_loop(net, data, plane, axis, axis, classes); }));
  }
  const auto line = [&](const char* who, const std::string& path, double s) {
    std::cout << nlohmann::ordered_json{{"who", who},
                                        {"widths", widths},
                                        {"N", samples},
                                        {"path", path},
                                        {"s", s},
                                        {"networks", axis.n * axis.n},
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

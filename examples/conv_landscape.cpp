// Teaches a small convolutional network to tell discs, frames and crosses apart and draws its loss
// and its share of errors over a filter-normalised plane through the trained weights. It also prints
// the loss on the way to a second training, by the statistics that batch normalisation takes there.
//
//   conv_landscape out/conv 60 51 --device cpu      all but the folder may be left out
//
// The folder gets loss and error as .png and .html.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <random>
#include <string>

#include <ATen/Parallel.h>
#include <ATen/ops/zeros.h>
#include <CLI/CLI.hpp>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include <descent/landscape.h>
#include <descent/optim/adam.h>
#include <descent/optim/optimizer/drop_in.h>
#include <descent/pictures.h>

namespace {

namespace nn = torch::nn;

/// `n` noisy images of 12 x 12 pixels: discs (class 0), frames (1) and crosses (2).
descent::Data shapes(int64_t n, unsigned seed) {
  std::mt19937 generator(seed);
  const auto between = [&](float lo, float hi) {
    return lo + (hi - lo) * static_cast<float>(generator()) * 0x1p-32f;
  };
  const descent::Data data{at::zeros({n, 1, 12, 12}), at::zeros({n}, at::kLong)};
  auto* pixel = data.input.mutable_data_ptr<float>();
  for (int64_t k = 0; k < n; ++k) {
    const int64_t kind = data.target.mutable_data_ptr<int64_t>()[k] = k % 3;
    const float radius = between(2.5, 4), x0 = between(4, 7), y0 = between(4, 7);
    for (int y = 0; y < 12; ++y) {
      for (int x = 0; x < 12; ++x) {
        const float dx = std::abs(static_cast<float>(x) - x0);
        const float dy = std::abs(static_cast<float>(y) - y0);
        const float far = std::max(dx, dy), near = std::min(dx, dy);
        const bool inside = kind == 0   ? std::hypot(dx, dy) < radius
                            : kind == 1 ? far < radius && far > radius - 1.5f
                                        : far < radius && near < 1;
        *pixel++ = (inside ? 1.f : 0.f) + between(-0.5, 0.5);
      }
    }
  }
  return data;
}

descent::Data moved(const descent::Data& data, at::Device device) {
  return {data.input.to(device), data.target.to(device)};
}

nn::Sequential trained(const descent::Data& data, int steps, uint64_t seed) {
  at::manual_seed(seed);
  nn::Sequential net(nn::Conv2d(nn::Conv2dOptions(1, 8, 3).padding(1)), nn::BatchNorm2d(8),
                     nn::GELU(), nn::MaxPool2d(2),
                     nn::Conv2d(nn::Conv2dOptions(8, 16, 3).padding(1)), nn::BatchNorm2d(16),
                     nn::GELU(), nn::AdaptiveAvgPool2d(2), nn::Flatten(), nn::Linear(64, 3));
  net->to(data.input.device());
  const int threads = at::get_num_threads();
  at::set_num_threads(1);  // more only get in each other's way on a network this small
  descent::AdamW opt(net->parameters(), {.lr = 3e-3});
  for (int step = 0; step < steps; ++step) {
    opt.zero_grad();
    descent::cross_entropy(net->forward(data.input), data.target).backward();
    opt.step();
  }
  at::set_num_threads(threads);
  net->eval();
  return net;
}

/// The same samples in batches of `n`: a network and its activations stay small enough for many
/// networks at once to be worth it.
descent::Batches in_batches(const descent::Data& data, int64_t n) {
  const auto inputs = data.input.split(n), targets = data.target.split(n);
  std::vector<descent::Data> batches;
  for (size_t k = 0; k < inputs.size(); ++k) batches.push_back({inputs[k], targets[k]});
  return batches;
}

void compare_statistics(nn::Sequential& net, nn::Sequential& other, const descent::Batches& data) {
  using descent::BatchNorm;
  const auto line = descent::line_between(*net, *other);
  std::cout
      << "loss at 0, 1/4, 1/2, 3/4 and 1 of the way to a second training, where batch norm is\n";
  for (const auto& [name, mode] : {std::pair{"keep", BatchNorm::Keep},
                                   {"interpolate", BatchNorm::Interpolate},
                                   {"recompute", BatchNorm::Recompute},
                                   {"batch", BatchNorm::Batch}}) {
    const auto grid = descent::evaluate(*net, descent::cross_entropy, data, line, {0, 1, 5},
                                        {.batch_norm = mode});
    std::cout << "  " << name << ':';
    for (const double loss : grid.values) std::cout << ' ' << loss;
    std::cout << '\n';
  }
}

void run(const std::filesystem::path& folder, int steps, int64_t points, at::Device device) {
  const descent::Data data = moved(shapes(120, 0), device), unseen = moved(shapes(300, 1), device);
  const descent::Batches batches = in_batches(data, 15);
  auto net = trained(data, steps, 1), other = trained(data, steps, 2);
  std::cout << "accuracy on unseen images: "
            << descent::accuracy(net->forward(unseen.input), unseen.target).item<double>() << '\n';

  const auto plane = descent::random_plane(
      *net, {.seed = 1, .draw = descent::Draw::Gaussian, .norm = descent::Norm::Filter});
  const descent::Axis axis{-1, 1, points};
  const auto grids = descent::evaluate(*net, {descent::cross_entropy, descent::accuracy}, batches,
                                       plane, axis, axis);
  for (const auto& [name, note] : grids[0].notes) std::cout << "  " << name << ": " << note << '\n';

  compare_statistics(net, other, batches);

  descent::Grid error = grids[1];
  error.value_name = "error";
  for (double& value : error.values) value = 1 - value;

  std::filesystem::create_directories(folder);
  const std::string net_and_data = " of a convolutional network on noisy shapes";
  for (const char* const type : {".png", ".html"}) {
    descent::draw(grids[0], folder / ("loss" + std::string(type)),
                  {.title = "Cross entropy" + net_and_data, .caption = plane.how, .log = true});
    descent::draw(error, folder / ("error" + std::string(type)),
                  {.title = "Share of errors" + net_and_data, .caption = plane.how});
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = "conv_landscape", device = "cpu";
  int steps = 60;
  int64_t points = 51;
  CLI::App app("Draws the loss of a convolutional network.");
  app.add_option("folder", folder, "of the pictures, made if missing");
  app.add_option("steps", steps, "of training")->check(CLI::PositiveNumber);
  app.add_option("points", points, "along an axis")->check(CLI::PositiveNumber);
  app.add_option("--device", device, "cpu, cuda or cuda:N");
  CLI11_PARSE(app, argc, argv);
  try {
    run(folder, steps, points, at::Device(device));
    return 0;
  } catch (const c10::Error& error) {
    std::cerr << "conv_landscape: " << error.what_without_backtrace() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "conv_landscape: " << error.what() << '\n';
  }
  return 1;
}

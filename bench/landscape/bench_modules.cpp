// Landscapes of small networks that are no chains of Linear: many networks at once by vmap, and the
// loop, which sets the weights and calls the network, point after point. Prints a JSON object a
// line: the best of the rounds, in which both alternate.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <iostream>
#include <limits>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/rnn.h>
#include <torch/nn/modules/transformerlayer.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/landscape.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

namespace nn = torch::nn;
using torch::Tensor;

double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

class ConvolutionImpl : public nn::Cloneable<ConvolutionImpl> {
 public:
  ConvolutionImpl() { reset(); }
  void reset() override {
    first_ = register_module("first", nn::Conv2d(nn::Conv2dOptions(1, 4, 3).padding(1)));
    norm_ = register_module("norm", nn::BatchNorm2d(4));
    second_ = register_module("second", nn::Conv2d(nn::Conv2dOptions(4, 8, 3).stride(2)));
    other_norm_ = register_module("other_norm", nn::BatchNorm2d(8));
    out_ = register_module("out", nn::Linear(8, 10));
  }
  Tensor forward(const Tensor& x) {
    const Tensor h = torch::gelu(norm_(first_(x)));
    return out_(torch::gelu(other_norm_(second_(h))).mean({2, 3}));
  }

 private:
  nn::Conv2d first_{nullptr}, second_{nullptr};
  nn::BatchNorm2d norm_{nullptr}, other_norm_{nullptr};
  nn::Linear out_{nullptr};
};
TORCH_MODULE(Convolution);

class NormedImpl : public nn::Cloneable<NormedImpl> {
 public:
  NormedImpl() { reset(); }
  void reset() override {
    first_ = register_module("first", nn::Linear(8, 16));
    norm_ = register_module("norm", nn::LayerNorm(nn::LayerNormOptions({16})));
    second_ = register_module("second", nn::Linear(16, 16));
    other_norm_ = register_module("other_norm", nn::LayerNorm(nn::LayerNormOptions({16})));
    out_ = register_module("out", nn::Linear(16, 1));
  }
  Tensor forward(const Tensor& x) {
    const Tensor h = torch::gelu(norm_(first_(x)));
    return out_(h + torch::gelu(other_norm_(second_(h))));
  }

 private:
  nn::Linear first_{nullptr}, second_{nullptr}, out_{nullptr};
  nn::LayerNorm norm_{nullptr}, other_norm_{nullptr};
};
TORCH_MODULE(Normed);

class TransformerImpl : public nn::Cloneable<TransformerImpl> {
 public:
  TransformerImpl() { reset(); }
  void reset() override {
    embedding_ = register_module("embedding", nn::Embedding(16, 8));
    encoder_ = register_module(
        "encoder",
        nn::TransformerEncoderLayer(nn::TransformerEncoderLayerOptions(8, 2).dim_feedforward(16)));
    out_ = register_module("out", nn::Linear(8, 16));
  }
  Tensor forward(const Tensor& tokens) {
    return out_(encoder_(embedding_(tokens).transpose(0, 1))).permute({1, 2, 0});
  }

 private:
  nn::Embedding embedding_{nullptr};
  nn::TransformerEncoderLayer encoder_{nullptr};
  nn::Linear out_{nullptr};
};
TORCH_MODULE(Transformer);

class RecurrentImpl : public nn::Cloneable<RecurrentImpl> {
 public:
  RecurrentImpl() { reset(); }
  void reset() override {
    layer_ = register_module("layer", nn::GRU(nn::GRUOptions(2, 8).batch_first(true)));
    out_ = register_module("out", nn::Linear(8, 1));
  }
  Tensor forward(const Tensor& x) { return out_(std::get<0>(layer_(x)).select(1, -1)); }

 private:
  nn::GRU layer_{nullptr};
  nn::Linear out_{nullptr};
};
TORCH_MODULE(Recurrent);

/// Whether both paths gave the same.
bool compare(const char* name, const descent::Network& network, const descent::Metric& metric,
             const descent::Data& data, int64_t side, int rounds, int threads) {
  const auto plane = descent::random_plane(network, {.seed = 1});
  const descent::Axis axis{-1, 1, side};
  const descent::Path paths[] = {descent::Path::Loop, descent::Path::Batched};
  descent::Grid grids[2];
  double best[2] = {std::numeric_limits<double>::infinity(),
                    std::numeric_limits<double>::infinity()};
  for (int round = 0; round < rounds; ++round) {
    for (int k = 0; k < 2; ++k) {
      best[k] = std::min(best[k], seconds([&] {
                           grids[k] = descent::evaluate(network, metric, data, plane, axis, axis,
                                                        {.path = paths[k], .threads = threads});
                         }));
    }
  }
  double difference = 0;
  bool same = true;
  for (size_t k = 0; k < grids[0].values.size(); ++k) {
    const double expected = grids[0].values[k];
    const double gap = std::abs(grids[1].values[k] - expected) / (1 + std::abs(expected));
    difference = std::max(difference, gap);
    same &= gap < 1e-4;  // not of NaN
  }
  for (int k = 0; k < 2; ++k) {
    std::cout << nlohmann::ordered_json{{"who", "descent"},
                                        {"network", name},
                                        {"path", grids[k].notes.at("path")},
                                        {"s", best[k]},
                                        {"us_a_network",
                                         1e6 * best[k] / static_cast<double>(side * side)},
                                        {"loop_over_this", best[0] / best[k]},
                                        {"networks", side * side},
                                        {"threads", threads},
                                        {"difference", difference}}
                     .dump()
              << std::endl;
  }
  return same;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times landscapes of small networks: many at once against one after the other");
  int rounds = 5;
  int64_t side = 40;
  std::vector<int> teams{1, 2};
  app.add_option("--threads", teams, "numbers of threads")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--side", side, "points along each axis")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  app.add_option("--rounds", rounds, "rounds, of which the best counts")
      ->check(CLI::Range(5, 1000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  // Else the C library gives the memory of large tensors back to the system, and each operation
  // pays for having it cleared anew. A program that cares sets this; a library must not.
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif

  torch::manual_seed(0);
  const Convolution convolution;
  const Normed normed;
  const Transformer transformer;
  const Recurrent recurrent;
  const auto classes = [](int64_t count, at::IntArrayRef sizes) {
    return torch::randint(count, sizes, torch::kLong);
  };
  const Tensor tokens = classes(16, {4, 8});
  const descent::Data images{torch::randn({8, 1, 8, 8}), classes(10, {8})},
      rows{torch::randn({32, 8}), torch::randn({32, 1})}, texts{tokens, tokens.roll(1, 1)},
      series{torch::randn({16, 8, 2}), torch::randn({16, 1})};
  bool same = true;
  for (const int threads : teams) {
    const auto run = [&](const char* name, const descent::Network& network,
                         const descent::Metric& metric, const descent::Data& data) {
      same &= compare(name, network, metric, data, side, rounds, threads);
    };
    run("convolution, batch norm, GELU", *convolution, descent::cross_entropy, images);
    run("perceptron with layer norm", *normed, descent::mse, rows);
    run("transformer encoder", *transformer, descent::cross_entropy, texts);
    run("GRU", *recurrent, descent::mse, series);
  }
  if (!same) std::cerr << "bench_modules: the paths differ\n";
  return same ? 0 : 1;
}

#include "training.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <torch/nn.h>

#include <descent/distributed.h>

namespace {

using Clock = std::chrono::steady_clock;
namespace nn = torch::nn;

nn::Conv2d conv(int64_t in, int64_t out, int64_t size, int64_t stride) {
  return nn::Conv2d(nn::Conv2dOptions(in, out, size).stride(stride).padding(size / 2).bias(false));
}

struct BlockImpl : nn::Module {
  BlockImpl(int64_t in, int64_t out, int64_t stride)
      : way(conv(in, out, 3, stride), nn::BatchNorm2d(out), nn::ReLU(), conv(out, out, 3, 1),
            nn::BatchNorm2d(out)),
        aside(conv(in, out, 1, stride), nn::BatchNorm2d(out)) {
    register_module("way", way);
    register_module("aside", aside);
  }
  at::Tensor forward(const at::Tensor& x) { return (way->forward(x) + aside->forward(x)).relu(); }
  nn::Sequential way, aside;
};
TORCH_MODULE(Block);

void bench(descent::World& world, const std::string& name, nn::Sequential net,
           const at::Tensor& input, const at::Tensor& target, int rounds) {
  descent::DataParallel parallel(*net, world);
  std::vector<double> times;
  constexpr int kWarm = 3;
  for (int round = -kWarm; round < rounds; ++round) {
    world.barrier();
    const auto start = Clock::now();
    for (at::Tensor& p : net->parameters()) p.mutable_grad() = at::Tensor();
    parallel.backward(at::mse_loss(net->forward(input), target));
    parallel.finish();
    const std::chrono::duration<double, std::milli> spent = Clock::now() - start;
    if (round >= 0) times.push_back(spent.count());
  }
  std::sort(times.begin(), times.end());
  if (world.rank() == 0)
    std::cout << nlohmann::ordered_json{{"bench", "training"},
                                        {"network", name},
                                        {"ranks", world.size()},
                                        {"least_ms", times[0]},
                                        {"median_ms", times[times.size() / 2]}}
                     .dump()
              << std::endl;
}

}  // namespace

void bench_training(descent::World& world) {
  torch::manual_seed(world.rank());
  bench(world, "mlp",
        nn::Sequential(nn::Linear(512, 1024), nn::ReLU(), nn::Linear(1024, 1024), nn::ReLU(),
                       nn::Linear(1024, 10)),
        at::randn({64, 512}), at::randn({64, 10}), 60);
  bench(world, "resnet",
        nn::Sequential(conv(3, 16, 3, 1), nn::BatchNorm2d(16), nn::ReLU(), Block(16, 16, 1),
                       Block(16, 32, 2), Block(32, 64, 2), nn::AdaptiveAvgPool2d(1), nn::Flatten(),
                       nn::Linear(64, 10)),
        at::randn({32, 3, 32, 32}), at::randn({32, 10}), 15);
}

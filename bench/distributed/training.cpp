#include "training.h"

#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <torch/nn.h>

#include <descent/distributed.h>

#include "turns.h"

namespace {

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

void bench(descent::World& world, Rivals& rivals, const std::string& name,
           const std::function<nn::Sequential()>& make, const at::Tensor& input,
           const at::Tensor& target, int rounds) {
  nn::Sequential ours = make(), theirs = make();
  descent::DataParallel parallel(*ours, world);
  const auto loss = [&](nn::Sequential& net) {
    return [&] { return at::mse_loss(net->forward(input), target); };
  };
  std::vector<std::function<void()>> ways{[&] {
    for (at::Tensor& p : ours->parameters()) p.mutable_grad() = at::Tensor();
    parallel.backward(loss(ours)());
    parallel.finish();
  }};
  if (const auto step = rivals.reducer(theirs->parameters()))
    ways.emplace_back([&, step] {
      // Its gradients are views of buckets, in which they stay.
      for (at::Tensor& p : theirs->parameters())
        if (p.grad().defined()) p.mutable_grad().zero_();
      step(loss(theirs));
    });
  const auto times = in_turn(world, /*warm=*/3, rounds, ways);
  nlohmann::ordered_json line{{"bench", "training"}, {"network", name}, {"ranks", world.size()}};
  const auto least_and_median = [](const std::vector<double>& list) {
    return std::vector<double>{list[0] / 1e3, list[list.size() / 2] / 1e3};
  };
  line["ms"] = least_and_median(times[0]);
  if (times.size() > 1) {
    line["reducer_ms"] = least_and_median(times[1]);
    line["over_reducer"] = std::vector<double>{
        times[0][0] / times[1][0], times[0][times[0].size() / 2] / times[1][times[1].size() / 2]};
  }
  if (world.rank() == 0) std::cout << line.dump() << std::endl;
}

}  // namespace

void bench_training(descent::World& world, Rivals& rivals) {
  torch::manual_seed(0);
  const auto mlp = [] {
    return nn::Sequential(nn::Linear(512, 1024), nn::ReLU(), nn::Linear(1024, 1024), nn::ReLU(),
                          nn::Linear(1024, 10));
  };
  const auto resnet = [] {
    return nn::Sequential(conv(3, 16, 3, 1), nn::BatchNorm2d(16), nn::ReLU(), Block(16, 16, 1),
                          Block(16, 32, 2), Block(32, 64, 2), nn::AdaptiveAvgPool2d(1),
                          nn::Flatten(), nn::Linear(64, 10));
  };
  bench(world, rivals, "mlp", mlp, at::randn({64, 512}), at::randn({64, 10}), 60);
  bench(world, rivals, "resnet", resnet, at::randn({32, 3, 32, 32}), at::randn({32, 10}), 15);
}

// Trains a network on the sine, by any number of processes, to the same bits:
//
//   distributed_sine out                                               one process
//   MASTER_ADDR=127.0.0.1 MASTER_PORT=29500 WORLD_SIZE=4 RANK=0 distributed_sine out   and RANK=1, 2, 3
//   torchrun --no-python --nproc-per-node 4 distributed_sine out       the same
//
// Every 100 steps the folder `out` gets a checkpoint. Started again, with whatever number of processes,
// the training goes on from there. distributed_sine out 500 trains 500 steps.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <numbers>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/rand.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <descent/distributed.h>
#include <descent/optim/adam.h>
#include <descent/optim/optimizer/drop_in.h>

namespace {

constexpr int64_t kShards = 4;  // pieces of each batch: 1, 2 or 4 processes share them

/// The points of a shard: a function of step and shard alone, whoever asks for them.
at::Tensor points(int64_t step, int64_t shard) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(kShards * step + shard);
  return (at::rand({32, 1}, generator) * 2 - 1) * std::numbers::pi;
}

void train(const std::filesystem::path& folder, int64_t steps) {
  auto world = descent::World::from_environment({.timeout = std::chrono::minutes(1)});
  torch::nn::Sequential net(torch::nn::Linear(1, 64), torch::nn::ReLU(), torch::nn::Linear(64, 64),
                            torch::nn::ReLU(), torch::nn::Linear(64, 1));
  descent::AdamW opt(net->parameters(), {.lr = 3e-3});
  int64_t step = descent::resume(folder, world, *net, opt);
  descent::DataParallel parallel(*net, world, {.shards = kShards});
  while (step < steps) {
    for (const int64_t shard : parallel.shards()) {
      const at::Tensor x = points(step, shard);
      parallel.backward(at::mse_loss(net->forward(x), x.sin()));
    }
    parallel.finish();
    opt.step();
    opt.zero_grad();
    ++step;
    if (step % 100 == 0 || step == steps) descent::checkpoint(folder, step, world, *net, opt);
  }
  if (world.rank() == 0) {
    const at::Tensor x = points(-1, 0);
    std::cout << step << " steps, loss " << at::mse_loss(net->forward(x), x.sin()).item<double>()
              << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: distributed_sine FOLDER [STEPS]\n";
    return 2;
  }
  try {
    at::set_num_threads(1);
    torch::manual_seed(0);
    train(argv[1], argc > 2 ? std::atoll(argv[2]) : 1000);
    return 0;
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}

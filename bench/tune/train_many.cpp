// The time of training many small networks at once, of the loop over LibTorch's autograd and our
// optimizers, and of two threads; beside bench/peers/train_many_jax.py, which prints the same rows for
// chains. What is measured is a whole call, its check against single trainings included.
//
//   bench_train_many [case] [networks] [cpu]
//     case: wide or narrow (chains), convolutions, residual, attention (by vmap), or all
//
// With "cpu", the times are those of the processor, for machines that others use at the same time;
// those of two threads are then of both together.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <ATen/ops/linspace.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/sin.h>
#include <time.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/utils.h>

#include <descent/optim/optimizer/registry.h>
#include <descent/tune/train_many.h>

#include "networks.h"

namespace {

using namespace descent::networks_of_tests;  // NOLINT

/// Seconds from some moment on; of the processor, if so asked.
double now(bool of_processor) {
  timespec time{};
  clock_gettime(of_processor ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Case {
  const char* name;
  const char* optimizer;
  descent::Path path;
  descent::Network net;
  descent::Metric loss;
  descent::Batches data;
  int64_t networks, steps;
  double lo, hi;  ///< of the rates
};

std::vector<descent::Candidate> candidates_of(const Case& c, int64_t count) {
  std::vector<descent::Candidate> result;
  for (int64_t k = 0; k < count; ++k) {
    const double part = static_cast<double>(k) / static_cast<double>(count);
    result.push_back({.options = {{"lr", c.lo * std::pow(c.hi / c.lo, part)}},
                      .seed = static_cast<uint64_t>(k)});
  }
  return result;
}

double seconds(const Case& c, int64_t count, int threads, descent::Path path, bool of_processor) {
  const auto candidates = candidates_of(c, count);
  double best = HUGE_VAL;
  for (int repeat = 0; repeat < (path == descent::Path::Loop ? 1 : 3); ++repeat) {
    const double begin = now(of_processor);
    const auto done = descent::train_many(c.net, c.loss, c.data, c.optimizer, candidates,
                                          {.steps = c.steps, .threads = threads, .path = path});
    best = std::min(best, now(of_processor) - begin);
    if (done.path != path) std::printf("# %s: %s\n", c.name, done.reason.c_str());
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string wanted = argc > 1 ? argv[1] : "all";
  const bool of_processor = argc > 3 && std::string(argv[3]) == "cpu";
  const at::Tensor x = at::linspace(-3, 3, 100).unsqueeze(1);
  torch::manual_seed(0);
  const nn::Sequential wide(nn::Linear(1, 64), nn::ReLU(), nn::Linear(64, 64), nn::ReLU(),
                            nn::Linear(64, 1)),
      narrow(nn::Linear(16, 16), nn::Tanh(), nn::Linear(16, 1));
  const Convolutions convolutions;
  const Residual residual;
  const Attention attention;
  const descent::Batches images{at::randn({32, 1, 8, 8}), at::randint(0, 10, {32})},
      vectors{at::randn({64, 8}), at::randn({64, 1})},
      sequences{at::randn({32, 8, 4}), at::randn({32, 1})};
  using descent::Path;
  std::vector<Case> cases{
      {"wide", "adamw", Path::Fused, *wide, descent::mse, {x, at::sin(x)}, 1024, 200, 1e-4, 1e-2},
      {"narrow",
       "sgd",
       Path::Fused,
       *narrow,
       descent::mse,
       {at::randn({16, 16}), at::randn({16, 1})},
       4096,
       500,
       1e-3,
       1e-1}};
  for (const int64_t networks : {64, 256, 1024}) {
    cases.push_back({"convolutions", "adamw", Path::Batched, *convolutions, descent::cross_entropy,
                     images, networks, 100, 1e-4, 1e-2});
    cases.push_back({"residual", "adamw", Path::Batched, *residual, descent::mse, vectors, networks,
                     100, 1e-4, 1e-2});
    cases.push_back({"attention", "adamw", Path::Batched, *attention, descent::mse, sequences,
                     networks, 100, 1e-4, 1e-2});
  }
  std::printf("%-12s %9s %6s %12s %12s %12s %8s %8s\n", "case", "networks", "steps", "1 thread s",
              "2 threads s", "loop s", "loop/1", "1/2");
  for (Case& c : cases) {
    if (wanted != "all" && wanted != c.name) continue;
    if (argc > 2) c.networks = std::atoll(argv[2]);
    const double one = seconds(c, c.networks, 1, c.path, of_processor);
    const double two = seconds(c, c.networks, 2, c.path, of_processor);
    // The loop's time is that of a few networks, times the rest.
    const int64_t few = std::min<int64_t>(c.networks, 16);
    const double loop = seconds(c, few, 1, descent::Path::Loop, of_processor) *
                        static_cast<double>(c.networks) / static_cast<double>(few);
    std::printf("%-12s %9lld %6lld %12.3f %12.3f %12.1f %8.1f %8.2f\n", c.name,
                static_cast<long long>(c.networks), static_cast<long long>(c.steps), one, two, loop,
                loop / one, one / two);
    std::fflush(stdout);
  }
}

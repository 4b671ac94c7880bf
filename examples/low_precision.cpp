// Trains the same small network in float32, in bfloat16 and in half on the CPU. Weights, gradients and
// the optimizer's state stay float32; autocast makes the copies of 16 bits that are computed with.
//
//   low_precision [steps]
//
// bfloat16 has float's exponents: nothing vanishes, and SkipNonfinite is all that may be wanted. The
// gradients of half vanish below 6e-8. The loss here is so small that without a GradScaler the third
// run stands still.
#include <cstdlib>
#include <functional>
#include <iostream>
#include <numbers>

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/mse_loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <descent/optim.h>

namespace {

/// Autocast on the CPU, as long as this lives; to float32: none.
class Autocast {
 public:
  explicit Autocast(at::ScalarType type) {
    at::autocast::increment_nesting();
    at::autocast::set_autocast_dtype(at::kCPU, type == at::kFloat ? at::kBFloat16 : type);
    at::autocast::set_autocast_enabled(at::kCPU, type != at::kFloat);
  }
  ~Autocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;
};

/// The network, and a loss of a 10000th of its mean square error.
struct Problem {
  torch::nn::Sequential net{torch::nn::Linear(1, 64), torch::nn::Tanh(), torch::nn::Linear(64, 64),
                            torch::nn::Tanh(), torch::nn::Linear(64, 1)};
  at::Tensor x = at::linspace(-std::numbers::pi, std::numbers::pi, 128).view({-1, 1});
  at::Tensor y = x.sin();
  double scale = 1e-4;

  at::Tensor loss(at::ScalarType type) {
    const Autocast scope(type);
    return at::mse_loss(net->forward(x).to(at::kFloat), y) * scale;
  }
  double error() { return at::mse_loss(net->forward(x), y).item<double>(); }
};

/// Calls step(problem, optimizer) again and again, and says how far it came.
void train(const char* how, int steps,
           const std::function<void(Problem&, torch::optim::Optimizer&)>& step) {
  at::manual_seed(0);
  Problem problem;
  descent::AdamW opt(problem.net->parameters(), {.lr = 3e-3, .eps = 1e-12});
  const double first = problem.error();
  for (int i = 0; i < steps; ++i) {
    opt.zero_grad();
    step(problem, opt);
  }
  std::cout << how << ": error " << first << " -> " << problem.error() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  at::set_num_threads(1);
  const int steps = argc > 1 ? std::max(1, std::atoi(argv[1])) : 300;
  train("float32", steps, [](Problem& problem, torch::optim::Optimizer& opt) {
    problem.loss(at::kFloat).backward();
    opt.step();
  });

  int64_t skipped = 0;
  train("bfloat16", steps, [&](Problem& problem, torch::optim::Optimizer& opt) {
    descent::SkipNonfinite checked(opt);
    problem.loss(at::kBFloat16).backward();
    checked.step();
    skipped += checked.skipped();
  });
  std::cout << "  steps that were skipped: " << skipped << '\n';

  train("half", steps, [](Problem& problem, torch::optim::Optimizer& opt) {
    problem.loss(at::kHalf).backward();
    opt.step();
  });

  descent::GradScaler scaler;
  train("half, scaled", steps, [&](Problem& problem, torch::optim::Optimizer& opt) {
    scaler.scale(problem.loss(at::kHalf)).backward();
    scaler.step(opt);
    scaler.update();
  });
  std::cout << "  the scale is now " << scaler.get_scale() << '\n';
  return 0;
}

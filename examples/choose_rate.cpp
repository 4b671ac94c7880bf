// Chooses the rate and the weight decay of AdamW for a small network that learns a sine, and prints
// what it has found.
//
//   choose_rate out/study.jsonl          steps of each training and trials may follow
//
// The same command goes on where it was interrupted.
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>

#include <ATen/ops/linspace.h>
#include <ATen/ops/mse_loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <descent/optim/adam.h>
#include <descent/optim/optimizer/drop_in.h>
#include <descent/optim/optimizer/registry.h>
#include <descent/tune.h>

namespace {

void choose(const std::filesystem::path& journal, int64_t steps, int64_t trials) {
  namespace nn = torch::nn;
  nn::Sequential start(nn::Linear(1, 64), nn::Tanh(), nn::Linear(64, 64), nn::Tanh(),
                       nn::Linear(64, 1));
  for (const at::Tensor& p : start->parameters()) {  // the same in each run of the program
    const at::NoGradGuard no_grad;
    at::Tensor(p).copy_(at::linspace(-1, 1, p.numel()).mul(7).sin().mul(0.3).view(p.sizes()));
  }
  const at::Tensor x = at::linspace(-3, 3, 100).view({-1, 1}), y = x.sin();

  const descent::Space space{{"lr", descent::LogRange{1e-5, 1}},
                             {"weight_decay", descent::LogRange{1e-6, 0.1}}};
  const auto train = [&](descent::Trial& trial) {
    const auto net = std::dynamic_pointer_cast<nn::SequentialImpl>(start->clone());
    const auto opt = descent::make_optimizer("adamw", net->parameters(), trial.options());
    double loss = 0;
    for (int64_t step = 0; step < steps; ++step) {
      opt->zero_grad();
      const at::Tensor error = at::mse_loss(net->forward(x), y);
      error.backward();
      opt->step();
      loss = error.item<double>();
      if (!trial.report(step, loss)) break;
    }
    return loss;
  };
  const descent::Study study = descent::tune(
      space, train,
      {.method = descent::Bayes{}, .trials = trials, .threads = 2, .journal = journal});
  const descent::TrialRecord& best = study.best();
  std::cout << "best of " << study.ended() << " trials: number " << best.number << ", loss "
            << best.value << '\n';
  for (const auto& [name, value] : best.options())
    std::cout << "  " << name << " = " << descent::to_text(value) << '\n';

  descent::AdamW opt(start->parameters(), {.lr = 1e-3});
  const auto closure = [&] {
    const at::Tensor error = at::mse_loss(start->forward(x), y);
    error.backward();
    return error;
  };
  const descent::RangeTest curve = descent::range_test(opt, closure);
  std::cout << "range test: lr = " << curve.valley << " (valley), " << curve.steep << " (steep), "
            << curve.minimum << " (minimum / 10)\n"
            << "one step raises the loss from lr = " << descent::critical_rate(opt, closure)
            << " on\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: choose_rate study.jsonl [steps] [trials]\n";
    return 2;
  }
  try {
    choose(argv[1], argc > 2 ? std::atoll(argv[2]) : 300, argc > 3 ? std::atoll(argv[3]) : 30);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "choose_rate: " << error.what() << '\n';
    return 1;
  }
}

#include <cstdlib>
#include <iostream>

#include <torch/nn/modules/linear.h>

#include <descent/optim.h>

#include "own_rule.h"

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::cerr << "failed: " << what << "\n";
  std::exit(1);
}

}  // namespace

int main() {
  torch::manual_seed(0);
  torch::nn::Linear net(3, 1);
  const auto input = torch::rand({64, 3});
  const auto target = input.sum(1, true);
  const auto loss = [&] { return torch::mse_loss(net->forward(input), target); };

  descent::AdamW opt(net->parameters(), {.lr = 1e-2, .weight_decay = 0.1});
  const double before = loss().item<double>();
  for (int i = 0; i < 100; ++i) {
    opt.zero_grad();
    loss().backward();
    opt.step();
  }
  const double after = loss().item<double>();
  std::cout << "AdamW: " << before << " -> " << after << "\n";
  require(after < before / 2, "AdamW lowers the loss");

  auto weight = torch::full({5}, 4.0f, torch::requires_grad());
  descent::OptimizerOf<HalfWay> own({weight}, {.lr = 0.25});
  for (int i = 0; i < 2; ++i) {
    weight.mutable_grad() = torch::full({5}, 2.0f);
    own.step();
  }
  require(torch::equal(weight, torch::full({5}, 2.5f)), "an own rule: 4 - (2 + 4) / 4 = 2.5");
}

#include "lbfgs.h"

#include <chrono>
#include <memory>
#include <numbers>

#include <ATen/ops/linspace.h>
#include <ATen/ops/mse_loss.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/lbfgs.h>

#include <descent/optim/optimizer/lbfgs.h>

namespace bench {
namespace {

constexpr int kSteps = 10;

double now_us() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::micro>(time).count();
}

template <class Optimizer>
LbfgsTime train(const char* who, const torch::optim::LBFGSOptions& options) {
  at::manual_seed(0);
  torch::nn::Sequential net(torch::nn::Linear(1, 64), torch::nn::ReLU(), torch::nn::Linear(64, 64),
                            torch::nn::ReLU(), torch::nn::Linear(64, 1));
  const at::Tensor x = at::linspace(-std::numbers::pi, std::numbers::pi, 256).view({-1, 1});
  const at::Tensor y = x.sin();
  Optimizer opt(net->parameters(), options);
  double inside = 0;
  int64_t calls = 0;
  const auto closure = [&] {
    const double start = now_us();
    opt.zero_grad();
    const at::Tensor loss = at::mse_loss(net->forward(x), y);
    loss.backward();
    inside += now_us() - start;
    ++calls;
    return loss;
  };
  const double start = now_us();
  for (int i = 0; i < kSteps; ++i) opt.step(closure);
  const double total = now_us() - start;
  const auto& state = static_cast<const torch::optim::LBFGSParamState&>(
      *opt.state().at(opt.param_groups()[0].params()[0].unsafeGetTensorImpl()));
  const int64_t n = state.n_iter();
  return {who, options.line_search_fn().value_or("none"), n,
          (total - inside) / static_cast<double>(n), inside / static_cast<double>(calls)};
}

}  // namespace

std::vector<LbfgsTime> lbfgs(int rounds) {
  std::vector<LbfgsTime> best;
  // A smaller rate without a search, or the training diverges.
  for (const auto& options : {torch::optim::LBFGSOptions(0.1),
                              torch::optim::LBFGSOptions(1).line_search_fn("strong_wolfe")})
    for (int round = 0; round < rounds; ++round)
      for (const auto& found : {train<descent::LBFGS>("descent", options),
                                train<torch::optim::LBFGS>("torch::optim", options)}) {
        LbfgsTime* known = nullptr;
        for (LbfgsTime& one : best)
          if (one.who == found.who && one.search == found.search) known = &one;
        if (known == nullptr)
          best.push_back(found);
        else if (found.us < known->us)
          *known = found;
      }
  return best;
}

}  // namespace bench

// The same path as LibTorch's own optimizers, in float64.
#include <gtest/gtest.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>

#include "checks.h"

namespace peers_test {
namespace {

using namespace checks;

const Shapes kShapes{{6, 5}, {40}, {}, {2, 3, 4}};

/// Twenty steps of both on two groups, the second with another rate; parameters now and then lack a
/// gradient.
template <class Ours, class Theirs, class TheirOptions>
void expect_the_same_path(const typename Ours::Options& options,
                          const TheirOptions& their_options) {
  const auto p = parameters(kShapes, at::kDouble), q = parameters(kShapes, at::kDouble);
  Ours ours({p[0], p[1]}, options);
  ours.add_group({p[2], p[3]}, [](auto& o) { o.lr *= 3; });
  Theirs theirs(std::vector<at::Tensor>{q[0], q[1]}, their_options);
  theirs.add_param_group(torch::optim::OptimizerParamGroup({q[2], q[3]}));
  auto second = std::make_unique<TheirOptions>(their_options);
  second->lr(3 * their_options.lr());
  theirs.param_groups()[1].set_options(std::move(second));
  for (int64_t t = 1; t <= 20; ++t) {
    set_gradients(p, t);
    set_gradients(q, t);
    ours.step();
    theirs.step();
  }
  for (size_t i = 0; i < p.size(); ++i)
    EXPECT_TRUE(at::allclose(p[i].detach(), q[i].detach(), 0, 1e-13))
        << "parameter " << i << " off by " << (p[i] - q[i]).abs().max().template item<double>();
  EXPECT_FALSE(at::allclose(p[0].detach(), parameters(kShapes, at::kDouble)[0].detach(), 0, 1e-3));
}

TEST(LibTorchsPath, IsFollowedBySgd) {
  using Theirs = torch::optim::SGDOptions;
  const auto same = [](const descent::SGD::Options& ours, const Theirs& theirs) {
    expect_the_same_path<descent::SGD, torch::optim::SGD>(ours, theirs);
  };
  same({.lr = 0.05}, Theirs(0.05));
  same({.lr = 0.05, .weight_decay = 0.1}, Theirs(0.05).weight_decay(0.1));
  same({.lr = 0.05, .momentum = 0.9}, Theirs(0.05).momentum(0.9));
  same({.lr = 0.05, .momentum = 0.9, .dampening = 0.3, .weight_decay = 0.1},
       Theirs(0.05).momentum(0.9).dampening(0.3).weight_decay(0.1));
  same({.lr = 0.05, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true},
       Theirs(0.05).momentum(0.9).weight_decay(0.1).nesterov(true));
}

TEST(LibTorchsPath, IsFollowedByAdam) {
  using Theirs = torch::optim::AdamOptions;
  const auto same = [](const descent::Adam::Options& ours, const Theirs& theirs) {
    expect_the_same_path<descent::Adam, torch::optim::Adam>(ours, theirs);
  };
  same({.lr = 0.05}, Theirs(0.05));
  same({.lr = 0.05, .betas = {0.8, 0.95}, .eps = 1e-3}, Theirs(0.05).betas({0.8, 0.95}).eps(1e-3));
  same({.lr = 0.05, .weight_decay = 0.1}, Theirs(0.05).weight_decay(0.1));
  same({.lr = 0.05, .weight_decay = 0.1, .amsgrad = true},
       Theirs(0.05).weight_decay(0.1).amsgrad(true));
}

TEST(LibTorchsPath, IsFollowedByAdamW) {
  using Theirs = torch::optim::AdamWOptions;
  const auto same = [](const descent::AdamW::Options& ours, const Theirs& theirs) {
    expect_the_same_path<descent::AdamW, torch::optim::AdamW>(ours, theirs);
  };
  same({}, Theirs());
  same({.lr = 0.05}, Theirs(0.05));
  same({.lr = 0.05, .betas = {0.8, 0.95}, .eps = 1e-3, .weight_decay = 0.3},
       Theirs(0.05).betas({0.8, 0.95}).eps(1e-3).weight_decay(0.3));
  same({.lr = 0.05, .amsgrad = true}, Theirs(0.05).amsgrad(true));
}

}  // namespace
}  // namespace peers_test

// Groups made from a module, as people use them.
#include <gmock/gmock.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>

#include <descent/optim.h>

#include "checks.h"
#include "wrapping.h"

namespace module_groups_test {
namespace {

using namespace wrapping;
using descent::NamedGroup;
using testing::ElementsAre;
using testing::HasSubstr;

/// embed.weight (2-D), norm.weight and norm.bias (1-D), head.weight (2-D), head.bias, pos (2-D).
struct Net : torch::nn::Module {
  at::Tensor pos = register_parameter("pos", at::ones({2, 2}, at::kDouble));
  torch::nn::Embedding embed = register_module("embed", torch::nn::Embedding(3, 2));
  torch::nn::LayerNorm norm =
      register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({2})));
  torch::nn::Linear head = register_module("head", torch::nn::Linear(2, 2));

  Net() { to(at::kDouble); }
  void give_gradients() {
    for (const auto& p : parameters()) p.mutable_grad() = at::full_like(p, 0.5).detach();
  }
};

std::map<std::string, std::vector<std::string>> names(const std::vector<NamedGroup>& groups) {
  std::map<std::string, std::vector<std::string>> map;
  for (const auto& g : groups) {
    EXPECT_EQ(g.param_names.size(), g.params.size());
    map[g.name] = g.param_names;
  }
  return map;
}
using Names = std::map<std::string, std::vector<std::string>>;

double change(const NamedGroup& group, const std::string& option) {
  for (const auto& [name, value] : group.changes)
    if (name == option) return std::get<double>(value);
  ADD_FAILURE() << group.name << " has no " << option;
  return NAN;
}

TEST(TheNoDecayGroups, GoByDimensionAndByName) {
  Net net;
  EXPECT_EQ(names(descent::no_decay_groups(net, 0.1)),
            (Names{{"decay", {"pos", "embed.weight", "head.weight"}},
                   {"no_decay", {"norm.weight", "norm.bias", "head.bias"}}}));
  EXPECT_EQ(
      names(descent::no_decay_groups(net, 0.1, {.names = {"pos", "e*.w??ght"}})),
      (Names{{"decay", {"head.weight"}},
             {"no_decay", {"pos", "embed.weight", "norm.weight", "norm.bias", "head.bias"}}}));
  EXPECT_EQ(names(descent::no_decay_groups(net, 0.1, {.max_dim = -1, .names = {"*.bias"}})),
            (Names{{"decay", {"pos", "embed.weight", "norm.weight", "head.weight"}},
                   {"no_decay", {"norm.bias", "head.bias"}}}));
}

TEST(TheNoDecayGroups, LeaveFrozenParametersOutAndTakeTiedOnesOnce) {
  Net net;
  net.register_parameter("tied", net.head->weight);
  descent::freeze(*net.norm);
  EXPECT_EQ(names(descent::no_decay_groups(net, 0.1)),
            (Names{{"decay", {"pos", "tied", "embed.weight"}}, {"no_decay", {"head.bias"}}}));
  EXPECT_EQ(names(descent::no_decay_groups(net, 0.1, {.frozen = true}))["no_decay"],
            (std::vector<std::string>{"norm.weight", "norm.bias", "head.bias"}));
}

template <class Make>
void expect_decay_of_weights_only(Make make) {
  Net net;
  const auto groups = descent::no_decay_groups(net, 0.25);
  auto opt = make(groups);
  for (const auto& p : net.parameters()) {
    p.detach().fill_(2);
    p.mutable_grad() = at::zeros_like(p).detach();
  }
  opt.step();
  for (const auto& p : net.parameters())  // 2 (1 - 0.1 * 0.25), by either kind of decay
    EXPECT_NEAR(p.flatten()[0].template item<double>(), p.dim() > 1 ? 1.95 : 2, 1e-14);
}

TEST(TheNoDecayGroups, SuitOursAndLibTorchsOptimizers) {
  expect_decay_of_weights_only([](const auto& groups) {
    return descent::with_groups<descent::AdamW>(groups, {.lr = 0.1, .weight_decay = 0.5});
  });
  expect_decay_of_weights_only([](const auto& groups) {
    descent::SGD opt(groups[0].params, {.lr = 0.1, .weight_decay = 0.5});
    opt.group_options(0).set(groups[0].changes);
    opt.add_group(groups[1].params, groups[1].changes);
    return opt;
  });
  // 0 is SGD's own default, which LibTorch's constructor takes for an option that is not set.
  expect_decay_of_weights_only([](const auto& groups) {
    return descent::with_groups<torch::optim::SGD>(groups,
                                                   torch::optim::SGDOptions(0.1).weight_decay(0.5));
  });
  expect_decay_of_weights_only([](const auto& groups) {
    return descent::with_groups<torch::optim::AdamW>(
        groups, torch::optim::AdamWOptions(0.1).weight_decay(0.5));
  });
}

TEST(TheGroups, OfLibTorchsOtherClassesTakeADecayToo) {
  Net net;
  const auto groups = descent::no_decay_groups(net, 0.25);
  const auto check = [&](const auto& options) {
    using Options = std::decay_t<decltype(options)>;
    auto made = descent::param_groups(groups, options);
    ASSERT_EQ(made.size(), 2);
    for (size_t g = 0; g < 2; ++g) {
      const auto& o = static_cast<const Options&>(made[g].options());
      EXPECT_EQ(o.weight_decay(), groups[g].name == "decay" ? 0.25 : 0);
      EXPECT_EQ(o.lr(), 0.125);
    }
  };
  check(torch::optim::AdamOptions(0.125).weight_decay(0.5));
  check(torch::optim::RMSpropOptions(0.125).weight_decay(0.5));
  check(torch::optim::AdagradOptions(0.125).weight_decay(0.5));
  EXPECT_THAT(refusal([&] { descent::param_groups(groups, torch::optim::LBFGSOptions(1)); }),
              HasSubstr("has weight_decay ="));
  EXPECT_THAT(refusal([&] {
                descent::param_groups({{"g", {}, net.parameters(), {{"betas", {0.9, 0.9}}}}},
                                      torch::optim::AdamOptions(1));
              }),
              HasSubstr("group g has betas = [0.9, 0.9], must be"));
  EXPECT_THAT(refusal([&] {
                descent::with_groups<descent::SGD>({{"g", {}, net.parameters(), {{"rho", 1}}}});
              }),
              HasSubstr("rho"));
}

TEST(TheLayerDecay, FallsFromTheLastChildToTheFirst) {
  Net net;
  const auto groups = descent::layer_decay_groups(
      net, {.lr = 0.8, .weight_decay = 0.25, .decay = 0.5, .min_scale = 0.3});
  EXPECT_EQ(names(groups), (Names{{"layer_0_decay", {"pos", "embed.weight"}},
                                  {"layer_1_no_decay", {"norm.weight", "norm.bias"}},
                                  {"layer_2_decay", {"head.weight"}},
                                  {"layer_2_no_decay", {"head.bias"}}}));
  const std::map<std::string, double> rates{{"layer_0_decay", 0.24},
                                            {"layer_1_no_decay", 0.4},
                                            {"layer_2_decay", 0.8},
                                            {"layer_2_no_decay", 0.8}};
  for (const auto& group : groups) {
    EXPECT_NEAR(change(group, "lr"), rates.at(group.name), 1e-15);
    EXPECT_EQ(change(group, "weight_decay"), group.name.ends_with("no_decay") ? 0 : 0.25);
  }
  auto opt = descent::with_groups<descent::Lion>(groups, {.lr = 1});
  EXPECT_NEAR(opt.options(0).lr, 0.24, 1e-15);
  EXPECT_EQ(opt.options(1).weight_decay, 0);
}

TEST(TheLayerDecay, MayCountLayersByAFunction) {
  Net net;
  const auto groups = descent::layer_decay_groups(
      net, {.lr = 1, .decay = 0.5}, {.max_dim = -1}, [](const std::string& name) -> int64_t {
        return name == "pos" ? 0 : name.starts_with("head") ? 4 : 3;
      });
  EXPECT_EQ(names(groups), (Names{{"layer_0_decay", {"pos"}},
                                  {"layer_3_decay", {"embed.weight", "norm.weight", "norm.bias"}},
                                  {"layer_4_decay", {"head.weight", "head.bias"}}}));
  EXPECT_EQ(change(groups[0], "lr"), 0.0625);
  EXPECT_EQ(change(groups[1], "lr"), 0.5);
  EXPECT_EQ(change(groups[2], "lr"), 1);
}

TEST(TheLearningRate, IsSetInAllGroupsOrInOneThroughWrappers) {
  Net net;
  descent::SGD inner({net.pos}, {.lr = 0.5});
  descent::Lookahead opt(descent::ClipNorm{inner});
  inner.add_group({net.head->bias});  // the wrappers have not seen it yet
  descent::set_lr(opt, 0.25);
  EXPECT_EQ(inner.options(0).lr, 0.25);
  EXPECT_EQ(inner.options(1).lr, 0.25);
  descent::set_lr(opt, 0.125, 1);
  EXPECT_EQ(inner.options(0).lr, 0.25);
  EXPECT_EQ(inner.options(1).lr, 0.125);
  torch::optim::AdamW theirs(net.parameters(), torch::optim::AdamWOptions(1));
  descent::set_lr(theirs, 0.0625);
  EXPECT_EQ(theirs.param_groups()[0].options().get_lr(), 0.0625);
  EXPECT_THAT(refusal([&] { descent::set_lr(opt, -1); }),
              HasSubstr("set_lr: lr = -1, must be finite and >= 0"));
  EXPECT_THAT(refusal([&] { descent::set_lr(opt, NAN, 0); }), HasSubstr("lr = nan"));
  EXPECT_THAT(refusal([&] { descent::set_lr(opt, 1, 2); }),
              HasSubstr("group 2 does not exist, must be < 2"));
  EXPECT_EQ(inner.options(0).lr, 0.25);
}

TEST(FrozenParameters, StayAndKeepTheirState) {
  Net net;
  descent::AdamW opt(net.parameters(), {.lr = 0.1, .weight_decay = 0.5});
  net.give_gradients();
  opt.step();
  descent::freeze(*net.head);
  descent::freeze({net.pos});
  EXPECT_FALSE(net.head->weight.requires_grad());
  EXPECT_FALSE(net.head->weight.grad().defined());
  const auto before = copies(net.parameters());
  opt.step();
  const auto after = copies(net.parameters());
  const auto all = net.named_parameters().keys();
  for (size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(checks::same_bits(before[i], after[i]), all[i] == "pos" || all[i].starts_with("head"))
        << all[i];
  descent::unfreeze(*net.head);
  EXPECT_TRUE(net.head->weight.requires_grad());
  net.give_gradients();
  opt.step();
  EXPECT_EQ(opt.state_of(net.head->weight)->step(), 2);
  EXPECT_EQ(opt.state_of(net.embed->weight)->step(), 3);
}

TEST(TheLayerDecay, RefusesWhatIsOutOfRange) {
  Net net;
  EXPECT_THAT(refusal([&] { descent::layer_decay_groups(net, {.decay = 1.5}); }),
              HasSubstr("LayerDecay: decay = 1.5, must be in [0, 1]"));
  EXPECT_THAT(
      refusal([&] { descent::layer_decay_groups(net, {}, {}, [](const auto&) { return -1; }); }),
      HasSubstr("the layer of pos = -1, must be >= 0"));
  EXPECT_THAT(refusal([&] { descent::no_decay_groups(net, -1); }),
              HasSubstr("no_decay_groups: weight_decay = -1"));
}

}  // namespace
}  // namespace module_groups_test

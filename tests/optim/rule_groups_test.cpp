// Groups of a module for rules that treat parameters by what they are in it.
#include <cmath>
#include <map>

#include <gmock/gmock.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/rnn.h>
#include <torch/optim/optimizer.h>
#include <torch/types.h>

#include <descent/optim.h>

namespace rule_groups_test {
namespace {

using descent::NamedGroup;
using testing::ElementsAre;
using testing::HasSubstr;

using Names = std::map<std::string, std::vector<std::string>>;
Names names(const std::vector<NamedGroup>& groups) {
  Names map;
  for (const auto& g : groups) map[g.name] = g.param_names;
  return map;
}

std::string text_of(const NamedGroup& group) {
  std::string text;
  for (const auto& [name, value] : group.changes)
    text += (text.empty() ? "" : ",") + name + "=" + to_text(value);
  return text;
}

struct Attention : torch::nn::Module {
  torch::nn::Linear q_proj = register_module("q_proj", torch::nn::Linear(4, 4));
  torch::nn::Linear k_proj = register_module("k_proj", torch::nn::Linear(4, 2));
  torch::nn::Linear v_proj = register_module("v_proj", torch::nn::Linear(4, 2));
};

struct Transformer : torch::nn::Module {
  at::Tensor pos = register_parameter("pos", torch::ones({3, 4}));
  torch::nn::Embedding embed = register_module("embed", torch::nn::Embedding(5, 4));
  std::shared_ptr<Attention> attention =
      register_module("attention", std::make_shared<Attention>());
  torch::nn::LayerNorm last =
      register_module("last", torch::nn::LayerNorm(torch::nn::LayerNormOptions({4})));
  torch::nn::Linear head =
      register_module("head", torch::nn::Linear(torch::nn::LinearOptions(4, 5).bias(false)));
};

struct Convolutions : torch::nn::Module {
  torch::nn::Conv2d conv = register_module("conv", torch::nn::Conv2d(2, 3, 3));
  torch::nn::BatchNorm2d bn = register_module("bn", torch::nn::BatchNorm2d(3));
  torch::nn::LSTM lstm = register_module("lstm", torch::nn::LSTM(3, 2));
};

void take_steps(torch::optim::Optimizer& opt, torch::nn::Module& module) {
  for (const auto& p : module.parameters()) p.mutable_grad() = torch::ones_like(p).detach();
  for (int i = 0; i < 2; ++i) opt.step();
}

TEST(AdamMinisGroups, GoByWhatAParameterIs) {
  Transformer net;
  const auto groups = descent::adam_mini_groups(net, 2, 1);
  EXPECT_EQ(names(groups),
            (Names{{"tensors", {"pos"}},
                   {"rows", {"embed.weight", "attention.v_proj.weight", "head.weight"}},
                   {"queries", {"attention.q_proj.weight"}},
                   {"keys", {"attention.k_proj.weight"}},
                   {"biases",
                    {"attention.q_proj.bias", "attention.k_proj.bias", "attention.v_proj.bias",
                     "last.bias"}},
                   {"norms", {"last.weight"}}}));
  std::map<std::string, std::string> changes;
  for (const auto& group : groups) changes[group.name] = text_of(group);
  EXPECT_EQ(changes,
            (std::map<std::string, std::string>{{"tensors", "block=tensor"},
                                                {"rows", "block=row"},
                                                {"queries", "block=heads,heads=2"},
                                                {"keys", "block=heads,heads=1"},
                                                {"biases", "block=element,weight_decay=0"},
                                                {"norms", "block=tensor,weight_decay=0"}}));
  auto opt = descent::with_groups<descent::AdamMini>(groups, {.lr = 0.1, .weight_decay = 0.1});
  take_steps(opt, net);
  EXPECT_EQ(opt.state_of(net.attention->q_proj->weight)->buffer("vmean").numel(), 2);
  EXPECT_EQ(opt.state_of(net.embed->weight)->buffer("vmean").numel(), 5);
}

TEST(AdamMinisGroups, RefuseNumbersOfHeadsBelowOne) {
  Transformer net;
  for (const bool of_keys : {false, true}) try {
      descent::adam_mini_groups(net, of_keys ? 1 : 0, of_keys ? 0 : 1);
      ADD_FAILURE() << "was not refused";
    } catch (const c10::Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(of_keys ? "adam_mini_groups: kv_heads = 0, must be >= 1"
                                                  : "adam_mini_groups: heads = 0, must be >= 1"));
    }
}

TEST(MuonsGroups, TakeTheMatricesOfLayersAndLeaveTheRestToAdamW) {
  Transformer net;
  const auto groups = descent::muon_groups(net);
  EXPECT_EQ(
      names(groups),
      (Names{{"muon",
              {"attention.q_proj.weight", "attention.k_proj.weight", "attention.v_proj.weight"}},
             {"adamw",
              {"pos", "embed.weight", "attention.q_proj.bias", "attention.k_proj.bias",
               "attention.v_proj.bias", "last.weight", "last.bias", "head.weight"}}}));
  auto opt = descent::with_groups<descent::Muon>(groups);
  take_steps(opt, net);
  EXPECT_TRUE(opt.state_of(net.attention->q_proj->weight)->buffer("momentum_buffer").defined());
  EXPECT_TRUE(opt.state_of(net.head->weight)->buffer("exp_avg").defined());
  EXPECT_EQ(names(descent::muon_groups(net, {.heads_named = {}}))["muon"].back(), "head.weight");
}

TEST(MuonsGroups, TakeConvolutionsAndLstms) {
  Convolutions net;
  const auto groups = descent::muon_groups(net, {.lr = 0.5, .adamw_lr = 0.25});
  EXPECT_EQ(names(groups)["muon"],
            (std::vector<std::string>{"conv.weight", "lstm.weight_ih_l0", "lstm.weight_hh_l0"}));
  auto opt = descent::with_groups<descent::Muon>(groups);
  take_steps(opt, net);
  std::vector<double> rates;
  for (size_t g = 0; g < groups.size(); ++g) rates.push_back(opt.options(g).lr);
  EXPECT_THAT(rates, ElementsAre(0.5, 0.25));
}

TEST(MuonsGroups, GiveAMatrixThatIsTiedToTheLastLayerToAdamW) {
  struct Tied : torch::nn::Module {
    torch::nn::Linear first = register_module("first", torch::nn::Linear(4, 4));
    torch::nn::Linear head = register_module("head", torch::nn::Linear(4, 4));
    Tied() { head->weight = head->register_parameter("tied", first->weight); }
  } net;
  const auto groups = names(descent::muon_groups(net));
  EXPECT_EQ(groups.count("muon"), 0);
  EXPECT_EQ(groups.at("adamw").front(), "first.weight");
}

TEST(MuonsGroups, LeaveFrozenParametersOut) {
  Transformer net;
  net.attention->q_proj->weight.requires_grad_(false);
  EXPECT_THAT(names(descent::muon_groups(net))["muon"],
              ElementsAre("attention.k_proj.weight", "attention.v_proj.weight"));
}

double off_identity(const at::Tensor& x) {
  return (x - at::eye(x.size(-1), x.options())).abs().max().item<double>();
}

// As init() of the authors' code, whose transposed columns are those of the transposed matrix.
TEST(ScionsStart, LiesInTheBallThatEachNormMeans) {
  using Norm = descent::ScionNorm;
  torch::manual_seed(1);
  struct Net : torch::nn::Module {
    torch::nn::Linear wide = register_module("wide", torch::nn::Linear(6, 4));
    torch::nn::Linear tall = register_module("tall", torch::nn::Linear(4, 6));
    torch::nn::Conv2d conv = register_module("conv", torch::nn::Conv2d(2, 3, 3));
  } net;
  net.to(torch::kDouble);
  net.tall->weight.requires_grad_(false);
  const at::Tensor tall = net.tall->weight.clone();
  descent::scion_init(net, {.scale = 3});
  EXPECT_TRUE(at::equal(net.tall->weight, tall)) << "is frozen";
  EXPECT_TRUE(at::equal(net.wide->bias, torch::zeros_like(net.wide->bias)));
  const at::NoGradGuard no_grad;
  const at::Tensor wide = net.wide->weight / (3 * std::sqrt(4.0 / 6));
  EXPECT_LE(off_identity(wide.mm(wide.t())), 1e-12);
  const at::Tensor kernel = net.conv->weight / (3 * std::sqrt(3.0 / 2) / 9);
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 3; ++j) {
      const at::Tensor x = kernel.select(3, j).select(2, i);
      EXPECT_LE(off_identity(x.t().mm(x)), 1e-12);
    }
  EXPECT_FALSE(at::allclose(kernel.select(3, 0), kernel.select(3, 1)));

  net.tall->weight.requires_grad_();
  const at::Tensor& p = net.tall->weight;  // 6 x 4
  const auto drawn = [&](const descent::Scion::Options& options) {
    descent::scion_init(descent::Scion({p}, options));
    return p.detach().clone();
  };
  const auto expect_all = [](const at::Tensor& x, double value) {
    EXPECT_TRUE(at::allclose(x, at::full_like(x, value), 0, 1e-6)) << x;
  };
  expect_all(drawn({.scale = 2, .norm = Norm::Sign}).abs(), 0.5);
  expect_all(drawn({.norm = Norm::Sign, .normalized = false}).abs(), 1);
  expect_all(drawn({.scale = 2, .norm = Norm::ColNorm}).norm(2, 0), 2 * std::sqrt(6.0));
  expect_all(drawn({.norm = Norm::ColNorm, .normalized = true}).norm(2, 0), std::sqrt(6.0) / 4);
  expect_all(drawn({.norm = Norm::RowNorm}).norm(2, 1), 0.5);
  expect_all(drawn({.norm = Norm::RowNorm, .transpose = true}).norm(2, 0), 1 / std::sqrt(6.0));
  const at::Tensor unit = drawn({.normalized = false}) / std::sqrt(6.0);
  EXPECT_LE(off_identity(unit.t().mm(unit)), 1e-12);
  const at::Tensor signs = drawn({.norm = Norm::Sign});
  EXPECT_FALSE(at::equal(signs, drawn({.norm = Norm::Sign}))) << "is drawn anew";
}

TEST(ScionsStart, IsRefusedForANormThatDoesNotFitWithAllWeightsAsTheyWere) {
  torch::nn::Linear layer(4, 3);
  const at::Tensor before = layer->weight.detach().clone();
  try {
    descent::scion_init(*layer, {.norm = descent::ScionNorm::Sign});
    FAIL() << "was not refused";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("scion_init: bias has 1 dimensions, must have 2 for this norm"));
  }
  EXPECT_TRUE(at::equal(layer->weight.detach(), before));
  EXPECT_THROW(descent::scion_init(*layer, {.lr = 2}), c10::Error);
}

}  // namespace
}  // namespace rule_groups_test

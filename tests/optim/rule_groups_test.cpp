// Groups of a module for rules that treat parameters by what they are in it.
#include <map>

#include <gmock/gmock.h>
#include <torch/torch.h>

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

}  // namespace
}  // namespace rule_groups_test

// Sparse gradients, as an embedding with sparse = true leaves them: which rules take them, what is
// touched, and what is refused. The numbers are those of tests/golden/sparse.json.
#include <sstream>

#include <gmock/gmock.h>
#include <torch/nn/modules/embedding.h>
#include <torch/optim/optimizer.h>
#include <torch/serialize.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/optim/wrappers/schedule_free.h>

#include "checks.h"

namespace sparse_test {
namespace {

using namespace checks;
using testing::HasSubstr;

at::Tensor sparse(const std::vector<int64_t>& rows, const at::Tensor& values,
                  at::IntArrayRef sizes) {
  return at::sparse_coo_tensor(at::tensor(rows, at::kLong).view({1, -1}), values, sizes);
}

std::string complaint(const std::function<void()>& act) {
  try {
    act();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

/// Rules that step only what a sparse gradient holds, by their options.
const std::vector<std::pair<std::string, OptionValues>> kPresent{
    {"sgd", {{"lr", 0.1}}}, {"adagrad", {{"lr", 0.1}}}, {"sparse_adam", {{"lr", 0.1}}}};

TEST(SparseGradients, LeaveRowsThatAreAbsentWithTheirState) {
  for (const auto& [name, options] : kPresent)
    for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
      const at::Tensor p = noise({6, 3}, type, 1).requires_grad_();
      const auto opt = descent::make_optimizer(name, {p}, options);
      p.mutable_grad() = sparse({0, 1, 2, 3, 4, 5}, noise({6, 3}, type, 2), {6, 3});
      opt->step();
      const auto before = everything(*opt);
      p.mutable_grad() = sparse({4, 1, 4}, noise({3, 3}, type, 3), {6, 3});
      opt->step();
      const auto after = everything(*opt);
      for (size_t i = 0; i < before.size(); ++i) {
        if (before[i].sizes() != p.sizes()) continue;  // the step count
        for (const int64_t row : {0, 2, 3, 5})
          EXPECT_TRUE(same_bits(before[i][row], after[i][row])) << name << " row " << row;
        EXPECT_FALSE(same_bits(before[i][4], after[i][4])) << name;
      }
    }
}

TEST(SparseGradients, OfAllRowsAreDenseOnes) {
  const std::vector<std::pair<std::string, OptionValues>> rules{
      {"sgd", {{"lr", 0.1}}},
      {"sgd", {{"lr", 0.1}, {"momentum", 0.9}, {"nesterov", true}}},
      {"adagrad", {{"lr", 0.1}, {"lr_decay", 0.1}, {"eps_mode", "inside"}, {"eps", 0.1}}}};
  for (const auto& [name, options] : rules) {
    const at::Tensor p = noise({5, 4}, at::kFloat, 1).requires_grad_();
    const at::Tensor q = p.detach().clone().requires_grad_();
    const auto dense = descent::make_optimizer(name, {p}, options);
    const auto other = descent::make_optimizer(name, {q}, options);
    for (int64_t t = 1; t <= 4; ++t) {
      const at::Tensor g = noise({5, 4}, at::kFloat, 10 + t);
      p.mutable_grad() = g;
      // The rows come in another order, and one in two halves.
      q.mutable_grad() = sparse({3, 0, 1, 4, 2, 4},
                                at::stack({g[3], g[0], g[1], g[4] / 2, g[2], g[4] / 2}), {5, 4});
      dense->step();
      other->step();
    }
    EXPECT_EQ(difference(everything(*dense), everything(*other)), "") << name;
  }
}

/// Six steps by sparse gradients of all rows, and by dense ones of the same numbers.
template <class Sparse, class Dense>
void expect_equal_steps(const at::Tensor& p, Sparse& by_sparse, const at::Tensor& q,
                        Dense& by_dense) {
  for (int64_t t = 1; t <= 6; ++t) {
    const at::Tensor g = noise({5, 4}, at::kDouble, 10 + t);
    p.mutable_grad() = sparse({0, 1, 2, 3, 4}, g, {5, 4});
    q.mutable_grad() = g;
    by_sparse.step();
    by_dense.step();
  }
  EXPECT_TRUE(at::allclose(p, q, 0, 1e-13));
}

TEST(SparseGradients, OfAllRowsMakeSparseAdamTheAdamOfKeras) {
  const at::Tensor p = noise({5, 4}, at::kDouble, 1).requires_grad_();
  const at::Tensor q = p.detach().clone().requires_grad_();
  descent::SparseAdam sparse_adam({p}, {.lr = 0.01});
  descent::Adam adam({q}, {.lr = 0.01, .eps_mode = descent::EpsMode::Hat});
  expect_equal_steps(p, sparse_adam, q, adam);
}

TEST(SparseGradients, TrainWithoutASchedule) {
  const at::Tensor p = noise({5, 4}, at::kDouble, 1).requires_grad_();
  const at::Tensor q = p.detach().clone().requires_grad_();
  descent::ScheduleFree sparse_adam(descent::SparseAdam({p}, {.lr = 0.01}));
  descent::ScheduleFree adam(descent::Adam({q}, {.lr = 0.01, .eps_mode = descent::EpsMode::Hat}));
  expect_equal_steps(p, sparse_adam, q, adam);
  EXPECT_THAT(complaint([&] { descent::ScheduleFree{descent::FTRL({q})}; }),
              HasSubstr("ScheduleFree: the inner optimizer, FTRL, divides by its rate"));
}

TEST(SparseGradients, MayNameElementsAndStandInAnyLayout) {
  const at::Tensor plain = noise({4, 5}, at::kDouble, 1);
  const at::Tensor p = plain.clone().requires_grad_();
  const at::Tensor q = plain.t().contiguous().t().requires_grad_();
  const at::Tensor g = at::sparse_coo_tensor(at::tensor({0, 3, 3, 2, 0, 4}, at::kLong).view({2, 3}),
                                             noise({3}, at::kDouble, 2), {4, 5});
  for (const at::Tensor& x : {p, q}) {
    descent::SparseAdam opt({x}, {.lr = 0.1});
    x.mutable_grad() = g;
    opt.step();
  }
  EXPECT_TRUE(same_bits(p.detach().contiguous(), q.detach().contiguous()));
  EXPECT_EQ((p.detach() != plain).sum().item<int64_t>(), 3);
}

TEST(SparseGradients, OfAnEmbeddingTrainIt) {
  torch::manual_seed(1);
  torch::nn::Embedding net(torch::nn::EmbeddingOptions(20, 4).sparse(true));
  descent::SparseAdam opt(net->parameters(), {.lr = 0.05});
  const at::Tensor words = torch::tensor({1, 5, 5, 7}), wanted = torch::ones({4, 4});
  const at::Tensor before = net->weight.detach().clone();
  double loss = 0;
  for (int t = 0; t < 200; ++t) {
    opt.zero_grad();
    const at::Tensor here = torch::mse_loss(net->forward(words), wanted);
    here.backward();
    ASSERT_TRUE(net->weight.grad().is_sparse());
    opt.step();
    loss = here.item<double>();
  }
  EXPECT_LT(loss, 1e-3);
  for (int64_t row = 0; row < 20; ++row)
    EXPECT_EQ(same_bits(before[row], net->weight.detach()[row]), row != 1 && row != 5 && row != 7);
}

TEST(SparseGradients, CountASilentStep) {
  const at::Tensor p = noise({4, 2}, at::kFloat, 1).requires_grad_();
  const at::Tensor before = p.detach().clone();
  descent::SparseAdam opt({p});
  p.mutable_grad() = sparse({}, at::empty({0, 2}), {4, 2});
  opt.step();
  EXPECT_TRUE(same_bits(p.detach(), before));
  EXPECT_EQ(opt.state_of(p)->step(), 1);
}

TEST(SparseGradients, ContinueFromAnArchiveAndByAScheduleOfZero) {
  const at::Tensor p = noise({4, 2}, at::kFloat, 1).requires_grad_();
  descent::SparseAdam opt({p}, {.lr = 0.1});
  const auto step = [](descent::SparseAdam& of, const at::Tensor& x, int64_t t) {
    of.options().lr = t == 2 ? 0 : 0.1;
    x.mutable_grad() = sparse({t % 4, 3}, noise({2, 2}, at::kFloat, t), {4, 2});
    of.step();
  };
  for (int64_t t = 1; t <= 3; ++t) step(opt, p, t);
  std::stringstream archive;
  torch::save(static_cast<const torch::optim::Optimizer&>(opt), archive);
  const at::Tensor q = p.detach().clone().requires_grad_();
  descent::SparseAdam again({q});
  torch::load(static_cast<torch::optim::Optimizer&>(again), archive);
  for (int64_t t = 4; t <= 6; ++t) {
    step(opt, p, t);
    step(again, q, t);
  }
  EXPECT_EQ(difference(everything(opt), everything(again)), "");
  EXPECT_EQ(opt.state_of(p)->step(), 6) << "the step at rate 0 counts";
}

TEST(SparseGradients, AreRefusedByRulesWithoutThem) {
  for (const RuleTable* rule : descent::optimizers()) {
    if (rule->takes_sparse != nullptr) continue;
    const at::Tensor p = noise({4, 3}, at::kDouble, 1).requires_grad_();
    const auto opt = descent::make_optimizer(rule->about.key, {p});
    p.mutable_grad() = sparse({1}, noise({1, 3}, at::kDouble, 2), {4, 3});
    const at::Tensor before = p.detach().clone();
    EXPECT_THAT(complaint([&] { take_step(*opt); }),
                HasSubstr("has layout Sparse, must be strided"))
        << rule->about.name;
    EXPECT_TRUE(same_bits(p.detach(), before));
    EXPECT_TRUE(opt->as_libtorch().state().empty());
  }
}

TEST(SparseGradients, AreRefusedWithWhatTheyCannotHave) {
  const at::Tensor p = noise({4, 3}, at::kBFloat16, 1).requires_grad_();
  const at::Tensor before = p.detach().clone();
  const auto refusal = [&](const std::string& name, const OptionValues& options,
                           const at::Tensor& gradient) {
    const auto opt = descent::make_optimizer(name, {p}, options);
    p.mutable_grad() = gradient;
    const std::string said = complaint([&] { opt->step(); });
    EXPECT_TRUE(same_bits(p.detach(), before));
    return said;
  };
  const at::Tensor g = sparse({1}, noise({1, 3}, at::kBFloat16, 2), {4, 3});
  EXPECT_THAT(refusal("sgd", {{"weight_decay", 0.1}}, g), HasSubstr("so weight_decay must be 0"));
  EXPECT_THAT(
      refusal("adagrad", {{"weight_decay", 0.1}, {"decay_mode", "decoupled"}}, g),
      HasSubstr("Adagrad: the gradient of params[0] of group 0 is sparse, so weight_decay"));
  EXPECT_THAT(refusal("sgd", {{"master", "kahan"}}, g), HasSubstr("so master must be none"));
  EXPECT_THAT(refusal("adagrad", {{"rounding", "stochastic"}}, g),
              HasSubstr("so rounding must be nearest"));
  EXPECT_THAT(refusal("adagrad", {{"state_bits", 8}}, g), HasSubstr("so state_bits must be 0"));
  EXPECT_THAT(refusal("sparse_adam", {}, noise({4, 3}, at::kBFloat16, 2)),
              HasSubstr("has layout Strided, must be sparse (COO)"));
  EXPECT_THAT(refusal("sparse_adam", {}, sparse({1}, noise({1, 2}, at::kBFloat16, 2), {4, 2})),
              HasSubstr("has sizes [4, 2], must be [4, 3]"));
  const at::Tensor beyond = at::_sparse_coo_tensor_unsafe(at::full({1, 1}, 7, at::kLong),
                                                          noise({1, 3}, at::kBFloat16, 2), {4, 3});
  EXPECT_THAT(refusal("sparse_adam", {}, beyond),
              HasSubstr("has the index 7 along axis 0, must be in [0, 4)"));
  EXPECT_THAT(complaint([&] { descent::SparseAdam opt({p}, {.lr = 0}); }),
              HasSubstr("SparseAdam: lr = 0, must be finite and > 0"));
}

}  // namespace
}  // namespace sparse_test

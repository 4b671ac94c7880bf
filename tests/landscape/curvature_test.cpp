#include <cmath>
#include <filesystem>
#include <latch>
#include <limits>
#include <numeric>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <torch/autograd.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/conv.h>

#include <descent/base/atomic_file.h>
#include <descent/landscape/curvature/curvature.h>
#include <descent/landscape/network/parameters.h>
#include <descent/landscape/network/script.h>

#include "models.h"

namespace descent::tests {
namespace {

using testing::AllOf;
using testing::DoubleNear;
using testing::HasSubstr;
using testing::Pointwise;
using testing::ThrowsMessage;
using torch::Tensor;

/// The point of a quadratic: its weights are what it predicts.
class PointNetImpl : public nn::Cloneable<PointNetImpl> {
 public:
  explicit PointNetImpl(int64_t n) : n_(n) { reset(); }
  void reset() override {
    point_ = register_parameter("point", torch::linspace(1, 2, n_, torch::kFloat64));
  }
  Tensor forward(const Tensor&) { return point_; }

 private:
  int64_t n_;
  Tensor point_;
};
TORCH_MODULE(PointNet);

/// <w, A w> / 2, with A as the target: its Hessian is A.
const Metric quadratic("quadratic",
                       [](const Tensor& w, const Tensor& a) { return w.dot(a.mv(w)) / 2; });
Batches matrix(const Tensor& a) { return {torch::ones({1}), a}; }
Batches diagonal(const std::vector<double>& values) {
  return matrix(torch::tensor(values, torch::kFloat64).diag());
}

/// One weight matrix as both layers.
class TiedNetImpl : public nn::Cloneable<TiedNetImpl> {
 public:
  TiedNetImpl() { reset(); }
  void reset() override {
    one_ = register_module("one", nn::Linear(3, 3));
    two_ = register_module("two", one_);
  }
  Tensor forward(const Tensor& x) { return two_(torch::tanh(one_(x))); }

 private:
  nn::Linear one_{nullptr}, two_{nullptr};
};
TORCH_MODULE(TiedNet);

/// Attention by LibTorch's fused kernel, or step by step.
class AttentionNetImpl : public nn::Cloneable<AttentionNetImpl> {
 public:
  explicit AttentionNetImpl(bool fused) : fused_(fused) { reset(); }
  void reset() override {
    in_ = register_module("in", nn::Linear(4, 12));
    out_ = register_module("out", nn::Linear(4, 2));
  }
  Tensor forward(const Tensor& x) {
    const auto qkv = in_(x).unsqueeze(1).chunk(3, -1);
    const Tensor mixed =
        fused_ ? at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
               : (qkv[0].matmul(qkv[1].transpose(-1, -2)) / 2).softmax(-1).matmul(qkv[2]);
    return out_(mixed.squeeze(1).mean(1));
  }

 private:
  bool fused_;
  nn::Linear in_{nullptr}, out_{nullptr};
};
TORCH_MODULE(AttentionNet);

template <class Net>
Net in_double(Net net) {
  net->to(torch::kFloat64);
  return net;
}

nn::Sequential tanh_net() {
  torch::manual_seed(3);
  return in_double(nn::Sequential(nn::Linear(2, 4), nn::Tanh(), nn::Linear(4, 3)));
}
Data tanh_data(int64_t samples = 9) {
  torch::manual_seed(5);
  return {torch::randn({samples, 2}, torch::kFloat64),
          torch::arange(samples, torch::kLong).remainder(3)};
}
nn::Sequential conv_net() {
  torch::manual_seed(6);
  return in_double(nn::Sequential(nn::Conv2d(1, 2, 3), nn::BatchNorm2d(2), nn::GELU(),
                                  nn::Flatten(), nn::Linear(8, 3)));
}
Data conv_data() {
  torch::manual_seed(7);
  return {torch::randn({6, 1, 4, 4}, torch::kFloat64), torch::tensor({0, 1, 2, 2, 1, 0})};
}

Tensor flat(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> parts;
  for (const auto& tensor : tensors) parts.push_back(tensor.detach().reshape(-1));
  return torch::cat(parts);
}

/// H, row by row; one entry of the gradient after the other.
template <class Net>
Tensor full_hessian(Net net, const Metric& loss, const Data& data) {
  std::vector<Tensor> parameters;
  for (const auto& p : net->parameters()) {
    const bool known = std::any_of(parameters.begin(), parameters.end(),
                                   [&](const Tensor& other) { return other.is_same(p); });
    if (!known) parameters.push_back(p);
  }
  const auto gradient = torch::autograd::grad({loss.value(net->forward(data.input), data.target)},
                                              parameters, {}, true, true);
  std::vector<Tensor> rows;
  for (const auto& g : gradient) {
    for (int64_t i = 0; i < g.numel(); ++i) {
      auto row = torch::autograd::grad({g.reshape(-1)[i]}, parameters, {}, true, false, true);
      for (size_t k = 0; k < row.size(); ++k) {
        if (!row[k].defined()) row[k] = torch::zeros_like(parameters[k]);
      }
      rows.push_back(flat(row));
    }
  }
  return torch::stack(rows);
}

std::vector<Tensor> random_like(const nn::Module& net) {
  torch::manual_seed(11);
  std::vector<Tensor> result;
  for (const auto& p : landscape::parameters_of(Network(net).model()).tensors) {
    result.push_back(torch::randn_like(p).detach());
  }
  return result;
}

std::vector<double> eigenvalues_of(const Tensor& hessian) {
  const Tensor values = std::get<0>(torch::linalg_eigh(hessian));
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

/// A symmetric matrix with these eigenvalues and no structure.
Tensor with_eigenvalues(const std::vector<double>& values) {
  torch::manual_seed(13);
  const auto n = static_cast<int64_t>(values.size());
  const Tensor q = std::get<0>(torch::linalg_qr(torch::randn({n, n}, torch::kFloat64)));
  const Tensor a = q.matmul(torch::tensor(values, torch::kFloat64).diag()).matmul(q.t());
  return (a + a.t()) / 2;
}

std::vector<double> spread(int64_t n) {
  std::vector<double> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(std::cos(static_cast<double>(i)) * 2);
  return values;
}

void expect_product(const Tensor& expected, const std::vector<Tensor>& product,
                    double tolerance = 1e-12) {
  EXPECT_LT((flat(product) - expected).abs().max().item<double>(),
            tolerance * expected.abs().max().item<double>());
}

TEST(HessianVectorProduct, IsTheHessianTimesTheVector) {
  const auto check = [](auto net, const Metric& loss, const Data& data) {
    net->eval();
    const auto v = random_like(*net);
    expect_product(full_hessian(net, loss, data).mv(flat(v)),
                   hessian_vector_product(*net, loss, data, v));
  };
  check(tanh_net(), cross_entropy, tanh_data());
  check(conv_net(), cross_entropy, conv_data());
  torch::manual_seed(8);
  const Tensor x = torch::randn({5, 3}, torch::kFloat64);
  check(in_double(TiedNet()), mse, {x, x.square()});
  nn::Linear twice(3, 3);  // tied weights that the clone of a Sequential has apart
  check(in_double(nn::Sequential(twice, nn::Tanh(), twice)), mse, {x, x.square()});
}

TEST(HessianVectorProduct, AddsUpBatchesByTheirSamples) {
  auto net = tanh_net();
  const Data data = tanh_data();
  const Batches parts(std::vector<Data>{{data.input.narrow(0, 0, 2), data.target.narrow(0, 0, 2)},
                                        {data.input.narrow(0, 2, 7), data.target.narrow(0, 2, 7)}});
  const auto v = random_like(*net);
  expect_product(flat(hessian_vector_product(*net, cross_entropy, data, v)),
                 hessian_vector_product(*net, cross_entropy, parts, v));
  EXPECT_NEAR(sharpness(*net, cross_entropy, data), sharpness(*net, cross_entropy, parts), 1e-14);
}

TEST(HessianVectorProduct, AveragesOverTheTargetsThatCount) {
  torch::manual_seed(3);
  nn::Linear net(2, 3);
  net->to(torch::kFloat64);
  Data all{torch::randn({9, 2}, torch::kFloat64), torch::randint(0, 3, {9})};
  all.target.slice(0, 4, 8).fill_(-100);
  const std::vector<Tensor> v{torch::randn({3, 2}, torch::kFloat64),
                              torch::randn({3}, torch::kFloat64)};
  const auto part = [&](int64_t from, int64_t to) {
    return Data{all.input.slice(0, from, to), all.target.slice(0, from, to)};
  };
  const auto whole = hessian_vector_product(*net, cross_entropy, all, v);
  for (const Batches& parts : {Batches({part(0, 5), part(5, 9)}),
                               Batches({part(0, 3), part(3, 4), part(4, 8), part(8, 9)})}) {
    const auto summed = hessian_vector_product(*net, cross_entropy, parts, v);
    for (const size_t k : {0u, 1u}) EXPECT_TRUE(summed[k].allclose(whole[k], 1e-13, 1e-15));
    EXPECT_NEAR(curvature(*net, cross_entropy, parts, {.max_products = 9}).loss,
                nn::functional::cross_entropy(net->forward(all.input), all.target).item<double>(),
                1e-14);
  }
}

TEST(HessianVectorProduct, IsZeroOutsideOfTheParametersThatAreAskedFor) {
  auto net = tanh_net();
  const Tensor all = full_hessian(net, cross_entropy, tanh_data());
  auto v = random_like(*net);
  const int64_t first = 4 * 2 + 4, count = 3 * 4 + 3;
  const Tensor expected =
      all.narrow(0, first, count).narrow(1, first, count).mv(flat(v).narrow(0, first, count));
  v[0] = Tensor();  // is not read
  for (const char* const name : {"2.", "2.*"}) {
    const auto product =
        hessian_vector_product(*net, cross_entropy, tanh_data(), v, {.only = name});
    expect_product(torch::cat({torch::zeros({first}, torch::kFloat64), expected}), product);
  }
}

TEST(HessianVectorProduct, TakesTiedWeightsByAnyOfTheirNames) {
  const auto net = in_double(TiedNet());
  const Tensor x = torch::randn({5, 3}, torch::kFloat64);
  const auto v = random_like(*net);
  const auto product = [&](const char* only) {
    return hessian_vector_product(*net, mse, {x, x.square()}, v, {.only = only})[0];
  };
  EXPECT_TRUE(product("two.").equal(product("one.")));
  EXPECT_TRUE(product("two.*").equal(product("one.*")));
}

TEST(HessianVectorProduct, DoesNotCountFrozenParameters) {
  torch::manual_seed(4);
  nn::Linear net(2, 1);
  net->to(torch::kFloat64);
  const Data data{torch::randn({6, 2}, torch::kFloat64), torch::randn({6, 1}, torch::kFloat64)};
  const auto trace = [&](const CurvatureOptions& options) {
    return hessian_trace(*net, mse, data, options).value;
  };
  const double whole = trace({.trace_probes = 1000, .trace_tolerance = 0});
  net->bias.requires_grad_(false);
  const Curvature rest = curvature(*net, mse, data, {.eigenvalues = 2});
  EXPECT_EQ(rest.density.parameters, 2);
  EXPECT_EQ(rest.notes.at("frozen"), "1");
  const Curvature all = curvature(*net, mse, data, {.frozen = true, .eigenvalues = 2});
  EXPECT_EQ(all.density.parameters, 3);
  EXPECT_EQ(all.notes.count("frozen"), 0u);
  EXPECT_EQ(trace({.frozen = true, .trace_probes = 1000, .trace_tolerance = 0}), whole);
  const auto v = hessian_vector_product(
      *net, mse, data, {torch::ones({1, 2}, torch::kFloat64), torch::ones({1}, torch::kFloat64)});
  EXPECT_EQ(v[1].item<double>(), 0);
  const Plane plane = hessian_plane(*net, mse, data);
  EXPECT_THAT(plane.how, HasSubstr(", 1 of 2 parameters frozen"));
  EXPECT_FALSE(plane.u[1].any().item<bool>());
  EXPECT_THAT(
      [&] { trace({.only = "bias"}); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("are frozen (requires_grad is false)")));
  net->weight.requires_grad_(false);  // loaded for inference
  EXPECT_EQ(trace({.trace_probes = 1000, .trace_tolerance = 0}), whole);
}

TEST(HessianVectorProduct, SaysWhichTypeTheNetworkWants) {
  nn::Linear net(2, 1);
  const Data data{torch::randn({6, 2}, torch::kFloat64), torch::randn({6, 1})};
  EXPECT_THAT([&] { hessian_trace(*net, mse, data); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("data.input is Double, and the network's parameters are Float: hand "
                            "over data.input.to(torch::kFloat)")));
}

TEST(HessianVectorProduct, NormalisesByTheStatisticsThatItIsAskedTo) {
  auto net = conv_net();
  const auto v = random_like(*net);
  net->train();
  const Tensor batch = full_hessian(net, cross_entropy, conv_data()).mv(flat(v));
  expect_product(batch, hessian_vector_product(*net, cross_entropy, conv_data(), v,
                                               {.batch_norm = BatchNorm::Batch}));
  net->eval();
  const Tensor keep = full_hessian(net, cross_entropy, conv_data()).mv(flat(v));
  expect_product(keep, hessian_vector_product(*net, cross_entropy, conv_data(), v));
  EXPECT_GT((keep - batch).abs().max().item<double>(), 0.01);
}

TEST(HessianVectorProduct, DifferentiatesFusedAttentionTwice) {
  AttentionNet fused(true), plain(false);
  torch::NoGradGuard no_grad;  // of the caller: changes nothing
  for (size_t k = 0; k < fused->parameters().size(); ++k) {
    plain->parameters()[k].copy_(fused->parameters()[k]);
  }
  const Data data{torch::randn({3, 5, 4}), torch::randn({3, 2})};
  const auto v = random_like(*fused);
  const bool before = at::globalContext().userEnabledFlashSDP();
  const auto product = hessian_vector_product(*fused, mse, data, v);
  EXPECT_EQ(at::globalContext().userEnabledFlashSDP(), before);
  expect_product(flat(hessian_vector_product(*plain, mse, data, v)), product, 1e-5);
}

TEST(HessianVectorProduct, KeepsAttentionPlainWhileAnyThreadNeedsIt) {
  AttentionNet net(true);
  const Data data{torch::randn({3, 5, 4}), torch::randn({3, 2})};
  const auto v = random_like(*net);
  const Tensor expected = flat(hessian_vector_product(*net, mse, data, v));
  const auto flash = [] { return at::globalContext().userEnabledFlashSDP(); };
  const bool before = flash();
  ASSERT_TRUE(before);
  // The second begins while the first is at work, and ends after it.
  std::latch first_began(1), second_began(1), first_ended(1);
  std::thread second([&] {
    first_began.wait();
    bool entered = false;
    const Metric loss("second", [&](const Tensor& prediction, const Tensor& target) {
      if (!std::exchange(entered, true)) {
        second_began.count_down();
        first_ended.wait();
        EXPECT_FALSE(flash());
      }
      return torch::mse_loss(prediction, target);
    });
    expect_product(expected, hessian_vector_product(*net, loss, data, v), 1e-5);
  });
  bool entered = false;
  const Metric loss("first", [&](const Tensor& prediction, const Tensor& target) {
    if (!std::exchange(entered, true)) {
      first_began.count_down();
      second_began.wait();
    }
    return torch::mse_loss(prediction, target);
  });
  expect_product(expected, hessian_vector_product(*net, loss, data, v), 1e-5);
  first_ended.count_down();
  second.join();
  EXPECT_EQ(flash(), before);
}

TEST(HessianVectorProduct, IsZeroOfALossThatIsLinearInTheWeights) {
  PointNet net(3);
  const Metric linear("linear", [](const Tensor& w, const Tensor& a) { return w.dot(a); });
  const Batches data(torch::ones({1}), torch::ones({3}, torch::kFloat64));
  const auto product =
      hessian_vector_product(*net, linear, data, {torch::ones({3}, torch::kFloat64)});
  EXPECT_TRUE(product[0].equal(torch::zeros({3}, torch::kFloat64)));
  const auto eigen = top_eigenvalues(*net, linear, data, {.eigenvalues = 3});
  EXPECT_EQ(eigen.values, (std::vector<double>{0, 0, 0}));
  EXPECT_TRUE(eigen.converged);
}

TEST(TopEigenvalues, AreThoseOfTheFullHessian) {
  auto net = tanh_net();
  const Tensor hessian = full_hessian(net, cross_entropy, tanh_data());
  const auto all = eigenvalues_of(hessian);
  auto largest = all, magnitude = all;
  std::reverse(largest.begin(), largest.end());
  std::sort(magnitude.begin(), magnitude.end(),
            [](double a, double b) { return std::abs(a) > std::abs(b); });
  const std::vector<std::pair<End, std::vector<double>>> ends{
      {End::Largest, largest}, {End::Smallest, all}, {End::Magnitude, magnitude}};
  for (const auto& [end, expected] : ends) {
    const auto eigen = top_eigenvalues(*net, cross_entropy, tanh_data(),
                                       {.eigenvalues = 4, .end = end, .tolerance = 1e-8});
    EXPECT_TRUE(eigen.converged);
    EXPECT_LE(eigen.products, static_cast<int64_t>(all.size()));
    EXPECT_THAT(
        eigen.values,
        Pointwise(DoubleNear(1e-12), std::vector<double>(expected.begin(), expected.begin() + 4)));
    for (size_t i = 0; i < 4; ++i) {
      const Tensor v = flat(eigen.vectors[i]);
      EXPECT_NEAR((hessian.mv(v) - eigen.values[i] * v).norm().item<double>(), eigen.residuals[i],
                  1e-12);
      EXPECT_GT(v[v.abs().argmax().item<int64_t>()].item<double>(), 0);
      for (size_t j = 0; j < 4; ++j) {
        EXPECT_NEAR(v.dot(flat(eigen.vectors[j])).item<double>(), i == j, 1e-12);
      }
    }
  }
  EXPECT_LT(all.front(), 0);
  EXPECT_GT(all.back(), 0);
}

TEST(TopEigenvalues, OfTorchScriptAreThoseOfTheSameModule) {
  auto net = tanh_net();
  torch::jit::Module script("Tanh");
  for (const auto& item : net->named_parameters()) {
    std::string name = item.key();
    name[1] = '_';
    script.register_parameter("p" + name, item.value().detach().clone().requires_grad_(), false);
  }
  script.define(
      "def forward(self, x):\n"
      "  h = torch.tanh(torch.addmm(self.p0_bias, x, self.p0_weight.t()))\n"
      "  return torch.addmm(self.p2_bias, h, self.p2_weight.t())\n");
  const Network scripted = network_of(script);
  for (const auto& [ours, its] : {std::pair{"", ""}, {"2.", "p2_"}, {"0.bias", "p0_bias"}}) {
    const auto expected =
        top_eigenvalues(*net, cross_entropy, tanh_data(), {.only = ours, .eigenvalues = 2});
    const auto found =
        top_eigenvalues(scripted, cross_entropy, tanh_data(), {.only = its, .eigenvalues = 2});
    EXPECT_THAT(found.values, Pointwise(DoubleNear(1e-10), expected.values)) << its;
  }
  for (const Tensor& parameter : script.parameters()) EXPECT_FALSE(parameter.grad().defined());
}

TEST(TopEigenvalues, FindAMultipleOneAsOftenAsItOccurs) {
  auto values = spread(60);
  values[0] = values[20] = values[40] = 5;
  values[50] = 4;
  PointNet net(60);
  const auto eigen =
      top_eigenvalues(*net, quadratic, matrix(with_eigenvalues(values)), {.eigenvalues = 4});
  EXPECT_LT(eigen.products, 60);
  EXPECT_THAT(eigen.values, Pointwise(DoubleNear(1e-6), {5., 5., 5., 4.}));
}

TEST(TopEigenvalues, AreTheSameWithLittleMemory) {
  const int64_t n = 300;
  PointNet net(n);
  auto values = spread(n);
  values[0] = 2.6, values[1] = 2.4, values[2] = 2.3;
  values[3] = -2.8, values[4] = -2.5, values[5] = -2.2;
  const Batches data = matrix(with_eigenvalues(values));
  for (const auto end : {End::Largest, End::Smallest, End::Magnitude}) {
    CurvatureOptions options{.eigenvalues = 3, .end = end, .tolerance = 1e-6};
    const auto much = top_eigenvalues(*net, quadratic, data, options);
    options.memory = 20 * n * 8;
    const auto little = top_eigenvalues(*net, quadratic, data, options);
    EXPECT_TRUE(much.converged && little.converged);
    EXPECT_GT(little.products, 20);
    EXPECT_THAT(little.values, Pointwise(DoubleNear(1e-9), much.values));
    EXPECT_NEAR(flat(little.vectors[0]).dot(flat(much.vectors[0])).item<double>(), 1, 1e-6);
  }
}

TEST(TopEigenvalues, OfFloat32AreNear) {
  auto net = tanh_net();
  const auto expected = eigenvalues_of(full_hessian(net, cross_entropy, tanh_data()));
  net->to(torch::kFloat32);
  const Data data{tanh_data().input.to(torch::kFloat32), tanh_data().target};
  for (const int64_t memory : {int64_t{1} << 20, int64_t{12 * 27 * 4}}) {  // in double, in float
    const auto eigen =
        top_eigenvalues(*net, cross_entropy, data, {.eigenvalues = 3, .memory = memory});
    EXPECT_TRUE(eigen.converged);
    EXPECT_EQ(eigen.vectors[0][0].scalar_type(), torch::kFloat32);
    for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(eigen.values[i], expected[26 - i], 1e-5);
  }
}

TEST(TopEigenvalues, OfASingleParameterIsItsSecondDerivative) {
  PointNet net(1);
  const auto eigen = top_eigenvalues(*net, quadratic, diagonal({-3}), {.eigenvalues = 1});
  EXPECT_EQ(eigen.values, (std::vector<double>{-3}));
  EXPECT_EQ(eigen.vectors[0][0].item<double>(), 1);
  EXPECT_EQ(eigen.products, 1);
  EXPECT_TRUE(eigen.converged);
}

TEST(TopEigenvalues, SayWhenTheyHaveNotConverged) {
  PointNet net(100);
  const auto eigen = top_eigenvalues(*net, quadratic, matrix(with_eigenvalues(spread(100))),
                                     {.eigenvalues = 2, .max_products = 6});
  EXPECT_EQ(eigen.products, 6);
  EXPECT_FALSE(eigen.converged);
  EXPECT_GT(eigen.residuals[0], 0.01);
  EXPECT_LE(eigen.highest, 2);
  EXPECT_GE(eigen.lowest, -2);
}

TEST(TopEigenvalues, AreTheSameBitsOnEveryCall) {
  auto net = tanh_net();
  const auto one = top_eigenvalues(*net, cross_entropy, tanh_data(), {.seed = 2});
  torch::rand(3);
  const auto again = top_eigenvalues(*net, cross_entropy, tanh_data(), {.seed = 2});
  const auto other = top_eigenvalues(*net, cross_entropy, tanh_data(), {.seed = 3});
  EXPECT_EQ(one.values, again.values);
  EXPECT_TRUE(flat(one.vectors[1]).equal(flat(again.vectors[1])));
  EXPECT_FALSE(flat(one.vectors[1]).equal(flat(other.vectors[1])));
}

TEST(HessianPlane, HasTheSameBitsForAnyNumberOfThreads) {
  torch::manual_seed(2);
  nn::Sequential net(nn::Linear(20, 64), nn::Tanh(), nn::Linear(64, 3));
  const Data data{torch::randn({3000, 20}), torch::randn({3000, 3})};
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const uint64_t one = hessian_plane(*net, mse, data).hash();
  at::set_num_threads(3);
  const uint64_t three = hessian_plane(*net, mse, data).hash();
  EXPECT_EQ(at::get_num_threads(), 3);
  at::set_num_threads(threads);
  EXPECT_EQ(one, three);
}

TEST(HessianTrace, OfADiagonalHessianIsExactInOneProbe) {
  PointNet net(4);
  const auto trace = hessian_trace(*net, quadratic, diagonal({1, -2, 3, 10}), {.trace_probes = 1});
  EXPECT_DOUBLE_EQ(trace.value, 12);
  EXPECT_TRUE(std::isnan(trace.error));
  EXPECT_EQ(trace.probes, 1);
  EXPECT_EQ(hessian_trace(*net, quadratic, diagonal({1, -2, 3, 10})).probes, 8);
}

TEST(HessianTrace, LiesWithinItsError) {
  auto net = tanh_net();
  const double expected = full_hessian(net, cross_entropy, tanh_data()).trace().item<double>();
  for (const uint64_t seed : {1, 2, 3}) {
    const auto trace = hessian_trace(*net, cross_entropy, tanh_data(),
                                     {.seed = seed, .trace_probes = 400, .trace_tolerance = 0});
    EXPECT_EQ(trace.probes, 400);
    EXPECT_GT(trace.error, 0);
    EXPECT_LT(trace.error, 0.1 * expected);
    EXPECT_LT(std::abs(trace.value - expected), 4 * trace.error);
  }
  const auto rough = hessian_trace(*net, cross_entropy, tanh_data(), {.trace_tolerance = 0.2});
  EXPECT_LT(rough.probes, 100);
  EXPECT_LE(rough.error, 0.2 * rough.value);
}

double moment(const SpectralDensity& density, int power) {
  double sum = 0;
  for (size_t i = 0; i < density.nodes.size(); ++i) {
    sum += density.weights[i] * std::pow(density.nodes[i], power);
  }
  return sum;
}

TEST(SpectralDensity, HasTheMomentsOfTheEigenvalues) {
  // Signs make every moment exact of a diagonal matrix, whose powers are diagonal as well, and m
  // steps of Lanczos are exact up to the power 2 m - 1.
  PointNet net(30);
  const auto values = spread(30);
  const auto density = spectral_density(*net, quadratic, diagonal(values),
                                        {.density_probes = 3, .density_steps = 4});
  EXPECT_EQ(density.products, 12);
  EXPECT_EQ(density.parameters, 30);
  EXPECT_TRUE(std::is_sorted(density.nodes.begin(), density.nodes.end()));
  for (int power = 0; power <= 8; ++power) {
    double mean = 0;
    for (const double value : values) mean += std::pow(value, power) / 30;
    const double difference = std::abs(moment(density, power) - mean);
    EXPECT_EQ(difference < 1e-12 * std::pow(2., power), power < 8);
  }
}

TEST(SpectralDensity, FindsEveryEigenvalueWithEnoughSteps) {
  PointNet net(3);
  const auto density =
      spectral_density(*net, quadratic, diagonal({4, -1, 2}), {.density_probes = 1});
  EXPECT_THAT(density.nodes, Pointwise(DoubleNear(1e-12), {-1, 2, 4}));
  EXPECT_THAT(density.weights, Pointwise(DoubleNear(1e-12), {1 / 3., 1 / 3., 1 / 3.}));
}

TEST(SpectralDensity, IsDrawnAsACurveWithIntegralOne) {
  SpectralDensity density{.nodes = {-1, 0, 3}, .weights = {0.1, 0.7, 0.2}, .parameters = 100000};
  const Grid grid = density.grid(1000, 0.1);
  EXPECT_EQ(grid.y.n, 1);
  EXPECT_DOUBLE_EQ(grid.x.lo, -1.5);
  EXPECT_DOUBLE_EQ(grid.x.hi, 3.5);
  const double step = 5. / 999;
  EXPECT_NEAR(std::accumulate(grid.values.begin(), grid.values.end(), 0.) * step, 1, 1e-5);
  EXPECT_NEAR(*std::min_element(grid.values.begin(), grid.values.end()), 4e-7, 1e-8);
  EXPECT_NEAR(grid.x.at(static_cast<int64_t>(
                  std::max_element(grid.values.begin(), grid.values.end()) - grid.values.begin())),
              0, step);
  EXPECT_THROW(SpectralDensity().grid(), std::invalid_argument);
  EXPECT_THROW(density.grid(1), std::invalid_argument);
  EXPECT_THROW(density.grid(10, -1), std::invalid_argument);
}

TEST(Sharpness, IsTheGrowthOfTheLossAlongTheGradient) {
  PointNet net(2);  // at (1, 2): gradient (3, 2), of the diagonal (3, 1)
  const double root = std::sqrt(13.), x = 1 + 0.1 * 3 / root, y = 2 + 0.1 * 2 / root;
  EXPECT_NEAR(sharpness(*net, quadratic, diagonal({3, 1}), {.rho = 0.1}),
              (3 * x * x + y * y) / 2 - 3.5, 1e-14);
  EXPECT_EQ(sharpness(*net, quadratic, diagonal({0, 0})), 0);
}

TEST(HessianPlane, LiesAlongTheTwoSteepestDirections) {
  auto net = tanh_net();
  const Plane plane = hessian_plane(*net, cross_entropy, tanh_data(), {.tolerance = 1e-8});
  const auto all = eigenvalues_of(full_hessian(net, cross_entropy, tanh_data()));
  EXPECT_THAT(plane.eigenvalues,
              Pointwise(DoubleNear(1e-12), {all[all.size() - 1], all[all.size() - 2]}));
  EXPECT_THAT(plane.how, HasSubstr("top two Hessian eigenvectors, eigenvalues"));
  EXPECT_NEAR(flat(plane.u).norm().item<double>(), 1, 1e-12);
  EXPECT_NEAR(flat(plane.u).dot(flat(plane.v)).item<double>(), 0, 1e-12);
  EXPECT_TRUE(flat(plane.center).equal(flat(net->parameters())));
  EXPECT_EQ(plane.names[0], "0.weight");
}

TEST(HessianPlane, OfASingleParameterIsALine) {
  PointNet net(1);
  const Plane plane = hessian_plane(*net, quadratic, diagonal({2}));
  EXPECT_TRUE(plane.is_line());
  EXPECT_EQ(plane.how, "Hessian eigenvector, eigenvalue 2");
}

TEST(HessianPlane, SaysWhenItHasNotConverged) {
  PointNet net(100);
  EXPECT_THAT(
      hessian_plane(*net, quadratic, matrix(with_eigenvalues(spread(100))), {.max_products = 4})
          .how,
      HasSubstr("not converged: residuals up to"));
}

TEST(Curvature, IsAllOfItInOneFile) {
  auto net = tanh_net();
  const CurvatureOptions options{.seed = 4, .eigenvalues = 2, .trace_probes = 9};
  const auto report = curvature(*net, cross_entropy, tanh_data(), options);
  const auto data = tanh_data();
  const Tensor loss = cross_entropy(net->forward(data.input), data.target);
  EXPECT_NEAR(report.loss, loss.item<double>(), 1e-14);
  EXPECT_NEAR(report.gradient_norm,
              flat(torch::autograd::grad({loss}, net->parameters())).norm().item<double>(), 1e-14);
  EXPECT_EQ(report.eigen.values, top_eigenvalues(*net, cross_entropy, data, options).values);
  EXPECT_EQ(report.trace.value, hessian_trace(*net, cross_entropy, data, options).value);
  EXPECT_EQ(report.density.nodes, spectral_density(*net, cross_entropy, data, options).nodes);
  EXPECT_EQ(report.sharpness, sharpness(*net, cross_entropy, data, options));

  const auto path = std::filesystem::path(testing::TempDir()) / "curvature_test.json";
  report.save(path);
  const auto file = nlohmann::json::parse(read_file(path));
  EXPECT_EQ(file["format"], "descent-curvature-1");
  EXPECT_EQ(file["eigen"]["values"].get<std::vector<double>>(), report.eigen.values);
  EXPECT_EQ(file["trace"]["error"].get<double>(), report.trace.error);
  EXPECT_EQ(file["density"]["weights"].get<std::vector<double>>(), report.density.weights);
  EXPECT_EQ(file["notes"]["parameters"], "27");
  std::filesystem::remove(path);
  EXPECT_THROW(report.save("curvature.txt"), std::invalid_argument);
}

TEST(Curvature, TellsItsProgressAndStopsWhenItIsTold) {
  auto net = tanh_net();
  std::vector<double> fractions;
  CurvatureOptions options{.on_progress = [&](double fraction) {
    fractions.push_back(fraction);
    return true;
  }};
  curvature(*net, cross_entropy, tanh_data(), options);
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_GT(fractions.front(), 0);
  EXPECT_LE(fractions.back(), 1);

  for (const size_t products : {1u, 30u, 60u}) {
    fractions.clear();
    options.on_progress = [&](double fraction) {
      fractions.push_back(fraction);
      return fractions.size() < products;
    };
    const auto part = curvature(*net, cross_entropy, tanh_data(), options);
    EXPECT_EQ(fractions.size(), products);
    EXPECT_EQ(part.notes.count("stopped"), 1u);
    EXPECT_EQ(part.eigen.converged, products > 1);
    EXPECT_EQ(part.trace.probes > 0, products > 1);
    EXPECT_TRUE(part.density.nodes.empty());
  }
}

TEST(Curvature, TakesAnyNumberAsTheMost) {
  auto net = tanh_net();
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  std::vector<double> fractions;
  CurvatureOptions options{.eigenvalues = 2, .density_probes = 1};
  const auto expected = curvature(*net, cross_entropy, tanh_data(), options);
  options.max_products = options.trace_probes = options.density_steps = options.memory = kMost;
  options.trace_tolerance = 0.5;
  options.on_progress = [&](double fraction) {
    fractions.push_back(fraction);
    return true;
  };
  const auto report = curvature(*net, cross_entropy, tanh_data(), options);
  EXPECT_EQ(report.eigen.values, expected.eigen.values);
  EXPECT_EQ(report.density.nodes, expected.density.nodes);
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_GT(fractions.front(), 0);
  EXPECT_LE(fractions.back(), 1);
  EXPECT_EQ(hessian_plane(*net, cross_entropy, tanh_data(), {.max_products = kMost}).hash(),
            hessian_plane(*net, cross_entropy, tanh_data()).hash());
}

TEST(Curvature, LeavesTheNetworkAlone) {
  auto net = conv_net();
  const Snapshot before(*net);
  curvature(*net, cross_entropy, conv_data(), {.batch_norm = BatchNorm::Batch});
  hessian_plane(*net, cross_entropy, conv_data());
  EXPECT_EQ(before, Snapshot(*net));
  int calls = 0;
  const auto throwing = [&calls](const Tensor& prediction, const Tensor&) -> Tensor {
    if (++calls > 1) throw std::runtime_error("enough");
    return prediction.square().mean();
  };
  const Data data = conv_data();
  EXPECT_THROW(curvature(*net, throwing, std::vector<Data>{data, data}), std::runtime_error);
  EXPECT_THROW(curvature(*net, cross_entropy, conv_data(),
                         {.on_progress = [](double) -> bool { throw std::runtime_error("no"); }}),
               std::runtime_error);
  EXPECT_EQ(before, Snapshot(*net));
}

TEST(Curvature, RefusesWhatHasNone) {
  auto net = tanh_net();
  const Data data = tanh_data();
  const auto refused = [&](const Metric& loss, const CurvatureOptions& options, const char* why) {
    EXPECT_THAT([&] { curvature(*net, loss, data, options); },
                ThrowsMessage<std::invalid_argument>(
                    AllOf(testing::StartsWith("curvature: "), HasSubstr(why))));
  };
  refused(accuracy, {}, "the loss 'accuracy' has no gradient with respect to the parameters");
  refused([](const Tensor& p, const Tensor&) { return p.sum(1); }, {},
          "the loss must be a tensor with one element, it is of shape [9]");
  refused([](const Tensor& p, const Tensor&) { return p.sum().log() * NAN; }, {},
          "the loss is nan at the network's weights");
  refused(cross_entropy, {.only = "layer4."},
          "no parameter whose name begins so; its first is '0.weight'");
  refused(cross_entropy, {.only = "layer4.*"}, "no parameter whose name fits; its first is");
  refused(cross_entropy, {.batch_norm = BatchNorm::Recompute}, "batch_norm");
  refused(cross_entropy, {.eigenvalues = 28}, "eigenvalues = 28, but there are only 27 parameters");
  refused(cross_entropy, {.eigenvalues = 0}, "eigenvalues = 0, must be at least 1");
  refused(cross_entropy, {.max_products = 4}, "max_products = 4, must be at least 5");
  refused(cross_entropy, {.tolerance = -1}, "tolerance = -1, must be");
  refused(cross_entropy, {.memory = 1000}, "memory = 1000 bytes, but 20 vectors of 216 bytes");
  refused(cross_entropy, {.trace_probes = 0}, "trace_probes = 0");
  refused(cross_entropy, {.density_steps = 0}, "density_steps = 0");
  refused(cross_entropy, {.density_probes = 2, .density_steps = int64_t{1} << 62},
          "density_probes = 2 times density_steps = 4611686018427387904, must be at most "
          "9223372036854775807");
  refused(cross_entropy, {.rho = NAN}, "rho = nan");
  EXPECT_THAT([&] { curvature(nn::SequentialImpl(nn::ReLU()), mse, data); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("has no parameters")));
  EXPECT_THAT([&] { curvature(*net, mse, std::vector<Data>{}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("no batches")));
  EXPECT_THAT([&] { hessian_vector_product(*net, cross_entropy, data, {data.input}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("v has 1 tensors for 4 parameters")));
}

TEST(Curvature, PassesOnWhatCannotBeDifferentiatedTwice) {
  PointNet net(2);
  const Batches data(torch::ones({1}), torch::ones({1}));
  const Metric once("once", [](const Tensor& w, const Tensor&) {
    const Tensor q = w.view({1, 1, 1, 2});
    return std::get<0>(at::_scaled_dot_product_flash_attention_for_cpu(q, q, q)).sum();
  });
  EXPECT_THAT([&] { top_eigenvalues(*net, once, data, {.eigenvalues = 1}); },
              ThrowsMessage<std::invalid_argument>(
                  HasSubstr("cannot be differentiated twice. LibTorch says: ")));
}

TEST(Curvature, RefusesASecondDerivativeThatIsNotFinite) {
  PointNet net(2);
  const Metric root(
      "root", [](const Tensor& w, const Tensor&) { return (w - w.detach()).abs().pow(1.5).sum(); });
  EXPECT_THAT(
      [&] {
        hessian_trace(*net, root, {torch::ones({1}), torch::ones({1})});
      },
      ThrowsMessage<std::invalid_argument>(HasSubstr("product with the Hessian")));
}

}  // namespace
}  // namespace descent::tests

#include <atomic>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/rnn.h>
#include <torch/nn/modules/transformerlayer.h>

#include <descent/tensors/memory.h>

#include "models.h"

namespace descent::tests {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using torch::Tensor;

const Axis kX{-1, 1, 9}, kY{-0.5, 1, 4};

/// A plane along Gaussian directions, buffers included.
Plane gaussian_plane(const nn::Module& module) {
  torch::manual_seed(11);
  Plane plane;
  plane.how = "two Gaussian directions";
  const auto add = [](const auto& named, auto& names, auto& center, auto& u, auto& v) {
    for (const auto& item : named) {
      if (!item.value().is_floating_point() || item.key().ends_with("num_batches_tracked")) {
        continue;
      }
      names.push_back(item.key());
      center.push_back(item.value().detach().clone());
      u.push_back(0.2 * torch::randn_like(center.back()));
      v.push_back(0.2 * torch::randn_like(center.back()));
    }
  };
  add(module.named_parameters(), plane.names, plane.center, plane.u, plane.v);
  auto& buffers = plane.buffers;
  add(module.named_buffers(), buffers.names, buffers.center, buffers.u, buffers.v);
  return plane;
}

/// Compares Path::Batched with Path::Loop in float32 and float64.
template <class M>
void expect_the_loop(nn::ModuleHolder<M> net, const std::vector<Metric>& metrics,
                     std::vector<Data> data, EvaluateOptions options = {}) {
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    net->to(type);
    for (Data& batch : data) {
      for (Tensor* tensor : {&batch.input, &batch.target}) {
        if (tensor->is_floating_point()) *tensor = tensor->to(type);
      }
    }
    const Plane plane = gaussian_plane(*net);
    const Snapshot before(*net);
    options.path = Path::Loop;
    const auto loop = evaluate(*net, metrics, data, plane, kX, kY, options);
    options.path = Path::Batched;
    const auto batched = evaluate(*net, metrics, data, plane, kX, kY, options);
    EXPECT_EQ(before, Snapshot(*net));
    for (size_t m = 0; m < metrics.size(); ++m) {
      EXPECT_EQ(batched[m].notes.at("path"), "batched");
      for (size_t k = 0; k < loop[m].values.size(); ++k) {
        const double expected = loop[m].values[k];
        ASSERT_NEAR(batched[m].values[k], expected,
                    (type == torch::kFloat64 ? 1e-12 : 1e-5) * (1 + std::abs(expected)))
            << metrics[m].name << " at " << k;
      }
    }
  }
}

/// Private parameters, one of them a scalar, and an operation of several tensors.
class PrivateImpl : public nn::Cloneable<PrivateImpl> {
 public:
  PrivateImpl() { reset(); }
  void reset() override {
    weight_ = register_parameter("weight", torch::randn({3, 4, 5}));
    scale_ = register_parameter("scale", torch::full({}, 1.5));
    norm_ = register_module("norm", nn::LayerNorm(nn::LayerNormOptions({4, 5})));
    offset_ = register_buffer("offset", torch::randn({4, 5}));
  }
  Tensor forward(const Tensor& x) {
    return scale_ * norm_(torch::einsum("ni,ijk->njk", {x, weight_}) + offset_);
  }

 private:
  Tensor weight_, scale_, offset_;
  nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(Private);

class ConvolutionImpl : public nn::Cloneable<ConvolutionImpl> {
 public:
  ConvolutionImpl() { reset(); }
  void reset() override {
    first_ = register_module("first", nn::Conv2d(nn::Conv2dOptions(2, 4, 3).padding(1)));
    norm_ = register_module("norm", nn::BatchNorm2d(4));
    second_ = register_module("second", nn::Conv2d(nn::Conv2dOptions(4, 6, 3).groups(2)));
    plain_ = register_module("plain", nn::BatchNorm2d(nn::BatchNorm2dOptions(6).affine(false)));
    dropout_ = register_module("dropout", nn::Dropout(0.5));
    out_ = register_module("out", nn::Linear(6, 3));
  }
  Tensor forward(const Tensor& x) {
    Tensor h = norm_(first_(x));
    h.relu_();
    h = torch::gelu(plain_(second_(torch::max_pool2d(h, 2))));
    return out_(dropout_(h.mean({2, 3})));
  }

 private:
  nn::Conv2d first_{nullptr}, second_{nullptr};
  nn::BatchNorm2d norm_{nullptr}, plain_{nullptr};
  nn::Dropout dropout_{nullptr};
  nn::Linear out_{nullptr};
};
TORCH_MODULE(Convolution);

class GroupsImpl : public nn::Cloneable<GroupsImpl> {
 public:
  GroupsImpl() { reset(); }
  void reset() override {
    convolution_ = register_module("convolution", nn::Conv1d(2, 4, 3));
    norm_ = register_module("norm", nn::GroupNorm(2, 4));
  }
  Tensor forward(const Tensor& x) { return torch::silu(norm_(convolution_(x))).flatten(1); }

 private:
  nn::Conv1d convolution_{nullptr};
  nn::GroupNorm norm_{nullptr};
};
TORCH_MODULE(Groups);

/// Classes of each token.
class TransformerImpl : public nn::Cloneable<TransformerImpl> {
 public:
  TransformerImpl() { reset(); }
  void reset() override {
    embedding_ = register_module("embedding", nn::Embedding(7, 8));
    encoder_ = register_module(
        "encoder",
        nn::TransformerEncoderLayer(nn::TransformerEncoderLayerOptions(8, 2).dim_feedforward(12)));
    out_ = register_module("out", nn::Linear(8, 7));
  }
  Tensor forward(const Tensor& tokens) {
    return out_(encoder_(embedding_(tokens).transpose(0, 1))).permute({1, 2, 0});
  }

 private:
  nn::Embedding embedding_{nullptr};
  nn::TransformerEncoderLayer encoder_{nullptr};
  nn::Linear out_{nullptr};
};
TORCH_MODULE(Transformer);

/// Attention with a mask and a causal one.
class AttentionImpl : public nn::Cloneable<AttentionImpl> {
 public:
  AttentionImpl() { reset(); }
  void reset() override { weight_ = register_parameter("weight", torch::randn({4, 4})); }
  Tensor forward(const Tensor& x) {
    const Tensor query = x.matmul(weight_), mask = torch::eye(x.size(1)) > 0;
    return at::scaled_dot_product_attention(query, x, x, mask) +
           at::scaled_dot_product_attention(query, x, x, {}, 0, /*is_causal=*/true, 0.7);
  }

 private:
  Tensor weight_;
};
TORCH_MODULE(Attention);

/// The last output of a recurrent layer.
template <class Recurrent, class Options>
class LastImpl : public nn::Cloneable<LastImpl<Recurrent, Options>> {
 public:
  explicit LastImpl(const Options& options) : options_(options) { reset(); }
  void reset() override { layer_ = this->register_module("layer", Recurrent(options_)); }
  Tensor forward(const Tensor& x) { return std::get<0>(layer_(x)).select(1, -1); }

 private:
  Options options_;
  Recurrent layer_{nullptr};
};

Tensor classes(int64_t count, at::IntArrayRef sizes) {
  return torch::randint(count, sizes, torch::kLong);
}

TEST(Batched, EqualsTheLoopForAMultilayerPerceptron) {
  const auto x = torch::randn({20, 3});
  nn::Sequential net(nn::Linear(3, 8), nn::GELU(), nn::LayerNorm(nn::LayerNormOptions({8})),
                     nn::Linear(8, 2));
  const auto absolute = [](const Tensor& p, const Tensor& t) { return (p - t).abs().mean(); };
  expect_the_loop(net, {mse, Metric("absolute", absolute)}, {{x, torch::randn({20, 2})}});
}

TEST(Batched, EqualsTheLoopForPrivateParameters) {
  expect_the_loop(Private(), {mse}, {{torch::randn({6, 3}), torch::randn({6, 4, 5})}});
}

TEST(Batched, EqualsTheLoopForConvolutionsInEveryModeOfBatchNorm) {
  torch::manual_seed(2);
  Convolution net;
  net->forward(2 * torch::randn({8, 2, 6, 6}) + 1);  // moves the running statistics
  const Data one{torch::randn({5, 2, 6, 6}), classes(3, {5})},
      other{torch::randn({7, 2, 8, 6}) + 0.5, classes(3, {7})};
  for (const auto mode : {BatchNorm::Keep, BatchNorm::Batch, BatchNorm::Recompute}) {
    expect_the_loop(net, {cross_entropy, accuracy}, {one, other}, {.batch_norm = mode});
  }
}

TEST(Batched, EqualsTheLoopWhereBuffersMoveAlong) {
  torch::manual_seed(3);
  expect_the_loop(UserNet(), {mse}, {{torch::randn({9, 2}), torch::randn({9, 1})}},
                  {.batch_norm = BatchNorm::Interpolate});
}

TEST(Batched, EqualsTheLoopForGroupNorm) {
  expect_the_loop(Groups(), {mse}, {{torch::randn({5, 2, 8}), torch::randn({5, 24})}});
}

TEST(Batched, EqualsTheLoopForEmbeddingsAndAttention) {
  // Sequences of two lengths.
  const Data one{classes(7, {4, 5}), classes(7, {4, 5})},
      other{classes(7, {3, 8}), classes(7, {3, 8})};
  expect_the_loop(Transformer(), {cross_entropy, accuracy}, {one, other});
  expect_the_loop(Attention(), {mse}, {{torch::randn({3, 5, 4}), torch::randn({3, 5, 4})}});
}

TEST(Batched, EqualsTheLoopForRecurrentLayers) {
  const Data data{torch::randn({3, 6, 4}), torch::randn({3, 5})},
      longer{torch::randn({2, 9, 4}), torch::randn({2, 5})};
  using Gru = LastImpl<nn::GRU, nn::GRUOptions>;
  expect_the_loop(nn::ModuleHolder<Gru>(nn::GRUOptions(4, 5).batch_first(true)), {mse},
                  {data, longer});
  using Rnn = LastImpl<nn::RNN, nn::RNNOptions>;
  expect_the_loop(nn::ModuleHolder<Rnn>(nn::RNNOptions(4, 5).batch_first(true)), {mse}, {data});
  using Lstm = LastImpl<nn::LSTM, nn::LSTMOptions>;
  expect_the_loop(nn::ModuleHolder<Lstm>(nn::LSTMOptions(4, 5).batch_first(true).num_layers(2)),
                  {mse}, {data, longer});
  const Data both{data.input, torch::randn({3, 10})};
  expect_the_loop(nn::ModuleHolder<Lstm>(
                      nn::LSTMOptions(4, 5).batch_first(true).bidirectional(true).bias(false)),
                  {mse}, {both});
}

TEST(Batched, EqualsTheLoopForLossesOfClasses) {
  const auto x = torch::randn({12, 3});
  nn::Sequential net(nn::Linear(3, 4), nn::LogSoftmax(1));
  expect_the_loop(net, {nll, cross_entropy, accuracy}, {{x, classes(4, {12})}});
  expect_the_loop(net, {cross_entropy, accuracy}, {{x, torch::rand({12, 4}).softmax(1)}});
  // Some samples do not count, and classes have weights.
  const Tensor weights = torch::tensor({1.0, 2.0, 0.5, 3.0}), some = classes(4, {12});
  some.slice(0, 0, 5).fill_(-100);
  const auto weighted = [&](const Tensor& p, const Tensor& t) {
    return torch::nll_loss(p, t, weights.to(p.scalar_type()));
  };
  const auto sum = [](const Tensor& p, const Tensor& t) {
    return torch::nll_loss(p, t, {}, at::Reduction::Sum);
  };
  expect_the_loop(net, {Metric("weighted", weighted), Metric("sum", sum)}, {{x, some}});
}

TEST(Batched, EqualsTheLoopForTargetsOfWhichSomeAreIgnored) {
  torch::manual_seed(12);
  nn::Sequential net(nn::Conv1d(nn::Conv1dOptions(2, 3, 3).padding(1)));
  std::vector<Data> data{{torch::randn({4, 2, 6}), torch::randint(0, 3, {4, 6})},
                         {torch::randn({2, 2, 5}), torch::full({2, 5}, -100)},
                         {torch::randn({3, 2, 4}), torch::randint(0, 3, {3, 4})}};
  data[0].target.slice(1, 3, 6).fill_(-100);
  expect_the_loop(net, {cross_entropy, accuracy}, data);
}

TEST(Batched, MovesTiedWeightsTogether) {
  nn::Linear shared(2, 2);
  nn::Sequential net(shared, nn::Tanh(), shared);
  const Data data{torch::randn({10, 2}), torch::randn({10, 2})};
  const Plane plane = random_plane(*net, {.seed = 9});
  const Grid loop = evaluate(*net, mse, data, plane, kX, kY, {.path = Path::Loop});
  const Grid batched = evaluate(*net, mse, data, plane, kX, kY, {.path = Path::Batched});
  for (size_t k = 0; k < loop.values.size(); ++k) {
    EXPECT_NEAR(batched.values[k], loop.values[k], 1e-5 * loop.values[k]);
  }
}

/// Predicts its weights.
class WeightsImpl : public nn::Cloneable<WeightsImpl> {
 public:
  WeightsImpl() { reset(); }
  void reset() override {
    first_ = register_parameter("first", torch::randn({5}));
    second_ = register_parameter("second", torch::randn({2, 16}));
  }
  Tensor forward(const Tensor&) { return torch::cat({first_, second_.flatten()}); }

 private:
  Tensor first_, second_;
};
TORCH_MODULE(Weights);

TEST(Batched, HasTheWeightsOfTheLoopBitForBit) {
  const Weights net;
  std::vector<Metric> entries;
  for (int64_t k = 0; k < 37; ++k) {
    entries.emplace_back("entry", [k](const Tensor& p, const Tensor&) { return p[k]; });
  }
  const Data data{torch::zeros({1}), torch::zeros({1})};
  const Plane plane = gaussian_plane(*net);
  const Axis x{-M_PI, M_E, 7}, y{-0.1, 0.3, 4};
  const auto loop = evaluate(*net, entries, data, plane, x, y, {.path = Path::Loop});
  const auto batched = evaluate(*net, entries, data, plane, x, y, {.path = Path::Batched});
  for (size_t k = 0; k < entries.size(); ++k) EXPECT_EQ(batched[k].values, loop[k].values);
}

TEST(Batched, GivesTheSameBitsForAnyThreadsAndAnyPartOfTheGrid) {
  const Convolution net;
  const Data data{torch::randn({5, 2, 6, 6}), classes(3, {5})};
  const Plane plane = gaussian_plane(*net);
  const Axis x{-1, 1, 33}, y{-1, 1, 17};
  const EvaluateOptions one{.path = Path::Batched, .threads = 1};
  const Grid whole = evaluate(*net, cross_entropy, data, plane, x, y, one);
  for (const int threads : {2, 3}) {
    const Grid more = evaluate(*net, cross_entropy, data, plane, x, y,
                               {.path = Path::Batched, .threads = threads});
    EXPECT_EQ(more.values, whole.values);
    EXPECT_EQ(more.notes, whole.notes);
  }
  const Grid part =
      evaluate(*net, cross_entropy, data, plane, {-0.5, 0.25, 13}, {0.25, 0.5, 3}, one);
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 13; ++j) EXPECT_EQ(part.at(i, j), whole.at(i + 10, j + 8));
  }
}

TEST(Batched, IsWhatAutoTakesForASmallNetworkThatIsNoChain) {
  const Private net;
  const Data data{torch::randn({6, 3}), torch::randn({6, 4, 5})};
  const Grid grid = evaluate(*net, mse, data, gaussian_plane(*net), kX, kY);
  EXPECT_EQ(grid.notes.at("path"), "batched");
  EXPECT_THAT(grid.notes.at("self_check"), HasSubstr("3 points"));
}

/// Expects that Auto takes the loop and says why, and that asking for the batched path is refused.
void expect_refusal(const Network& network, const Data& data, const Plane& plane,
                    const std::string& reason) {
  const Grid loop = evaluate(network, mse, data, plane, kX, kY, {.path = Path::Loop});
  const Grid grid = evaluate(network, mse, data, plane, kX, kY);
  EXPECT_EQ(grid.values, loop.values);
  EXPECT_EQ(grid.notes.at("path"), "loop");
  EXPECT_THAT(grid.notes.at("reason"), HasSubstr(reason));
  EXPECT_THAT([&] { evaluate(network, mse, data, plane, kX, kY, {.path = Path::Batched}); },
              ThrowsMessage<std::invalid_argument>(HasSubstr(reason)));
}

/// A linear layer of one weight matrix whose users misbehave.
template <class Derived>
class MatrixImpl : public nn::Cloneable<Derived> {
 public:
  MatrixImpl() { MatrixImpl::reset(); }
  void reset() override { weight_ = this->register_parameter("weight", torch::randn({2, 3})); }

 protected:
  Tensor weight_;
};

struct KeepsAViewImpl : MatrixImpl<KeepsAViewImpl> {
  Tensor forward(const Tensor& x) { return x.matmul(view_); }
  std::shared_ptr<nn::Module> clone(const std::optional<torch::Device>& device) const override {
    auto copy = std::dynamic_pointer_cast<KeepsAViewImpl>(MatrixImpl::clone(device));
    copy->view_ = copy->weight_.detach().t();
    return copy;
  }
  Tensor view_;
};

struct ReadsMemoryImpl : MatrixImpl<ReadsMemoryImpl> {
  Tensor forward(const Tensor& x) {
    const float* weights = weight_.const_data_ptr<float>();
    return torch::stack({x.select(1, 0) * weights[0], x.select(1, 1) * weights[4]}, 1);
  }
};

struct BranchesImpl : MatrixImpl<BranchesImpl> {
  Tensor forward(const Tensor& x) {
    const Tensor y = x.matmul(weight_.t());
    return weight_.sum().item<double>() > 0 ? y : y.tanh();
  }
};

struct DrawsImpl : MatrixImpl<DrawsImpl> {
  Tensor forward(const Tensor& x) {
    return x.matmul(weight_.t()) + torch::rand({1}, at::detail::createCPUGenerator(0));
  }
};

TEST(Batched, IsNotTrustedWithModulesThatReadTheirWeightsPastTheDispatcher) {
  const Data data{torch::randn({5, 3}), torch::randn({5, 2})};
  const KeepsAViewImpl view;
  expect_refusal(view, data, gaussian_plane(view), "batched path failed its self-check");
  const ReadsMemoryImpl memory;
  expect_refusal(memory, data, gaussian_plane(memory), "batched path failed its self-check");
}

TEST(Batched, IsNotTrustedWithModulesThatDecideOrDraw) {
  const Data data{torch::randn({5, 3}), torch::randn({5, 2})};
  const BranchesImpl branches;
  expect_refusal(branches, data, gaussian_plane(branches), "the batched path failed");
  const DrawsImpl draws;
  expect_refusal(draws, data, gaussian_plane(draws), "the batched path failed");
}

TEST(Batched, SaysWhyItDoesNotApply) {
  nn::Sequential half(nn::Linear(3, 2));
  half->to(torch::kBFloat16);
  const auto bfloat = [](const Tensor& t) { return t.to(torch::kBFloat16); };
  const Data data{torch::randn({5, 3}), torch::randn({5, 2})};
  expect_refusal(*half, {bfloat(data.input), bfloat(data.target)}, gaussian_plane(*half),
                 "'0.weight' is BFloat16, allowed are Float and Double");

  nn::Sequential mixed(nn::Linear(3, 2), nn::LayerNorm(nn::LayerNormOptions({2})));
  mixed->ptr(0)->to(torch::kFloat64);
  const Network network(*mixed, [](nn::SequentialImpl& m, const Tensor& x) {
    const Tensor y = m[0]->as<nn::Linear>()->forward(x.to(torch::kFloat64));
    return m[1]->as<nn::LayerNorm>()->forward(y.to(torch::kFloat32));
  });
  expect_refusal(network, data, gaussian_plane(*mixed), "are of different types");

  nn::Sequential wide(nn::Linear(3, 30), nn::Softplus(), nn::Linear(30, 2));
  const Data many{torch::randn({5000, 3}), torch::randn({5000, 2})};
  expect_refusal(*wide, many, gaussian_plane(*wide), "so several at once gain nothing");
  const Plane plane = gaussian_plane(*wide);
  EXPECT_THAT(
      [&] { evaluate(*wide, mse, data, plane, kX, kY, {.path = Path::Batched, .memory = 20000}); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("in options.memory = 20000")));
}

/// Attention over many tokens, whose scores only batching rules write out.
class LongImpl : public nn::Cloneable<LongImpl> {
 public:
  LongImpl() { reset(); }
  void reset() override { weight_ = register_parameter("weight", torch::randn({4, 4})); }
  Tensor forward(const Tensor& x) {
    return at::scaled_dot_product_attention(x.matmul(weight_), x, x);
  }

 private:
  Tensor weight_;
};
TORCH_MODULE(Long);

TEST(Batched, StaysInTheBudgetWhereItsRulesTakeMoreThanTheLoop) {
  torch::manual_seed(12);
  const Long net;
  const Data data{torch::randn({2, 1, 256, 4}), torch::randn({2, 1, 256, 4})};
  const Plane plane = gaussian_plane(*net);
  const auto run = [&](int64_t memory, std::string* path) {
    return tensors::peak_bytes([&] {
      const Grid grid = evaluate(*net, mse, data, plane, kX, kY, {.threads = 1, .memory = memory});
      *path = grid.notes.at("path");
    });
  };
  std::string path;
  // In the loop a network takes 100 kB, in the batch a megabyte.
  EXPECT_LE(run(int64_t{32} << 20, &path), int64_t{32} << 20);
  EXPECT_EQ(path, "loop");
  EXPECT_LE(run(int64_t{256} << 20, &path), int64_t{34} << 20);
  EXPECT_EQ(path, "batched");
}

TEST(Batched, LeavesEverythingInOrderAfterAnException) {
  const Private net;
  const Data data{torch::randn({6, 3}), torch::randn({6, 4, 5})};
  const Plane plane = gaussian_plane(*net);
  const Snapshot before(*net);
  const Grid expected = evaluate(*net, mse, data, plane, kX, kY, {.path = Path::Batched});
  for (const int threads : {1, 2}) {
    std::atomic<int> calls{0};
    const Network failing(*net, [&](PrivateImpl& m, const Tensor& x) {
      const Tensor y = m.forward(x);
      if (++calls > 5) throw std::runtime_error("out of patience");
      return y;
    });
    EXPECT_THAT(
        [&] {
          evaluate(failing, mse, data, plane, {-1, 1, 200}, {-1, 1, 200},
                   {.path = Path::Batched, .threads = threads});
        },
        ThrowsMessage<std::runtime_error>("out of patience"));
    EXPECT_EQ(before, Snapshot(*net));
    // Neither weights nor shapes of the exchange are left in this thread.
    EXPECT_EQ(Private(net)->forward(data.input).dim(), 3);
    const Grid again = evaluate(*net, mse, data, plane, kX, kY, {.path = Path::Batched});
    EXPECT_EQ(again.values, expected.values);
  }
}

}  // namespace
}  // namespace descent::tests

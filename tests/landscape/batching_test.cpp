// How the loop takes large batches: in parts, images with their channels last.
#include <atomic>
#include <cmath>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <ATen/Version.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/conv.h>
#include <unistd.h>

#include "models.h"

namespace descent::tests {
namespace batching_test {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Le;
using testing::ThrowsMessage;

constexpr int64_t kSamples = 400;

/// Several times what a cache holds of each batch.
nn::Sequential wide_net() {
  torch::manual_seed(3);
  return nn::Sequential(nn::Linear(4, 4096), nn::Tanh(), nn::Linear(4096, 3));
}

Data labelled() {
  torch::manual_seed(5);
  return {torch::randn({kSamples, 4}), torch::randint(0, 3, {kSamples})};
}

/// Counts the samples of each call.
class Calls {
 public:
  explicit Calls(const nn::Sequential& net)
      : network(*net, [this](nn::SequentialImpl& m, const torch::Tensor& x) {
          {
            const std::lock_guard lock(mutex_);
            sizes.push_back(x.size(0));
          }
          return after(m.forward(x));
        }) {}

  double passes() const {
    double all = 0;
    for (const int64_t size : sizes) all += static_cast<double>(size);
    return all / kSamples;
  }

  std::function<torch::Tensor(torch::Tensor)> after = [](torch::Tensor y) { return y; };
  std::vector<int64_t> sizes;
  Network network;

 private:
  std::mutex mutex_;
};

Plane plane_of(const nn::Sequential& net) {
  return random_plane(*net, {.draw = Draw::Gaussian, .norm = Norm::Filter});
}

TEST(Batching, TakesLargeBatchesInPartsWithTheSameMeans) {
  const nn::Sequential net = wide_net();
  Calls calls(net);
  Data data = labelled();
  data.target.slice(0, 0, 120).fill_(-100);  // parts of which nothing counts
  const Plane plane = plane_of(net);
  const Axis x{-1, 1, 3}, y{0.5, 0.5, 1};
  const auto grids = evaluate(calls.network, {cross_entropy, accuracy}, data, plane, x, y);
  EXPECT_THAT(calls.sizes, Each(Le(32)));
  EXPECT_EQ(grids[0].notes.at("samples_at_once"), "32");
  for (int64_t k = 0; k < x.n; ++k) {
    const torch::NoGradGuard no_grad;
    const auto moved = std::dynamic_pointer_cast<nn::SequentialImpl>(net->clone());
    for (size_t p = 0; p < plane.center.size(); ++p) {
      moved->parameters()[p].add_(plane.v[p], 0.5).add_(plane.u[p], x.at(k));
    }
    const auto whole = moved->forward(data.input);
    EXPECT_NEAR(grids[0].at(0, k),
                cross_entropy(whole.to(torch::kDouble), data.target).item<double>(), 1e-6);
    EXPECT_NEAR(grids[1].at(0, k), accuracy(whole, data.target).item<double>(), 1.0 / kSamples);
  }
}

TEST(Batching, CostsLittleMoreThanAPassForEachNetwork) {
  const nn::Sequential net = wide_net();
  Calls calls(net);
  const std::filesystem::path tiles = std::filesystem::path(testing::TempDir()) /
                                      ("descent_batching_" + std::to_string(::getpid()));
  std::filesystem::remove_all(tiles);
  double first = 0;
  EvaluateOptions options{.path = Path::Loop, .tiles = tiles};
  options.on_progress = [&](double) {
    if (first == 0) first = calls.passes();
    return true;
  };
  evaluate(calls.network, cross_entropy, labelled(), plane_of(net), {-1, 1, 5}, {-1, 1, 5},
           options);
  std::filesystem::remove_all(tiles);
  EXPECT_LE(calls.passes(), 25.5);  // the center is one of them
  EXPECT_LE(first, 0.5);
}

TEST(Batching, TakesWholeBatchesOfWhatIsNoMeanOverSamples) {
  const nn::Sequential net = wide_net();
  const Data data = labelled();
  const auto sizes_of = [&](const Metric& metric,
                            const std::function<torch::Tensor(torch::Tensor)>& after,
                            BatchNorm batch_norm = BatchNorm::Keep) {
    Calls calls(net);
    calls.after = after;
    evaluate(calls.network, metric, data, plane_of(net), {-1, 1, 2}, {0, 0, 1},
             {.batch_norm = batch_norm});
    return calls.sizes;
  };
  const auto same = [](torch::Tensor y) { return y; };
  const Metric most("most", [](const torch::Tensor& p, const torch::Tensor&) { return p.max(); });
  EXPECT_EQ(sizes_of(most, same).back(), kSamples);
  EXPECT_EQ(sizes_of(cross_entropy, same, BatchNorm::Batch).back(), kSamples);
  EXPECT_EQ(sizes_of(cross_entropy, [](torch::Tensor y) { return y - y.mean(0); }).back(),
            kSamples);
  EXPECT_EQ(sizes_of(cross_entropy, [](torch::Tensor y) { return y.cumsum(0); }).back(), kSamples);
  EXPECT_EQ(sizes_of(cross_entropy,
                     [](torch::Tensor y) {
                       TORCH_CHECK(y.size(0) == kSamples, "this network takes one size");
                       return y;
                     })
                .back(),
            kSamples);
  EXPECT_LE(sizes_of(cross_entropy, same).back(), 32);
}

TEST(Batching, RefusesOnlyWhatDoesNotFitWithOneSample) {
  const nn::Sequential net = wide_net();
  const Plane plane = plane_of(net);
  const auto run = [&](int64_t memory) {
    Calls calls(net);
    evaluate(calls.network, cross_entropy, labelled(), plane, {-1, 1, 2}, {0, 0, 1},
             {.path = Path::Loop, .threads = 1, .memory = memory});
    return calls.sizes.back();
  };
  int64_t weights = 0;
  for (const auto& tensor : plane.center) weights += static_cast<int64_t>(tensor.nbytes());
  constexpr int64_t kOne = 2 * 4096 * 4;  // of the activations of a sample
  EXPECT_EQ(run(2 * weights + 5 * kOne / 4), 1);
  EXPECT_LE(run(2 * weights + 20 * kOne), 16);
  EXPECT_THAT(
      [&] { run(2 * weights + kOne / 2); },
      ThrowsMessage<std::invalid_argument>(HasSubstr("but one network on this data needs")));
}

TEST(Batching, StopsBetweenThePartsOfABatch) {
  const nn::Sequential net = wide_net();
  for (const double stop_at : {0.0, 0.6}) {  // at the center, and within the third network
    Calls calls(net);
    size_t before = 0;
    EvaluateOptions options{.path = Path::Loop, .threads = 1};
    options.on_progress = [&](double done) {
      before = calls.sizes.size();
      return done < stop_at;
    };
    const Grid grid = evaluate(calls.network, cross_entropy, labelled(), plane_of(net), {-1, 1, 4},
                               {0, 0, 1}, options);
    EXPECT_EQ(grid.notes.count("stopped"), 1u);
    EXPECT_EQ(std::isnan(grid.values[1]), stop_at == 0);
    EXPECT_TRUE(std::isnan(grid.values[2]));
    EXPECT_EQ(calls.sizes.size(), before);
  }
}

/// Of images: what it was given, and how its weights lie.
class ImageNetImpl : public nn::Cloneable<ImageNetImpl> {
 public:
  explicit ImageNetImpl(bool views = false) : views_(views) { reset(); }
  void reset() override {
    first_ = register_module("first", nn::Conv2d(nn::Conv2dOptions(3, 8, 3).padding(1)));
    norm_ = register_module("norm", nn::BatchNorm2d(8));
    last_ = register_module("last", nn::Linear(8 * 6 * 6, 3));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    constexpr auto kLast = torch::MemoryFormat::ChannelsLast;
    turned = x.is_contiguous(kLast) && first_->weight.is_contiguous(kLast);
    const torch::Tensor y = torch::relu(norm_(first_(x)));
    return last_(views_ ? y.view({y.size(0), -1}) : y.flatten(1));
  }
  static inline std::atomic<bool> turned{false};

 private:
  bool views_;
  nn::Conv2d first_{nullptr};
  nn::BatchNorm2d norm_{nullptr};
  nn::Linear last_{nullptr};
};
TORCH_MODULE(ImageNet);

// The program runs once more as on a processor without AVX-512 (CMakeLists.txt).
TEST(Batching, LeavesWideConvolutionsOfAvx512WithTheirChannelsFirst) {
  const Data data{torch::randn({2, 3, 6, 6}), torch::randn({2, 128, 6, 6})};
  for (const int64_t size : {1, 3}) {
    nn::Sequential net(nn::Conv2d(nn::Conv2dOptions(3, 128, 3).padding(1)),
                       nn::Conv2d(nn::Conv2dOptions(128, 128, size).padding(size / 2)));
    bool turned = false;
    const Network network(*net, [&](nn::SequentialImpl& m, const torch::Tensor& x) {
      turned = x.is_contiguous(torch::MemoryFormat::ChannelsLast);
      return m.forward(x);
    });
    evaluate(network, mse, data, random_plane(network), {-0.1, 0.1, 3},
             {.path = Path::Loop, .threads = 1});
    EXPECT_EQ(turned, size == 1 || at::get_cpu_capability() != "AVX512") << size;
  }
}

TEST(Batching, TurnsImagesWithTheirChannelsLastWhereTheNetworkAllowsIt) {
  const Data data{torch::randn({10, 3, 6, 6}), torch::randint(0, 3, {10})};
  for (const bool views : {false, true}) {
    torch::manual_seed(7);
    const ImageNet net(views);
    const auto strides = net->parameters()[0].strides().vec();
    const Plane plane = random_plane(*net, {.draw = Draw::Gaussian});
    const Grid grid = evaluate(*net, cross_entropy, data, plane, {-0.1, 0.1, 3}, {0.05, 0.05, 1},
                               {.path = Path::Loop, .threads = 1});
    EXPECT_EQ(ImageNetImpl::turned, !views);
    EXPECT_EQ(net->parameters()[0].strides().vec(), strides);
    for (int64_t k = 0; k < 3; ++k) {
      const torch::NoGradGuard no_grad;
      const auto moved = std::dynamic_pointer_cast<ImageNetImpl>(net->clone());
      moved->eval();
      for (size_t p = 0; p < plane.center.size(); ++p) {
        moved->parameters()[p].add_(plane.v[p], 0.05).add_(plane.u[p], grid.x.at(k));
      }
      const auto whole = moved->forward(data.input).to(torch::kDouble);
      EXPECT_NEAR(grid.at(0, k), cross_entropy(whole, data.target).item<double>(), 1e-5);
    }
  }
}

}  // namespace
}  // namespace batching_test
}  // namespace descent::tests

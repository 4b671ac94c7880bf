// Networks on another device than the CPU, for which tests/stand_in.h stands.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/cloneable.h>
#include <torch/types.h>

#include "../stand_in.h"
#include "models.h"

namespace descent::tests {
namespace {

using testing::DoubleNear;
using testing::HasSubstr;
using testing::Pointwise;
using torch::Tensor;
const Axis kX{-1, 1, 7}, kY{-0.5, 1, 5};

std::vector<Data> moved(const std::vector<Data>& data) {
  std::vector<Data> result;
  for (const Data& batch : data) {
    result.push_back({batch.input.to(stand_in::device()), batch.target.to(stand_in::device())});
  }
  return result;
}

std::vector<Data> classes() {
  torch::manual_seed(3);
  return {{torch::randn({12, 8}), torch::randint(3, {12}, torch::kLong)},
          {torch::randn({5, 8}), torch::randint(3, {5}, torch::kLong)}};
}

/// A network whose tensors begin on a device, because LibTorch moves no module of the CPU to one that
/// is not its own.
class ClassifierImpl : public nn::Cloneable<ClassifierImpl> {
 public:
  explicit ClassifierImpl(at::Device device) : device_(device) { reset(); }
  void reset() override {
    torch::manual_seed(2);
    const auto parameter = [&](const char* name, at::IntArrayRef sizes) {
      return register_parameter(name, (0.4 * torch::randn(sizes)).to(device_));
    };
    first_ = parameter("first", {16, 8});
    scale_ = parameter("scale", {16});
    shift_ = parameter("shift", {16});
    weight_ = parameter("weight", {3, 16});
    bias_ = parameter("bias", {3});
    mean_ = register_buffer("running_mean", (0.1 * torch::randn({16})).to(device_));
    variance_ = register_buffer("running_var", (1 + torch::rand({16})).to(device_));
  }
  Tensor forward(const Tensor& x) {
    const Tensor normed = at::batch_norm(at::linear(x, first_), scale_, shift_, mean_, variance_,
                                         is_training(), 0.1, 1e-5, false);
    return at::linear(normed.relu(), weight_, bias_);
  }

 private:
  at::Device device_;
  Tensor first_, scale_, shift_, weight_, bias_, mean_, variance_;
};
TORCH_MODULE(Classifier);

Classifier classifier(at::Device device) {
  Classifier net(device);
  net->eval();
  return net;
}

/// Values on the device, by that path, and on the CPU.
void expect_the_cpus_values(Path path, BatchNorm batch_norm) {
  const std::vector<Metric> metrics{cross_entropy, accuracy};
  const auto values = [&](at::Device device, const std::vector<Data>& data, Path way) {
    const Classifier net = classifier(device);
    return evaluate(*net, metrics, data, random_plane(*net, {.seed = 3}), kX, kY,
                    {.path = way, .batch_norm = batch_norm});
  };
  const auto here = values(at::kCPU, classes(), Path::Loop);
  const auto there = values(stand_in::device(), moved(classes()), path);
  for (size_t m = 0; m < metrics.size(); ++m)
    EXPECT_THAT(there[m].values, Pointwise(DoubleNear(1e-5), here[m].values));
}

TEST(OnADevice, TheLoopGivesTheCpusValues) {
  for (const BatchNorm mode : {BatchNorm::Keep, BatchNorm::Recompute, BatchNorm::Batch})
    expect_the_cpus_values(Path::Loop, mode);
}

TEST(OnADevice, ManyNetworksAtOnceGiveTheCpusValues) {
  for (const BatchNorm mode : {BatchNorm::Keep, BatchNorm::Recompute, BatchNorm::Batch})
    expect_the_cpus_values(Path::Batched, mode);
}

/// Of a device each wait costs more than a small network.
TEST(OnADevice, APointWaitsOnce) {
  const auto net = classifier(stand_in::device());
  const auto data = moved(classes());
  const Plane plane = random_plane(*net);
  const auto waits_of = [&](int64_t points) {
    const int64_t before = stand_in::waits();
    evaluate(*net, {cross_entropy, accuracy}, data, plane, Axis{-1, 1, points}, kY,
             {.path = Path::Loop});
    return stand_in::waits() - before;
  };
  EXPECT_EQ(waits_of(20) - waits_of(10), 10 * kY.n);
}

TEST(OnADevice, TheDevicesMemoryCounts) {
  const auto net = classifier(stand_in::device());
  try {
    evaluate(*net, cross_entropy, moved(classes()), random_plane(*net), kX, kY, {.memory = 1000});
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("options.memory is 1000 bytes"));
  }
}

TEST(OnADevice, TheCurvatureIsTheCpus) {
  const auto net = classifier(at::kCPU), other = classifier(stand_in::device());
  const CurvatureOptions options{.eigenvalues = 2, .trace_probes = 4, .density_probes = 1};
  const auto here = curvature(*net, cross_entropy, classes(), options);
  const auto there = curvature(*other, cross_entropy, moved(classes()), options);
  EXPECT_NEAR(there.loss, here.loss, 1e-6);
  EXPECT_NEAR(there.trace.value, here.trace.value, 1e-3 * std::abs(here.trace.value));
  EXPECT_THAT(there.eigen.values, Pointwise(DoubleNear(1e-3), here.eigen.values));
}

TEST(OnADevice, DataElsewhereIsRefused) {
  const auto net = classifier(stand_in::device());
  EXPECT_THROW(evaluate(*net, cross_entropy, classes(), random_plane(*net), kX, kY),
               std::invalid_argument);
}

}  // namespace
}  // namespace descent::tests

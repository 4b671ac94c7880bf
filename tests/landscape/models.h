#pragma once
#include <cmath>
#include <string>

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <descent/base/pass.h>
#include <descent/landscape.h>

namespace descent::tests {

namespace nn = torch::nn;

/// Sets the pass while it lives.
class PassOf {
 public:
  explicit PassOf(const std::string& name) { set_pass(name); }
  ~PassOf() { set_pass("auto"); }
};

/// The network of the sine example: Linear(1, hidden), ReLU, Linear(hidden, hidden), ReLU,
/// Linear(hidden, 1).
inline nn::Sequential sine_net(int64_t hidden = 16) {
  torch::manual_seed(4);
  return nn::Sequential(nn::Linear(1, hidden), nn::ReLU(), nn::Linear(hidden, hidden), nn::ReLU(),
                        nn::Linear(hidden, 1));
}

inline Data sine_data(int64_t samples = 50) {
  const auto x = torch::linspace(-M_PI, M_PI, samples).unsqueeze(1);
  return {x, x.sin()};
}

/// A module of a user: private submodules, a scalar parameter, a buffer and a mode-dependent layer.
class UserNetImpl : public nn::Cloneable<UserNetImpl> {
 public:
  UserNetImpl() { reset(); }
  void reset() override {
    hidden_ = register_module("hidden", nn::Linear(2, 5));
    norm_ = register_module("norm", nn::BatchNorm1d(5));
    out_ = register_module("out", nn::Linear(5, 1));
    scale_ = register_parameter("scale", torch::full({}, 1.5));
    offset_ = register_buffer("offset", torch::full({1}, 0.25));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return scale_ * out_(torch::tanh(norm_(hidden_(x)))) + offset_;
  }

 private:
  nn::Linear hidden_{nullptr}, out_{nullptr};
  nn::BatchNorm1d norm_{nullptr};
  torch::Tensor scale_, offset_;
};
TORCH_MODULE(UserNet);

/// A chain that can be a part of another: the forward() of a Sequential is a template, so a
/// Sequential itself cannot.
class BlockImpl : public nn::SequentialImpl {
 public:
  using SequentialImpl::SequentialImpl;
  torch::Tensor forward(const torch::Tensor& x) { return SequentialImpl::forward(x); }
  std::shared_ptr<nn::Module> clone(
      const std::optional<torch::Device>& device = std::nullopt) const override {
    auto copy = std::make_shared<BlockImpl>();
    for (const auto& part : *this) copy->push_back(part.clone(device));
    return copy;
  }
};
TORCH_MODULE(Block);

/// Everything about a module that evaluate() must leave alone: values, identity and mode.
struct Snapshot {
  explicit Snapshot(const nn::Module& module) : training(module.is_training()) {
    for (const auto& list : {module.parameters(), module.buffers()}) {
      for (const auto& tensor : list) {
        identities.push_back(tensor.unsafeGetTensorImpl());
        addresses.push_back(tensor.const_data_ptr());
        versions.push_back(tensor._version());
        values.push_back(tensor.detach().clone());
        has_gradient.push_back(tensor.grad().defined());
      }
    }
  }

  bool operator==(const Snapshot& other) const {
    bool same = training == other.training && identities == other.identities &&
                addresses == other.addresses && versions == other.versions &&
                has_gradient == other.has_gradient && values.size() == other.values.size();
    for (size_t k = 0; same && k < values.size(); ++k) same = values[k].equal(other.values[k]);
    return same;
  }

  bool training;
  std::vector<const void*> identities, addresses;
  std::vector<int64_t> versions;
  std::vector<bool> has_gradient;
  std::vector<torch::Tensor> values;
};

}  // namespace descent::tests

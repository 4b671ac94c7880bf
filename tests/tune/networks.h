#pragma once
// Small networks that are no chains of Linear and activations, for the tests and the bench of
// train_many().
#include <ATen/ops/gelu.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

namespace descent::networks_of_tests {

namespace nn = torch::nn;

/// Images (n, 1, 8, 8) to 10 classes; batch normalisation if asked for.
class ConvolutionsImpl : public nn::Cloneable<ConvolutionsImpl> {
 public:
  explicit ConvolutionsImpl(bool normalises = false) : normalises_(normalises) { reset(); }
  void reset() override {
    first_ = register_module("first", nn::Conv2d(nn::Conv2dOptions(1, 8, 3).padding(1)));
    if (normalises_) norm_ = register_module("norm", nn::BatchNorm2d(8));
    second_ = register_module("second", nn::Conv2d(nn::Conv2dOptions(8, 16, 3).padding(1)));
    out_ = register_module("out", nn::Linear(256, 10));
  }
  at::Tensor forward(const at::Tensor& x) {
    at::Tensor h = first_(x);
    if (normalises_) h = norm_(h);
    h = at::max_pool2d(at::relu(h), 2);
    return out_(at::relu(second_(h)).flatten(1));
  }

 private:
  bool normalises_;
  nn::Conv2d first_{nullptr}, second_{nullptr};
  nn::BatchNorm2d norm_{nullptr};
  nn::Linear out_{nullptr};
};
TORCH_MODULE(Convolutions);

/// Vectors (n, 8) to one number by two residual blocks behind layer norms.
class ResidualImpl : public nn::Cloneable<ResidualImpl> {
 public:
  explicit ResidualImpl(int64_t width = 16) : width_(width) { reset(); }
  void reset() override {
    in_ = register_module("in", nn::Linear(8, width_));
    for (int k = 0; k < 2; ++k) {
      const std::string name = std::to_string(k);
      norms_[k] = register_module("norm" + name, nn::LayerNorm(nn::LayerNormOptions({width_})));
      wide_[k] = register_module("wide" + name, nn::Linear(width_, width_));
      back_[k] = register_module("back" + name, nn::Linear(width_, width_));
    }
    out_ = register_module("out", nn::Linear(width_, 1));
  }
  at::Tensor forward(const at::Tensor& x) {
    at::Tensor h = in_(x);
    for (int k = 0; k < 2; ++k) h = h + back_[k](at::relu(wide_[k](norms_[k](h))));
    return out_(h);
  }

 private:
  int64_t width_;
  nn::Linear in_{nullptr}, out_{nullptr};
  nn::LayerNorm norms_[2]{nullptr, nullptr};
  nn::Linear wide_[2]{nullptr, nullptr}, back_[2]{nullptr, nullptr};
};
TORCH_MODULE(Residual);

/// Sequences (n, tokens, 4) to one number by a block of attention of two heads.
class AttentionImpl : public nn::Cloneable<AttentionImpl> {
 public:
  explicit AttentionImpl(int64_t width = 16) : width_(width) { reset(); }
  void reset() override {
    in_ = register_module("in", nn::Linear(4, width_));
    norm_ = register_module("norm", nn::LayerNorm(nn::LayerNormOptions({width_})));
    parts_ = register_module("parts", nn::Linear(width_, 3 * width_));
    mixed_ = register_module("mixed", nn::Linear(width_, width_));
    other_norm_ = register_module("other_norm", nn::LayerNorm(nn::LayerNormOptions({width_})));
    wide_ = register_module("wide", nn::Linear(width_, 2 * width_));
    back_ = register_module("back", nn::Linear(2 * width_, width_));
    out_ = register_module("out", nn::Linear(width_, 1));
  }
  at::Tensor forward(const at::Tensor& x) {
    at::Tensor h = in_(x);
    const at::Tensor parts = parts_(norm_(h)).unflatten(-1, {3, 2, -1}).permute({2, 0, 3, 1, 4});
    const at::Tensor seen = at::scaled_dot_product_attention(parts[0], parts[1], parts[2]);
    h = h + mixed_(seen.transpose(1, 2).flatten(2));
    h = h + back_(at::gelu(wide_(other_norm_(h))));
    return out_(h.mean(1));
  }

 private:
  int64_t width_;
  nn::Linear in_{nullptr}, parts_{nullptr}, mixed_{nullptr}, wide_{nullptr}, back_{nullptr},
      out_{nullptr};
  nn::LayerNorm norm_{nullptr}, other_norm_{nullptr};
};
TORCH_MODULE(Attention);

}  // namespace descent::networks_of_tests

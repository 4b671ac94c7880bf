#pragma once
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include <ATen/core/Generator.h>

#include <descent/optim/wrappers/gradient_transform.h>
#include <descent/tensors/centralized.h>

namespace descent {

/// The norm of all gradients of these parameters together, as a tensor without dimensions on the
/// first gradient's device, without waiting for it: as torch.nn.utils.get_total_norm, where
/// LibTorch's clip_grad_norm_ always waits. `norm_type` is 2, infinity or any number > 0. 16-bit
/// gradients are summed in float. 0 without gradients.
at::Tensor grad_norm(const std::vector<at::Tensor>& params, double norm_type = 2);

struct GradientNoiseOptions {
  double eta = 0.01;    ///< variance of the first step
  double gamma = 0.55;  ///< how fast the variance falls
  int64_t seed = 0;
  DESCENT_OPTIONS((eta, non_negative), (gamma, non_negative), (seed, non_negative))
};

/// Gradient noise: adds normal numbers to the gradients, less and less.
/// Neelakantan et al. 2015, arXiv:1511.06807; as optax.add_noise:
///   g <- g + N(0, sigma^2),   sigma^2 = eta / (1 + t)^gamma,   t = 0, 1, ... steps done
/// Where the optimizer has `maximize`, the noise enters after the sign: -g + N. Every device has a
/// generator of its own, and a parameter's numbers depend only on the seed and on the steps and
/// parameters before. 16-bit gradients get noise drawn in float. eta = 0 draws nothing.
class GradientNoise final : public GradientTransform {
 public:
  using Options = GradientNoiseOptions;
  explicit GradientNoise(InnerOptimizer inner, const Options& options = {});

  const Options& options() const { return options_; }
  /// Steps done: t of the next one.
  int64_t count() const { return count_; }

 private:
  void transform(std::vector<Gradient>& gradients) override;
  void stepped() override { ++count_; }
  at::Generator& generator(c10::Device device);
  void save_own(tensors::RecordWriter& record) const override;
  /// Generators of devices that hold no parameter are left out; a device without a saved generator
  /// starts from the seed.
  Change read_own(const tensors::RecordReader& record) override;

  Options options_;
  int64_t count_ = 0;
  std::map<std::string, at::Generator> generators_;
};

struct GradientCentralizationOptions {
  bool conv_only = false;  ///< gradients of more than three dimensions only
  DESCENT_OPTIONS((conv_only))
};

/// Gradient centralization: the gradient of each row or filter has mean 0.
/// Yong et al. 2020, arXiv:2004.01461; as in lessw2020's ranger:
///   dim > 1:   g <- g - mean of g over all axes but the first
class GradientCentralization final : public GradientTransform {
 public:
  using Options = GradientCentralizationOptions;
  explicit GradientCentralization(InnerOptimizer inner, const Options& options = {});

  const Options& options() const { return options_; }

 private:
  void transform(std::vector<Gradient>& gradients) override;

  Options options_;
};

struct ClipValueOptions {
  double clip_value = 1;  ///< the largest magnitude that an element keeps
  DESCENT_OPTIONS((clip_value, non_negative_or_infinite))
};

/// Clips every element of the gradients to [-clip_value, clip_value], as
/// torch.nn.utils.clip_grad_value_. NaN stays NaN.
class ClipValue final : public GradientTransform {
 public:
  using Options = ClipValueOptions;
  explicit ClipValue(InnerOptimizer inner, const Options& options = {});

  const Options& options() const { return options_; }

 private:
  void transform(std::vector<Gradient>& gradients) override;

  Options options_;
};

struct ClipNormOptions {
  double max_norm = 1;   ///< infinity: measures only
  double norm_type = 2;  ///< 2, infinity or any other order
  /// Throws instead of stepping when the norm is NaN or infinite. To know that, every step waits
  /// for the device.
  bool error_if_nonfinite = false;
  DESCENT_OPTIONS((max_norm, non_negative_or_infinite), (norm_type, positive_or_infinite),
                  (error_if_nonfinite))
};

/// Scales all gradients of all groups together so that their norm is at most max_norm.
/// Pascanu et al. 2013, arXiv:1211.5063; as torch.nn.utils.clip_grad_norm_:
///   g <- g min(1, max_norm / (norm + 1e-6))
class ClipNorm final : public GradientTransform {
 public:
  using Options = ClipNormOptions;
  explicit ClipNorm(InnerOptimizer inner, const Options& options = {});

  const Options& options() const { return options_; }
  /// The norm that the last step found, before clipping: a float64 tensor, so that only who reads it
  /// waits for the device. Undefined before the first step.
  const at::Tensor& norm() const { return norm_; }

 private:
  void transform(std::vector<Gradient>& gradients) override;

  Options options_;
  at::Tensor norm_;
};

struct AdaptiveClipOptions {
  double clipping = 0.01;  ///< lambda: a unit's gradient may have this part of its weights' norm
  double eps = 1e-3;       ///< the least norm that weights count with, so that zeros can move
  DESCENT_OPTIONS((clipping, non_negative), (eps, non_negative))
};

/// Adaptive gradient clipping: each unit's gradient in proportion to the unit's weights.
/// Brock et al. 2021, arXiv:2102.06171; as timm's adaptive_clip_grad:
///   m = clipping max(||W_i||, eps);   G_i <- G_i m / max(||G_i||, 1e-6)  where ||G_i|| >= m
/// A unit i is an entry of the first axis: a row of a Linear, a filter of a convolution; a tensor
/// of at most one dimension is one unit. The paper leaves out the last linear layer: see exclude().
class AdaptiveClip final : public GradientTransform {
 public:
  using Options = AdaptiveClipOptions;
  explicit AdaptiveClip(InnerOptimizer inner, const Options& options = {});

  const Options& options() const { return options_; }
  /// Leaves the gradients of these parameters as they are.
  void exclude(const std::vector<at::Tensor>& params);

 private:
  void transform(std::vector<Gradient>& gradients) override;
  Change replace_own(const at::Tensor& from, const at::Tensor& to,
                     const std::function<at::Tensor(const at::Tensor&)>& map) override;

  Options options_;
  std::vector<at::Tensor> excluded_;  // keeps their addresses from being given to other tensors
  std::unordered_set<const void*> excluded_addresses_;
};

}  // namespace descent

#include <algorithm>
#include <cmath>

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <descent/optim/wrappers/gradient_transforms.h>
#include <descent/tensors/computed_in.h>
#include <descent/tensors/norm.h>
#include <descent/tensors/real_view.h>
#include <descent/tensors/record.h>

namespace descent {
namespace {

/// 1, 2, ..., dim - 1
std::vector<int64_t> all_axes_but_the_first(const at::Tensor& x) {
  std::vector<int64_t> axes;
  for (int64_t axis = 1; axis < x.dim(); ++axis) axes.push_back(axis);
  return axes;
}

at::Tensor norm_of(const std::vector<at::Tensor>& gradients, double norm_type) {
  std::vector<at::Tensor> norms;
  for (const auto& g : gradients)
    if (g.numel() > 0)  // an infinity norm of nothing is refused
      norms.push_back(tensors::norm(g, norm_type).to(gradients.front().device()));
  if (norms.empty())
    return at::zeros(
        {}, gradients.empty() ? at::kDouble : gradients.front().options().dtype(at::kDouble));
  return tensors::norm(at::stack(norms), norm_type);
}

/// One norm for each entry of the first axis, one for a tensor of at most one dimension.
at::Tensor unit_norms(const at::Tensor& x) {
  return tensors::norm(x, 2, all_axes_but_the_first(x), true);
}

}  // namespace

at::Tensor grad_norm(const std::vector<at::Tensor>& params, double norm_type) {
  const at::NoGradGuard no_grad;
  TORCH_CHECK(domains::positive_or_infinite.holds(norm_type),
              "grad_norm: norm_type = ", to_text(norm_type), ", must be ",
              domains::positive_or_infinite.text);
  std::vector<at::Tensor> gradients;
  for (size_t i = 0; i < params.size(); ++i) {
    const at::Tensor& gradient = params[i].grad();
    if (!gradient.defined()) continue;
    TORCH_CHECK(gradient.layout() == at::kStrided, "grad_norm: the gradient of params[", i,
                "] has layout ", gradient.layout(), ", must be strided");
    gradients.push_back(gradient);
  }
  return norm_of(gradients, norm_type);
}

GradientNoise::GradientNoise(InnerOptimizer inner, const Options& options)
    : GradientTransform("GradientNoise", std::move(inner)),
      options_(checked("GradientNoise", options)) {}

at::Generator& GradientNoise::generator(c10::Device device) {
  auto& generator = generators_[device.str()];
  if (!generator.defined()) {
    generator = at::globalContext().defaultGenerator(device).clone();
    // Equal devices must not draw equal numbers.
    generator.set_current_seed(static_cast<uint64_t>(options_.seed) +
                               (device.is_cpu() ? 0 : static_cast<uint64_t>(device.index()) + 1));
  }
  return generator;
}

void GradientNoise::transform(std::vector<Gradient>& gradients) {
  if (options_.eta == 0) return;
  const double sigma =
      std::sqrt(options_.eta / std::pow(1 + static_cast<double>(count_), options_.gamma));
  std::vector<int> signs;
  for (size_t g = 0; g < param_groups_.size(); ++g) signs.push_back(maximizes(g) ? -1 : 1);
  for (auto& [parameter, value, group] : gradients) {
    const at::Tensor noise =
        at::empty(value.sizes(), value.options().dtype(tensors::computed_in(value)))
            .normal_(0, sigma, generator(value.device()));
    value = at::add(value, noise, signs[group]).to(value.scalar_type());
  }
}

void GradientNoise::save_own(tensors::RecordWriter& record) const {
  tensors::NamedTensors generators;
  for (const auto& [device, generator] : generators_)
    generators.emplace_back(device, generator.get_state());
  record.write("count", count_);
  record.write("generators", generators);
}

Wrapper::Change GradientNoise::read_own(const tensors::RecordReader& record) {
  const int64_t count = record.count("count");
  std::map<std::string, at::Generator> loaded;
  for (const auto& [device, state] : record.read<tensors::NamedTensors>("generators"))
    for (const auto& group : param_groups_)
      for (const auto& p : group.params()) {
        if (p.device().str() != device || loaded.contains(device)) continue;
        at::Generator generator = at::globalContext().defaultGenerator(p.device()).clone();
        generator.set_state(state);
        loaded.emplace(device, std::move(generator));
      }
  return [this, loaded = std::move(loaded), count] {
    generators_ = loaded;
    count_ = count;
  };
}

GradientCentralization::GradientCentralization(InnerOptimizer inner, const Options& options)
    : GradientTransform("GradientCentralization", std::move(inner)), options_(options) {}

void GradientCentralization::transform(std::vector<Gradient>& gradients) {
  for (auto& g : gradients)
    if (g.value.dim() > (options_.conv_only ? 3 : 1)) g.value = tensors::centralized(g.value);
}

ClipValue::ClipValue(InnerOptimizer inner, const Options& options)
    : GradientTransform("ClipValue", std::move(inner)), options_(checked("ClipValue", options)) {}

void ClipValue::transform(std::vector<Gradient>& gradients) {
  for (auto& g : gradients) g.value = g.value.clamp(-options_.clip_value, options_.clip_value);
}

ClipNorm::ClipNorm(InnerOptimizer inner, const Options& options)
    : GradientTransform("ClipNorm", std::move(inner)), options_(checked("ClipNorm", options)) {}

void ClipNorm::transform(std::vector<Gradient>& gradients) {
  std::vector<at::Tensor> values;
  for (const auto& g : gradients) values.push_back(g.value);
  norm_ = norm_of(values, options_.norm_type);
  TORCH_CHECK(!options_.error_if_nonfinite || std::isfinite(norm_.item<double>()),
              "ClipNorm: the norm of the gradients is ", norm_.item<double>(),
              ", must be finite while error_if_nonfinite is set");
  if (std::isinf(options_.max_norm)) return;
  const at::Tensor factor = (options_.max_norm / (norm_ + 1e-6)).clamp_max(1);
  for (auto& g : gradients)
    g.value = g.value.mul(factor.to(g.value.device())).to(g.value.scalar_type());
}

AdaptiveClip::AdaptiveClip(InnerOptimizer inner, const Options& options)
    : GradientTransform("AdaptiveClip", std::move(inner)),
      options_(checked("AdaptiveClip", options)) {}

void AdaptiveClip::exclude(const std::vector<at::Tensor>& params) {
  for (const auto& p : params)
    if (excluded_addresses_.insert(p.unsafeGetTensorImpl()).second) excluded_.push_back(p);
}

void AdaptiveClip::transform(std::vector<Gradient>& gradients) {
  for (auto& [parameter, value, group] : gradients) {
    if (excluded_addresses_.contains(parameter.unsafeGetTensorImpl())) continue;
    const at::Tensor norms = unit_norms(value);
    const at::Tensor allowed =
        unit_norms(tensors::real_view(parameter)).clamp_min(options_.eps) * options_.clipping;
    const at::Tensor clipped =
        value * (allowed / norms.clamp_min(1e-6)).to(tensors::computed_in(value));
    value = at::where(norms < allowed, value, clipped).to(value.scalar_type());
  }
}

Wrapper::Change AdaptiveClip::replace_own(
    const at::Tensor& from, const at::Tensor& to,
    const std::function<at::Tensor(const at::Tensor&)>& /*map*/) {
  if (!excluded_addresses_.contains(from.unsafeGetTensorImpl())) return [] {};
  return [this, from, to] {
    excluded_addresses_.erase(from.unsafeGetTensorImpl());
    std::erase_if(excluded_, [&](const at::Tensor& p) { return p.is_same(from); });
    exclude({to});
  };
}

}  // namespace descent

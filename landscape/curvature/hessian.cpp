#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>
#include <span>
#include <sstream>

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include <descent/base/pattern.h>
#include <descent/landscape/curvature/hessian.h>
#include <descent/landscape/evaluate/refuse.h>
#include <descent/landscape/paths/evaluator.h>
#include <descent/tensors/computed_in.h>

namespace descent::landscape {
namespace {

using at::Tensor;

bool is_pattern(const std::string& only) { return only.find('*') != only.npos; }

/// Whether CurvatureOptions::only names a parameter.
bool is_of(const std::string& only, const std::string& name) {
  return is_pattern(only) ? fits_pattern(only, name) : name.starts_with(only);
}

std::string shape_of(const Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  std::ostringstream text;
  text << "of shape " << tensor.sizes();
  return text.str();
}

/// While one lives, attention is computed step by step: LibTorch's fused kernels can be
/// differentiated only once. Its switches are those of the process, so the first one throws them
/// and the last one, on whatever thread, puts them back.
class PlainAttention {
 public:
  PlainAttention() {
    const std::lock_guard lock(mutex_);
    if (count_++ > 0) return;
    before_ = {context().userEnabledFlashSDP(), context().userEnabledMemEfficientSDP(),
               context().userEnabledCuDNNSDP()};
    set({false, false, false});
  }
  ~PlainAttention() {
    const std::lock_guard lock(mutex_);
    if (--count_ == 0) set(before_);
  }
  PlainAttention(const PlainAttention&) = delete;
  PlainAttention& operator=(const PlainAttention&) = delete;

 private:
  struct Switches {
    bool flash, lean, cudnn;
  };
  static at::Context& context() { return at::globalContext(); }
  static void set(const Switches& to) {
    context().setSDPUseFlash(to.flash);
    context().setSDPUseMemEfficient(to.lean);
    context().setSDPUseCuDNN(to.cudnn);
  }

  static inline std::mutex mutex_;
  static inline int64_t count_ = 0;
  static inline Switches before_{};
};

}  // namespace

Hessian::Hessian(const char* who, const Network& network, const Metric& loss, const Batches& data,
                 const CurvatureOptions& options)
    : who_(who), metric_(loss), options_(options) {
  if (options.batch_norm == BatchNorm::Interpolate || options.batch_norm == BatchNorm::Recompute) {
    refuse(who, ": batch_norm must be BatchNorm::Keep or BatchNorm::Batch");
  }
  const std::string type = network.model().type();
  if (network.model().parameters().empty()) {
    refuse(who, ": the network of type ", type, " has no parameters");
  }
  for (const Data& batch : data) {
    if (!batch.input.defined() || batch.input.numel() == 0) refuse(who, ": data.input is empty");
    if (!batch.target.defined() || batch.target.numel() == 0) refuse(who, ": data.target is empty");
  }
  if (data.size() == 0) refuse(who, ": the data has no batches");
  const BatchWeights weights(who, std::span(&loss, 1), data);
  for (size_t b = 0; b < data.size(); ++b) {
    if (weights.of(b, 0) > 0) data_.push_back({data[b], weights.of(b, 0) / weights.total(0)});
  }

  all_ = parameters_of(network.model());
  frozen_ = options.frozen ? std::vector<bool>(all_.names.size()) : landscape::frozen(all_);
  bool any_named = false;
  for (size_t k = 0; k < all_.names.size(); ++k) {
    const Tensor& parameter = all_.tensors[k];
    first_.push_back(kNotChosen);
    const auto fits = [&](const std::string& name) { return is_of(options.only, name); };
    if (!any_name(all_, k, fits)) continue;
    any_named = true;
    if (frozen_[k]) continue;
    if (!parameter.is_floating_point()) {
      refuse(who, ": parameter '", all_.names[k], "' is ", parameter.scalar_type(),
             "; a Hessian needs a floating type");
    }
    first_.back() = size_;
    size_ += parameter.numel();
  }
  if (size_ == 0 && any_named) {
    refuse(who, ": only = \"", options.only, "\", but these parameters of the network of type ",
           type,
           " are frozen (requires_grad is false); set frozen = true to count them all the same");
  }
  if (size_ == 0) {
    refuse(who, ": only = \"", options.only, "\", but the network of type ", type,
           " has no parameter whose name ", is_pattern(options.only) ? "fits" : "begins so",
           "; its first is '", all_.names[0], "'");
  }

  model_ = network.model().clone(who);
  model_->eval(options.batch_norm == BatchNorm::Batch);
  // Weights that are tied in the network may be apart in the clone of a Sequential: each of them
  // takes the entries of the one, and its derivatives are added to them.
  const Named entries = model_->parameters();
  for (size_t k = 0; k < entries.size(); ++k) {
    const Tensor& parameter = entries[k].second;
    const size_t slot = all_.slot[k];
    const bool chosen = first_[slot] != kNotChosen;
    if (parameter.is_floating_point()) parameter.requires_grad_(chosen);
    const bool known = std::any_of(parameters_.begin(), parameters_.end(),
                                   [&](const Tensor& other) { return other.is_same(parameter); });
    if (!chosen || known) continue;
    parameters_.push_back(parameter);
    slots_.push_back(slot);
  }

  gradient_ = at::zeros({size_}, vectors().dtype(at::kDouble));
  for (const Batch& batch : data_) {
    kept_ = share(batch);
    loss_at_center_ += kept_.loss.item<double>();
    add(kept_.gradient, gradient_);
  }
  if (data_.size() > 1) kept_ = {};
  if (!std::isfinite(loss_at_center_)) {
    refuse(who, ": the loss is ", loss_at_center_, " at the network's weights, it must be finite");
  }
  if (!at::isfinite(gradient_).all().item<bool>()) {
    refuse(who, ": the gradient at the network's weights has values that are not finite");
  }
}

at::TensorOptions Hessian::vectors() const {
  const Tensor& first = parameters_.front();
  return first.options().dtype(tensors::computed_in(first)).requires_grad(false);
}

Tensor Hessian::value(const Batch& batch) const {
  const Tensor loss =
      metric_value(metric_, prediction_of(*model_, batch.data, who_), batch.data.target);
  if (!loss.defined() || loss.numel() != 1) {
    refuse(who_, ": the loss must be a tensor with one element, it is ", shape_of(loss));
  }
  return data_.size() == 1 ? loss.reshape({}) : loss.reshape({}) * batch.part;
}

Hessian::Share Hessian::share(const Batch& batch) const {
  const at::AutoGradMode with_gradients(true);
  const PlainAttention plain;
  const Tensor loss = value(batch);
  std::vector<Tensor> gradient;
  if (loss.requires_grad()) gradient = differentiated({loss}, {}, /*again=*/true, /*keep=*/true);
  if (std::none_of(gradient.begin(), gradient.end(), [](const Tensor& g) { return g.defined(); })) {
    refuse(who_, ": the loss '", metric_.name, "' has no gradient with respect to the parameters",
           options_.only.empty() ? "" : " in question");
  }
  return {loss.detach(), std::move(gradient)};
}

std::vector<Tensor> Hessian::differentiated(const std::vector<Tensor>& outputs,
                                            const std::vector<Tensor>& by, bool again,
                                            bool keep) const {
  try {
    // Not backward(): it writes .grad, and with a graph leaves cycles (PyHessian#25).
    return torch::autograd::grad(outputs, parameters_, by, keep, again, /*allow_unused=*/true);
  } catch (const c10::Error& error) {
    refuse(who_, ": the loss of the network of type ", model_->type(), " cannot be differentiated ",
           again ? "once" : "twice", ". LibTorch says: ", error.what_without_backtrace());
  }
}

Tensor Hessian::times(const Tensor& v) {
  Tensor result = at::zeros_like(v);
  std::vector<Tensor> parts;
  for (size_t k = 0; k < parameters_.size(); ++k) {
    parts.push_back(part(v, slots_[k]).to(parameters_[k].options()));
  }
  for (const Batch& batch : data_) {
    const bool keep = data_.size() == 1;
    const Share here = keep && !kept_.gradient.empty() ? kept_ : share(batch);
    if (keep) kept_ = here;
    std::vector<Tensor> outputs, by;
    for (size_t k = 0; k < parameters_.size(); ++k) {
      // A loss that is linear in a parameter has a gradient that depends on none.
      if (!here.gradient[k].defined() || !here.gradient[k].requires_grad()) continue;
      outputs.push_back(here.gradient[k]);
      by.push_back(parts[k]);
    }
    if (outputs.empty()) continue;
    const PlainAttention plain;
    add(differentiated(outputs, by, /*again=*/false, keep), result);
  }
  if (!at::isfinite(result).all().item<bool>()) {
    refuse(who_, ": a product with the Hessian has values that are not finite");
  }
  ++done_;
  report();
  return result;
}

double Hessian::loss_at(const Tensor& step) {
  const at::NoGradGuard no_grad;
  kept_ = {};  // its graph needs the weights as they were
  std::vector<Tensor> center;
  for (size_t k = 0; k < parameters_.size(); ++k) {
    center.push_back(parameters_[k].clone());
    parameters_[k].add_(part(step, slots_[k]));
  }
  double loss = 0;
  for (const Batch& batch : data_) loss += value(batch).item<double>();
  for (size_t k = 0; k < parameters_.size(); ++k) parameters_[k].copy_(center[k]);
  return loss;
}

Tensor Hessian::part(const Tensor& vector, size_t slot) const {
  const Tensor& parameter = all_.tensors[slot];
  return vector.narrow(0, first_[slot], parameter.numel()).view(parameter.sizes());
}

void Hessian::add(const std::vector<Tensor>& derivatives, const Tensor& to) const {
  for (size_t k = 0; k < derivatives.size(); ++k) {
    if (derivatives[k].defined()) part(to, slots_[k]).add_(derivatives[k].detach());
  }
}

Tensor Hessian::joined(const std::vector<Tensor>& tensors) const {
  if (tensors.size() != all_.tensors.size()) {
    refuse(who_, ": v has ", tensors.size(), " tensors for ", all_.tensors.size(), " parameters");
  }
  const Tensor result = at::empty({size_}, vectors());
  for (size_t k = 0; k < tensors.size(); ++k) {
    if (first_[k] == kNotChosen) continue;
    if (!tensors[k].defined() || tensors[k].sizes() != all_.tensors[k].sizes()) {
      refuse(who_, ": v of parameter '", all_.names[k], "' is ", shape_of(tensors[k]),
             ", but the parameter is ", shape_of(all_.tensors[k]));
    }
    part(result, k).copy_(tensors[k].detach());
  }
  return result;
}

std::vector<Tensor> Hessian::split(const Tensor& vector) const {
  std::vector<Tensor> result;
  for (size_t k = 0; k < all_.tensors.size(); ++k) {
    const Tensor& parameter = all_.tensors[k];
    result.push_back(at::zeros(parameter.sizes(), parameter.options().requires_grad(false)));
    if (first_[k] != kNotChosen) result[k].copy_(part(vector, k));
  }
  return result;
}

void Hessian::plan(std::vector<int64_t> parts) {
  parts_ = std::move(parts);
  part_ = 0;
  done_ = 0;
}

void Hessian::next_part() {
  ++part_;
  done_ = 0;
}

void Hessian::report() {
  if (!options_.on_progress) return;
  const auto current = parts_.begin() + static_cast<std::ptrdiff_t>(part_);
  // In double, because the most that one asks for may be any number.
  const double all = std::accumulate(parts_.begin(), parts_.end(), 0.);
  const double done =
      std::accumulate(parts_.begin(), current, 0.) + static_cast<double>(std::min(done_, *current));
  if (!options_.on_progress(done / all)) stopped_ = true;
}

}  // namespace descent::landscape

#include <exception>

#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/binary_cross_entropy.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/nll_loss_nd.h>

#include <descent/base/nearest.h>
#include <descent/landscape/data/metric.h>
#include <descent/landscape/evaluate/refuse.h>

namespace descent {
namespace {

using at::Tensor;
using landscape::kIgnoredClass;
using landscape::refuse;

/// Whether the target holds class indices: (n, ...) beside (n, classes, ...).
bool are_classes(const Tensor& target) { return target.scalar_type() == at::kLong; }

void check_classes(const char* who, const Tensor& prediction, const Tensor& target) {
  bool fits = are_classes(target) && prediction.dim() == target.dim() + 1 && target.dim() > 0;
  for (int64_t d = 0; fits && d < target.dim(); ++d) {
    fits = prediction.size(d == 0 ? 0 : d + 1) == target.size(d);
  }
  if (!fits) {
    refuse(who, ": the prediction has shape ", prediction.sizes(), " and the target is ",
           target.scalar_type(), target.sizes(),
           "; allowed are (n, classes, ...) against class indices of type Long (n, ...)");
  }
}

void check_equal(const char* who, const Tensor& prediction, const Tensor& target) {
  if (prediction.sizes() == target.sizes()) return;
  refuse(who, ": the prediction has shape ", prediction.sizes(), " and the target ", target.sizes(),
         "; they must be equal");
}

}  // namespace

Tensor Mse::operator()(const Tensor& prediction, const Tensor& target) const {
  check_equal(name, prediction, target);
  return (prediction - target).square().mean();
}

Tensor L1::operator()(const Tensor& prediction, const Tensor& target) const {
  check_equal(name, prediction, target);
  return (prediction - target).abs().mean();
}

Tensor CrossEntropy::operator()(const Tensor& prediction, const Tensor& target) const {
  if (are_classes(target) || prediction.sizes() != target.sizes()) {
    check_classes(name, prediction, target);
  }
  return at::cross_entropy_loss(prediction, target);
}

Tensor Nll::operator()(const Tensor& prediction, const Tensor& target) const {
  check_classes(name, prediction, target);
  return at::nll_loss_nd(prediction, target);
}

Tensor BinaryCrossEntropy::operator()(const Tensor& prediction, const Tensor& target) const {
  check_equal(name, prediction, target);
  return at::binary_cross_entropy(prediction, target);
}

Tensor BinaryCrossEntropyWithLogits::operator()(const Tensor& prediction,
                                                const Tensor& target) const {
  check_equal(name, prediction, target);
  return at::binary_cross_entropy_with_logits(prediction, target);
}

Tensor OutputLoss::operator()(const Tensor& prediction, const Tensor&) const {
  if (prediction.numel() == 1) return prediction.reshape({});
  refuse(name, ": the network's output has shape ", prediction.sizes(),
         "; it must be one number, the loss");
}

Tensor Accuracy::operator()(const Tensor& prediction, const Tensor& target) const {
  const bool classes = are_classes(target);
  if (classes || prediction.sizes() != target.sizes()) check_classes(name, prediction, target);
  const Tensor chosen = prediction.argmax(1);
  // No class is kIgnoredClass, so what is ignored is no right choice already.
  const Tensor right = (chosen == (classes ? target : target.argmax(1))).to(at::kDouble);
  return classes ? right.sum() / (target != kIgnoredClass).sum() : right.mean();
}

const std::vector<Metric>& known_metrics() {
  static const std::vector<Metric> metrics{mse,
                                           l1,
                                           cross_entropy,
                                           nll,
                                           binary_cross_entropy,
                                           binary_cross_entropy_with_logits,
                                           output_loss,
                                           accuracy};
  return metrics;
}

Metric find_metric(const std::string& name) {
  std::vector<std::string> names;
  for (const Metric& metric : known_metrics()) {
    if (metric.name == name || metric.name + "_loss" == name) return metric;
    names.push_back(metric.name);
  }
  refuse("find_metric: no metric is called ", name, did_you_mean(name, names));
}

namespace landscape {

double count_numbers(const Tensor& target) { return static_cast<double>(target.numel()); }

double count_choices(const Tensor& target) {
  if (are_classes(target)) return (target != kIgnoredClass).sum().item<double>();
  return target.dim() < 2 ? 1 : count_numbers(target) / static_cast<double>(target.size(1));
}

double count_samples(const Tensor& target) {
  return target.dim() > 0 ? static_cast<double>(target.size(0)) : 1;
}

Tensor metric_value(const Metric& metric, const Tensor& prediction, const Tensor& target) {
  if (!metric.traits.in_double) return metric.value(prediction, target);
  try {
    return metric.value(prediction.to(at::kDouble),
                        target.is_floating_point() ? target.to(at::kDouble) : target);
  } catch (const std::exception&) {
    metric.value(prediction, target);  // what it says then is about the types that were given
    throw;
  }
}

}  // namespace landscape
}  // namespace descent

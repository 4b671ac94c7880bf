#include <array>
#include <string_view>

#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/nll_loss_nd.h>

#include <descent/base/nearest.h>
#include <descent/landscape/data/metric.h>
#include <descent/landscape/evaluate/refuse.h>
#include <descent/landscape/paths/evaluator.h>

namespace descent {
namespace {

using at::Tensor;
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

}  // namespace

Tensor Mse::operator()(const Tensor& prediction, const Tensor& target) const {
  if (prediction.sizes() != target.sizes()) {
    refuse("mse: the prediction has shape ", prediction.sizes(), " and the target ", target.sizes(),
           "; they must be equal");
  }
  return (prediction - target).square().mean();
}

Tensor CrossEntropy::operator()(const Tensor& prediction, const Tensor& target) const {
  if (are_classes(target) || prediction.sizes() != target.sizes()) {
    check_classes("cross_entropy", prediction, target);
  }
  return at::cross_entropy_loss(prediction, target);
}

Tensor Nll::operator()(const Tensor& prediction, const Tensor& target) const {
  check_classes("nll", prediction, target);
  return at::nll_loss_nd(prediction, target);
}

Tensor Accuracy::operator()(const Tensor& prediction, const Tensor& target) const {
  const bool classes = are_classes(target);
  if (classes || prediction.sizes() != target.sizes()) {
    check_classes("accuracy", prediction, target);
  }
  const Tensor chosen = prediction.argmax(1);
  return (chosen == (classes ? target : target.argmax(1))).to(at::kDouble).mean();
}

Metric find_metric(const std::string& name) {
  const std::array<Metric, 4> known{mse, cross_entropy, nll, accuracy};
  std::vector<std::string> names;
  for (const Metric& metric : known) {
    if (metric.name == name) return metric;
    names.push_back(metric.name);
  }
  refuse("find_metric: no metric is called ", name, did_you_mean(name, names));
}

namespace landscape {

Tensor metric_value(const Metric& metric, const Tensor& prediction, const Tensor& target) {
  using Kind = Metric::Kind;
  if (metric.kind == Kind::Custom || metric.kind == Kind::Accuracy) {
    return metric.value(prediction, target);
  }
  return metric.value(prediction.to(at::kDouble),
                      target.is_floating_point() ? target.to(at::kDouble) : target);
}

}  // namespace landscape
}  // namespace descent

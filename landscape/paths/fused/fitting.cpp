#include <sstream>
#include <utility>

#include <ATen/TensorOperators.h>

#include <descent/landscape/paths/fused/fitting.h>

namespace descent::landscape {

using at::Tensor;
using Kernel = MetricTraits::Kernel;

std::optional<std::vector<ChainLayer>> fitting_chain(
    const Model& model, const std::vector<Metric>& metrics, const std::vector<Tensor>& parameters,
    const Batches& data, const std::vector<Tensor>& predictions, std::string* why_not) {
  const auto refused = [&](const auto&... parts) {
    std::ostringstream text;
    (text << ... << parts);
    *why_not = text.str();
    return std::nullopt;
  };
  const bool squares = metrics.front().traits.kernel == Kernel::Squares;
  for (const Metric& metric : metrics) {
    const Kernel kernel = metric.traits.kernel;
    if (kernel == Kernel::None || squares != (kernel == Kernel::Squares))
      return refused("the metric '", metric.name, "' is not computed there");
  }
  auto chain = chain_of(model, why_not);
  if (!chain) return std::nullopt;
  const at::ScalarType type = parameters[0].scalar_type();
  if (type != at::kFloat && type != at::kDouble) return refused("the parameters are ", type);
  for (const auto& tensor : parameters) {
    if (tensor.scalar_type() != type) return refused("the parameters have several types");
    if (!tensor.is_cpu()) return refused("the parameters are on ", tensor.device());
  }
  for (size_t k = 0; k < data.size(); ++k) {
    const Data& batch = data[k];
    for (const auto* tensor : {&batch.input, &batch.target, &predictions[k]}) {
      const char* name = tensor == &batch.input    ? "data.input"
                         : tensor == &batch.target ? "data.target"
                                                   : "the prediction";
      const auto expected = tensor == &batch.target && !squares ? at::kLong : type;
      if (tensor->scalar_type() != expected) {
        return refused(name, " is ", tensor->scalar_type(), ", the parameters are ", type);
      }
      if (!tensor->is_cpu() || tensor->layout() != at::kStrided) {
        return refused(name, " is not a dense tensor on the CPU");
      }
    }
    if (batch.input.dim() != data[0].input.dim() ||
        batch.input.sizes().slice(1) != data[0].input.sizes().slice(1)) {
      return refused("the batches have samples of different shapes");
    }
    if (squares) continue;
    const int64_t classes = chain->back().out;
    if (predictions[k].dim() != 2 || predictions[k].size(1) != classes) {
      return refused("the predictions are not (n, classes)");
    }
    const Tensor known = batch.target.masked_fill(batch.target == kIgnoredClass, 0);
    if (known.min().item<int64_t>() < 0 || known.max().item<int64_t>() >= classes) {
      return refused("data.target holds classes outside of 0 .. ", classes - 1);
    }
  }
  return chain;
}

bool ignores_any(const Batches& data) {
  return std::any_of(data.begin(), data.end(), [](const Data& batch) {
    return (batch.target == kIgnoredClass).any().item<bool>();
  });
}

}  // namespace descent::landscape

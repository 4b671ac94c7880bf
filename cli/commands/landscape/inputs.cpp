#include "commands/landscape/inputs.h"

#include <cmath>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <descent/landscape/data/data_file.h>

#include "library.h"

namespace descent::cli {
namespace {

/// Whether a pattern fits a name; "*" stands for any text.
bool fits(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (size_t at = star; at <= name.size(); ++at)
    if (fits(rest, name.substr(at))) return true;
  return false;
}

/// Planes and Hessians leave parameters that are frozen where they are.
void freeze_all_but(const SavedNetwork& network, const std::string& pattern) {
  std::string names;
  bool any = false;
  for (const auto& [name, parameter] : network.named_parameters()) {
    const bool moves = fits(pattern, name);
    any |= moves;
    names += (names.empty() ? "" : ", ") + name;
    parameter.set_requires_grad(moves);
  }
  if (!any)
    throw std::invalid_argument("--parameters = " + pattern + " fits no parameter; there are " +
                                names);
}

/// "1/255" or "0.5".
double scale_of(const std::string& text) {
  const size_t slash = text.find('/');
  const auto number_of = [&](const std::string& digits) {
    size_t used = 0;
    double value = 0;
    try {
      value = std::stod(digits, &used);
    } catch (const std::exception&) {
    }
    if (used == 0 || used != digits.size() || !std::isfinite(value) || value == 0)
      throw std::invalid_argument("--scale = " + text +
                                  ", must be a number other than 0, as 1/255 or 0.5");
    return value;
  };
  if (slash == text.npos) return number_of(text);
  return number_of(text.substr(0, slash)) / number_of(text.substr(slash + 1));
}

}  // namespace

/// A network of --plane: a file of its own, or other weights of that of --model.
std::shared_ptr<SavedNetwork> other_network(const SavedNetwork& model,
                                            const std::filesystem::path& file) {
  if (file.extension() != ".safetensors" && file.extension() != ".json" &&
      !std::filesystem::is_directory(file))
    return load_network(file);
  std::shared_ptr<SavedNetwork> network = model.clone();
  load_weights(*network, file);
  return network;
}

Batches data_of(const LandscapeSettings& settings) {
  Batches data = load_data(settings.data);
  if (settings.scale.empty()) return data;
  const double scale = scale_of(settings.scale);
  std::vector<Data> scaled;
  for (const Data& batch : data) {
    if (!batch.named.empty())
      throw std::invalid_argument("--scale = " + settings.scale +
                                  " with inputs by name, allowed with one input only");
    const bool is_real = batch.input.is_floating_point();
    const at::Tensor input = is_real ? batch.input : batch.input.to(at::kFloat);
    scaled.push_back({input * scale, batch.target});
  }
  return scaled;
}

std::shared_ptr<SavedNetwork> network_of(const LandscapeSettings& settings) {
  if (!settings.library.empty()) load_library(settings.library);
  std::shared_ptr<SavedNetwork> network = load_network(settings.model);
  if (!settings.weights.empty()) load_weights(*network, settings.weights);
  if (!settings.output.empty()) network->choose_output(settings.output);
  if (!settings.parameters.empty()) freeze_all_but(*network, settings.parameters);
  return network;
}

std::vector<Metric> metrics_of(const LandscapeSettings& settings) {
  std::vector<Metric> metrics{find_metric(settings.loss)};
  if (!metrics[0].traits.is_loss) {
    std::string losses;
    for (const Metric& metric : known_metrics())
      if (metric.traits.is_loss) losses += (losses.empty() ? "" : ", ") + metric.name;
    throw std::invalid_argument("--loss = " + metrics[0].name + ", must be " + losses +
                                "; see --metrics");
  }
  for (const std::string& name : settings.metrics) {
    for (const Metric& metric : metrics)
      if (metric.name == name) throw std::invalid_argument("--metrics: " + name + " stands twice");
    metrics.push_back(find_metric(name));
  }
  return metrics;
}

}  // namespace descent::cli

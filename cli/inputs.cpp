#include "inputs.h"

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <CLI/CLI.hpp>

#include <descent/base/pattern.h>
#include <descent/base/text.h>
#include <descent/landscape/data/data_file.h>

#include "commands/landscape/report.h"
#include "library.h"

namespace descent::cli {
namespace {

/// Planes and Hessians leave parameters that are frozen where they are.
void freeze_all_but(const SavedNetwork& network, const std::string& pattern) {
  std::vector<std::string> names;
  bool any = false;
  for (const auto& [name, parameter] : network.named_parameters()) {
    const bool moves = fits_pattern(pattern, name);
    any |= moves;
    names.push_back(name);
    parameter.set_requires_grad(moves);
  }
  if (!any)
    throw std::invalid_argument("--parameters = " + pattern + " fits no parameter; there are " +
                                joined(names));
}

/// "1/255" or "0.5".
double scale_of(const std::string& text) {
  const size_t slash = text.find('/');
  const auto check = [&](bool right) {
    if (!right)
      throw std::invalid_argument("--scale = " + text +
                                  ", must be a number other than 0, as 1/255 or 0.5");
  };
  const auto number_of = [&](const std::string& digits) {
    size_t used = 0;
    double value = 0;
    try {
      value = std::stod(digits, &used);
    } catch (const std::exception&) {
    }
    check(used != 0 && used == digits.size() && std::isfinite(value) && value != 0);
    return value;
  };
  if (slash == text.npos) return number_of(text);
  const double scale = number_of(text.substr(0, slash)) / number_of(text.substr(slash + 1));
  check(std::isfinite(scale) && scale != 0);
  return scale;
}

/// Names of the metrics that may be the loss.
std::string losses() {
  std::vector<std::string> names;
  for (const Metric& metric : known_metrics())
    if (metric.traits.is_loss) names.push_back(metric.name);
  return joined(names);
}

Metric loss_of(const std::string& name) {
  Metric metric = find_metric(name);
  if (!metric.traits.is_loss)
    throw std::invalid_argument("--loss = " + metric.name + ", must be " + losses() +
                                "; see --metrics");
  return metric;
}

void add_metric(std::vector<Metric>& metrics, const std::string& name) {
  for (const Metric& metric : metrics)
    if (metric.name == name) throw std::invalid_argument("--metrics: " + name + " stands twice");
  metrics.push_back(find_metric(name));
}

Batches scaled(const Batches& data, double scale) {
  std::vector<Data> result;
  for (const Data& batch : data) {
    if (!batch.named.empty())
      throw std::invalid_argument("--scale = " + number(scale) +
                                  " with inputs by name, allowed with one input only");
    const bool is_real = batch.input.is_floating_point();
    const at::Tensor input = is_real ? batch.input : batch.input.to(at::kFloat);
    result.push_back({input * scale, batch.target});
  }
  return result;
}

}  // namespace

void add_inputs(CLI::App& command, Job& job) {
  command
      .add_option("--model", job.model_file,
                  "file of torch.export.save (.pt2) or of TorchScript (.pt)")
      ->required();
  command.add_option("--weights", job.weights_file,
                     "for the network: a state_dict, a checkpoint, FILE.safetensors or a folder "
                     "with a model.safetensors");
  command.add_option("--parameters", job.parameters,
                     "only these move in planes and count in Hessians: a name with * for any "
                     "text, as head.* or *lora*");
  command.add_option("--output", job.output,
                     "the network's prediction, if it has several outputs and none called logits");
  command.add_option("--library", job.library,
                     "shared library that registers operations of the network");
  command
      .add_option("--data", job.data_file,
                  "file of torch.save: {\"input\": x, \"target\": y}, (x, y), inputs by name with "
                  "\"target\" or \"labels\", or a list of these; FILE.npz with input and target; "
                  "x.npy,y.npy")
      ->required();
  command.add_option_function<std::string>(
      "--scale", [&job](const std::string& text) { job.scale = scale_of(text); },
      "factor of the inputs, 1/255 for images of bytes");
  command
      .add_option_function<std::string>(
          "--loss",
          [&job](const std::string& name) {
            job.metrics.insert(job.metrics.begin(), loss_of(name));
          },
          losses() + "; output is of a network that computes its loss")
      ->required();
  command
      .add_option_function<std::vector<std::string>>(
          "--metrics",
          [&job](const std::vector<std::string>& names) {
            for (const std::string& name : names) add_metric(job.metrics, name);
          },
          "what is measured beside the loss: accuracy, ...")
      ->delimiter(',');
}

void load_inputs(Job& job) {
  if (!job.library.empty()) load_library(job.library);
  job.model = load_network(job.model_file);
  if (!job.weights_file.empty()) load_weights(*job.model, job.weights_file);
  if (!job.output.empty()) job.model->choose_output(job.output);
  if (!job.parameters.empty()) freeze_all_but(*job.model, job.parameters);
  job.data = load_data(job.data_file);
  if (job.scale) job.data = scaled(job.data, *job.scale);
}

std::shared_ptr<SavedNetwork> other_network(const SavedNetwork& model,
                                            const std::filesystem::path& file) {
  if (file.extension() != ".safetensors" && file.extension() != ".json" &&
      !std::filesystem::is_directory(file))
    return load_network(file);
  std::shared_ptr<SavedNetwork> network = model.clone();
  load_weights(*network, file);
  return network;
}

}  // namespace descent::cli

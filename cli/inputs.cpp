#include "inputs.h"

#include <cmath>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <vector>

#include <ATen/TensorOperators.h>
#include <CLI/CLI.hpp>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/util/Exception.h>

#include <descent/base/pattern.h>
#include <descent/base/text.h>
#include <descent/landscape/data/data_file.h>

#include "library.h"
#include "number.h"

namespace descent::cli {
namespace {

/// Planes, Hessians and optimizers leave parameters that are frozen where they are.
void freeze_all_but(const SavedNetwork& network, const std::string& pattern) {
  std::vector<std::string> names;
  std::unordered_set<const c10::TensorImpl*> moving;  // of tied weights any name may fit
  const SavedNetwork::Named parameters = network.named_parameters();
  for (const auto& [name, parameter] : parameters) {
    names.push_back(name);
    if (fits_pattern(pattern, name)) moving.insert(parameter.unsafeGetTensorImpl());
  }
  if (moving.empty())
    throw std::invalid_argument("--parameters = " + pattern + " fits no parameter; there are " +
                                joined(names));
  for (const auto& [name, parameter] : parameters)
    parameter.set_requires_grad(moving.contains(parameter.unsafeGetTensorImpl()));
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

at::Device device_of(const std::string& text) {
  const auto refuse = [&](const std::string& why) {
    throw std::invalid_argument("--device = " + text + why + ", must be cpu, cuda or cuda:N");
  };
  std::optional<at::Device> device;
  try {
    device.emplace(text);
  } catch (const c10::Error&) {
    refuse("");
  }
  const auto* const impl = c10::impl::hasDeviceGuardImpl(device->type())
                               ? c10::impl::getDeviceGuardImpl(device->type())
                               : nullptr;
  const int count = impl == nullptr ? 0 : impl->deviceCount();
  if (count == 0) refuse(", of which LibTorch finds none here");
  if (device->index() >= count) refuse(", of which LibTorch finds " + std::to_string(count));
  return *device;
}

/// Everything that is registered. The tensors stay the same ones, as optimizers and tied weights want.
void move(const SavedNetwork& network, at::Device device) {
  for (const auto& named : {network.named_parameters(), network.named_buffers()})
    for (const auto& [name, tensor] : named)
      if (tensor.device() != device) tensor.set_data(tensor.detach().to(device));
}

Batches moved(const Batches& data, at::Device device) {
  std::vector<Data> result;
  for (const Data& batch : data) {
    Data& there = result.emplace_back(batch);
    there.target = batch.target.to(device);
    if (batch.input.defined()) there.input = batch.input.to(device);
    for (auto& [name, tensor] : there.named) tensor = tensor.to(device);
  }
  return result;
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

void add_inputs(CLI::App& command, Inputs& inputs, const std::string& moving) {
  command.add_option("--model", inputs.model_file,
                     "file of torch.export.save (.pt2) or of TorchScript (.pt)");
  command.add_option("--weights", inputs.weights_file,
                     "for the network: a state_dict, a checkpoint, FILE.safetensors or a folder "
                     "with a model.safetensors");
  command.add_option("--parameters", inputs.parameters,
                     moving + ": a name with * for any text, as head.* or *lora*");
  command.add_option("--output", inputs.output,
                     "the network's prediction, if it has several outputs and none called logits");
  command.add_option("--library", inputs.library,
                     "shared library that registers operations of the network");
  command.add_option("--data", inputs.data_file,
                     "file of torch.save: {\"input\": x, \"target\": y}, (x, y), inputs by name "
                     "with \"target\" or \"labels\", or a list of these; FILE.npz with input and "
                     "target; x.npy,y.npy");
  command.add_option_function<std::string>(
      "--device", [&inputs](const std::string& text) { inputs.device = device_of(text); },
      "on which to compute: cpu, cuda or cuda:N");
  command.add_option_function<std::string>(
      "--scale", [&inputs](const std::string& text) { inputs.scale = scale_of(text); },
      "factor of the inputs, 1/255 for images of bytes");
  command.add_option_function<std::string>(
      "--loss",
      [&inputs](const std::string& name) {
        inputs.metrics.insert(inputs.metrics.begin(), loss_of(name));
      },
      losses() + "; output is of a network that computes its loss");
}

void load_inputs(Inputs& inputs) {
  if (!inputs.library.empty()) load_library(inputs.library);
  inputs.model = load_network(inputs.model_file);
  if (!inputs.weights_file.empty()) load_weights(*inputs.model, inputs.weights_file);
  if (!inputs.output.empty()) inputs.model->choose_output(inputs.output);
  if (!inputs.parameters.empty()) freeze_all_but(*inputs.model, inputs.parameters);
  inputs.data = load_data(inputs.data_file);
  if (inputs.scale) inputs.data = scaled(inputs.data, *inputs.scale);
  if (inputs.device.is_cpu()) return;
  move(*inputs.model, inputs.device);
  inputs.data = moved(inputs.data, inputs.device);
}

void load_training_inputs(Inputs& inputs) {
  if (inputs.data_file.empty()) throw std::invalid_argument("--model without --data");
  load_inputs(inputs);
  if (inputs.metrics.empty())
    inputs.metrics.push_back(inputs.data[0].target.is_floating_point() ? Metric(mse)
                                                                       : Metric(cross_entropy));
  SavedNetwork& network = *inputs.model;
  const bool was_training = network.is_training();
  if (!switch_mode(network, true))
    inputs.note = "trained in the mode of the file: " + network.about_modes();
  else if (!was_training)
    inputs.note = network.about_modes();
}

bool switch_mode(SavedNetwork& network, bool training) {
  try {
    network.train(training);
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

void describe_usual_loss(CLI::App& command) {
  CLI::Option& loss = *command.get_option("--loss");
  loss.description(loss.get_description() +
                   "; without it, cross_entropy of targets that are classes and mse of others");
}

std::shared_ptr<SavedNetwork> other_network(const SavedNetwork& model,
                                            const std::filesystem::path& file) {
  std::shared_ptr<SavedNetwork> network;
  if (holds_network(file)) {
    network = load_network(file);
  } else {
    network = model.clone();
    load_weights(*network, file);
  }
  if (const auto own = model.parameters(); !own.empty()) move(*network, own[0].device());
  return network;
}

}  // namespace descent::cli

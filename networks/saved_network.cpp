#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <torch/nn/module.h>

#include <descent/base/nearest.h>
#include <descent/base/text.h>
#include <descent/networks/refuse.h>
#include <descent/networks/saved_network.h>

namespace descent {
namespace {

using at::Tensor;
using networks::refuse;

/// Modules that hold tensors under names with dots: a.b.weight is the parameter weight of the
/// module b in the module a.
class Tree : public torch::nn::Module {
 public:
  Tree(std::string name, std::function<void(bool)> on_train)
      : Module(std::move(name)), on_train_(std::move(on_train)) {}

  void train(bool on) override {
    on_train_(on);
    Module::train(on);
  }

  /// Without telling it.
  void begin(bool training) { Module::train(training); }

  void add(const std::string& name, const Tensor& tensor, bool is_parameter) {
    Module* place = this;
    size_t from = 0;
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', from)) {
      const auto [known, is_new] = places_.try_emplace(name.substr(0, dot), nullptr);
      if (is_new) {
        const std::string part = name.substr(from, dot - from);
        known->second = place->register_module(part, std::make_shared<Module>()).get();
      }
      place = known->second;
      from = dot + 1;
    }
    const std::string own = name.substr(from);
    if (is_parameter) {
      place->register_parameter(own, tensor, tensor.requires_grad());
    } else {
      place->register_buffer(own, tensor);
    }
  }

 private:
  std::function<void(bool)> on_train_;
  std::unordered_map<std::string, Module*> places_;  // "a.b": the module b in a
};

}  // namespace

void SavedNetwork::make_module(bool training, std::function<void(bool)> train) {
  const auto tree = std::make_shared<Tree>(type(), std::move(train));
  for (const auto& [name, tensor] : named_parameters()) tree->add(name, tensor, true);
  for (const auto& [name, tensor] : named_buffers()) tree->add(name, tensor, false);
  tree->begin(training);
  module_ = tree;
}

void SavedNetwork::train(bool on) { module_->train(on); }
bool SavedNetwork::is_training() const { return module_->is_training(); }

std::vector<Tensor> SavedNetwork::parameters() const {
  std::vector<Tensor> all;
  std::unordered_set<const c10::TensorImpl*> seen;
  for (const auto& [name, tensor] : named_parameters()) {
    if (seen.insert(tensor.unsafeGetTensorImpl()).second) all.push_back(tensor);
  }
  return all;
}

Tensor SavedNetwork::forward(const Tensor& input) {
  const std::vector<std::string> names = input_names();
  if (names.size() != 1) {
    refuse(subject_, ": forward() got one tensor, and the network takes ", names.size(),
           " inputs by name: ", joined(names));
  }
  return prediction_of({input});
}

Tensor SavedNetwork::forward(const Named& inputs) {
  const std::vector<std::string> names = input_names();
  std::vector<c10::IValue> values(names.size());
  for (const auto& [name, tensor] : inputs) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      refuse(subject_, ": forward() got '", name, "', and the network takes ", joined(names),
             did_you_mean(name, names));
    }
    values[static_cast<size_t>(found - names.begin())] = tensor;
  }
  for (size_t k = 0; k < names.size(); ++k) {
    if (values[k].isNone()) refuse(subject_, ": forward() lacks the input '", names[k], "'");
  }
  return prediction_of(std::move(values));
}

Tensor SavedNetwork::prediction_of(std::vector<c10::IValue> inputs) {
  const std::vector<c10::IValue> outputs = run(std::move(inputs));
  const std::vector<std::string> names = output_names();
  std::vector<size_t> tensors;
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!outputs[k].isTensor()) continue;
    if (names[k] == output_ || (output_.empty() && names[k] == "logits")) {
      return outputs[k].toTensor();
    }
    tensors.push_back(k);
  }
  if (output_.empty() && tensors.size() == 1) return outputs[tensors[0]].toTensor();
  refuse(subject_, ": the network has ", tensors.size(), " tensors as outputs (", joined(names),
         "): say which is the prediction, with choose_output() or --output");
}

void SavedNetwork::choose_output(const std::string& name) {
  const std::vector<std::string> names = output_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    refuse(subject_, ": there is no output '", name, "', allowed are ", joined(names),
           did_you_mean(name, names));
  }
  output_ = name;
}

}  // namespace descent

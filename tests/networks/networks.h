#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

#include <descent/networks.h>
#include <descent/pickle/pickle.h>

namespace descent::tests {

/// What Python recorded of a network: a file of exports.py.
class Recorded {
 public:
  explicit Recorded(const std::filesystem::path& path) : file_(path) {}

  std::vector<at::Tensor> list(const char* key) {
    std::vector<at::Tensor> tensors;
    for (const pickle::Value& value : std::get<pickle::List*>(*dict().find(key))->items) {
      tensors.push_back(tensor(value));
    }
    return tensors;
  }

  SavedNetwork::Named named(const char* key) {
    SavedNetwork::Named tensors;
    for (const auto& [name, value] : std::get<pickle::Dict*>(*dict().find(key))->items) {
      tensors.emplace_back(*std::get<const std::string*>(name), tensor(value));
    }
    return tensors;
  }

 private:
  const pickle::Dict& dict() const { return *std::get<pickle::Dict*>(file_.top()); }

  /// Numbers are tensors, too.
  at::Tensor tensor(const pickle::Value& value) {
    if (const auto* stored = std::get_if<const pickle::Stored*>(&value)) {
      return file_.tensor(**stored);
    }
    if (const auto* whole = std::get_if<int64_t>(&value)) return torch::tensor(*whole);
    return torch::tensor(std::get<double>(value), torch::kDouble);
  }

  pickle::File file_;
};

inline std::vector<c10::IValue> values_of(const std::vector<at::Tensor>& tensors) {
  std::vector<c10::IValue> values;
  for (const at::Tensor& tensor : tensors) values.emplace_back(tensor.clone());
  return values;
}

/// The same as in exports.py: of all outputs.
inline at::Tensor loss_of(const std::vector<c10::IValue>& outputs) {
  at::Tensor loss = torch::zeros({}, torch::kDouble);
  for (const c10::IValue& output : outputs) {
    if (!output.isTensor()) continue;
    at::Tensor real = output.toTensor();
    if (real.is_complex()) real = torch::view_as_real(real);
    if (!real.is_floating_point()) continue;
    const auto weights = torch::arange(real.numel(), torch::kDouble).cos().reshape(real.sizes());
    loss = loss + (real.to(torch::kDouble) * weights).mean();
  }
  return loss;
}

}  // namespace descent::tests

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <torch/nn/module.h>

#include <descent/networks/refuse.h>
#include <descent/networks/weights/load_weights.h>
#include <descent/networks/weights/weights_file.h>

namespace descent {
namespace {

using at::Tensor;
using networks::refuse;
using Named = SavedNetwork::Named;

/// "10 names, and 3 more".
std::string first_of(const std::vector<std::string>& names) {
  constexpr size_t kMost = 10;
  std::string list;
  for (size_t k = 0; k < std::min(names.size(), kMost); ++k) {
    list += (k == 0 ? "" : ", ") + names[k];
  }
  if (names.size() > kMost) list += " and " + std::to_string(names.size() - kMost) + " more";
  return list;
}

void check_names(const std::string& subject, const Named& own, const networks::NamesInFile& names,
                 const networks::WeightsFile& weights) {
  std::unordered_set<const c10::TensorImpl*> there;
  std::unordered_set<std::string> known;
  for (const auto& [name, tensor] : own) {
    known.insert(names.of(name));
    if (weights.holds(names.of(name))) there.insert(tensor.unsafeGetTensorImpl());
  }
  std::vector<std::string> missing, extra;
  for (const auto& [name, tensor] : own) {
    if (!there.contains(tensor.unsafeGetTensorImpl())) missing.push_back(name);
  }
  for (const std::string& name : weights.names()) {
    if (!known.contains(name)) extra.push_back(name);
  }
  if (missing.empty() && extra.empty()) return;
  refuse(subject, ": the tensors are not those of the network",
         missing.empty() ? "" : "; missing are " + first_of(missing),
         extra.empty() ? "" : "; too much are " + first_of(extra));
}

void load(const Named& own, const std::filesystem::path& file) {
  const std::string subject = "load_weights: " + file.string();
  networks::WeightsFile weights(file);
  std::vector<std::string> own_names;
  for (const auto& [name, tensor] : own) own_names.push_back(name);
  const networks::NamesInFile names(own_names, weights.names());
  check_names(subject, own, names, weights);
  std::vector<std::pair<Tensor, Tensor>> copies;  // to and from
  for (const auto& [name, tensor] : own) {
    if (!weights.holds(names.of(name))) continue;  // of tied weights
    Tensor value = weights.tensor(names.of(name));
    if (value.sizes() != tensor.sizes()) {
      refuse(subject, ": the tensor '", name, "' has the shape ", value.sizes(), ", must have ",
             tensor.sizes());
    }
    if (value.is_floating_point() != tensor.is_floating_point() ||
        value.is_complex() != tensor.is_complex()) {
      refuse(subject, ": the tensor '", name, "' is ", value.scalar_type(), ", must be ",
             tensor.scalar_type());
    }
    copies.emplace_back(tensor, std::move(value));
  }
  const at::NoGradGuard no_grad;
  for (auto& [to, from] : copies) to.copy_(from);
}

}  // namespace

void load_weights(SavedNetwork& network, const std::filesystem::path& file) {
  load(network.state_dict(), file);
}

void load_weights(torch::nn::Module& module, const std::filesystem::path& file) {
  Named own;
  for (const auto& item : module.named_parameters()) own.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) own.emplace_back(item.key(), item.value());
  load(own, file);
}

}  // namespace descent

#include <algorithm>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>
#include <torch/nn/module.h>

#include <descent/landscape/network/parameters.h>
#include <descent/networks/saved_network.h>
#include <descent/tensors/seeded.h>

namespace descent::landscape {
namespace {

using at::Tensor;

template <class Taken>
Parameters distinct(const Named& tensors, const Taken& taken) {
  Parameters result;
  std::unordered_map<const c10::TensorImpl*, size_t> seen;
  for (const auto& [name, tensor] : tensors) {
    if (!taken(name, tensor)) {
      result.slot.push_back(kNoSlot);
      continue;
    }
    const auto [known, is_new] = seen.emplace(tensor.unsafeGetTensorImpl(), result.names.size());
    if (is_new) {
      result.names.push_back(name);
      result.tensors.push_back(tensor);
    } else {
      result.aliases.emplace_back(known->second, name);
    }
    result.slot.push_back(known->second);
  }
  return result;
}

/// Which tensor each of the module's parameters is.
std::vector<const c10::TensorImpl*> identities(const torch::nn::Module& module) {
  std::vector<const c10::TensorImpl*> result;
  for (const auto& item : module.named_parameters()) {
    result.push_back(item.value().unsafeGetTensorImpl());
  }
  return result;
}

/// LibTorch leaves a null submodule where the clone of one is of another type.
bool is_complete(const torch::nn::Module& module) {
  const auto parts = module.children();
  return std::all_of(parts.begin(), parts.end(),
                     [](const auto& part) { return part && is_complete(*part); });
}

}  // namespace

Parameters parameters_of(const Model& model) {
  return distinct(model.parameters(), [](const auto&, const Tensor&) { return true; });
}

std::vector<bool> frozen(const Parameters& parameters) {
  std::vector<bool> result;
  for (const Tensor& tensor : parameters.tensors) result.push_back(!tensor.requires_grad());
  const bool all = std::find(result.begin(), result.end(), false) == result.end();
  if (all) std::fill(result.begin(), result.end(), false);
  return result;
}

std::string described(const std::vector<bool>& frozen) {
  const auto count = std::count(frozen.begin(), frozen.end(), true);
  if (count == 0) return "";
  return ", " + std::to_string(count) + " of " + std::to_string(frozen.size()) +
         " parameters frozen";
}

Parameters floating_buffers_of(const Model& model) {
  return distinct(model.buffers(), [](const std::string& name, const Tensor& t) {
    // A module that was moved to a floating type counts batches in that type.
    return t.is_floating_point() && !name.ends_with("num_batches_tracked");
  });
}

namespace {

/// What to do about an input that is not of the parameters' type, or "".
std::string about_type(const Named& parameters, const Tensor& input, const std::string& libtorch) {
  const at::ScalarType given = input.scalar_type();
  const bool indices = given == at::kLong || given == at::kInt;  // of an embedding, perhaps
  for (const auto& [name, parameter] : parameters) {
    const at::ScalarType wanted = parameter.scalar_type();
    if (!parameter.is_floating_point()) continue;
    if (given == wanted || (indices && libtorch.find("dtype") == std::string::npos)) return "";
    const char* const bytes =
        given == at::kByte ? " / 255 if these are images (--scale 1/255)" : "";
    return c10::str("; data.input is ", given, ", and the network's parameters are ", wanted,
                    ": hand over data.input.to(torch::k", wanted, ")", bytes);
  }
  return "";
}

}  // namespace

Tensor Model::forward(const Named&) {
  throw std::invalid_argument("the network of type " + type() +
                              " takes one tensor, and the data has inputs by name");
}

std::string why_not_stacked(const char* what, const std::vector<std::string>& names,
                            const std::vector<Tensor>& tensors) {
  std::ostringstream text;
  for (size_t k = 0; k < tensors.size(); ++k) {
    const Tensor& tensor = tensors[k];
    if (tensor.layout() != at::kStrided) {
      text << "the " << what << " '" << names[k] << "' is not a dense tensor";
    } else if (tensor.device() != tensors.front().device()) {
      text << "the " << what << "s '" << names.front() << "' and '" << names[k]
           << "' are on different devices";
    } else if (tensor.scalar_type() != at::kFloat && tensor.scalar_type() != at::kDouble) {
      text << "the " << what << " '" << names[k] << "' is " << tensor.scalar_type()
           << ", allowed are Float and Double";
    } else if (tensor.scalar_type() != tensors.front().scalar_type()) {
      text << "the " << what << "s '" << names.front() << "' and '" << names[k]
           << "' are of different types";
    } else {
      continue;
    }
    break;
  }
  return text.str();
}

Tensor run(Model& model, const Data& batch) {
  return batch.named.empty() ? model.forward(batch.input) : model.forward(batch.named);
}

namespace {

template <class AnyNetwork, class Call>
Tensor predicted(const AnyNetwork& network, const Named& parameters, const Tensor& input,
                 const char* who, const char* aside, const Call& call) {
  const auto sentence = [&](const std::string& libtorch) {
    return c10::str(who, ": the network of type ", network.type(),
                    " does not take data.input of shape ", input.sizes(), " and type ",
                    input.scalar_type(), aside, about_type(parameters, input, libtorch));
  };
  try {
    return call();
  } catch (const c10::Error& error) {
    const std::string said = error.what_without_backtrace();
    throw std::invalid_argument(sentence(said) + ". LibTorch says: " + said);
  } catch (const std::invalid_argument& error) {  // as TorchScript's errors come
    if (about_type(parameters, input, error.what()).empty()) throw;
    throw std::invalid_argument(sentence(error.what()) + ". " + error.what());
  }
}

}  // namespace

Tensor prediction_of(Model& model, const Data& batch, const char* who, const char* aside) {
  return predicted(model, model.parameters(), batch.input, who, aside,
                   [&] { return run(model, batch); });
}

Tensor prediction_of(SavedNetwork& network, const Data& batch, const char* who) {
  return predicted(network, network.named_parameters(), batch.input, who, "", [&] {
    return batch.named.empty() ? network.forward(batch.input) : network.forward(batch.named);
  });
}

std::shared_ptr<torch::nn::Module> clone_of(const torch::nn::Module& module, const char* who) {
  const std::string subject = std::string(who) + ": the module of type " + module.name();
  // clone() runs reset() of every module, which draws from the global generator.
  const tensors::KeptGenerator keep;
  const auto before = identities(module);
  std::shared_ptr<torch::nn::Module> copy;
  try {
    copy = module.clone();
  } catch (const c10::Error& error) {
    throw std::invalid_argument(subject +
                                " cannot be cloned. Derive it and its submodules from "
                                "torch::nn::Cloneable<Itself> and create parameters, buffers and "
                                "submodules in reset(). LibTorch says: " +
                                error.what_without_backtrace());
  }
  if (!is_complete(*copy)) {
    throw std::invalid_argument(subject +
                                "'s clone lacks a submodule: a type derived from "
                                "torch::nn::SequentialImpl must override clone()");
  }
  // A reset() that registers a submodule built elsewhere, instead of a new one, makes the copy
  // share it, and Cloneable::clone() then swaps the tensors inside the shared submodule.
  bool shared = identities(module) != before;
  const std::unordered_set<const c10::TensorImpl*> originals(before.begin(), before.end());
  for (const auto* copied : identities(*copy)) shared |= originals.count(copied) != 0;
  if (shared) {
    throw std::invalid_argument(subject +
                                " shares submodules with its clone: reset() must create its "
                                "submodules anew, not register existing ones. clone() has put "
                                "copies into the parameters of what is shared: their values hold, "
                                "but an optimizer that was built before holds the old tensors, so "
                                "build it anew");
  }
  const auto own = module.named_parameters(), copies = copy->named_parameters();
  bool same = own.size() == copies.size();
  for (size_t k = 0; same && k < own.size(); ++k) {
    same = own[k].value().sizes() == copies[k].value().sizes();
  }
  if (!same) {
    throw std::invalid_argument(subject + " has a clone with other parameters than its own");
  }
  return copy;
}

}  // namespace descent::landscape

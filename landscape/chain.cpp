#include <algorithm>
#include <typeinfo>
#include <unordered_map>

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include <descent/landscape/chain.h>
#include <descent/landscape/parameters.h>

namespace descent::landscape {
namespace {

namespace nn = torch::nn;

/// The module as exactly this type: a derived class may have another forward().
template <class M>
const M* exactly(const nn::Module& module) {
  return typeid(module) == typeid(M) ? static_cast<const M*>(&module) : nullptr;
}

class Reader {
 public:
  Reader(const Model& model, std::string* why_not) : why_not_(why_not) {
    const Parameters own = parameters_of(model);
    for (size_t k = 0; k < own.tensors.size(); ++k) {
      slots_[own.tensors[k].unsafeGetTensorImpl()] = k;
    }
  }

  bool read(const nn::Module& module) {
    // Also derived ones, as only those can be nested. One with another forward() fails the
    // self-check.
    if (const auto* sequential = dynamic_cast<const nn::SequentialImpl*>(&module)) {
      const auto parts = sequential->children();
      return std::all_of(parts.begin(), parts.end(), [&](const auto& part) { return read(*part); });
    }
    if (const auto* linear = exactly<nn::LinearImpl>(module)) return read(*linear);
    if (exactly<nn::IdentityImpl>(module) || exactly<nn::DropoutImpl>(module)) return true;
    if (exactly<nn::ReLUImpl>(module)) return add(Activation::ReLU, module);
    if (exactly<nn::TanhImpl>(module)) return add(Activation::Tanh, module);
    if (exactly<nn::SigmoidImpl>(module)) return add(Activation::Sigmoid, module);
    if (exactly<nn::SiLUImpl>(module)) return add(Activation::SiLU, module);
    if (const auto* gelu = exactly<nn::GELUImpl>(module)) {
      const std::string& approximate = gelu->options.approximate();
      if (approximate == "none") return add(Activation::GELU, module);
      if (approximate == "tanh") return add(Activation::GELUTanh, module);
    }
    return fail("the module holds a " + module.name());
  }

  std::vector<ChainLayer> layers;

  bool fail(const std::string& reason) {
    *why_not_ = reason;
    return false;
  }

 private:
  bool read(const nn::LinearImpl& linear) {
    // The registered tensors, not the members: those are what clone() copies.
    const auto own = linear.named_parameters(/*recurse=*/false);
    const auto* weight = own.find("weight");
    if (!weight || weight->dim() != 2) return fail("the module holds a Linear without a weight");
    if (!layers.empty() && layers.back().out != weight->size(1)) {
      return fail("the widths of two Linear in a row differ");
    }
    ChainLayer layer{
        weight->size(1), weight->size(0), slots_.at(weight->unsafeGetTensorImpl()), {}, {}};
    if (const auto* bias = own.find("bias")) layer.bias = slots_.at(bias->unsafeGetTensorImpl());
    if (layer.in < 1 || layer.out < 1) return fail("the module holds a Linear of width 0");
    layers.push_back(std::move(layer));
    return true;
  }

  bool add(Activation activation, const nn::Module& module) {
    if (layers.empty()) return fail("the module begins with a " + module.name());
    layers.back().activations.push_back(activation);
    return true;
  }

  std::string* why_not_;
  std::unordered_map<const c10::TensorImpl*, size_t> slots_;
};

}  // namespace

std::optional<std::vector<ChainLayer>> chain_of(const Model& model, std::string* why_not) {
  Reader reader(model, why_not);
  if (!model.module()) {
    reader.fail("the network is a " + model.type());
    return std::nullopt;
  }
  if (!reader.read(*model.module())) return std::nullopt;
  if (reader.layers.empty()) {
    reader.fail("the module holds no Linear");
    return std::nullopt;
  }
  return std::move(reader.layers);
}

}  // namespace descent::landscape

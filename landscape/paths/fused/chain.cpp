#include <algorithm>
#include <cmath>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/passes/peephole.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include <descent/landscape/network/parameters.h>
#include <descent/landscape/paths/fused/chain.h>

namespace descent::landscape {
namespace {

namespace jit = torch::jit;
namespace nn = torch::nn;
using at::Tensor;

/// A chain in the making. The functions return false with the reason in `why_not` where it is none.
class Chain {
 public:
  Chain(const Model& model, std::string* why_not) : why_not_(why_not) {
    const Parameters own = parameters_of(model);
    for (size_t k = 0; k < own.tensors.size(); ++k) {
      slots_[own.tensors[k].unsafeGetTensorImpl()] = k;
    }
  }

  /// x weight^T + bias; an undefined bias is none.
  bool linear(const Tensor& weight, const Tensor& bias) {
    const auto is_parameter = [&](const Tensor& t) {
      return slots_.count(t.unsafeGetTensorImpl()) != 0;
    };
    if (!is_parameter(weight) || (bias.defined() && !is_parameter(bias))) {
      return fail("a Linear has a weight or bias that is no parameter");
    }
    if (weight.dim() != 2 || weight.numel() == 0 ||
        (bias.defined() && (bias.dim() != 1 || bias.size(0) != weight.size(0)))) {
      return fail("a Linear has a weight or bias of an unusual shape");
    }
    if (!layers.empty() && layers.back().out != weight.size(1)) {
      return fail("the widths of two Linear in a row differ");
    }
    ChainLayer layer{
        weight.size(1), weight.size(0), slots_.at(weight.unsafeGetTensorImpl()), {}, {}};
    if (bias.defined()) layer.bias = slots_.at(bias.unsafeGetTensorImpl());
    layers.push_back(std::move(layer));
    return true;
  }

  bool activation(Activation activation, const std::string& name) {
    if (layers.empty()) return fail("the network begins with " + name);
    layers.back().activations.push_back(activation);
    return true;
  }

  bool gelu(const std::string& approximate) {
    return activation(approximate == "tanh" ? Activation::GELUTanh : Activation::GELU, "a GELU");
  }

  bool fail(const std::string& reason) {
    *why_not_ = reason;
    return false;
  }

  std::vector<ChainLayer> layers;

 private:
  std::string* why_not_;
  std::unordered_map<const c10::TensorImpl*, size_t> slots_;
};

/// The module as exactly this type: a derived class may have another forward().
template <class M>
const M* exactly(const nn::Module& module) {
  return typeid(module) == typeid(M) ? static_cast<const M*>(&module) : nullptr;
}

bool read_layer(const nn::Module& module, Chain& chain) {
  if (exactly<nn::LinearImpl>(module)) {
    // The registered tensors, not the members: those are what clone() copies.
    const auto own = module.named_parameters(/*recurse=*/false);
    const auto tensor = [&](const char* name) {
      const Tensor* found = own.find(name);
      return found ? *found : Tensor();
    };
    return chain.linear(tensor("weight"), tensor("bias"));
  }
  if (exactly<nn::IdentityImpl>(module) || exactly<nn::DropoutImpl>(module) ||
      exactly<nn::FlattenImpl>(module)) {
    return true;
  }
  const auto is = [&](Activation activation) {
    return chain.activation(activation, "a " + module.name());
  };
  if (exactly<nn::ReLUImpl>(module)) return is(Activation::ReLU);
  if (exactly<nn::TanhImpl>(module)) return is(Activation::Tanh);
  if (exactly<nn::SigmoidImpl>(module)) return is(Activation::Sigmoid);
  if (exactly<nn::SiLUImpl>(module)) return is(Activation::SiLU);
  if (const auto* gelu = exactly<nn::GELUImpl>(module)) {
    return chain.gelu(gelu->options.approximate());
  }
  return chain.fail("the module holds a " + module.name());
}

bool read_module(const nn::Module& module, Chain& chain) {
  const auto* sequential = exactly<nn::SequentialImpl>(module);
  if (!sequential) return read_layer(module, chain);
  // What forward() calls; other modules may be registered beside.
  return std::all_of(sequential->begin(), sequential->end(),
                     [&](const nn::AnyModule& part) { return read_layer(*part.ptr(), chain); });
}

/// Reads the code of a module of TorchScript: the value that forward() takes must go from one
/// operation to the next, each a layer of the chain, and nothing else may be done.
class ScriptReader {
 public:
  ScriptReader(const jit::Module& module, Chain& chain) : module_(module), chain_(chain) {}

  bool read() {
    const auto forward = module_.find_method("forward");
    if (!forward || forward->graph()->inputs().size() != 2) {
      return chain_.fail("forward() takes something else than one tensor");
    }
    auto graph = forward->graph()->copy();
    // A function that has run before without optimisation is inlined with calls of its own.
    for (int depth = 0; depth < kDeepestCalls && has_calls(*graph->block()); ++depth) {
      jit::Inline(*graph);
    }
    // torch.nn.functional decides by constants: whether an operation is in place, for one.
    jit::PeepholeOptimize(graph, /*disable_shape_peepholes=*/true);
    jit::ConstantPropagation(graph);
    jit::EliminateDeadCode(graph);
    self_ = graph->inputs()[0];
    for (value_ = graph->inputs()[1];;) {
      const jit::Use use = only_use();
      if (!use.user) return chain_.fail("its code uses a value in several places, or not at all");
      if (use.user == graph->return_node()) break;
      if (!read(*use.user, use.offset)) return false;
      read_.insert(use.user);
      value_ = use.user->output();
    }
    for (const jit::Node* node : graph->nodes()) {
      if (read_.count(node) == 0 && !is_number(*node)) return refuse(*node);
    }
    std::unordered_set<size_t> used;
    for (const ChainLayer& layer : chain_.layers) {
      if (!used.insert(layer.weight).second || (layer.bias && !used.insert(*layer.bias).second)) {
        return chain_.fail("its code uses a parameter twice");
      }
    }
    return true;
  }

 private:
  static constexpr int kDeepestCalls = 100;

  static bool has_calls(const jit::Block& block) {
    for (const jit::Node* node : block.nodes()) {
      if (node->kind() == c10::prim::CallMethod || node->kind() == c10::prim::CallFunction) {
        return true;
      }
      for (const jit::Block* inner : node->blocks()) {
        if (has_calls(*inner)) return true;
      }
    }
    return false;
  }

  bool refuse(const jit::Node& node) {
    return chain_.fail(std::string("its code has ") + node.kind().toQualString());
  }

  /// The only use of the present value, its sizes aside, or one without a user.
  jit::Use only_use() const {
    jit::Use result(nullptr, 0);
    for (const jit::Use& use : value_->uses()) {
      if (use.user->kind() == c10::aten::size) continue;
      if (result.user) return {nullptr, 0};
      result = use;
    }
    return result;
  }

  /// Whether a node makes numbers for the arguments of others, or gets an attribute.
  static bool is_number(const jit::Node& node) {
    static const std::unordered_set<c10::Symbol> known{c10::prim::Constant, c10::prim::GetAttr,
                                                       c10::prim::ListConstruct, c10::aten::size};
    return known.count(node.kind()) != 0;
  }

  /// The attribute that a value is, or None.
  c10::IValue attribute(const jit::Value* value) const {
    if (value == self_) return c10::IValue(module_._ivalue());
    const jit::Node* node = value->node();
    if (node->kind() != c10::prim::GetAttr) return {};
    const c10::IValue owner = attribute(node->input());
    return owner.isObject() ? owner.toObject()->getAttr(node->s(c10::attr::name)) : c10::IValue();
  }

  /// The tensor among the attributes that a value is, or undefined.
  Tensor tensor(const jit::Value* value) {
    const c10::IValue own = attribute(value);
    return own.isTensor() ? own.toTensor() : Tensor();
  }

  /// The tensor whose transpose a value is, or undefined.
  Tensor untransposed(const jit::Value* value) {
    const jit::Node* node = value->node();
    bool transposed = node->kind() == c10::aten::t || node->kind() == c10::aten::numpy_T;
    if (node->kind() == c10::aten::transpose) {
      const auto a = number(node->input(1)), b = number(node->input(2));
      transposed = a && b && std::abs(std::fmod(*a - *b, 2)) == 1;  // of a matrix
    }
    if (!transposed) return {};
    read_.insert(node);
    return tensor(node->input(0));
  }

  /// The constant number that a value is, if it is.
  static std::optional<double> number(const jit::Value* value) {
    const auto constant = jit::toIValue(value);
    if (constant && constant->isInt()) return static_cast<double>(constant->toInt());
    if (constant && constant->isDouble()) return constant->toDouble();
    return std::nullopt;
  }

  /// The layer whose argument `offset` is the present value.
  bool read(jit::Node& node, size_t offset) {
    const c10::Symbol kind = node.kind();
    const std::string name = kind.toQualString();
    if (offset > 1) return refuse(node);
    if (kind == c10::aten::add || kind == c10::aten::add_) {
      // The bias of the product before.
      const Tensor bias = tensor(node.input(1 - offset));
      if (!product_.defined() || !bias.defined() || number(node.input(2)) != 1.0) {
        return refuse(node);
      }
      chain_.layers.pop_back();
      return linear(std::exchange(product_, Tensor()), bias, node);
    }
    product_.reset();
    if (kind == c10::aten::addmm && offset == 1) {
      const Tensor bias = tensor(node.input(0)), weight = untransposed(node.input(2));
      if (!bias.defined() || number(node.input(3)) != 1.0 || number(node.input(4)) != 1.0) {
        return refuse(node);
      }
      return linear(weight, bias, node);
    }
    if (offset != 0) return refuse(node);
    if (kind == c10::aten::linear) {
      const bool plain = node.input(2)->mustBeNone();
      const Tensor bias = plain ? Tensor() : tensor(node.input(2));
      if (!plain && !bias.defined()) return refuse(node);
      return linear(tensor(node.input(1)), bias, node);
    }
    if (kind == c10::aten::matmul || kind == c10::aten::mm) {
      product_ = untransposed(node.input(1));
      return linear(product_, {}, node);
    }
    static const std::unordered_map<std::string, Activation> activations{
        {"aten::relu", Activation::ReLU},       {"aten::relu_", Activation::ReLU},
        {"aten::tanh", Activation::Tanh},       {"aten::tanh_", Activation::Tanh},
        {"aten::sigmoid", Activation::Sigmoid}, {"aten::sigmoid_", Activation::Sigmoid},
        {"aten::silu", Activation::SiLU},       {"aten::silu_", Activation::SiLU}};
    const auto found = activations.find(name);
    if (found != activations.end()) return chain_.activation(found->second, name);
    if (name == "aten::gelu") {
      const auto approximate = jit::constant_as<std::string>(node.input(1));
      return approximate ? chain_.gelu(*approximate) : refuse(node);
    }
    if (name == "aten::dropout" || name == "aten::dropout_") {
      return is_off_in_eval_mode(node.input(2)) ||
             chain_.fail("its code has a dropout that is not off in eval mode");
    }
    static const std::unordered_set<std::string> reshaping{
        "aten::flatten", "aten::reshape", "aten::view", "aten::squeeze", "aten::unsqueeze"};
    return reshaping.count(name) != 0 || refuse(node);
  }

  bool linear(const Tensor& weight, const Tensor& bias, const jit::Node& node) {
    if (weight.defined()) return chain_.linear(weight, bias);
    return chain_.fail(std::string("its code has ") + node.kind().toQualString() +
                       " by something else than the weight of a Linear");
  }

  static bool is_off_in_eval_mode(const jit::Value* value) {
    const jit::Node* node = value->node();
    if (node->kind() == c10::prim::GetAttr) return node->s(c10::attr::name) == "training";
    return jit::constant_as<bool>(value) == false;
  }

  const jit::Module& module_;
  Chain& chain_;
  const jit::Value *self_ = nullptr, *value_ = nullptr;
  Tensor product_;  // the weight by which the operation before has multiplied, and no more
  std::unordered_set<const jit::Node*> read_;
};

bool read_network(const Model& model, Chain& chain) {
  if (!model.is_called_plainly()) {
    return chain.fail("the network is called by a function, not by its own forward()");
  }
  if (model.script()) return ScriptReader(*model.script(), chain).read();
  if (model.module()) return read_module(*model.module(), chain);
  return chain.fail("the network is a " + model.type());
}

}  // namespace

std::optional<std::vector<ChainLayer>> chain_of(const Model& model, std::string* why_not) {
  Chain chain(model, why_not);
  if (!read_network(model, chain)) return std::nullopt;
  if (chain.layers.empty()) {
    chain.fail("the network has no Linear");
    return std::nullopt;
  }
  return std::move(chain.layers);
}

}  // namespace descent::landscape

#include <cstring>
#include <stdexcept>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <descent/landscape/network/script.h>
#include <descent/landscape/network/script_model.h>

namespace descent {
namespace landscape {
namespace {

namespace jit = torch::jit;
using at::Tensor;

/// What LibTorch says, without the traces of TorchScript's interpreter and of C++.
std::string gist(const std::exception& error) {
  std::string text = error.what();
  for (const char* mark : {"RuntimeError: ", "torch.jit.Error: "}) {
    const auto found = text.rfind(mark);
    if (found != std::string::npos) text.erase(0, found + std::strlen(mark));
  }
  return text.substr(0, text.find('\n'));
}

/// The first call of batch normalisation in a block or within it.
const jit::Node* batch_norm_in(const jit::Block& block) {
  for (const jit::Node* node : block.nodes()) {
    if (node->kind() == c10::aten::batch_norm) return node;
    for (const jit::Block* inner : node->blocks()) {
      if (const jit::Node* found = batch_norm_in(*inner)) return found;
    }
  }
  return nullptr;
}

/// A layer that keeps running statistics of batch normalisation.
struct Layer {
  std::string name;
  jit::Module module;
  Tensor mean, variance;
  bool can_train = false;          ///< its code follows the attribute `training`
  std::optional<double> momentum;  ///< the constant in its code

  static bool is(const jit::Module& module) {
    return module.hasattr("running_mean") && module.attr("running_mean").isTensor() &&
           module.hasattr("running_var") && module.attr("running_var").isTensor() &&
           module.type()->name()->name().rfind("InstanceNorm", 0) != 0;
  }

  Layer(std::string its_name, const jit::Module& layer)
      : name(std::move(its_name)),
        module(layer),
        mean(layer.attr("running_mean").toTensor()),
        variance(layer.attr("running_var").toTensor()) {
    const auto forward = layer.find_method("forward");
    if (!forward) return;
    const auto graph = forward->graph()->copy();
    jit::Inline(*graph);
    const jit::Node* call = batch_norm_in(*graph->block());
    if (!call) return;
    can_train = layer.hasattr("training") && !jit::toIValue(call->input(5));
    const auto constant = jit::toIValue(call->input(6));
    if (constant && constant->isDouble()) momentum = constant->toDouble();
  }

  /// Calls of it in training mode since the last reset, if it counts them.
  std::optional<int64_t> calls() const {
    if (!module.hasattr("num_batches_tracked")) return std::nullopt;
    const auto count = module.attr("num_batches_tracked");
    return count.isTensor() ? std::optional(count.toTensor().item<int64_t>()) : std::nullopt;
  }
};

class ScriptModel : public Model {
 public:
  using Model::forward;

  explicit ScriptModel(jit::Module module) : module_(std::move(module)) {}

  std::string type() const override { return module_.type()->name()->name() + " (TorchScript)"; }
  Named parameters() const override { return listed(module_.named_parameters()); }
  Named buffers() const override { return listed(module_.named_buffers()); }
  const jit::Module* script() const override { return &module_; }

  std::unique_ptr<Model> clone(const char* who) const override {
    try {
      const at::NoGradGuard no_grad;  // else copies of parameters are results, not leaves
      return std::make_unique<ScriptModel>(module_.deepcopy());
    } catch (const std::exception& error) {
      throw std::invalid_argument(std::string(who) + ": the network of type " + type() +
                                  " cannot be copied: " + gist(error));
    }
  }

  Tensor forward(const Tensor& input) override {
    if (!recomputing_) return run(input);
    // Of each batch alone, from zero: running = momentum * batch.
    std::vector<std::pair<Tensor, Tensor>> before;
    for (const Layer& layer : layers_) {
      before.emplace_back(layer.mean.clone(), layer.variance.clone());
      layer.mean.zero_();
      layer.variance.zero_();
    }
    Tensor output = run(input);
    ++batches_;
    for (size_t k = 0; k < layers_.size(); ++k) {
      const Layer& layer = layers_[k];
      if (layer.calls().value_or(0) > batches_) {
        refuse("its layer '", layer.name, "' is called several times for one batch");
      }
      const auto average = [&](const Tensor& running, const Tensor& so_far) {
        running.div_(*layer.momentum).sub_(so_far).div_(batches_).add_(so_far);
      };
      average(layer.mean, before[k].first);
      average(layer.variance, before[k].second);
    }
    return output;
  }

  void eval(bool batch_statistics) override {
    module_.eval();
    if (!batch_statistics) {
      recomputing_ = false;
      return;
    }
    for (Layer& layer : layers()) {
      if (!layer.can_train) {
        refuse("its layer '", layer.name,
               "' was traced or frozen in eval mode: use "
               "torch.jit.script() instead");
      }
      layer.module.setattr("training", true);
    }
  }

  void reset_statistics(const char*) override {
    layers_ = layers();
    for (const Layer& layer : layers_) {
      if (layer.momentum.value_or(0) == 0) {
        refuse("the momentum of its layer '", layer.name, "' is zero or not a constant");
      }
      layer.mean.zero_();
      layer.variance.zero_();
      if (layer.calls()) layer.module.attr("num_batches_tracked").toTensor().zero_();
    }
    batches_ = 0;
    recomputing_ = true;
  }

 private:
  template <class List>
  static Named listed(const List& list) {
    Named result;
    for (const auto& item : list) result.emplace_back(item.name, item.value);
    return result;
  }

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    throw std::invalid_argument(
        c10::str("options.batch_norm: statistics of the data cannot be had of the network of type ",
                 type(), ": ", parts...));
  }

  std::vector<Layer> layers() const {
    std::vector<Layer> result;
    for (const auto& item : module_.named_modules()) {
      if (Layer::is(item.value)) result.emplace_back(item.name, item.value);
    }
    return result;
  }

  Tensor run(const Tensor& input) {
    // Else the code is optimised after some runs, and its rounding changes.
    const jit::GraphOptimizerEnabledGuard as_written(false);
    c10::IValue output;
    try {
      output = module_.forward({input});
    } catch (const std::exception& error) {
      throw std::invalid_argument("the network of type " + type() + " failed: " + gist(error));
    }
    if (!output.isTensor()) {
      throw std::invalid_argument("the network of type " + type() + " returns a " +
                                  output.tagKind() + "; it must return one tensor");
    }
    return output.toTensor();
  }

  jit::Module module_;
  std::vector<Layer> layers_;  // while statistics are recomputed
  int64_t batches_ = 0;
  bool recomputing_ = false;
};

}  // namespace

std::shared_ptr<const Model> script_model(const jit::Module& module) {
  return std::make_shared<const ScriptModel>(module);
}

}  // namespace landscape

Network network_of(const torch::jit::Module& module) {
  return Network(landscape::script_model(module));
}

}  // namespace descent

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include <torch/nn/module.h>

#include <descent/landscape/network/network.h>
#include <descent/landscape/network/parameters.h>
#include <descent/tensors/batch_norm.h>

namespace descent::landscape {
namespace {

namespace nn = torch::nn;

template <class Dict>
Named listed(const Dict& dict) {
  Named result;
  for (const auto& item : dict) result.emplace_back(item.key(), item.value());
  return result;
}

class ModuleModel : public Model {
 public:
  using Model::forward;

  /// Of a module that somebody else owns.
  ModuleModel(const nn::Module& module, Forward forward, bool plainly)
      : module_(&module), forward_(std::move(forward)), plainly_(plainly) {}

  std::string type() const override {
    // What C++ calls it, but for where nobody else can see it.
    constexpr std::string_view kNobodys = "(anonymous namespace)::";
    std::string name = module_->name();
    for (size_t at = 0; (at = name.find(kNobodys, at)) != name.npos;)
      name.erase(at, kNobodys.size());
    return name;
  }
  Named parameters() const override { return listed(module_->named_parameters()); }
  Named buffers() const override { return listed(module_->named_buffers()); }
  const nn::Module* module() const override { return module_; }
  bool is_called_plainly() const override { return plainly_; }

  std::unique_ptr<Model> clone(const char* who) const override {
    auto copy = std::make_unique<ModuleModel>(*module_, forward_, plainly_);
    copy->own_ = clone_of(*module_, who);
    copy->module_ = copy->own_.get();
    return copy;
  }

  at::Tensor forward(const at::Tensor& input) override {
    if (!forward_) {
      throw std::invalid_argument("the network of type " + type() +
                                  " has no forward(Tensor) -> Tensor that is known here: hand over "
                                  "the concrete type, or Network(module, forward)");
    }
    return forward_(changeable(), input);
  }

  void eval(bool batch_statistics) override {
    changeable().eval();
    if (!batch_statistics) return;
    tensors::for_each_batch_norm(changeable(), [](auto& layer) { layer.train(); });
  }

  void reset_statistics(const char*) override {
    tensors::for_each_batch_norm(changeable(), [](auto& layer) {
      layer.options.momentum(std::nullopt);  // the mean of all batches
      layer.reset_running_stats();
    });
  }

 private:
  /// Only copies are ever changed or called.
  nn::Module& changeable() {
    TORCH_INTERNAL_ASSERT(own_, "a network was to be changed that is the user's");
    return *own_;
  }

  const nn::Module* module_;
  std::shared_ptr<nn::Module> own_;  // module_, if it is a copy
  Forward forward_;
  bool plainly_;
};

}  // namespace

std::shared_ptr<const Model> model_of(const nn::Module& module, Forward forward, bool plainly) {
  return std::make_shared<const ModuleModel>(module, std::move(forward), plainly);
}

}  // namespace descent::landscape

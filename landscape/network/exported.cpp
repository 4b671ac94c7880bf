#include <algorithm>
#include <stdexcept>
#include <string>
#include <unordered_set>

#include <ATen/core/grad_mode.h>
#include <c10/util/StringUtil.h>

#include <descent/landscape/network/network.h>
#include <descent/landscape/network/script_model.h>
#include <descent/networks/exported/exported_network.h>

namespace descent::landscape {
namespace {

using at::Tensor;
using networks::ExportedNetwork;

/// An export of Python. Its calls take the mode of each kind of layer as it is asked for.
class ExportedModel : public Model {
 public:
  explicit ExportedModel(std::shared_ptr<const ExportedNetwork> network)
      : network_(std::move(network)) {}

  std::string type() const override { return network_->type() + " (torch.export)"; }
  Named parameters() const override { return network_->named_parameters(); }
  Named buffers() const override { return network_->named_buffers(); }

  std::unique_ptr<Model> clone(const char*) const override {
    const std::shared_ptr<ExportedNetwork> own = network_->copy();
    auto copy = std::make_unique<ExportedModel>(own);
    copy->own_ = own.get();
    return copy;
  }

  Tensor forward(const Tensor& input) override { return next_batch().forward(input); }
  Tensor forward(const Named& inputs) override { return next_batch().forward(inputs); }

  void eval(bool batch_statistics) override {
    changeable().eval();
    if (batch_statistics && network_->program().modes().has_fixed_batch_norm()) {
      refuse(network_->about_modes());
    }
    networks::Setting& setting = changeable().setting();
    setting.batch_norm.reset();
    if (batch_statistics) {
      setting.batch_norm = true;
      return;
    }
    setting.momentum.reset();
    recomputing_ = false;
  }

  void reset_statistics(const char*) override {
    std::unordered_set<std::string> layers;
    for (const std::string& mean : network_->program().modes().statistics()) {
      if (!layers.insert(mean).second) {
        refuse("the layer of its buffer '" + mean + "' is called several times for one batch");
      }
    }
    batches_ = 0;
    recomputing_ = true;
  }

 private:
  ExportedNetwork& next_batch() {
    // The mean of all batches so far: each of them weighs the same.
    if (recomputing_) changeable().setting().momentum = 1.0 / static_cast<double>(++batches_);
    return changeable();
  }

  /// Only copies are ever changed or called.
  ExportedNetwork& changeable() {
    TORCH_INTERNAL_ASSERT(own_, "a network was to be changed that is the user's");
    return *own_;
  }

  [[noreturn]] void refuse(const std::string& reason) const {
    throw std::invalid_argument(
        "options.batch_norm: statistics of the data cannot be had of the network of type " +
        type() + ": " + reason);
  }

  std::shared_ptr<const ExportedNetwork> network_;
  ExportedNetwork* own_ = nullptr;  // network_, if it is a copy
  bool recomputing_ = false;
  int64_t batches_ = 0;
};

}  // namespace

std::shared_ptr<const Model> model_of(std::shared_ptr<const SavedNetwork> network) {
  if (const torch::jit::Module* const script = network->script()) return script_model(*script);
  return std::make_shared<const ExportedModel>(
      std::dynamic_pointer_cast<const ExportedNetwork>(std::move(network)));
}

}  // namespace descent::landscape

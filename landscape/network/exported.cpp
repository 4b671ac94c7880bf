#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/where.h>
#include <c10/util/StringUtil.h>

#include <descent/landscape/network/batch_size.h>
#include <descent/landscape/network/network.h>
#include <descent/landscape/network/script_model.h>
#include <descent/networks/exported/exported_network.h>

namespace descent::landscape {
namespace {

using at::Tensor;
using networks::ExportedNetwork;

/// The only number of samples that a program takes, which its first tensor has; 0: it takes others,
/// too.
int64_t batch_size_of(const networks::Program& program) {
  for (const networks::Input& input : program.inputs()) {
    if (input.kind == networks::Input::Kind::Tensor) {
      const bool is_fixed = !input.sizes.empty() && input.sizes[0] && input.sizes[0]->factor == 0;
      return is_fixed ? input.sizes[0]->offset : 0;
    }
  }
  return 0;
}

/// An export of Python. Its calls take the mode of each kind of layer as it is asked for.
class ExportedModel : public Model {
 public:
  explicit ExportedModel(std::shared_ptr<const ExportedNetwork> network)
      : network_(std::move(network)), batch_size_(batch_size_of(network_->program())) {}

  std::string type() const override { return network_->type() + " (torch.export)"; }
  Named parameters() const override { return network_->named_parameters(); }
  Named buffers() const override { return network_->named_buffers(); }

  std::unique_ptr<Model> clone(const char*) const override {
    const std::shared_ptr<ExportedNetwork> own = network_->copy();
    auto copy = std::make_unique<ExportedModel>(own);
    copy->own_ = own.get();
    copy->takes_samples_alike_ = takes_samples_alike_;
    return copy;
  }

  int64_t batch_size() const { return batch_size_; }

  Tensor forward(const Tensor& input) override {
    return in_batches(input.dim() == 0 ? 0 : input.size(0),
                      [&](const Part& part) { return next_batch().forward(part(input)); });
  }

  Tensor forward(const Named& inputs) override {
    const int64_t samples = samples_of(inputs);
    return in_batches(samples, [&](const Part& part) {
      Named some = inputs;
      for (auto& [name, tensor] : some) {
        if (tensor.dim() > 0 && tensor.size(0) == samples) tensor = part(tensor);
      }
      return next_batch().forward(some);
    });
  }

  void eval(bool batch_statistics) override {
    changeable().eval();
    if (batch_statistics && network_->program().modes().has_fixed_batch_norm()) {
      refuse(network_->about_modes());
    }
    networks::Setting& setting = changeable().setting();
    setting.batch_norm.reset();
    setting.folds = false;
    if (batch_statistics) {
      setting.batch_norm = true;
      return;
    }
    setting.momentum.reset();
    setting.folds = true;
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
  int64_t samples_of(const Named& inputs) const {
    for (const auto& [name, tensor] : inputs) {
      if (name == network_->input_names().front()) return tensor.dim() == 0 ? 0 : tensor.size(0);
    }
    return 0;
  }

  /// A part of the samples of a tensor.
  using Part = std::function<Tensor(const Tensor&)>;

  /// Of a network that takes batches of one size only: what it makes of each such part of the
  /// samples, the last one filled up with others of them, of which it drops the predictions.
  Tensor in_batches(int64_t samples, const std::function<Tensor(const Part&)>& of_part) {
    const bool takes_all = batch_size_ == 0 || samples == 0 || samples == batch_size_;
    // Batch statistics are of whole batches: there the network itself refuses other sizes.
    const bool trains = network_->is_training() && network_->program().modes().differ();
    if (takes_all || trains || changeable().setting().batch_norm) {
      return of_part([](const Tensor& all) { return all; });
    }
    std::vector<Tensor> predictions;
    for (int64_t first = 0; first < samples; first += batch_size_) {
      const int64_t count = std::min(batch_size_, samples - first);
      if (count == batch_size_) {
        predictions.push_back(
            of_part([&](const Tensor& all) { return all.narrow(0, first, batch_size_); }));
        check_rows(predictions.back(), samples);
      } else {
        predictions.push_back(filled_up(samples, first, of_part).narrow(0, 0, count));
      }
    }
    return predictions.size() == 1 ? predictions[0] : at::cat(predictions);
  }

  Tensor filled_up(int64_t samples, int64_t first,
                   const std::function<Tensor(const Part&)>& of_part) {
    const Tensor rows = at::arange(first, first + batch_size_);
    const auto with = [&](const Tensor& others) {
      const Tensor chosen = at::where(rows < samples, rows, others);
      return of_part(
          [&](const Tensor& all) { return all.index_select(0, chosen.to(all.device())); });
    };
    Tensor prediction = with(rows.remainder(samples));
    check_rows(prediction, samples);
    if (*takes_samples_alike_) return prediction;
    const Tensor again = with((-rows - 1).remainder(samples));
    check_alike(prediction.narrow(0, 0, samples - first), again.narrow(0, 0, samples - first),
                samples);
    *takes_samples_alike_ = true;
    return prediction;
  }

  void check_rows(const Tensor& prediction, int64_t samples) const {
    if (prediction.dim() > 0 && prediction.size(0) == batch_size_) return;
    refuse_size(samples, "does not give a prediction for each sample");
  }

  void check_alike(const Tensor& prediction, const Tensor& beside_others, int64_t samples) const {
    if (at::equal(prediction.nan_to_num(), beside_others.nan_to_num())) return;
    refuse_size(samples, "predicts otherwise for a sample where others stand beside it");
  }

  [[noreturn]] void refuse_size(int64_t samples, const char* why) const {
    const std::string size = std::to_string(batch_size_);
    throw std::invalid_argument(
        "the network of type " + type() + " was exported for batches of " + size + " samples and " +
        why + ", so that it cannot be told what it would make of " + std::to_string(samples) +
        ": give the data as batches of " + size +
        ", or export it with dynamic_shapes={0: torch.export.Dim(\"batch\")}");
  }

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
  int64_t batch_size_;
  /// Whether that was seen, by any copy.
  std::shared_ptr<std::atomic<bool>> takes_samples_alike_ =
      std::make_shared<std::atomic<bool>>(false);
  bool recomputing_ = false;
  int64_t batches_ = 0;
};

}  // namespace

int64_t exported_batch_size(const Model& model) {
  const auto* const exported = dynamic_cast<const ExportedModel*>(&model);
  return exported ? exported->batch_size() : 0;
}

std::shared_ptr<const Model> model_of(std::shared_ptr<const SavedNetwork> network) {
  if (const torch::jit::Module* const script = network->script()) return script_model(*script);
  return std::make_shared<const ExportedModel>(
      std::dynamic_pointer_cast<const ExportedNetwork>(std::move(network)));
}

}  // namespace descent::landscape

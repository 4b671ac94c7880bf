#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

namespace torch::nn {
class Module;
}
namespace torch::jit {
struct Module;
}

namespace descent {

/// A network out of a file, which is trained, evaluated and saved as a module is:
///
///   auto net = descent::load_network("net.pt2");
///   descent::AdamW opt(net->parameters(), {.lr = 3e-4});
///   net->train();
///   torch::mse_loss(net->forward(x), y).backward();
///
/// What takes a torch::nn::Module takes *net as well, by the conversion below: its submodules,
/// parameters and buffers have the names that Python gave them. Everything is on the CPU at first.
/// Errors are std::invalid_argument and begin with the file's name.
class SavedNetwork {
 public:
  using Named = std::vector<std::pair<std::string, at::Tensor>>;

  virtual ~SavedNetwork() = default;
  SavedNetwork(const SavedNetwork&) = delete;
  SavedNetwork& operator=(const SavedNetwork&) = delete;

  /// For networks that take one tensor. Of several outputs it is the only tensor, or the one that
  /// is called "logits".
  at::Tensor forward(const at::Tensor& input);

  /// For networks that take several tensors, by name: {{"input_ids", ids}, {"attention_mask", mask}}.
  at::Tensor forward(const Named& inputs);

  /// The outputs, in the order of output_names(), for all inputs in the order of input_names().
  virtual std::vector<c10::IValue> run(std::vector<c10::IValue> inputs) = 0;

  /// Of what forward() of Python takes, without what was a constant at the export.
  virtual std::vector<std::string> input_names() const = 0;
  /// Of a dict or dataclass its keys, of a tuple numbers, of a single tensor "".
  virtual std::vector<std::string> output_names() const = 0;
  /// The output that forward() returns. Throws if there is none of that name.
  void choose_output(const std::string& name);

  /// Each tensor once, in the order of Python's net.parameters().
  std::vector<at::Tensor> parameters() const;
  /// Each under every name (tied weights have several).
  virtual Named named_parameters() const = 0;
  virtual Named named_buffers() const = 0;
  /// Parameters and buffers that are saved, as Python's net.state_dict() has them.
  virtual Named state_dict() const = 0;

  /// The mode of dropout, batch normalisation and the like. At first it is that in which the network
  /// was saved. Throws, and changes nothing, if the network cannot be in that mode.
  void train(bool on = true);
  void eval() { train(false); }
  bool is_training() const;

  /// What train() and eval() change, in words: an export has its network's mode, and not everything
  /// in it can be switched.
  virtual std::string about_modes() const = 0;

  /// Writes a file of the same kind, which Python loads and which is in the mode of the first
  /// export. It is complete or absent; std::runtime_error if it cannot be written.
  virtual void save(const std::filesystem::path& file) const = 0;

  /// A deep copy, in the same mode.
  virtual std::shared_ptr<SavedNetwork> clone() const = 0;

  /// The class of the network in Python.
  virtual std::string type() const = 0;

  /// The network as a module without a forward() of its own, whose train() and eval() are those of
  /// the network. It shares the tensors, and may outlive the network.
  const std::shared_ptr<torch::nn::Module>& module() const { return module_; }
  operator torch::nn::Module&() const { return *module_; }  // NOLINT(google-explicit-constructor)

  /// The module, if it is one of TorchScript.
  virtual const torch::jit::Module* script() const { return nullptr; }

 protected:
  explicit SavedNetwork(std::string subject) : subject_(std::move(subject)) {}

  /// To be called once, when the tensors are there. `train` switches the mode, or throws. It must
  /// not refer to the network, which the module may outlive.
  void make_module(bool training, std::function<void(bool)> train);

  const std::string subject_;  ///< opens messages: "net.pt2"
  std::string output_;         ///< that choose_output() chose; empty: none

 private:
  at::Tensor prediction_of(std::vector<c10::IValue> inputs);

  std::shared_ptr<torch::nn::Module> module_;
};

/// The network in a file of torch.export.save() (.pt2) or of TorchScript (torch.jit.save(),
/// torch::jit::Module::save()). Throws std::runtime_error if the file cannot be read and
/// std::invalid_argument if it is damaged or holds something else, with what it seems to be, or a
/// program that cannot be run here, with what it is that cannot.
std::shared_ptr<SavedNetwork> load_network(const std::filesystem::path& file);

/// Whether a file seems to be of torch.export.save() or of TorchScript. False of what holds weights
/// alone, of what is no archive, and of what cannot be read.
bool holds_network(const std::filesystem::path& file);

}  // namespace descent

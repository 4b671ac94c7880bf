#pragma once
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace torch::nn {
class Module;
}
namespace torch::jit {
struct Module;
}

namespace descent {

class SavedNetwork;

namespace landscape {

/// Tensors by name, in the order in which the network registers them; one that is registered under
/// several names (tied weights) appears under each.
using Named = std::vector<std::pair<std::string, at::Tensor>>;

/// A network as the landscape works with it. The tensors are the network's own, not copies.
class Model {
 public:
  virtual ~Model() = default;

  /// Its type, for messages.
  virtual std::string type() const = 0;
  virtual Named parameters() const = 0;
  virtual Named buffers() const = 0;

  /// A deep copy that shares nothing with this one. `who` opens the message of
  /// std::invalid_argument, which is thrown if there can be none.
  virtual std::unique_ptr<Model> clone(const char* who) const = 0;

  virtual at::Tensor forward(const at::Tensor& input) = 0;
  /// For networks that take several inputs by name; others refuse it.
  virtual at::Tensor forward(const Named& inputs);

  /// Eval mode; with `batch_statistics`, layers of batch normalisation alone are in training mode.
  virtual void eval(bool batch_statistics) = 0;

  /// Prepares the running statistics of batch normalisation for one pass over all batches in
  /// training mode, after which they are the averages over the batches. Throws
  /// std::invalid_argument where that cannot be.
  virtual void reset_statistics(const char* who) = 0;

  /// The module, if it is one of torch::nn or of TorchScript.
  virtual const torch::nn::Module* module() const { return nullptr; }
  virtual const torch::jit::Module* script() const { return nullptr; }
  /// Whether forward() is that of the module, and not a function beside it.
  virtual bool is_called_plainly() const { return true; }
};

/// A module of torch::nn and how it is called, by its concrete type; `plainly` if by its own
/// forward().
using Forward = std::function<at::Tensor(torch::nn::Module&, const at::Tensor&)>;
std::shared_ptr<const Model> model_of(const torch::nn::Module& module, Forward forward,
                                      bool plainly);

/// A network out of a file.
std::shared_ptr<const Model> model_of(std::shared_ptr<const SavedNetwork> network);

}  // namespace landscape

/// Any network: a handle that refers to a module, which must outlive it and is never changed. What
/// takes a Network takes a module of torch::nn as well: evaluate(*net, ...).
///
/// - A type derived from torch::nn::Cloneable with forward(Tensor) -> Tensor, or a
///   torch::nn::Sequential. forward() must take its weights from registered parameters: a view of
///   one that is kept is that of another network after clone(), unless clone() is overridden. And
///   reset() must make submodules anew: where a clone shares them, it is refused, but LibTorch has
///   already put copies of their parameters in place, and an optimizer must be built anew.
/// - Any other, with a function that says how it is called:
///     Network(*lstm, [](torch::nn::LSTMImpl& m, const at::Tensor& x) {
///       return std::get<0>(m.forward(x));
///     })
/// - What load_network("net.pt2") gives (networks/saved_network.h): an export of Python or
///   TorchScript. The handle owns it if it is made of the pointer.
/// - A module of TorchScript: network_of(script_module), in script.h.
class Network {
 public:
  template <std::derived_from<torch::nn::Module> M>
  Network(const M& module)  // NOLINT(google-explicit-constructor)
      : model_(landscape::model_of(module, forward_of<M>(), /*plainly=*/true)) {}

  template <std::derived_from<torch::nn::Module> M, class F>
  requires std::is_invocable_r_v<at::Tensor, F&, M&, const at::Tensor&> Network(const M& module,
                                                                                F forward)
      : model_(landscape::model_of(
            module,
            [forward = std::move(forward)](torch::nn::Module& clone,
                                           const at::Tensor& input) mutable -> at::Tensor {
              return forward(dynamic_cast<M&>(clone), input);
            },
            /*plainly=*/false)) {}

  Network(std::shared_ptr<SavedNetwork> network)  // NOLINT(google-explicit-constructor)
      : model_(landscape::model_of(std::shared_ptr<const SavedNetwork>(std::move(network)))) {}
  Network(const SavedNetwork& network)  // NOLINT(google-explicit-constructor)
      : model_(landscape::model_of({std::shared_ptr<const SavedNetwork>(), &network})) {}

  explicit Network(std::shared_ptr<const landscape::Model> model) : model_(std::move(model)) {}

  const landscape::Model& model() const { return *model_; }

 private:
  /// Empty where the type has no forward(Tensor) -> Tensor: enough for planes, refused by
  /// evaluate().
  template <class M>
  static landscape::Forward forward_of() {
    if constexpr (requires(M & m, const at::Tensor& input) {
                    { m.forward(input) } -> std::convertible_to<at::Tensor>;
                  }) {
      return [](torch::nn::Module& clone, const at::Tensor& input) -> at::Tensor {
        return dynamic_cast<M&>(clone).forward(input);
      };
    } else {
      return {};
    }
  }

  std::shared_ptr<const landscape::Model> model_;
};

}  // namespace descent

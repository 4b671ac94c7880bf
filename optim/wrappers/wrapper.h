#pragma once
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <torch/optim/optimizer.h>

#include <descent/optim/optimizer/optimizer.h>

namespace descent::tensors {
class RecordReader;
class RecordWriter;
}  // namespace descent::tensors

namespace descent {

/// An optimizer given by value, to be owned.
template <class T>
concept OptimizerValue = std::is_base_of_v<torch::optim::Optimizer, T> && !std::is_abstract_v<T> &&
                         !std::is_reference_v<T>;

/// What a wrapper goes around, ours or LibTorch's or another wrapper: an optimizer that must
/// outlive the wrapper, or one that the wrapper owns from now on.
class InnerOptimizer {
 public:
  InnerOptimizer(torch::optim::Optimizer& optimizer) : optimizer_(&optimizer) {}
  template <class T>
  requires std::is_base_of_v<torch::optim::Optimizer, T> InnerOptimizer(
      std::unique_ptr<T> optimizer)
      : owned_(std::move(optimizer)), optimizer_(owned_.get()) {}
  /// What make_optimizer() made.
  template <std::same_as<OptimizerBase> T>
  InnerOptimizer(T& optimizer) : optimizer_(&optimizer.as_libtorch()) {}
  InnerOptimizer(std::unique_ptr<OptimizerBase> optimizer)
      : InnerOptimizer(libtorch_pointer(std::move(optimizer))) {}
  template <OptimizerValue T>
  InnerOptimizer(T&& optimizer) : InnerOptimizer(std::make_unique<T>(std::forward<T>(optimizer))) {}

  /// Throws c10::Error if it is null.
  torch::optim::Optimizer& get() const;

 private:
  std::unique_ptr<torch::optim::Optimizer> owned_;
  torch::optim::Optimizer* optimizer_;
};

/// The optimizer inside all wrappers, if it is one.
torch::optim::Optimizer& innermost(torch::optim::Optimizer& optimizer);

/// An optimizer around another one, ours or LibTorch's. It shows the inner optimizer's groups as
/// its own: zero_grad, get_lr and set_lr, and therefore schedulers, reach through to them, through
/// any number of wrappers.
class Wrapper : public torch::optim::Optimizer {
 public:
  torch::optim::Optimizer& inner() { return inner_.get(); }
  const torch::optim::Optimizer& inner() const { return inner_.get(); }
  /// The optimizer inside all wrappers.
  torch::optim::Optimizer& innermost() { return descent::innermost(inner()); }

  /// Adds the group to the inner optimizer.
  void add_param_group(const torch::optim::OptimizerParamGroup& group);

  /// Puts the parameter `to` into the place of `from`, in the inner optimizer and in what this
  /// remembers; `map` turns a tensor of state with the sizes of `from` into one with the sizes of
  /// `to`; without one state stays as it is, for parameters of equal sizes. Throws c10::Error, with
  /// nothing changed, where the innermost optimizer is not of this library, or sizes do not fit.
  void replace_param(const at::Tensor& from, const at::Tensor& to,
                     const std::function<at::Tensor(const at::Tensor&)>& map = nullptr);

  /// Saves what this remembers and the inner optimizer's state; options are not part of it.
  void save(torch::serialize::OutputArchive& archive) const override;
  /// Throws c10::Error for archives of other optimizers or other shapes, with what this remembers
  /// as it was; so is the inner optimizer, if it is of this library.
  void load(torch::serialize::InputArchive& archive) override;

  /// The class, of an optimizer or of what is inside of it, that calls closures more than once,
  /// elsewhere than at the parameters, or for the loss; "" if none does.
  static std::string caller_of_closures(torch::optim::Optimizer& optimizer);

  /// Whether step(closure) looks at the gradients that are there before it calls the closure.
  virtual bool uses_present_gradients() const;

 protected:
  /// `name` is the class's, for messages and archives.
  Wrapper(const char* name, InnerOptimizer inner);

  const char* name() const { return name_; }

  /// Shows groups and parameters that the inner optimizer got since.
  void mirror_groups();
  /// Called at the start of every step: the same, and refuses one that a graph would hold.
  void begin_step();

  /// Whether the innermost optimizer ascends in this group.
  bool maximizes(size_t group);

  /// What an inner optimizer may have that some wrappers cannot go around.
  enum class Has {
    Modes,          ///< is evaluated elsewhere than it trains
    SlowWeights,    ///< moves parameters to weights that it remembers
    OtherClosures,  ///< calls closures more than once, elsewhere, or for the loss
    OwnRate,        ///< finds its rate by itself
    Masters,        ///< keeps masters of parameters, which would not see what is written there
    DividesByRate
  };
  /// Refuses an inner optimizer, through any number of wrappers, that has one of these.
  void refuse_inside(std::initializer_list<Has> list);
  /// Of a wrapper itself.
  virtual bool has(Has /*what*/) const { return false; }

  /// A change that is ready to be made and can no longer fail.
  using Change = std::function<void()>;
  /// What a wrapper remembers besides the inner optimizer, if anything: writes it, reads it (and
  /// throws, or returns what puts it in place), and exchanges a parameter in it.
  virtual void save_own(tensors::RecordWriter& /*record*/) const {}
  virtual Change read_own(const tensors::RecordReader& /*record*/) {
    return [] {};
  }
  virtual Change replace_own(const at::Tensor& /*from*/, const at::Tensor& /*to*/,
                             const std::function<at::Tensor(const at::Tensor&)>& /*map*/) {
    return [] {};
  }

  /// The options as they are; c10::Error naming class, option, value and what is allowed if one is
  /// out of range.
  template <class Options>
  static const Options& checked(const char* name, const Options& options) {
    const std::string problem = fields::problem(options);
    TORCH_CHECK(problem.empty(), name, ": ", problem);
    return options;
  }

 private:
  /// Of one optimizer, apart from what is inside of it.
  static bool has_itself(torch::optim::Optimizer& optimizer, Has what);
  static const char* class_of(torch::optim::Optimizer& optimizer);

  const char* name_;
  InnerOptimizer inner_;
};

}  // namespace descent

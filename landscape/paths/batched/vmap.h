#pragma once
// Many networks in one run of a module that knows of one: LibTorch's vmap (at::functorch), and
// stacked weights in the places of the module's own. A module of torch::nn keeps its parameters in
// private handles, so nothing outside can exchange them; but each operation passes the dispatcher,
// and there a fallback on a key above vmap's exchanges the arguments.
//
// Only batched.cpp, batching_rules.h and the batched trainings of tune include this, and the probe of
// Batched.cmake, which finds out whether the LibTorch at hand has all that is used here.
#include <unordered_map>
#include <utility>

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/functorch/BatchedTensorImpl.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/functorch/PlumbingHelper.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

namespace descent::landscape {

/// A level of vmap on this thread while it lives. Random operations raise c10::Error in it.
class VmapLevel {
 public:
  explicit VmapLevel(int64_t networks)
      : networks_(networks),
        level_(at::functorch::initAndPushDynamicLayer(at::functorch::TransformType::Vmap,
                                                      c10::SymInt(networks),
                                                      at::functorch::RandomnessType::Error)) {}
  ~VmapLevel() { at::functorch::popDynamicLayerAndDeleteMetadata(); }
  VmapLevel(const VmapLevel&) = delete;
  VmapLevel& operator=(const VmapLevel&) = delete;

  /// A tensor [networks, ...] as the network sees it: [...].
  at::Tensor enter(const at::Tensor& stacked) const {
    return at::functorch::addBatchDim(stacked, 0, level_);
  }

  /// The way back; a tensor that is the same for all networks is repeated.
  at::Tensor leave(const at::Tensor& tensor) const {
    const auto [value, dimension] = at::functorch::unwrapTensorAtLevel(tensor, level_);
    if (dimension) return value.movedim(*dimension, 0);
    auto sizes = value.sizes().vec();
    sizes.insert(sizes.begin(), networks_);
    return value.unsqueeze(0).expand(sizes);
  }

 private:
  int64_t networks_, level_;
};

/// While it lives, LibTorch does not warn of operations that vmap takes one network after the other.
class NoWarnings {
 private:
  struct Silent : c10::WarningHandler {
    void process(const c10::Warning&) override {}
  };
  Silent silent_;
  c10::WarningUtils::WarningHandlerGuard guard_{&silent_};
};

/// While it lives, operations that this thread calls take other tensors in place of some, and `rule`
/// may compute an operation itself.
class Substitution {
 public:
  using Map = std::unordered_map<const c10::TensorImpl*, at::Tensor>;

  /// The only key above vmap's that LibTorch itself does not use.
  static constexpr auto kKey = c10::DispatchKey::TESTING_ONLY_GenericMode;

  /// Replaces the arguments on top of the stack by the results and returns true, or leaves the
  /// operation to LibTorch.
  using Rule = bool (*)(const c10::OperatorHandle& op, torch::jit::Stack& stack,
                        const VmapLevel& level);

  /// Sets up the dispatcher, once in a process; c10::Error if somebody else has the key.
  static void install() {
    static const torch::Library library = [] {
      torch::Library made(torch::Library::IMPL, "_", kKey, __FILE__, __LINE__);
      made.fallback(torch::CppFunction::makeFromBoxedFunction<&call>());
      return made;
    }();
  }

  /// Refers to its arguments.
  Substitution(const Map& map, const VmapLevel& level, Rule rule)
      : map_(map), level_(level), rule_(rule), outer_(std::exchange(current_, this)), on_(kKey) {}
  ~Substitution() { current_ = outer_; }
  Substitution(const Substitution&) = delete;
  Substitution& operator=(const Substitution&) = delete;

 private:
  const at::Tensor* stand_in(const at::Tensor& tensor) const {
    const auto found = map_.find(tensor.unsafeGetTensorImpl());
    return found == map_.end() ? nullptr : &found->second;
  }

  template <class List>
  c10::IValue exchanged(List list) const {
    for (size_t k = 0; k < list.size(); ++k) {
      const std::optional<at::Tensor> one = list.get(k);
      const at::Tensor* other = one ? stand_in(*one) : nullptr;
      if (other) list.set(k, *other);
    }
    return list;
  }

  void exchange(c10::IValue& argument) const {
    if (argument.isTensor()) {
      if (const auto* other = stand_in(argument.toTensor())) argument = *other;
    } else if (argument.isTensorList()) {
      argument = exchanged(argument.toTensorList().copy());
    } else if (argument.isOptionalTensorList()) {
      argument = exchanged(argument.toOptionalTensorList().copy());
    }
  }

  static void call(const c10::OperatorHandle& op, c10::DispatchKeySet, torch::jit::Stack* stack) {
    if (current_) {  // not on another thread, to which LibTorch has handed the key
      const auto count = static_cast<std::ptrdiff_t>(op.schema().arguments().size());
      for (auto it = stack->end() - count; it != stack->end(); ++it) current_->exchange(*it);
      if (current_->rule_(op, *stack, current_->level_)) return;
    }
    const c10::impl::ExcludeDispatchKeyGuard off(kKey);
    op.callBoxed(stack);
  }

  inline static thread_local const Substitution* current_ = nullptr;

  const Map& map_;
  const VmapLevel& level_;
  Rule rule_;
  const Substitution* outer_;
  c10::impl::IncludeDispatchKeyGuard on_;
};

}  // namespace descent::landscape

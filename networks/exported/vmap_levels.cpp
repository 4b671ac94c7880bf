#include <array>

#include <ATen/WrapDimUtils.h>
#include <ATen/functorch/BatchedTensorImpl.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/functorch/PlumbingHelper.h>
#include <c10/util/Exception.h>

#include <descent/networks/exported/vmap_levels.h>
#include <descent/networks/refuse.h>

namespace descent::networks {
namespace {

using at::Tensor;
using c10::IValue;
using Step = VmapLevels::Step;

constexpr std::array kNodes{
    VmapLevels::Node{"torch._functorch.predispatch.lazy_load_decompositions", Step::Load, 0},
    VmapLevels::Node{"torch._functorch.predispatch._vmap_increment_nesting", Step::Begin, 2},
    VmapLevels::Node{"torch._functorch.predispatch._add_batch_dim", Step::Enter, 3},
    VmapLevels::Node{"torch._functorch.predispatch._remove_batch_dim", Step::Leave, 4},
    VmapLevels::Node{"torch._functorch.predispatch._vmap_decrement_nesting", Step::End, 0}};

at::functorch::RandomnessType randomness(const std::string& name) {
  using at::functorch::RandomnessType;
  if (name == "error") return RandomnessType::Error;
  if (name == "same") return RandomnessType::Same;
  if (name == "different") return RandomnessType::Different;
  refuse("its vmap has the randomness '", name, "', must be error, same or different");
}

/// A tensor with its samples in a dimension; one that is the same for all of them is repeated.
Tensor leave(const Tensor& tensor, int64_t level, int64_t samples, int64_t dimension) {
  const auto [value, batched] = at::functorch::unwrapTensorAtLevel(tensor, level);
  const int64_t rank = value.dim() + (batched ? 0 : 1);
  const int64_t place = at::maybe_wrap_dim(dimension, rank);
  if (batched) return value.movedim(*batched, place);
  auto sizes = value.sizes().vec();
  sizes.insert(sizes.begin() + place, samples);
  return value.unsqueeze(place).expand(sizes);
}

}  // namespace

const VmapLevels::Node* VmapLevels::find(std::string_view target) {
  for (const Node& node : kNodes) {
    if (node.target == target) return &node;
  }
  return nullptr;
}

/// LibTorch would warn of operations that it takes one sample after the other.
struct VmapLevels::Quiet {
  struct Silent : c10::WarningHandler {
    void process(const c10::Warning&) override {}
  };
  Silent silent{};
  c10::WarningUtils::WarningHandlerGuard guard{&silent};
};

VmapLevels::VmapLevels() = default;

VmapLevels::~VmapLevels() {
  while (!open_.empty()) end();
}

int64_t VmapLevels::level() const {
  if (open_.empty()) refuse("its vmap has not begun where a value enters, leaves or it ends");
  return open_.back();
}

void VmapLevels::end() {
  at::functorch::popDynamicLayerAndDeleteMetadata();
  open_.pop_back();
  if (open_.empty()) quiet_.reset();
}

IValue VmapLevels::take(Step step, const std::vector<IValue>& operands) {
  switch (step) {
    case Step::Load:
      return {};
    case Step::Begin:
      if (!quiet_) quiet_ = std::make_unique<Quiet>();
      open_.push_back(at::functorch::initAndPushDynamicLayer(
          at::functorch::TransformType::Vmap, c10::SymInt(operands[0].toInt()),
          randomness(operands[1].toStringRef())));
      return open_.back();
    case Step::Enter: {
      const Tensor& tensor = operands[0].toTensor();
      return at::functorch::addBatchDim(
          tensor, at::maybe_wrap_dim(operands[1].toInt(), tensor.dim()), level());
    }
    case Step::Leave:
      return leave(operands[0].toTensor(), level(), operands[2].toInt(), operands[3].toInt());
    case Step::End:
      level();
      end();
      return {};
  }
  return {};
}

}  // namespace descent::networks

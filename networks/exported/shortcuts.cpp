#include <algorithm>
#include <array>
#include <string_view>

#include <ATen/ExpandUtils.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/result_type.h>
#include <ATen/ops/rsqrt.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <descent/networks/exported/shortcuts.h>

namespace descent::networks {
namespace {

using at::Tensor;
using c10::IValue;

/// Operations of which LibTorch has the same with a "_" at the end of the name.
constexpr std::array<std::string_view, 15> kInPlace{
    "aten::add",      "aten::sub",        "aten::mul",  "aten::relu",      "aten::relu6",
    "aten::hardtanh", "aten::leaky_relu", "aten::elu",  "aten::silu",      "aten::gelu",
    "aten::sigmoid",  "aten::tanh",       "aten::mish", "aten::hardswish", "aten::hardsigmoid"};

constexpr std::array<std::string_view, 3> kConvolutions{"aten::conv1d", "aten::conv2d",
                                                        "aten::conv3d"};
enum Convolution : size_t { kInput, kWeight, kBias };
enum Normalisation : size_t { kResults, kScale, kShift, kMean, kVariance, kTraining, kEps = 7 };

/// The slot whose value moves into the first place of the call; -1: there is none.
int64_t slot_taken_by(const Call& call) {
  const Argument* const first = call.argument_at(0);
  return first != nullptr && first->is_last_use ? first->references[0].slot : -1;
}

bool is_only_counting(const Call& call) { return call.mode.counts_batches; }

/// The normalisation that alone takes what the convolution at `place` gives, and follows it.
const Call* normalisation_of(const Graph& graph, size_t place) {
  const Call& convolution = graph.calls[place];
  if (!convolution.is_one_of(kConvolutions)) return nullptr;
  const auto next = std::find_if_not(graph.calls.begin() + static_cast<std::ptrdiff_t>(place) + 1,
                                     graph.calls.end(), is_only_counting);
  if (next == graph.calls.end() || !next->mode.momentum) return nullptr;  // it has none
  const bool takes_it = slot_taken_by(*next) == convolution.results[0].slots[0];
  return takes_it && next->argument_at(kTraining) == nullptr ? &*next : nullptr;
}

IValue value_at(const Call& call, size_t position, const Values& frame) {
  const Argument* const argument = call.argument_at(position);
  return argument != nullptr ? argument->in(frame) : call.constants[position];
}

}  // namespace

void find_shortcuts(Graph& graph) {
  for (size_t k = 0; k < graph.calls.size(); ++k) {
    Call& call = graph.calls[k];
    call.normalisation = normalisation_of(graph, k);
    if (!call.is_one_of(kInPlace) || slot_taken_by(call) < 0) continue;
    call.in_place = c10::Dispatcher::singleton().findSchema(
        {call.operation_name() + "_", call.operation->operator_name().overload_name});
  }
}

bool may_take_shortcuts() {
  return !at::GradMode::is_enabled() &&
         !c10::impl::tls_is_dispatch_key_included(c10::DispatchKey::FuncTorchDynamicLayerFrontMode);
}

bool may_write(const Values& stack) {
  if (!stack[0].isTensor()) return false;
  const Tensor& into = stack[0].toTensor();
  // Inputs and states are held by whoever runs the graph, and constants by the graph.
  const bool is_own =
      into.use_count() == 1 && into.has_storage() && into.storage().use_count() == 1;
  if (!is_own || !into.is_floating_point() || !into.is_non_overlapping_and_dense()) return false;
  if (into.is_inference() && !c10::InferenceMode::is_enabled()) return false;
  return std::all_of(stack.begin() + 1, stack.end(), [&](const IValue& other) {
    if (other.isScalar()) return at::result_type(into, other.toScalar()) == into.scalar_type();
    if (!other.isTensor()) return true;
    const Tensor& tensor = other.toTensor();
    return tensor.defined() && at::is_expandable_to(tensor.sizes(), into.sizes()) &&
           at::result_type(into, tensor) == into.scalar_type();
  });
}

bool folds(const Call& convolution, const Values& stack, const Call& normalisation,
           const Values& frame, const Setting& setting) {
  const bool exported = normalisation.constants[kTraining].toBool();
  if (!setting.folds || setting.training_of_batch_norm().value_or(exported)) return false;
  const Tensor &input = stack[kInput].toTensor(), &weight = stack[kWeight].toTensor();
  const bool is_plain = weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kDouble;
  const bool is_cheap = input.numel() >= 2 * weight.numel();
  return convolution.results.size() == 1 && is_plain && is_cheap &&
         input.scalar_type() == weight.scalar_type() &&
         value_at(normalisation, kMean, frame).toTensor().scalar_type() == weight.scalar_type();
}

void fold(Values& stack, const Call& normalisation, const Values& frame) {
  const auto number = [&](size_t position) { return value_at(normalisation, position, frame); };
  const auto tensor = [&](size_t position) { return number(position).toOptional<Tensor>(); };
  Tensor scale = at::rsqrt(*tensor(kVariance) + number(kEps).toDouble());
  if (const auto factor = tensor(kScale)) scale = scale * *factor;
  const auto bias = stack[kBias].toOptional<Tensor>();
  Tensor shift = (bias ? *bias - *tensor(kMean) : -*tensor(kMean)) * scale;
  if (const auto addend = tensor(kShift)) shift = shift + *addend;
  const Tensor& weight = stack[kWeight].toTensor();
  std::vector<int64_t> sizes(static_cast<size_t>(weight.dim()), 1);
  sizes[0] = -1;
  stack[kWeight] = weight * scale.view(sizes);
  stack[kBias] = shift;
}

}  // namespace descent::networks

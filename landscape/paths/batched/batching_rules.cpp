#include <limits>
#include <string>
#include <unordered_map>

#include <ATen/TensorOperators.h>
#include <ATen/ops/_scaled_dot_product_attention_math.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <descent/landscape/paths/batched/batching_rules.h>

namespace descent::landscape {
namespace {

using at::Tensor;
using torch::jit::Stack;

/// The arguments of an operation, on top of the stack, and the place of its results.
class Call {
 public:
  Call(const c10::OperatorHandle& op, Stack& stack, const VmapLevel& level)
      : op_(op), stack_(stack), level_(level), count_(op.schema().arguments().size()) {}

  const c10::IValue& operator[](size_t k) const { return torch::jit::peek(stack_, k, count_); }
  Tensor tensor(size_t k) const { return (*this)[k].toTensor(); }
  /// Undefined if the argument is None.
  Tensor optional(size_t k) const { return (*this)[k].isNone() ? Tensor() : tensor(k); }
  const VmapLevel& level() const { return level_; }

  template <class... Results>
  bool done(Results&&... results) {
    torch::jit::drop(stack_, count_);
    torch::jit::push(stack_, std::forward<Results>(results)...);
    return true;
  }

  /// What an operation is composed of, each part of which comes here as well.
  bool body() {
    op_.callBoxedForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd, stack_);
    return true;
  }

 private:
  const c10::OperatorHandle& op_;
  Stack& stack_;
  const VmapLevel& level_;
  size_t count_;
};

bool body(Call& call) { return call.body(); }

/// One direction of one layer of an LSTM, by oneDNN within aten::lstm. Recurrent layers have no
/// batching rule (pytorch#105982), but the parts that they are composed of have.
bool mkldnn_rnn_layer(Call& call) {
  const bool biases = call[12].toBool();  // else they are zeros of another shape
  const Tensor input = call.tensor(0), weight = call.tensor(2),
               bias = biases ? call.tensor(4) : Tensor();
  Tensor hidden = call.tensor(5), cell = call.tensor(6);
  const bool reverse = call[7].toBool();
  const Tensor gates = at::linear(input, call.tensor(1), biases ? call.tensor(3) : Tensor());
  const int64_t steps = input.size(0);
  std::vector<Tensor> outputs(static_cast<size_t>(steps));
  for (int64_t step = 0; step < steps; ++step) {
    const int64_t time = reverse ? steps - 1 - step : step;
    const auto gate =
        (gates.select(0, time) + at::linear(hidden, weight, bias)).chunk(4, /*dim=*/1);
    cell = gate[1].sigmoid() * cell + gate[0].sigmoid() * gate[2].tanh();
    hidden = gate[3].sigmoid() * cell.tanh();
    outputs[static_cast<size_t>(time)] = hidden;
  }
  return call.done(at::stack(outputs), hidden, cell, Tensor());
}

/// Attention by its definition: the fused kernel for the CPU has no batching rule.
Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value,
                 std::optional<Tensor> mask = {}, double dropout = 0, bool causal = false,
                 std::optional<double> scale = {}, bool grouped = false) {
  if (mask && mask->scalar_type() == at::kBool) {
    mask = at::zeros(mask->sizes(), query.options())
               .masked_fill(mask->logical_not(), -std::numeric_limits<double>::infinity());
  }
  return std::get<0>(at::_scaled_dot_product_attention_math(query, key, value, mask, dropout,
                                                            causal, {}, scale, grouped));
}

bool scaled_dot_product_attention(Call& call) {
  return call.done(attention(call.tensor(0), call.tensor(1), call.tensor(2),
                             call[3].toOptional<Tensor>(), call[4].toDouble(), call[5].toBool(),
                             call[6].toOptional<double>(), call[7].toBool()));
}

/// What nn.TransformerEncoderLayer of Python calls in eval mode, without a mask.
bool transformer_encoder_layer(Call& call) {
  const Tensor source = call.tensor(0);
  if (!call[18].isNone() || source.dim() != 3) return false;
  const int64_t width = call[1].toInt(), heads = call[2].toInt();
  const auto linear = [&](const Tensor& x, size_t weight) {
    return at::linear(x, call.tensor(weight), call.tensor(weight + 1));
  };
  const auto norm = [&](const Tensor& x, size_t weight) {
    return at::layer_norm(x, {width}, call.tensor(weight), call.tensor(weight + 1),
                          call[9].toDouble());
  };
  const auto attend = [&](const Tensor& x) {
    const Tensor parts = linear(x, 3).unflatten(-1, {3, heads, -1}).permute({2, 0, 3, 1, 4});
    const Tensor mixed = attention(parts[0], parts[1], parts[2]);
    return linear(mixed.transpose(1, 2).flatten(2), 5);
  };
  const auto feed = [&](const Tensor& x) {
    const Tensor hidden = linear(x, 14);
    return linear(call[7].toBool() ? at::gelu(hidden) : at::relu(hidden), 16);
  };
  if (call[8].toBool()) {  // norms first
    const Tensor middle = source + attend(norm(source, 10));
    return call.done(middle + feed(norm(middle, 12)));
  }
  const Tensor middle = norm(source + attend(source), 10);
  return call.done(norm(middle + feed(middle), 12));
}

/// With running statistics: x * scale + shift in one pass, as LibTorch does for one network.
bool batch_norm(Call& call) {
  const Tensor input = call.tensor(0), weight = call.optional(1), bias = call.optional(2),
               mean = call.optional(3), variance = call.optional(4);
  if (call[5].toBool() || !mean.defined() || !variance.defined()) return false;
  Tensor scale = (variance + call[7].toDouble()).rsqrt();
  if (weight.defined()) scale = scale * weight;
  const Tensor shift = bias.defined() ? bias - mean * scale : -mean * scale;
  std::vector<int64_t> channels(static_cast<size_t>(input.dim()), 1);
  channels[1] = -1;
  return call.done(at::addcmul(shift.view(channels), input, scale.view(channels)));
}

/// nll_loss_forward and nll_loss2d_forward: of classes along dimension 1, or 0 without samples.
bool nll_loss_forward(Call& call) {
  const Tensor input = call.tensor(0), target = call.tensor(1), weight = call.optional(2);
  const int64_t reduction = call[3].toInt(), dim = input.dim() == 1 ? 0 : 1;
  const Tensor counts = target != call[4].toInt();
  const Tensor chosen = at::where(counts, target, at::zeros_like(target));
  Tensor weights = counts.to(input.scalar_type());
  if (weight.defined()) {
    weights = weights * weight.index_select(0, chosen.reshape({-1})).view(chosen.sizes());
  }
  const Tensor picked = input.gather(dim, chosen.unsqueeze(dim)).squeeze(dim);
  const Tensor losses = at::where(counts, -picked * weights, at::zeros_like(weights));
  const Tensor total = weights.sum();
  if (reduction == at::Reduction::None) return call.done(losses, total);
  const Tensor sum = losses.sum();
  return call.done(reduction == at::Reduction::Mean ? sum / total : sum, total);
}

/// The answer must be that of each network, as it decides what is done next for all.
bool equal(Call& call) {
  const Tensor a = call.tensor(0), b = call.tensor(1);
  if (a.is_same(b)) return call.done(true);
  if (a.sizes() != b.sizes()) return call.done(false);
  const Tensor each = call.level().leave((a == b).all());
  const bool all = each.all().item<bool>();
  TORCH_CHECK(all || !each.any().item<bool>(),
              "torch::equal() is true of some of the networks only");
  return call.done(all);
}

}  // namespace

bool batching_rule(const c10::OperatorHandle& op, Stack& stack, const VmapLevel& level) {
  static const std::unordered_map<std::string, bool (*)(Call&)> rules{
      {"aten::lstm", body},
      {"aten::gru", body},
      {"aten::rnn_tanh", body},
      {"aten::rnn_relu", body},
      {"aten::mkldnn_rnn_layer", mkldnn_rnn_layer},
      {"aten::scaled_dot_product_attention", scaled_dot_product_attention},
      {"aten::_transformer_encoder_layer_fwd", transformer_encoder_layer},
      {"aten::batch_norm", batch_norm},
      {"aten::cross_entropy_loss", body},
      {"aten::nll_loss_nd", body},
      {"aten::nll_loss", body},
      {"aten::nll_loss2d", body},
      {"aten::nll_loss_forward", nll_loss_forward},
      {"aten::nll_loss2d_forward", nll_loss_forward},
      {"aten::equal", equal},
  };
  const auto found = rules.find(op.operator_name().name);
  if (found == rules.end()) return false;
  Call call(op, stack, level);
  if (found->second == body) return body(call);
  const c10::impl::ExcludeDispatchKeyGuard off(Substitution::kKey);
  return found->second(call);
}

}  // namespace descent::landscape

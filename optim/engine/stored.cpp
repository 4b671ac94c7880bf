#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <descent/optim/engine/stored.h>
#include <descent/optim/optimizer/group_options.h>
#include <descent/tensors/computed_in.h>

namespace descent::engine {
namespace {

/// The buffers that 8 bits can hold: moments and momentum, and, unsigned, squares, their sums and
/// maxima. All others stay: weights, the sums that weights are computed from, and what is compared
/// or subtracted number by number.
struct Coded {
  std::string_view buffer;
  Kept kept;
};
constexpr Coded kCoded[] = {
    {"exp_avg", Kept::Signed8},       {"exp_avg_fast", Kept::Signed8},
    {"exp_avg_slow", Kept::Signed8},  {"exp_avg_diff", Kept::Signed8},
    {"exp_avg_lr_1", Kept::Signed8},  {"momentum_buffer", Kept::Signed8},
    {"grad_avg", Kept::Signed8},      {"exp_mean_avg_beta2", Kept::Signed8},
    {"exp_avg_sq", Kept::Unsigned8},  {"max_exp_avg_sq", Kept::Unsigned8},
    {"exp_avg_var", Kept::Unsigned8}, {"max_exp_avg_var", Kept::Unsigned8},
    {"square_avg", Kept::Unsigned8},  {"acc_delta", Kept::Unsigned8},
    {"sum", Kept::Unsigned8},         {"accum", Kept::Unsigned8},
    {"grad_sum_sq", Kept::Unsigned8}, {"exp_inf", Kept::Unsigned8},
    {"hessian", Kept::Unsigned8},
};
/// Means whose square is subtracted from a mean of squares.
struct Difference {
  std::string_view squares, means;
};
constexpr Difference kDifferences[] = {{"square_avg", "grad_avg"},
                                       {"exp_avg_sq", "exp_mean_avg_beta2"}};

Kept code_for(std::string_view buffer) {
  for (const Coded& coded : kCoded)
    if (coded.buffer == buffer) return coded.kept;
  return Kept::AsParameter;
}

bool has_16_bits(const at::Tensor& p) {
  return p.scalar_type() == at::kBFloat16 || p.scalar_type() == at::kHalf;
}
NumberType number_type_of(const at::Tensor& p) { return *number_type(p.scalar_type()); }

/// Row-major, in this machine's memory and of that type; `x` itself if it is so.
at::Tensor in_rows(const at::Tensor& x, at::ScalarType type) {
  return x.detach().to(at::TensorOptions().device(at::kCPU).dtype(type)).contiguous();
}
const float* floats(const at::Tensor& x) { return x.const_data_ptr<float>(); }
uint16_t* shorts(const at::Tensor& x) { return static_cast<uint16_t*>(x.mutable_data_ptr()); }

at::Tensor as_floats(const at::Tensor& like) {
  return at::empty(like.sizes(), at::TensorOptions().dtype(at::kFloat));
}

/// Bytes and absmax of `values`, on the device of `p`.
std::pair<at::Tensor, at::Tensor> encoded(Kept kept, const at::Tensor& p,
                                          const at::Tensor& values) {
  const at::Tensor x = in_rows(values, at::kFloat);
  at::Tensor bytes = at::empty(p.sizes(), at::TensorOptions().dtype(at::kByte));
  at::Tensor absmax = at::empty({code_blocks(p.numel())}, at::TensorOptions().dtype(at::kFloat));
  encode(kept, Isa::Baseline, floats(x), bytes.mutable_data_ptr<uint8_t>(),
         absmax.mutable_data_ptr<float>(), p.numel());
  return {bytes.to(p.device()), absmax.to(p.device())};
}

/// The type of the tensor beside a parameter.
at::ScalarType type_beside(const at::Tensor& p, Master master) {
  return master == Master::Float32     ? at::kFloat
         : master == Master::Remainder ? at::kShort
                                       : p.scalar_type();
}

}  // namespace

std::optional<NumberType> number_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return NumberType::Float;
    case at::kDouble:
      return NumberType::Double;
    case at::kBFloat16:
      return NumberType::BFloat16;
    case at::kHalf:
      return NumberType::Half;
    default:
      return {};
  }
}

std::string precision_problem(const RuleTable& rule, const void* options, const BaseOptions& base,
                              at::ScalarType type) {
  std::string problem;
  const auto refuse = [&](std::string_view option, const std::string& allowed) {
    for (const OptionInfo& found : fields::describe(base))
      if (found.name == option && problem.empty())
        problem = fields::out_of_range(option, found.value, allowed);
  };
  const auto of_type = [&] { return c10::str(" for a parameter of ", type); };
  if (type == at::kDouble || at::isComplexType(type)) {
    const auto found = fields::describe(base),
               plain = fields::describe(BaseOptions{}.decaying_as(base));
    for (size_t i = 0; i < found.size(); ++i)
      if (found[i].name != "state_dtype" && !(found[i].value == plain[i].value))
        refuse(found[i].name, to_text(plain[i].value) + of_type());
  }
  if (type == at::kFloat && base.master != Master::None) refuse("master", "none" + of_type());
  if (type == at::kHalf && base.master == Master::Remainder)
    refuse("master", "none, float32 or kahan" + of_type());
  if (type != at::kBFloat16 && base.rounding == Rounding::Stochastic)
    refuse("rounding", "nearest" + of_type());
  if (type == at::kHalf && base.state_dtype == StateDtype::Param && rule.beyond_half)
    refuse("state_dtype", "float32, the state is too small" + of_type());
  if (rule.joins_group != nullptr && rule.joins_group(options) && base.master != Master::None)
    refuse("master", "none where the parameters of a group are one to the rule");
  if (base.state_bits == 0) return problem;
  if (rule.tensor_update != nullptr) refuse("state_bits", "0 for a rule on matrices");
  if (rule.weigh != nullptr) refuse("state_bits", "0 for a rule with sums over all parameters");
  if (std::none_of(rule.buffers.begin(), rule.buffers.end(),
                   [](const std::string& name) { return has_codes(code_for(name)); }))
    refuse("state_bits", "0 for a rule without a buffer that 8 bits can hold");
  return problem;
}

std::optional<Subtracted> coded_difference(const ParamState& state,
                                           const std::array<bool, kMaxBuffers>& used) {
  if (!state.has_beside()) return {};
  const auto& names = state.rule().buffers;
  const auto coded = [&](std::string_view name) -> std::optional<size_t> {
    const auto b = static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    if (b == names.size() || !used[b] || !state.beside().absmax(b).defined()) return {};
    return b;
  };
  for (const Difference& difference : kDifferences)
    if (const auto squares = coded(difference.squares), means = coded(difference.means);
        squares && means && state.buffer(*squares).sizes() == state.buffer(*means).sizes())
      return Subtracted{*squares, *means};
  return {};
}

void keep_above_means(ParamState& state, const std::array<bool, kMaxBuffers>& used) {
  const auto pair = coded_difference(state, used);
  if (!pair) return;
  at::Tensor& kept = state.buffer(pair->squares);
  const auto absmax = [&](size_t b) { return in_rows(state.beside().absmax(b), at::kFloat); };
  const at::Tensor means = in_rows(state.buffer(pair->means), at::kByte),
                   squares = in_rows(kept, at::kByte), of_means = absmax(pair->means),
                   of_squares = absmax(pair->squares);
  keep_above_means(means.const_data_ptr<uint8_t>(), floats(of_means),
                   squares.mutable_data_ptr<uint8_t>(), floats(of_squares), squares.numel());
  if (!kept.is_cpu()) kept.copy_(squares);
}

Kept kept_as(const RuleTable& rule, size_t b, const at::Tensor& p, const BaseOptions& base) {
  if (base.state_bits == 8 && p.numel() >= base.min_8bit_size && b != rule.slow_buffer)
    if (const Kept code = code_for(rule.buffers[b]); has_codes(code)) return code;
  return base.state_dtype == StateDtype::Float32 && has_16_bits(p) ? Kept::Float
                                                                   : Kept::AsParameter;
}

at::ScalarType kept_in(Kept kept, const at::Tensor& p) {
  return has_codes(kept) ? at::kByte : kept == Kept::Float ? at::kFloat : p.scalar_type();
}

std::optional<cuda::Format> format_for(const RuleTable& rule, const RuleForm& form,
                                       const at::Tensor& p, const BaseOptions& base,
                                       bool decays_last) {
  const auto type = number_type(p.scalar_type());
  if (!type || (!p.is_contiguous() && needs_order(p, base))) return {};
  bool coded = false, in_float = false;
  for (size_t b = 0; b < rule.buffers.size(); ++b) {
    if (!form.buffers[b]) continue;
    const Kept kept = kept_as(rule, b, p, base);
    coded |= has_codes(kept);
    in_float |= kept == Kept::Float;
  }
  if (type == NumberType::Double) return cuda::Format::Double;
  if (coded || decays_last || base.master != Master::None || base.rounding != Rounding::Nearest)
    return cuda::Format::Mixed;
  if (type == NumberType::Float) return cuda::Format::Float;
  if (type == NumberType::BFloat16)
    return in_float ? cuda::Format::BFloat16FloatState : cuda::Format::BFloat16;
  return in_float ? cuda::Format::HalfFloatState : cuda::Format::Half;
}

bool needs_order(const at::Tensor& p, const BaseOptions& base) {
  return base.rounding == Rounding::Stochastic ||
         (base.state_bits == 8 && p.numel() >= base.min_8bit_size);
}

at::Tensor values_of(const ParamState& state, size_t b) {
  const at::Tensor& buffer = state.buffer(b);
  if (!state.beside().absmax(b).defined()) return buffer;
  const at::Tensor bytes = in_rows(buffer, at::kByte),
                   absmax = in_rows(state.beside().absmax(b), at::kFloat);
  at::Tensor values = as_floats(buffer);
  decode(code_for(state.rule().buffers[b]), Isa::Baseline, bytes.const_data_ptr<uint8_t>(),
         floats(absmax), values.mutable_data_ptr<float>(), values.numel());
  return values.to(buffer.device());
}

at::Tensor plain_values_of(const ParamState& state, size_t b, const at::Tensor& p) {
  const at::Tensor values = values_of(state, b);
  return state.rule().tensor_update != nullptr ? values : values.to(p.scalar_type());
}

void set_values(ParamState& state, size_t b, const at::Tensor& p, const BaseOptions& base,
                const at::Tensor& values) {
  if (state.rule().tensor_update != nullptr) {
    state.buffer(b) = values.to(p.device()).clone();
    return;
  }
  const Kept kept = kept_as(state.rule(), b, p, base);
  if (has_codes(kept)) {
    auto [bytes, absmax] = encoded(kept, p, values);
    state.buffer(b) = std::move(bytes);
    state.make_beside().set_absmax(b, std::move(absmax));
    std::array<bool, kMaxBuffers> all;
    all.fill(true);
    keep_above_means(state, all);
    return;
  }
  state.buffer(b) = at::empty_like(p, p.options().dtype(kept_in(kept, p))).copy_(values);
  if (state.has_beside()) state.make_beside().set_absmax(b, at::Tensor());
}

void write_values(ParamState& state, size_t b, const at::Tensor& values) {
  at::Tensor& buffer = state.buffer(b);
  if (!state.beside().absmax(b).defined()) {
    buffer.copy_(values);
    return;
  }
  auto [bytes, absmax] = encoded(code_for(state.rule().buffers[b]), buffer, values);
  buffer = std::move(bytes);
  state.make_beside().set_absmax(b, std::move(absmax));
}

void fit_buffer(ParamState& state, size_t b, const at::Tensor& p, const BaseOptions& base,
                bool in_layout) {
  const at::Tensor& buffer = state.buffer(b);
  const at::Tensor& absmax = state.beside().absmax(b);
  const Kept kept = kept_as(state.rule(), b, p, base);
  if (has_codes(kept)) {
    if (buffer.scalar_type() == at::kByte && absmax.defined() && buffer.device() == p.device() &&
        absmax.device() == p.device() && buffer.is_contiguous() && absmax.is_contiguous() &&
        absmax.scalar_type() == at::kFloat)
      return;
  } else {
    const bool lies_so = in_layout
                             ? !buffer.is_neg() && ((p.is_contiguous() && buffer.is_contiguous()) ||
                                                    buffer.strides() == p.strides())
                             : buffer.is_non_overlapping_and_dense();
    if (buffer.scalar_type() == kept_in(kept, p) && !absmax.defined() &&
        buffer.device() == p.device() && lies_so)
      return;
  }
  set_values(state, b, p, base, values_of(state, b));
}

bool is_kept_so(const ParamState& state, const at::Tensor& p, const BaseOptions& base) {
  if (state.beside().master() != base.master) return false;
  if (state.rule().tensor_update != nullptr) return true;
  for (size_t b = 0; b < state.rule().buffers.size(); ++b)
    if (state.buffer(b).defined() &&
        has_codes(kept_as(state.rule(), b, p, base)) != state.beside().absmax(b).defined())
      return false;
  return true;
}

bool has_fit_beside(const ParamState& state, const at::Tensor& p, const BaseOptions& base) {
  const Beside& beside = state.beside();
  if (beside.master() != base.master) return false;
  if (base.master == Master::None) return true;
  const at::Tensor& kept = beside.parameter();
  return kept.defined() && kept.scalar_type() == type_beside(p, base.master) &&
         kept.device() == p.device() &&
         ((p.is_contiguous() && kept.is_contiguous()) || kept.strides() == p.strides());
}

void fit_beside(ParamState& state, const at::Tensor& p, const BaseOptions& base) {
  const Master master = base.master;
  if (master == Master::None) {
    if (state.beside().master() != Master::None)
      state.make_beside().set_parameter(Master::None, at::Tensor());
    if (state.beside().is_empty()) state.scalars.forget_beside();
    return;
  }
  if (has_fit_beside(state, p, base)) return;
  const at::Tensor& kept = state.beside().parameter();
  const auto options = p.options().dtype(type_beside(p, master));
  const bool is_there = state.beside().master() == master && kept.defined();
  at::Tensor made = is_there                    ? at::empty_like(p, options).copy_(kept)
                    : master == Master::Float32 ? at::empty_like(p, options).copy_(p.detach())
                                                : at::zeros_like(p, options);
  state.make_beside().set_parameter(master, std::move(made));
}

at::Tensor step_start(const at::Tensor& p, const ParamState& state) {
  const Master master = state.beside().master();
  if (master == Master::Float32)
    return state.beside().parameter().to(p.device(), at::kFloat, /*non_blocking=*/false,
                                         /*copy=*/true);
  if (master == Master::Remainder) {
    const at::Tensor upper = in_rows(p, at::kBFloat16),
                     lower = in_rows(state.beside().parameter(), at::kShort);
    at::Tensor whole = as_floats(p);
    join(Isa::Baseline, shorts(upper), shorts(lower), whole.mutable_data_ptr<float>(), p.numel());
    return whole.to(p.device());
  }
  return tensors::widened(p);
}

void store_step(const at::Tensor& p, ParamState& state, bool by_chance, const Draw& draw,
                const at::Tensor& arrived) {
  const Master master = state.beside().master();
  if (master == Master::Float32) state.beside().parameter().copy_(arrived);
  if ((master != Master::Remainder && master != Master::Kahan && !by_chance) || p.numel() == 0) {
    p.copy_(arrived);
    return;
  }
  const at::Tensor x = in_rows(arrived, at::kFloat);
  at::Tensor to = in_rows(p, p.scalar_type()).clone();
  if (by_chance) {
    round_by_chance(Isa::Baseline, floats(x), shorts(to), draw, 0, p.numel());
    p.copy_(to);
    return;
  }
  const at::Tensor beside =
      in_rows(state.beside().parameter(), state.beside().parameter().scalar_type()).clone();
  if (master == Master::Remainder)
    split(Isa::Baseline, floats(x), shorts(to), shorts(beside), p.numel());
  else
    compensate(number_type_of(p), Isa::Baseline, floats(x), shorts(to), shorts(beside), p.numel());
  p.copy_(to);
  state.beside().parameter().copy_(beside);
}

at::Tensor value_of(const at::Tensor& p, const ParamState& state) {
  at::Tensor value = step_start(p, state);
  if (state.beside().master() == Master::Kahan) value.add_(state.beside().parameter());
  return value;
}

void set_value(const at::Tensor& p, ParamState& state, const at::Tensor& value) {
  if (state.beside().master() == Master::Kahan) {
    p.copy_(value);
    state.beside().parameter().copy_(value - p.to(at::kFloat));
    return;
  }
  store_step(p, state, /*by_chance=*/false, {}, value);
}

}  // namespace descent::engine

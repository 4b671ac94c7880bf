#pragma once
// What a state holds, as tensors, whatever it is kept in (BaseOptions): how numbers get in and out
// where no loop does it. Private to the library.
#include <string>

#include <ATen/core/Tensor.h>

#include <descent/optim/engine/cuda/launch.h>
#include <descent/optim/engine/low_precision.h>
#include <descent/optim/optimizer/param_state.h>

namespace descent::engine {

/// Of a type that the loops can take.
std::optional<NumberType> number_type(at::ScalarType type);

/// Whether something is asked for that not every parameter can have.
inline bool is_asked(const BaseOptions& base) {
  return base.state_dtype != StateDtype::Float32 || base.master != Master::None ||
         base.rounding != Rounding::Nearest || base.state_bits != 0;
}
/// Whether anything of a parameter of that type is kept otherwise than in the type itself.
inline bool is_mixed(const BaseOptions& base, at::ScalarType type) {
  const bool float_state =
      base.state_dtype == StateDtype::Float32 && (type == at::kBFloat16 || type == at::kHalf);
  return float_state || base.master != Master::None || base.rounding != Rounding::Nearest ||
         base.state_bits != 0;
}
/// What is wrong with these base options, "master = kahan, must be none for a parameter of Float", or
/// "".
std::string precision_problem(const RuleTable& rule, const void* options, const BaseOptions& base,
                              at::ScalarType type);

/// How the b-th buffer of `p` is to be kept. Which ones 8 bits can hold is decided by their names.
Kept kept_as(const RuleTable& rule, size_t b, const at::Tensor& p, const BaseOptions& base);
/// The type of such a buffer.
at::ScalarType kept_in(Kept kept, const at::Tensor& p);
/// What the kernels for CUDA take `p` and its state for; none: they do not take it. `decays_last` is
/// whether a decay of agreed_decay.h comes after the rule's text.
std::optional<cuda::Format> format_for(const RuleTable& rule, const RuleForm& form,
                                       const at::Tensor& p, const BaseOptions& base,
                                       bool decays_last);
/// Whether a step of `p` needs its elements in row-major order.
bool needs_order(const at::Tensor& p, const BaseOptions& base);

/// A buffer's values: the buffer itself, or what its bytes mean.
at::Tensor values_of(const ParamState& state, size_t b);
/// The same as a program that has no base options keeps them, in the parameter's type.
at::Tensor plain_values_of(const ParamState& state, size_t b, const at::Tensor& p);
/// Makes `values` those of a buffer, kept as is asked for; a tensor algorithm's stay in their type.
void set_values(ParamState& state, size_t b, const at::Tensor& p, const BaseOptions& base,
                const at::Tensor& values);
/// Writes `values` into a buffer as it is kept.
void write_values(ParamState& state, size_t b, const at::Tensor& values);
/// The two buffers whose codes keep_above_means() of low_precision.h looks at, if the state has them.
std::optional<Subtracted> coded_difference(const ParamState& state,
                                           const std::array<bool, kMaxBuffers>& used);
/// The same for the whole state, once all of its values are written.
void keep_above_means(ParamState& state, const std::array<bool, kMaxBuffers>& used);
/// Brings a buffer that is there into what is asked for, if it is not. `in_layout` wants the
/// parameter's.
void fit_buffer(ParamState& state, size_t b, const at::Tensor& p, const BaseOptions& base,
                bool in_layout);

/// Whether codes and master are there as is asked for; a step brings them so.
bool is_kept_so(const ParamState& state, const at::Tensor& p, const BaseOptions& base);
/// Whether the master that is asked for is there as a step of `p` needs it.
bool has_fit_beside(const ParamState& state, const at::Tensor& p, const BaseOptions& base);
/// Makes and forgets what is asked for beside the parameter: a master starts as the parameter is.
void fit_beside(ParamState& state, const at::Tensor& p, const BaseOptions& base);

/// What a step of `p` starts from, in the type that it computes in: a copy.
at::Tensor step_start(const at::Tensor& p, const ParamState& state);
/// Stores what it arrived at.
void store_step(const at::Tensor& p, ParamState& state, bool by_chance, const Draw& draw,
                const at::Tensor& arrived);

/// The parameter as the optimizer knows it between steps, in the type that it is computed in: a
/// copy. Kahan's error is part of it.
at::Tensor value_of(const at::Tensor& p, const ParamState& state);
void set_value(const at::Tensor& p, ParamState& state, const at::Tensor& value);

}  // namespace descent::engine

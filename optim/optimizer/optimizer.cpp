#include <algorithm>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>

#include <descent/optim/engine/engine.h>
#include <descent/optim/engine/stored.h>
#include <descent/optim/optimizer/optimizer.h>
#include <descent/tensors/fit.h>

namespace descent {
namespace {

torch::optim::OptimizerOptions& defaults_of(const OptimizerBase& optimizer) {
  return const_cast<torch::optim::Optimizer&>(optimizer.as_libtorch()).defaults();
}

/// Refuses what only a schedule may set.
void check_first(const GroupOptions& options) {
  const std::string problem = options.problem();
  TORCH_CHECK(problem.empty(), options.rule().about.name, ": ", problem);
}

/// Whether a buffer that is there is so.
template <class F>
bool any_buffer(const ParamState& state, F is_so) {
  for (size_t b = 0; b < state.rule().buffers.size(); ++b)
    if (state.buffer(b).defined() && is_so(state.buffer(b))) return true;
  return false;
}

/// "[4, 6], [3]" of what Scalars::block() holds.
std::string text_of(const std::vector<int64_t>& block) {
  std::string text;
  for (size_t i = 0; i < block.size(); i += 1 + static_cast<size_t>(block[i])) {
    const at::IntArrayRef sizes(block.data() + i + 1, static_cast<size_t>(block[i]));
    text += (text.empty() ? "" : ", ") + c10::str(sizes);
  }
  return text;
}

}  // namespace

std::unique_ptr<torch::optim::Optimizer> libtorch_pointer(
    std::unique_ptr<OptimizerBase> optimizer) {
  if (optimizer == nullptr) return nullptr;
  return std::unique_ptr<torch::optim::Optimizer>(&optimizer.release()->as_libtorch());
}

OptimizerBase::OptimizerBase(const engine::RuleTable& rule)
    : rule_(&rule), engine_(std::make_unique<Engine>(rule)) {}
OptimizerBase::OptimizerBase(OptimizerBase&&) noexcept = default;
OptimizerBase& OptimizerBase::operator=(OptimizerBase&&) noexcept = default;
OptimizerBase::~OptimizerBase() = default;

std::unique_ptr<torch::optim::OptimizerOptions> OptimizerBase::checked_defaults(
    const torch::optim::OptimizerOptions& options) const {
  auto defaults = engine_->adopted(options, nullptr, {});
  check_first(descent::group_options(*defaults));
  return defaults;
}

void OptimizerBase::add_first_groups(const std::vector<torch::optim::OptimizerParamGroup>& groups) {
  TORCH_CHECK(!groups.empty(), rule_->about.name, ": params is empty, must hold a tensor");
  for (const auto& group : groups) add_param_group(group);
  bool all_rest = rule_->divides_by_lr;
  for (const auto& group : param_groups()) all_rest = all_rest && group.options().get_lr() == 0;
  TORCH_CHECK(!all_rest, rule_->about.name, ": lr = 0 in all groups, must be > 0 in one of them");
}

void OptimizerBase::check_params(const std::vector<at::Tensor>& params) const {
  const char* name = rule_->about.name;
  TORCH_CHECK(!params.empty(), name, ": params is empty, must hold a tensor");
  std::unordered_set<const void*> known;
  for (const auto& group : param_groups())
    for (const auto& p : group.params()) known.insert(p.unsafeGetTensorImpl());
  for (size_t i = 0; i < params.size(); ++i) {
    check_param(name, params[i], i);
    TORCH_CHECK(known.insert(params[i].unsafeGetTensorImpl()).second, name, ": params[", i,
                "] is a parameter of this optimizer already, must be there once");
  }
}

void OptimizerBase::check_precision(const std::vector<at::Tensor>& params,
                                    const GroupOptions& options) const {
  const BaseOptions base = options.base();
  if (base == BaseOptions{}) return;
  for (size_t i = 0; i < params.size(); ++i) {
    const std::string problem =
        engine::precision_problem(*rule_, options.value(), base, params[i].scalar_type());
    TORCH_CHECK(problem.empty(), rule_->about.name, ": the group of params[", i, "] has ", problem);
  }
}

void OptimizerBase::check_param(const char* name, const at::Tensor& p, size_t i) const {
  TORCH_CHECK(p.defined(), name, ": params[", i, "] is undefined, must be a tensor");
  const bool takes_complex = rule_->tensor_update == nullptr && !rule_->sparse_only;
  const bool is_complex =
      p.scalar_type() == at::kComplexFloat || p.scalar_type() == at::kComplexDouble;
  TORCH_CHECK(at::isFloatingType(p.scalar_type()) || (takes_complex && is_complex), name,
              ": params[", i, "] has dtype ", p.scalar_type(), ", must be a ",
              takes_complex ? "floating-point type, or complex of float or double"
                            : "real floating-point type");
  TORCH_CHECK(p.layout() == at::kStrided, name, ": params[", i, "] has layout ", p.layout(),
              ", must be strided");
  TORCH_CHECK(p.is_leaf(), name, ": params[", i,
              "] is the result of an operation, must be a leaf (detach it)");
}

void append_sizes(std::vector<int64_t>& block, const at::Tensor& p) {
  block.push_back(p.dim());
  block.insert(block.end(), p.sizes().begin(), p.sizes().end());
}

namespace {

/// Refuses a group of a tensor algorithm whose blocks no longer have the sizes of their state.
void check_block_states(const OptimizerBase& optimizer,
                        const torch::optim::OptimizerParamGroup& group,
                        const GroupOptions& options) {
  const engine::RuleTable& rule = optimizer.rule();
  const auto& params = group.params();
  const char* name = rule.about.name;
  const bool joined = rule.joins_group != nullptr && rule.joins_group(options.value());
  const size_t length = joined ? params.size() : 1;  // of a block
  for (size_t first = 0; first < params.size(); first += length) {
    const ParamState* const state = optimizer.state_of(params[first]);
    if (state == nullptr) continue;
    std::vector<int64_t> block;
    int64_t numel = 0;
    for (size_t i = first; i < first + length; ++i) {
      append_sizes(block, params[i]);
      numel += params[i].numel();
    }
    TORCH_CHECK(state->scalars.block() == block, name, ": params[", first, "] ",
                joined ? "and the others of its group have" : "has", " sizes ", text_of(block),
                ", the state has those of ", text_of(state->scalars.block()),
                "; give back the old sizes, or forget the state by state().clear()");
    const std::string problem =
        rule.state_problem(options.value(), &state->buffer(0), {&params[first], length, numel});
    TORCH_CHECK(problem.empty(), name, ": the state of params[", first, "]: ", problem);
  }
}

}  // namespace

void OptimizerBase::check_states() const {
  for (size_t g = 0; g < param_groups().size(); ++g) {
    const auto& params = param_groups()[g].params();
    if (rule_->tensor_update != nullptr)
      check_block_states(*this, param_groups()[g], adopt_options(g));
    for (size_t i = 0; i < params.size(); ++i)
      if (const ParamState* const state = state_of(params[i])) state->check(params[i], g, i);
  }
}

void OptimizerBase::check_blocks(const torch::optim::OptimizerParamGroup& group,
                                 const GroupOptions& options) const {
  if (rule_->tensor_update == nullptr) return;
  check_block_states(*this, group, options);
  const auto& params = group.params();
  const char* name = rule_->about.name;
  const bool joined = rule_->joins_group != nullptr && rule_->joins_group(options.value());
  int64_t numel = 0;
  for (size_t i = 0; i < params.size(); ++i) {
    numel = joined ? numel + params[i].numel() : params[i].numel();
    const std::string problem =
        rule_->block_problem == nullptr
            ? ""
            : rule_->block_problem(options.value(),
                                   {&params[joined ? 0 : i], joined ? i + 1 : 1, numel});
    TORCH_CHECK(problem.empty(), name, ": params[", i, "] ", problem);
    TORCH_CHECK(!joined || (params[i].device() == params[0].device() &&
                            params[i].scalar_type() == params[0].scalar_type()),
                name, ": params[", i, "] is ", params[i].scalar_type(), " on ", params[i].device(),
                ", must be as the first of its block, ", params[0].scalar_type(), " on ",
                params[0].device());
  }
}

/// What a group holds, brought into our class if it is LibTorch's own object: a program may put one
/// there at any time. What LibTorch's class does not hold stays as it was in that group.
GroupOptions& OptimizerBase::adopt_options(size_t g) const {
  auto& group = const_cast<torch::optim::Optimizer&>(as_libtorch()).param_groups()[g];
  auto& known = engine_->options_known;
  TORCH_CHECK(group.has_options(), rule_->about.name, ": group ", g, " has no options, must have ",
              rule_->about.name, "::GroupOptions");
  auto* ours = engine_->own_part(group.options());
  if (ours == nullptr || &ours->rule() != rule_) {
    const auto& defaults = descent::group_options(defaults_of(*this));
    const bool is_known = g < known.size() && known[g].own != nullptr;
    group.set_options(engine_->adopted(group.options(),
                                       is_known ? known[g].own.get() : defaults.value(),
                                       is_known ? known[g].base : defaults.base()));
    ours = &descent::group_options(group.options());
  }
  if (known.size() <= g) known.resize(param_groups().size());
  if (known[g].own != ours->value_) known[g].own = ours->value_;
  known[g].base = ours->base_;
  return *ours;
}

void OptimizerBase::add_param_group(const torch::optim::OptimizerParamGroup& group) {
  torch::optim::OptimizerParamGroup added(group);
  auto& groups = param_groups();
  const size_t count = groups.size();
  engine_->options_known.resize(std::min(engine_->options_known.size(), count));
  if (!group.has_options()) added.set_options(defaults_of(*this).clone());
  const auto* const ours = dynamic_cast<const GroupOptions*>(&std::as_const(added).options());
  const bool libtorchs = ours == nullptr;
  const auto& defaults = descent::group_options(defaults_of(*this));
  const auto options =
      engine_->adopted(std::as_const(added).options(), defaults.value(), defaults.base());
  check_first(descent::group_options(*options));
  check_params(added.params());
  check_precision(added.params(), descent::group_options(*options));
  check_blocks(added, descent::group_options(*options));
  if (rule_->weigh != nullptr && count > 0) {
    const std::string problem = engine_->beside_first(*this, descent::group_options(*options));
    TORCH_CHECK(problem.empty(), rule_->about.name, ": group ", count, " has ", problem);
  }
  if (libtorchs) {
    // It means what it means to the LibTorch that is linked.
    as_libtorch().add_param_group(added);
    try {
      check_first(adopt_options(count));
    } catch (...) {
      groups.pop_back();
      throw;
    }
  } else {
    groups.push_back(std::move(added));
  }
  adopt_options(count).settle();
}

void OptimizerBase::add_group(std::vector<at::Tensor> params, const OptionValues& changes) {
  auto options = defaults_of(*this).clone();
  descent::group_options(*options).set(changes);
  add_param_group({std::move(params), std::move(options)});
}

void OptimizerBase::add_param(const at::Tensor& parameter, size_t group) {
  const GroupOptions& options = group_options(group);
  check_params({parameter});
  check_precision({parameter}, options);
  auto& params = param_groups()[group].params();
  params.push_back(parameter);
  try {
    check_blocks(param_groups()[group], options);
  } catch (...) {
    params.pop_back();
    throw;
  }
}

void OptimizerBase::replace_param(const at::Tensor& from, const at::Tensor& to,
                                  const StateMap& map) {
  const char* const name = rule_->about.name;
  at::Tensor* place = nullptr;
  size_t group = 0;
  for (size_t g = 0; g < param_groups().size(); ++g)
    for (auto& p : param_groups()[g].params())
      if (p.is_same(from)) place = &p, group = g;
  TORCH_CHECK(place != nullptr, name,
              ": the parameter to be replaced is in no group, must be one "
              "of this optimizer");
  const ParamState* const kept = state_of(from);
  // A parameter that has left its state behind may take the place of itself.
  const bool has_left = kept != nullptr && !any_buffer(*kept, [&](const at::Tensor& buffer) {
                          return buffer.sizes() == to.sizes();
                        });
  if (to.is_same(from) && has_left)
    check_param(name, to, 0);
  else
    check_params({to});
  check_precision({to}, group_options(group));
  const BaseOptions base = group_options(group).base();
  std::unique_ptr<torch::optim::OptimizerParamState> made;
  if (const ParamState* const old = state_of(from)) {
    const at::NoGradGuard no_grad;
    TORCH_CHECK(rule_->tensor_update == nullptr || (!map && to.sizes() == from.sizes()), name,
                ": a state of this class cannot be mapped, the new parameter must have sizes ",
                from.sizes());
    made = engine_->holders.make_state(engine_->holders, to);
    ParamState& state = engine_->holders.own_part(*made);
    state.step() = old->step();
    state.scalars = old->scalars;
    state.scalars.forget_beside();
    for (size_t b = 0; b < rule_->buffers.size(); ++b) {
      if (!old->buffer(b).defined()) continue;
      const at::Tensor values = engine::values_of(*old, b), buffer = map ? map(values) : values;
      TORCH_CHECK(
          rule_->tensor_update != nullptr || (buffer.defined() && buffer.sizes() == to.sizes()),
          name, ": the new ", rule_->buffers[b], " has sizes ",
          buffer.defined() ? c10::str(buffer.sizes()) : "of no tensor", ", must be ", to.sizes());
      engine::set_values(state, b, to, base, buffer);
    }
    // A master is the new parameter where it was mapped.
    if (!map && to.sizes() == from.sizes() && to.scalar_type() == from.scalar_type() &&
        old->beside().parameter().defined())
      state.make_beside().set_parameter(old->beside().master(), old->beside().parameter().clone());
  }
  state().erase(from.unsafeGetTensorImpl());
  if (made != nullptr) state()[to.unsafeGetTensorImpl()] = std::move(made);
  *place = to;
}

const GroupOptions& OptimizerBase::group_options(size_t group) const {
  TORCH_CHECK(group < param_groups().size(), rule_->about.name, ": group ", group,
              " does not exist, must be < ", param_groups().size());
  return adopt_options(group);
}
GroupOptions& OptimizerBase::group_options(size_t group) {
  return const_cast<GroupOptions&>(std::as_const(*this).group_options(group));
}

void OptimizerBase::sync_masters() {
  const at::NoGradGuard no_grad;
  check_states();
  for (size_t g = 0; g < param_groups().size(); ++g)
    for (const auto& p : param_groups()[g].params())
      if (ParamState* const state = state_of(p);
          state != nullptr && state->beside().master() != Master::None) {
        const BaseOptions base = adopt_options(g).base();
        state->make_beside().set_parameter(Master::None, at::Tensor());
        engine::fit_beside(*state, p, base);
      }
}

int64_t OptimizerBase::steps() const {
  engine_->open_steps.settle(engine_->steps);
  return engine_->steps;
}
void OptimizerBase::before_replay() { engine_->before_replay(*this); }

void OptimizerBase::eval() { engine_->change_mode(*this, false); }
void OptimizerBase::train() { engine_->change_mode(*this, true); }
bool OptimizerBase::is_training() const { return engine_->training; }
void OptimizerBase::update_hessian() {
  TORCH_CHECK(
      rule_->hessian != nullptr, rule_->about.name,
      ": update_hessian() is of no use, the rule must estimate the Hessian, as Sophia does");
  engine_->update_hessian(*this);
}

double OptimizerBase::remembered(std::string_view name, size_t group) const {
  group_options(group);
  const auto& names = rule_->shared;
  const auto found = std::find(names.begin(), names.end(), name);
  TORCH_CHECK(found != names.end(), rule_->about.name, ": no number is called ", name,
              names.empty() ? ": it remembers none of a group" : ", must be one of ",
              c10::Join(", ", names));
  return engine_->shared_of(group)[static_cast<size_t>(found - names.begin())];
}

void OptimizerBase::swap_with(std::string_view buffer) {
  const at::NoGradGuard no_grad;
  check_states();
  for (size_t g = 0; g < param_groups().size(); ++g) {
    const auto& params = param_groups()[g].params();
    for (size_t i = 0; i < params.size(); ++i) {
      if (state_of(params[i]) == nullptr) continue;
      const std::string problem = tensors::misfit(params[i], params[i].sizes());
      TORCH_CHECK(problem.empty(), rule_->about.name, ": params[", i, "] of group ", g, " ",
                  problem);
    }
  }
  for (size_t g = 0; g < param_groups().size(); ++g) {
    const BaseOptions base = adopt_options(g).base();
    for (const auto& p : param_groups()[g].params()) {
      ParamState* const state = state_of(p);
      if (state == nullptr || !state->buffer(buffer).defined()) continue;
      const auto& names = rule_->buffers;
      const auto b =
          static_cast<size_t>(std::find(names.begin(), names.end(), buffer) - names.begin());
      engine::fit_buffer(*state, b, p, base, /*in_layout=*/false);
      const at::Tensor current = engine::value_of(p, *state);
      engine::set_value(p, *state, state->buffer(b));
      state->buffer(b).copy_(current);
    }
  }
}

ParamState* OptimizerBase::state_of(const at::Tensor& parameter) {
  auto& states = state();
  const auto found = states.find(parameter.unsafeGetTensorImpl());
  return found == states.end() ? nullptr : &adopt_state(found->second, parameter);
}
const ParamState* OptimizerBase::state_of(const at::Tensor& parameter) const {
  return const_cast<OptimizerBase*>(this)->state_of(parameter);
}

ParamState& OptimizerBase::adopt_state(std::unique_ptr<torch::optim::OptimizerParamState>& slot,
                                       const at::Tensor& p) const {
  return engine_->adopt(slot, p);
}

}  // namespace descent

#include <algorithm>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>

#include <descent/optim/engine/engine.h>
#include <descent/optim/optimizer/optimizer.h>
#include <descent/tensors/fit.h>

namespace descent {
namespace {

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

namespace engine {

const RuleForm& form_of(const RuleTable& rule, const void* options) {
  const int form = rule.form(options);
  TORCH_CHECK(form >= 0 && static_cast<size_t>(form) < rule.forms.size(), rule.about.name,
              ": form(options) gives a Form that is not in the rule's list `forms`, must be one of "
              "the ",
              rule.forms.size(), " there");
  return rule.forms[static_cast<size_t>(form)];
}

}  // namespace engine

GroupOptions::GroupOptions(const engine::RuleTable& rule, const void* from)
    : rule_(rule), value_(rule.make_options(from)) {}

std::unique_ptr<torch::optim::OptimizerOptions> GroupOptions::clone() const {
  return std::make_unique<GroupOptions>(*this);
}
double GroupOptions::get_lr() const { return *rule_.lr(value_.get()); }
void GroupOptions::set_lr(double lr) { *rule_.lr(value_.get()) = lr; }

std::string GroupOptions::text() const {
  std::string text;
  for (const auto& option : rule_.describe(value_.get()))
    text += (text.empty() ? "" : ",") + option.name + "=" + to_text(option.value);
  return text;
}

void GroupOptions::set(const OptionValues& changes) {
  auto changed = rule_.make_options(value_.get());
  for (const auto& [name, value] : changes) {
    const std::string problem = rule_.set(changed.get(), name, value);
    TORCH_CHECK(problem.empty(), rule_.about.name, ": ", problem);
  }
  check(changed);
  value_ = std::move(changed);
}

void GroupOptions::set(const std::string& text) {
  OptionValues options;
  try {
    options = parse_options(text);
  } catch (const std::invalid_argument& error) {
    TORCH_CHECK(false, rule_.about.name, ": ", error.what());
  }
  set(options);
}

void GroupOptions::check() const { check(value_); }

void GroupOptions::check(const std::shared_ptr<void>& options) const {
  std::string problem = rule_.problem(options.get());
  if (!problem.empty() && rule_.divides_by_lr && *rule_.lr(options.get()) == 0) {
    const auto moving = rule_.make_options(options.get());
    *rule_.lr(moving.get()) = 1;
    problem = rule_.problem(moving.get());
  }
  TORCH_CHECK(problem.empty(), rule_.about.name, ": ", problem);
}

Scalars::Scalars(const engine::RuleTable& rule) {
  if (!rule.scalars.empty() || rule.tensor_update != nullptr)
    rare_ = std::make_unique<Rare>(Rare{.values = rule.first_scalars});
}
Scalars::Scalars(const Scalars& other) { *this = other; }
Scalars& Scalars::operator=(const Scalars& other) {
  rare_ = other.rare_ == nullptr ? nullptr : std::make_unique<Rare>(*other.rare_);
  return *this;
}
std::array<double, engine::kMaxScalars> Scalars::values() const {
  return rare_ == nullptr ? std::array<double, engine::kMaxScalars>{} : rare_->values;
}
void Scalars::set(const std::array<double, engine::kMaxScalars>& values) {
  if (rare_ != nullptr) rare_->values = values;
}

ParamState::ParamState(const engine::RuleTable& table, const at::Tensor& p)
    : scalars(table), rule(&table), parameter(p.getIntrusivePtr()) {}

void ParamState::check(const at::Tensor& p, size_t group, size_t position) const {
  if (rule->tensor_update != nullptr) return;  // its buffers have sizes of their own
  for (size_t b = 0; b < rule->buffers.size(); ++b) {
    const at::Tensor& buffer = buffers[b];
    if (!buffer.defined() || (buffer.sizes() == p.sizes() && tensors::has_its_memory(buffer)))
      continue;
    TORCH_CHECK(buffer.sizes() == p.sizes(), rule->about.name, ": params[", position, "] of group ",
                group, " has sizes ", p.sizes(), ", its ", rule->buffers[b], " has sizes ",
                buffer.sizes(), "; replace_param(p, p, map) brings the state to new sizes");
    TORCH_CHECK(false, rule->about.name, ": the ", rule->buffers[b], " of params[", position,
                "] of group ", group, " ", tensors::misfit(buffer, p.sizes()));
  }
}

at::Tensor& ParamState::buffer(std::string_view name) {
  for (size_t i = 0; i < rule->buffers.size(); ++i)
    if (rule->buffers[i] == name) return buffers[i];
  TORCH_CHECK(false, rule->about.name, ": has no buffer ", name);
}

at::Tensor ParamState::fitted(const engine::RuleTable& rule, const at::Tensor& p,
                              const at::Tensor& values) {
  if (rule.tensor_update != nullptr) return values.to(p.device()).clone();
  return at::empty_like(p).copy_(values);
}

std::unique_ptr<torch::optim::OptimizerParamState> ParamState::clone() const {
  auto copy = std::make_unique<ParamState>(*this);
  for (auto& buffer : copy->buffers)
    if (buffer.defined()) buffer = buffer.clone();
  return copy;
}

OptimizerBase::OptimizerBase(std::vector<torch::optim::OptimizerParamGroup> groups,
                             std::unique_ptr<GroupOptions> defaults)
    : torch::optim::Optimizer(std::vector<torch::optim::OptimizerParamGroup>{}, nullptr),
      rule_(&defaults->rule()),
      engine_(std::make_unique<Engine>(*rule_)) {
  check_new(*defaults);
  defaults_ = std::move(defaults);
  TORCH_CHECK(!groups.empty(), rule_->about.name, ": params is empty, must hold a tensor");
  for (const auto& group : groups) add_param_group(group);
}

OptimizerBase::OptimizerBase(OptimizerBase&&) noexcept = default;
OptimizerBase& OptimizerBase::operator=(OptimizerBase&&) noexcept = default;
OptimizerBase::~OptimizerBase() = default;

void OptimizerBase::check_new(const GroupOptions& options) const {
  const std::string problem = rule_->problem(options.value());
  TORCH_CHECK(problem.empty(), rule_->about.name, ": ", problem);
}

void OptimizerBase::check_params(const std::vector<at::Tensor>& params) const {
  const char* name = rule_->about.name;
  TORCH_CHECK(!params.empty(), name, ": params is empty, must hold a tensor");
  std::unordered_set<const void*> known;
  for (const auto& group : param_groups_)
    for (const auto& p : group.params()) known.insert(p.unsafeGetTensorImpl());
  for (size_t i = 0; i < params.size(); ++i) {
    check_param(name, params[i], i);
    TORCH_CHECK(known.insert(params[i].unsafeGetTensorImpl()).second, name, ": params[", i,
                "] is a parameter of this optimizer already, must be there once");
  }
}

void OptimizerBase::check_param(const char* name, const at::Tensor& p, size_t i) {
  TORCH_CHECK(p.defined(), name, ": params[", i, "] is undefined, must be a tensor");
  TORCH_CHECK(at::isFloatingType(p.scalar_type()), name, ": params[", i, "] has dtype ",
              p.scalar_type(), ", must be a real floating-point type");
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
    const std::string problem = rule.state_problem(options.value(), state->buffers.data(), numel);
    TORCH_CHECK(problem.empty(), name, ": the state of params[", first, "]: ", problem);
  }
}

}  // namespace

void OptimizerBase::check_states() const {
  for (size_t g = 0; g < param_groups_.size(); ++g) {
    const auto& params = param_groups_[g].params();
    if (rule_->tensor_update != nullptr)
      check_block_states(*this, param_groups_[g], checked_options(param_groups_[g]));
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
        rule_->block_problem == nullptr ? "" : rule_->block_problem(options.value(), numel);
    TORCH_CHECK(problem.empty(), name, ": params[", i, "] ", problem);
    TORCH_CHECK(!joined || (params[i].device() == params[0].device() &&
                            params[i].scalar_type() == params[0].scalar_type()),
                name, ": params[", i, "] is ", params[i].scalar_type(), " on ", params[i].device(),
                ", must be as the first of its block, ", params[0].scalar_type(), " on ",
                params[0].device());
  }
}

const GroupOptions& OptimizerBase::checked_options(
    const torch::optim::OptimizerParamGroup& group) const {
  const torch::optim::OptimizerOptions& options = group.options();
  const auto* ours = dynamic_cast<const GroupOptions*>(&options);
  TORCH_CHECK(ours != nullptr, rule_->about.name, ": a group's options are ",
              c10::demangle(typeid(options).name()), ", must be ", rule_->about.name,
              "::GroupOptions");
  TORCH_CHECK(&ours->rule() == rule_, rule_->about.name, ": a group's options are those of ",
              ours->rule().about.name, ", must be ", rule_->about.name, "::GroupOptions");
  return *ours;
}

GroupOptions& OptimizerBase::checked_options(torch::optim::OptimizerParamGroup& group) const {
  return const_cast<GroupOptions&>(checked_options(std::as_const(group)));
}

void OptimizerBase::add_param_group(const torch::optim::OptimizerParamGroup& group) {
  torch::optim::OptimizerParamGroup added(group);
  const auto& given = added.has_options() ? added.options() : *defaults_;
  added.set_options(std::make_unique<GroupOptions>(*rule_, given));
  const GroupOptions& options = checked_options(added);
  check_new(options);
  check_params(added.params());
  check_blocks(added, options);
  param_groups_.push_back(std::move(added));
}

void OptimizerBase::add_group(std::vector<at::Tensor> params, const OptionValues& changes) {
  auto options = std::make_unique<GroupOptions>(static_cast<const GroupOptions&>(*defaults_));
  options->set(changes);
  add_param_group({std::move(params), std::move(options)});
}

void OptimizerBase::add_param(const at::Tensor& parameter, size_t group) {
  const GroupOptions& options = group_options(group);
  check_params({parameter});
  auto& params = param_groups_[group].params();
  params.push_back(parameter);
  try {
    check_blocks(param_groups_[group], options);
  } catch (...) {
    params.pop_back();
    throw;
  }
}

void OptimizerBase::replace_param(const at::Tensor& from, const at::Tensor& to,
                                  const StateMap& map) {
  const char* const name = rule_->about.name;
  at::Tensor* place = nullptr;
  for (auto& group : param_groups_)
    for (auto& p : group.params())
      if (p.is_same(from)) place = &p;
  TORCH_CHECK(place != nullptr, name,
              ": the parameter to be replaced is in no group, must be one "
              "of this optimizer");
  const ParamState* const kept = state_of(from);
  // A parameter that has left its state behind may take the place of itself.
  const bool has_left =
      kept != nullptr &&
      std::none_of(kept->buffers.begin(), kept->buffers.end(), [&](const at::Tensor& buffer) {
        return buffer.defined() && buffer.sizes() == to.sizes();
      });
  if (to.is_same(from) && has_left)
    check_param(name, to, 0);
  else
    check_params({to});
  std::unique_ptr<ParamState> state;
  if (const ParamState* const old = state_of(from)) {
    const at::NoGradGuard no_grad;
    TORCH_CHECK(rule_->tensor_update == nullptr || (!map && to.sizes() == from.sizes()), name,
                ": a state of this class cannot be mapped, the new parameter must have sizes ",
                from.sizes());
    state = std::make_unique<ParamState>(*rule_, to);
    state->step = old->step;
    state->scalars = old->scalars;
    for (size_t b = 0; b < rule_->buffers.size(); ++b) {
      if (!old->buffers[b].defined()) continue;
      const at::Tensor buffer = map ? map(old->buffers[b]) : old->buffers[b];
      TORCH_CHECK(
          rule_->tensor_update != nullptr || (buffer.defined() && buffer.sizes() == to.sizes()),
          name, ": the new ", rule_->buffers[b], " has sizes ",
          buffer.defined() ? c10::str(buffer.sizes()) : "of no tensor", ", must be ", to.sizes());
      state->buffers[b] = ParamState::fitted(*rule_, to, buffer);
    }
  }
  state_.erase(from.unsafeGetTensorImpl());
  if (state != nullptr) state_[to.unsafeGetTensorImpl()] = std::move(state);
  *place = to;
}

const GroupOptions& OptimizerBase::group_options(size_t group) const {
  TORCH_CHECK(group < param_groups_.size(), rule_->about.name, ": group ", group,
              " does not exist, must be < ", param_groups_.size());
  return checked_options(param_groups_[group]);
}
GroupOptions& OptimizerBase::group_options(size_t group) {
  return const_cast<GroupOptions&>(std::as_const(*this).group_options(group));
}

int64_t OptimizerBase::steps() const { return engine_->steps; }

void OptimizerBase::swap_with(std::string_view buffer) {
  const at::NoGradGuard no_grad;
  check_states();
  for (size_t g = 0; g < param_groups_.size(); ++g) {
    const auto& params = param_groups_[g].params();
    for (size_t i = 0; i < params.size(); ++i) {
      if (state_of(params[i]) == nullptr) continue;
      const std::string problem = tensors::misfit(params[i], params[i].sizes());
      TORCH_CHECK(problem.empty(), rule_->about.name, ": params[", i, "] of group ", g, " ",
                  problem);
    }
  }
  for (const auto& group : param_groups_)
    for (const auto& p : group.params()) {
      ParamState* const state = state_of(p);
      if (state == nullptr || !state->buffer(buffer).defined()) continue;
      at::Tensor& other = state->buffer(buffer);
      if (other.scalar_type() != p.scalar_type() || other.device() != p.device())
        other = ParamState::fitted(*rule_, p, other);
      const at::Tensor current = p.detach().clone();
      p.copy_(other);
      other.copy_(current);
    }
}

const ParamState* OptimizerBase::state_of(const at::Tensor& parameter) const {
  const auto found = state_.find(parameter.unsafeGetTensorImpl());
  return found == state_.end() ? nullptr : static_cast<const ParamState*>(found->second.get());
}
ParamState* OptimizerBase::state_of(const at::Tensor& parameter) {
  return const_cast<ParamState*>(std::as_const(*this).state_of(parameter));
}

}  // namespace descent

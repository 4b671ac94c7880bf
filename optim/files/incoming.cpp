#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>

#include <descent/optim/engine/engine.h>
#include <descent/optim/engine/stored.h>
#include <descent/optim/files/incoming.h>

namespace descent {

std::string key_problem(const std::vector<std::string>& missing,
                        const std::vector<std::string>& extra) {
  std::string text;
  for (const auto& name : missing) text += (text.empty() ? "lacks " : ", ") + name;
  for (size_t i = 0; i < extra.size(); ++i)
    text += (i > 0 ? ", " : text.empty() ? "has " : " and has ") + extra[i];
  return text;
}

Incoming::Incoming(OptimizerBase& optimizer)
    : optimizer_(optimizer),
      rule_(optimizer.rule()),
      holders_(engine::holders_of(optimizer.rule())) {
  const auto& groups = std::as_const(optimizer).param_groups();
  for (size_t g = 0; g < groups.size(); ++g) {
    options_.push_back(make_group_options(rule_));
    options(g).set_base(std::as_const(optimizer).group_options(g).base());
    for (const auto& p : groups[g].params()) {
      params_.push_back(&p);
      group_of_.push_back(g);
    }
  }
  states_.resize(params_.size());
}

void Incoming::expect_groups(size_t found) const {
  TORCH_CHECK(found == options_.size(), rule_.about.name, ": the archive has ", found,
              " groups, must have ", options_.size());
}

void Incoming::expect_params(size_t group, size_t found) const {
  const size_t wanted = std::as_const(optimizer_).param_groups()[group].params().size();
  TORCH_CHECK(found == wanted, rule_.about.name, ": the archive has ", found,
              " parameters in group ", group, ", must have ", wanted);
}

ParamState& Incoming::ensure(size_t position) {
  auto& state = states_[position];
  if (state == nullptr) state = holders_.make_state(holders_, *params_[position]);
  return holders_.own_part(*state);
}

void Incoming::set_step(size_t position, double step) {
  constexpr double kMost = 9007199254740992;  // 2^53
  TORCH_CHECK(step >= 0 && step <= kMost && step == std::floor(step), rule_.about.name,
              ": the archive has step = ", step, " for params[", position,
              "], must be a whole number >= 0");
  ensure(position).step() = static_cast<int64_t>(step);
}

void Incoming::set_buffer(size_t position, std::string_view buffer, const at::Tensor& value) {
  const at::NoGradGuard no_grad;
  if (set_beside(position, buffer, value)) return;
  ParamState& state = ensure(position);
  at::Tensor& slot = state.buffer(buffer);
  const auto b = static_cast<size_t>(std::find(rule_.buffers.begin(), rule_.buffers.end(), buffer) -
                                     rule_.buffers.begin());
  const at::Tensor& p = *params_[position];
  const BaseOptions base = options(group_of_[position]).base();
  const bool in_bytes = rule_.tensor_update == nullptr &&
                        has_codes(engine::kept_as(rule_, b, p, base)) &&
                        value.scalar_type() == at::kByte;
  TORCH_CHECK(
      in_bytes || (p.is_complex() ? value.is_complex() : at::isFloatingType(value.scalar_type())),
      rule_.about.name, ": the archive's ", buffer, " of params[", position, "] has dtype ",
      value.scalar_type(), ", must be a ", p.is_complex() ? "complex" : "real floating-point",
      " type");
  // Of a tensor algorithm commit() asks the rule itself about the sizes.
  TORCH_CHECK(rule_.tensor_update != nullptr || value.sizes() == p.sizes(), rule_.about.name,
              ": the archive's ", buffer, " of params[", position, "] has sizes ", value.sizes(),
              ", must be ", p.sizes());
  if (in_bytes)
    slot = value.to(p.device()).contiguous().clone();
  else
    engine::set_values(state, b, p, base, value);
}

bool Incoming::set_beside(size_t position, std::string_view name, const at::Tensor& value) {
  const auto& names = rule_.buffers;
  if (std::find(names.begin(), names.end(), name) != names.end()) return false;
  const at::Tensor& p = *params_[position];
  const auto check = [&](at::ScalarType type, at::IntArrayRef sizes) {
    TORCH_CHECK(value.scalar_type() == type && value.sizes() == sizes, rule_.about.name,
                ": the archive's ", name, " of params[", position, "] is ", value.scalar_type(),
                " of sizes ", value.sizes(), ", must be ", type, " of sizes ", sizes);
  };
  for (size_t b = 0; b < names.size(); ++b) {
    if (names[b] + "_absmax" != name) continue;
    const int64_t blocks = engine::code_blocks(p.numel());
    check(at::kFloat, at::IntArrayRef(&blocks, 1));
    TORCH_CHECK(ensure(position).buffer(b).defined() &&
                    ensure(position).buffer(b).scalar_type() == at::kByte,
                rule_.about.name, ": the archive has the ", name, " of params[", position,
                "], which is not kept in 8 bits");
    ensure(position).make_beside().set_absmax(b, value.to(p.device()).clone());
    return true;
  }
  for (const Master master : {Master::Float32, Master::Remainder, Master::Kahan}) {
    if (name != name_of(master)) continue;
    const Master wanted = options(group_of_[position]).base().master;
    TORCH_CHECK(
        wanted == master, rule_.about.name, ": the archive has the ", name, " of params[", position,
        "], must have ",
        wanted == Master::None ? std::string("none") : "the " + std::string(name_of(wanted)));
    check(master == Master::Float32     ? at::kFloat
          : master == Master::Remainder ? at::kShort
                                        : value.scalar_type(),
          p.sizes());
    ensure(position).make_beside().set_parameter(
        master, at::empty_like(p, p.options().dtype(value.scalar_type())).copy_(value));
    return true;
  }
  return false;
}

std::string Incoming::missing_master(size_t position) {
  const ParamState* const state = this->state(position);
  const Master wanted = options(group_of_[position]).base().master;
  if (state == nullptr || state->step() == 0 || state->beside().master() == wanted) return "";
  return name_of(wanted);
}

std::vector<std::string> Incoming::missing_buffers(size_t position) {
  std::vector<std::string> names;
  const ParamState* const state = this->state(position);
  if (rule_.forms.empty()) return names;
  const auto& used = form_of(rule_, options(group_of_[position]).value()).buffers;
  for (size_t b = 0; b < rule_.buffers.size(); ++b)
    if (used[b] && (state == nullptr || !state->buffer(b).defined()))
      names.push_back(rule_.buffers[b]);
  return names;
}

void Incoming::commit() {
  for (size_t i = 0; i < states_.size(); ++i)
    for (size_t b = 0; states_[i] != nullptr && b < rule_.buffers.size(); ++b) {
      const at::Tensor& buffer = state(i)->buffer(b);
      TORCH_CHECK(!buffer.defined() || buffer.scalar_type() != at::kByte ||
                      rule_.tensor_update != nullptr || state(i)->beside().absmax(b).defined(),
                  rule_.about.name, ": the archive lacks the ", rule_.buffers[b],
                  "_absmax of params[", i, "]");
    }
  for (size_t i = 0; i < states_.size() && rule_.state_problem != nullptr; ++i) {
    if (states_[i] == nullptr) continue;
    const void* const options = this->options(group_of_[i]).value();
    const bool joined = rule_.joins_group != nullptr && rule_.joins_group(options);
    std::vector<at::Tensor> members;
    int64_t numel = 0;
    std::vector<int64_t> block;
    for (size_t j = 0; j < params_.size(); ++j) {
      if (j != i && !(joined && group_of_[j] == group_of_[i])) continue;
      members.push_back(*params_[j]);
      numel += params_[j]->numel();
      append_sizes(block, *params_[j]);
    }
    state(i)->scalars.set_block(std::move(block));
    const std::string problem =
        rule_.state_problem(options, &state(i)->buffer(0), {members.data(), members.size(), numel});
    TORCH_CHECK(problem.empty(), rule_.about.name, ": the archive's state of params[", i,
                "]: ", problem);
  }
  std::remove_reference_t<decltype(optimizer_.state())> loaded;
  for (size_t i = 0; i < states_.size(); ++i)
    if (states_[i] != nullptr) loaded[params_[i]->unsafeGetTensorImpl()] = std::move(states_[i]);
  optimizer_.state() = std::move(loaded);
  for (size_t g = 0; g < options_.size(); ++g)
    optimizer_.param_groups()[g].set_options(std::move(options_[g]));
}

}  // namespace descent

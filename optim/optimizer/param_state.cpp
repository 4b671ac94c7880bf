#include <ATen/ops/empty_like.h>

#include <descent/optim/optimizer/param_state.h>
#include <descent/tensors/fit.h>

namespace descent {

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

ParamState::ParamState(const engine::Holders& holders, const at::Tensor& p)
    : scalars(*holders.rule), parameter(p.getIntrusivePtr()), holders_(&holders) {}

void ParamState::check(const at::Tensor& p, size_t group, size_t position) const {
  const engine::RuleTable& rule = this->rule();
  if (rule.tensor_update != nullptr) return;  // its buffers have sizes of their own
  for (size_t b = 0; b < rule.buffers.size(); ++b) {
    const at::Tensor& buffer = this->buffer(b);
    if (!buffer.defined() || (buffer.sizes() == p.sizes() && tensors::has_its_memory(buffer)))
      continue;
    TORCH_CHECK(buffer.sizes() == p.sizes(), rule.about.name, ": params[", position, "] of group ",
                group, " has sizes ", p.sizes(), ", its ", rule.buffers[b], " has sizes ",
                buffer.sizes(), "; replace_param(p, p, map) brings the state to new sizes");
    TORCH_CHECK(false, rule.about.name, ": the ", rule.buffers[b], " of params[", position,
                "] of group ", group, " ", tensors::misfit(buffer, p.sizes()));
  }
}

at::Tensor& ParamState::buffer(std::string_view name) {
  const auto& names = rule().buffers;
  for (size_t b = 0; b < names.size(); ++b)
    if (names[b] == name) return buffer(b);
  TORCH_CHECK(false, rule().about.name, ": has no buffer ", name);
}

at::Tensor ParamState::fitted(const engine::RuleTable& rule, const at::Tensor& p,
                              const at::Tensor& values) {
  if (rule.tensor_update != nullptr) return values.to(p.device()).clone();
  return at::empty_like(p).copy_(values);
}

void ParamState::clone_buffers() {
  for (size_t b = 0; b < rule().buffers.size(); ++b)
    if (buffer(b).defined()) buffer(b) = buffer(b).clone();
}

}  // namespace descent

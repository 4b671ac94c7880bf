#include <utility>

#include <descent/optim/engine/low_precision.h>
#include <descent/optim/engine/skips.h>
#include <descent/optim/optimizer/param_state.h>
#include <descent/tensors/fit.h>

namespace descent {

Scalars::Scalars(const engine::RuleTable& rule) {
  if (!rule.scalars.empty() || rule.tensor_update != nullptr)
    rare_ = std::make_unique<Rare>(Rare{.values = rule.first_scalars});
}
Scalars::Scalars(const Scalars& other) { *this = other; }
Scalars& Scalars::operator=(const Scalars& other) {
  std::unique_ptr<Rare> copy;
  if (other.rare_ != nullptr)
    copy = std::make_unique<Rare>(Rare{other.rare_->values, other.rare_->block, nullptr});
  if (other.beside() != nullptr) copy->beside = std::make_unique<Beside>(*other.beside());
  rare_ = std::move(copy);
  return *this;
}
std::array<double, engine::kMaxScalars> Scalars::values() const {
  return rare_ == nullptr ? std::array<double, engine::kMaxScalars>{} : rare_->values;
}
void Scalars::set(const std::array<double, engine::kMaxScalars>& values) {
  if (rare_ != nullptr) rare_->values = values;
}

void Beside::set_parameter(Master master, at::Tensor parameter) {
  master_ = master;
  parameter_ = std::move(parameter);
}
bool Beside::is_empty() const {
  bool any = parameter_.defined();
  for (const at::Tensor& absmax : absmax_) any = any || absmax.defined();
  return !any;
}
void Beside::clone() {
  if (parameter_.defined()) parameter_ = parameter_.clone();
  for (at::Tensor& absmax : absmax_)
    if (absmax.defined()) absmax = absmax.clone();
}

Beside& Scalars::make_beside() {
  if (rare_ == nullptr) rare_ = std::make_unique<Rare>();
  if (rare_->beside == nullptr) rare_->beside = std::make_unique<Beside>();
  return *rare_->beside;
}
void Scalars::forget_beside() {
  if (rare_ != nullptr) rare_->beside = nullptr;
}
engine::OpenSteps& Scalars::make_open_steps() {
  if (rare_ == nullptr) rare_ = std::make_unique<Rare>();
  if (rare_->open_steps == nullptr) rare_->open_steps = std::make_shared<engine::OpenSteps>();
  return *rare_->open_steps;
}
const Beside& ParamState::beside() const {
  static const Beside nothing;
  return has_beside() ? *scalars.beside() : nothing;
}

const char* name_of(Master master) {
  switch (master) {
    case Master::None:
      return "";
    case Master::Float32:
      return "master_param";
    case Master::Remainder:
      return "param_remainder";
    case Master::Kahan:
      return "kahan_comp";
  }
  return "";
}

ParamState::ParamState(const engine::Holders& holders, const at::Tensor& p)
    : scalars(*holders.rule), parameter(p.getIntrusivePtr()), holders_(&holders) {}
void ParamState::settle() { scalars.open_steps()->settle(step_at_most()); }

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
  if (!has_beside()) return;
  const auto check_beside = [&](const char* of, const char* what, const at::Tensor& x,
                                at::IntArrayRef sizes) {
    if (!x.defined() || (x.sizes() == sizes && tensors::has_its_memory(x))) return;
    TORCH_CHECK(false, rule.about.name, ": the ", of, what, " of params[", position, "] of group ",
                group, " ", tensors::misfit(x, sizes));
  };
  check_beside("", name_of(beside().master()), beside().parameter(), p.sizes());
  const int64_t blocks = engine::code_blocks(p.numel());
  for (size_t b = 0; b < rule.buffers.size(); ++b)
    check_beside(rule.buffers[b].c_str(), "_absmax", beside().absmax(b),
                 at::IntArrayRef(&blocks, 1));
}

at::Tensor& ParamState::buffer(std::string_view name) {
  const auto& names = rule().buffers;
  for (size_t b = 0; b < names.size(); ++b)
    if (names[b] == name) return buffer(b);
  TORCH_CHECK(false, rule().about.name, ": has no buffer ", name);
}

void ParamState::clone_buffers() {
  for (size_t b = 0; b < rule().buffers.size(); ++b)
    if (buffer(b).defined()) buffer(b) = buffer(b).clone();
  if (has_beside()) make_beside().clone();
}

}  // namespace descent

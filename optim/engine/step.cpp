#include <algorithm>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <descent/optim/engine/engine.h>
#include <descent/optim/engine/gradient_factor.h>
#include <descent/optim/engine/one_parameter.h>
#include <descent/optim/engine/phases.h>
#include <descent/optim/engine/stored.h>
#include <descent/optim/pieces/slow_weights.h>
#include <descent/tensors/capture.h>
#include <descent/tensors/computed_in.h>
#include <descent/tensors/fit.h>
#include <descent/tensors/loss_of.h>
#include <descent/tensors/restore.h>

namespace descent {

using namespace engine;

at::Tensor OptimizerBase::step(torch::optim::Optimizer::LossClosure closure) {
  const char* const name = rule_->about.name;
  TORCH_CHECK(engine_->training, name,
              ": step() while the parameters are those of an evaluation, must follow train()");
  TORCH_CHECK(engine::OneParameter::now() != nullptr || !engine::OneByOne::holds_for(*this), name,
              ": step() while backward() takes the steps, must follow detach()");
  TORCH_CHECK(!rule_->needs_loss || closure, name,
              ": step() has no closure, must have one: the step's size depends on the loss");
  at::Tensor loss =
      engine_->looks_ahead(*this) ? engine_->loss_ahead(*this, closure) : tensors::loss_of(closure);
  const at::NoGradGuard no_grad;
  TORCH_CHECK(
      !rule_->needs_loss || (loss.defined() && loss.numel() == 1), name, ": the closure returned ",
      loss.defined() ? c10::str("sizes ", loss.sizes()) : "nothing", ", must return one number");
  engine_->step(*this, rule_->needs_loss ? loss.item<double>() : 0);
  return loss;
}

std::unique_ptr<torch::optim::OptimizerOptions> OptimizerBase::Engine::adopted(
    const torch::optim::OptimizerOptions& options, const void* rest,
    const BaseOptions& base) const {
  const char* const name = rule.about.name;
  if (const auto* ours = dynamic_cast<const GroupOptions*>(&options)) {
    TORCH_CHECK(&ours->rule() == &rule, name, ": a group's options are those of ",
                ours->rule().about.name, ", must be ", name, "::GroupOptions");
    return options.clone();
  }
  auto made = holders.adopt_options(rule, options, rest);
  TORCH_CHECK(made != nullptr, name, ": a group's options are ",
              c10::demangle(typeid(options).name()), ", must be ", name, "::GroupOptions",
              holders.libtorch == nullptr
                  ? ""
                  : c10::str(" or torch::optim::", holders.libtorch, "Options"));
  descent::group_options(*made).set_base(base);
  return made;
}

// A dynamic_cast walks over all bases, which is much for a step of a small network.
GroupOptions* OptimizerBase::Engine::own_part(torch::optim::OptimizerOptions& options) {
  auto* const start = reinterpret_cast<char*>(&options);
  if (options_class_ != nullptr && typeid(options) == *options_class_)
    return reinterpret_cast<GroupOptions*>(start + own_options_);
  auto* const found = dynamic_cast<GroupOptions*>(&options);
  if (found != nullptr) {
    options_class_ = &typeid(options);
    own_options_ = reinterpret_cast<char*>(found) - start;
  }
  return found;
}

ParamState& OptimizerBase::Engine::adopt(std::unique_ptr<torch::optim::OptimizerParamState>& slot,
                                         const at::Tensor& p) const {
  auto* held = slot.get();
  if (held == nullptr || typeid(*held) != *holders.state_class) {
    auto made = held == nullptr ? nullptr : holders.adopt_state(holders, *held, p);
    TORCH_CHECK(made != nullptr, rule.about.name, ": state() holds ",
                held == nullptr ? "nothing" : c10::demangle(typeid(*held).name()),
                " for a parameter of sizes ", p.sizes(), ", must hold the state of this class",
                holders.libtorch == nullptr
                    ? ""
                    : c10::str(" or a torch::optim::", holders.libtorch, "ParamState"),
                "; erase it to start anew");
    slot = std::move(made);
    held = slot.get();
  }
  ParamState& state = holders.own_part(*held);
  TORCH_CHECK(&state.rule() == &rule, rule.about.name, ": state() holds the state of ",
              state.rule().about.name, " for a parameter of sizes ", p.sizes(),
              ", must hold the state of this class; erase it to start anew");
  // A program may have moved it from another parameter.
  if (state.parameter._unsafe_get_target() != p.unsafeGetTensorImpl())
    state.parameter = p.getIntrusivePtr();
  return state;
}

void OptimizerBase::make_states() {
  const at::NoGradGuard no_grad;
  for (size_t g = 0; g < param_groups().size(); ++g) {
    const void* const options = adopt_options(g).value();
    const BaseOptions base = adopt_options(g).base();
    const auto& used = form_of(*rule_, options).buffers;
    for (const auto& p : param_groups()[g].params()) {
      auto made = engine_->holders.make_state(engine_->holders, p);
      create_missing(*rule_, options, base, used, p, engine_->holders.own_part(*made));
      state()[p.unsafeGetTensorImpl()] = std::move(made);
    }
  }
}

/// Who knows the count of this step and its numbers. Where a device does, kernels have to make all of
/// it: nothing else asks there.
bool OptimizerBase::Engine::decide_who_knows() {
  known_ = Known::Surely;
  const Finding* const finding = Finding::now();
  const auto found = std::find_if(items_.begin(), items_.end(), [](const Item& item) {
    return !item.type && !item.parameter->is_cpu();
  });
  bool captured = false;
  if (found != items_.end()) {
    const at::Device device = found->parameter->device();
    captured = tensors::is_captured(device) ||
               (device_steps_ != nullptr && device_steps_->is_captured(device));
  }
  if (finding == nullptr && !captured) return true;
  const std::string obstacle = device_steps_ != nullptr
                                   ? device_steps_->obstacle(finding, captured)
                                   : "this build of descent has no kernels for CUDA";
  TORCH_CHECK(!captured || obstacle.empty(), rule.about.name,
              ": step() while a graph captures the stream of ", found->parameter->device(),
              ", must be called outside of it: ", obstacle);
  if (obstacle.empty()) {
    device_steps_->take_over(finding, captured);
    return true;
  }
  const std::optional<double> factor = finding->read();
  if (!factor) return false;
  gradient_factor_ *= *factor;
  for (Group& group : groups_) group.prologue.scale *= *factor;
  return true;
}

void OptimizerBase::Engine::step(OptimizerBase& optimizer, double loss) {
  const RealViews views{*this};
  collect(optimizer);
  if (!decide_who_knows()) return;
  if (rule.advance != nullptr && known_ != Known::InReplays)
    for (size_t g = 0; g < groups_.size(); ++g)
      rule.advance(groups_[g].options, shared_of(g).data());
  if (rule.tensor_update != nullptr) {
    run_tensor_algorithm(optimizer);
  } else {
    prepare(optimizer);
    run(loss);
  }
  copies_.clear();
  if (known_ != Known::InReplays) ++steps;
  if (rule.pull == nullptr) return;
  make_complex_again();
  pull_slow_weights(optimizer);
}

void OptimizerBase::Engine::before_replay(OptimizerBase& optimizer) {
  TORCH_CHECK(device_steps_ != nullptr, rule.about.name,
              ": before_replay() without a captured step: this build of descent has no kernels for "
              "CUDA");
  TORCH_CHECK(
      training, rule.about.name,
      ": before_replay() while the parameters are those of an evaluation, must follow train()");
  const at::NoGradGuard no_grad;
  device_steps_->before_replay(optimizer);
}

std::array<double, kMaxShared>& OptimizerBase::Engine::shared_of(size_t group) {
  const size_t place = rule.weigh != nullptr ? 0 : group;
  if (place >= shared.size()) shared.resize(place + 1, rule.first_shared);
  return shared[place];
}

std::string OptimizerBase::Engine::beside_first(const OptimizerBase& optimizer,
                                                const GroupOptions& options) const {
  const GroupOptions& first = optimizer.adopt_options(0);
  if (!rule.alike(first.value(), options.value())) {
    const auto wanted = rule.describe(first.value()), found = rule.describe(options.value());
    for (size_t i = 0; i < found.size(); ++i)
      if (std::find(rule.own.begin(), rule.own.end(), found[i].name) == rule.own.end() &&
          !(found[i].value == wanted[i].value))
        return c10::str(found[i].name, " = ", to_text(found[i].value), ", must be ",
                        to_text(wanted[i].value), " as in group 0: it is one for all groups");
  }
  if (!rule.rests_at_zero || options.get_lr() == 0) return "";
  // Groups of rate 0 rest; all others have the rate of the first of these.
  for (size_t g = 0; g < optimizer.param_groups().size(); ++g) {
    const double lr = optimizer.adopt_options(g).get_lr();
    if (lr == 0) continue;
    if (lr == options.get_lr()) break;
    return c10::str("lr = ", options.get_lr(), ", must be ", lr, " as in group ", g, ", or 0");
  }
  return "";
}

/// Refuses what cannot be written to ahead of the first parameter.
void OptimizerBase::Engine::change_mode(OptimizerBase& optimizer, bool to_training) {
  if (rule.change_mode == nullptr || training == to_training) return;
  const at::NoGradGuard no_grad;
  optimizer.check_states();
  const auto for_each = [&](const auto& work) {
    for (size_t g = 0; g < optimizer.param_groups().size(); ++g) {
      const auto& params = optimizer.param_groups()[g].params();
      for (size_t i = 0; i < params.size(); ++i) {
        ParamState* const state = optimizer.state_of(params[i]);
        if (state != nullptr && state->buffer(0).defined()) work(g, i, params[i], *state);
      }
    }
  };
  for_each([&](size_t g, size_t i, const at::Tensor& p, const ParamState&) {
    const std::string problem = tensors::misfit(p, p.sizes());
    TORCH_CHECK(problem.empty(), rule.about.name, ": params[", i, "] of group ", g, " ", problem);
  });
  for_each([&](size_t g, size_t i, const at::Tensor& p, ParamState& state) {
    for (size_t b = 0; b < rule.buffers.size(); ++b)
      if (at::Tensor& buffer = state.buffer(b); buffer.defined() && buffer.device() != p.device())
        buffer = buffer.to(p.device());
    at::Tensor wide = value_of(p, state);
    rule.change_mode(optimizer.adopt_options(g).value(),
                     {wide,
                      wide,
                      &state.buffer(0),
                      {state.step(), false, p.dim()},
                      p.scalar_type(),
                      static_cast<int64_t>(i)},
                     to_training);
    set_value(p, state, wide);
  });
  training = to_training;
}

/// h <- b h + (1 - b) g^2
void OptimizerBase::Engine::update_hessian(OptimizerBase& optimizer) {
  const at::NoGradGuard no_grad;
  const RealViews views{*this};
  collect(optimizer);
  for (auto& item : items_) {
    ensure_state(optimizer, item);
    const double beta = rule.hessian_beta(groups_[item.group].options);
    const auto found = std::find(rule.buffers.begin(), rule.buffers.end(), rule.hessian);
    const auto b = static_cast<size_t>(found - rule.buffers.begin());
    const at::ScalarType type = tensors::computed_in(*item.parameter);
    const at::Tensor h = values_of(*item.state, b).to(type);
    const at::Tensor g = item.gradient->to(h.device(), type);
    write_values(*item.state, b, beta * h + (1 - beta) * (g * g));
  }
}

bool OptimizerBase::Engine::looks_ahead(OptimizerBase& optimizer) const {
  if (rule.look_ahead == nullptr) return false;
  for (size_t g = 0; g < optimizer.param_groups().size(); ++g)
    if (rule.look_ahead(optimizer.adopt_options(g).value()) != 0) return true;
  return false;
}

at::Tensor OptimizerBase::Engine::loss_ahead(OptimizerBase& optimizer,
                                             const torch::optim::Optimizer::LossClosure& closure) {
  TORCH_CHECK(
      closure, rule.about.name,
      ": step() has no closure, must have one: the gradient is wanted elsewhere than at the "
      "parameters");
  const at::NoGradGuard no_grad;
  const auto& groups = optimizer.param_groups();
  for (size_t g = 0; g < groups.size(); ++g) optimizer.adopt_options(g).check();
  optimizer.check_states();
  tensors::KeptValues parameters;
  for (size_t g = 0; g < groups.size(); ++g) {
    const double distance = rule.look_ahead(optimizer.adopt_options(g).value());
    if (distance == 0) continue;
    for (const auto& p : groups[g].params()) {
      const ParamState* const state = optimizer.state_of(p);
      if (state == nullptr || !state->buffer(0).defined()) continue;
      const std::string problem = tensors::misfit(p, p.sizes());
      TORCH_CHECK(problem.empty(), rule.about.name, ": a parameter ", problem);
      parameters.keep(p);
      p.add_(values_of(*state, 0), distance);
    }
  }
  return tensors::loss_of(closure);
}

void OptimizerBase::Engine::pull_slow_weights(OptimizerBase& optimizer) {
  const auto& groups = optimizer.param_groups();
  for (size_t g = 0; g < groups.size(); ++g) {
    const SlowPull pull = rule.pull(optimizer.adopt_options(g).value());
    if (steps % pull.k != 0) continue;
    for (const auto& p : groups[g].params()) {
      ParamState* const state = optimizer.state_of(p);
      if (state == nullptr) continue;
      const size_t b = *rule.slow_buffer;
      const BaseOptions base = optimizer.adopt_options(g).base();
      if (state->buffer(b).defined()) fit_buffer(*state, b, p, base, /*in_layout=*/false);
      if (!is_mixed(base, p.scalar_type())) {
        synchronize(state->buffer(b), p, pull.alpha);
        continue;
      }
      at::Tensor slow, wide = value_of(p, *state);
      if (state->buffer(b).defined()) slow = state->buffer(b).to(wide.scalar_type());
      synchronize(slow, wide, pull.alpha);
      set_values(*state, b, p, base, slow);
      set_value(p, *state, wide);
    }
  }
}

}  // namespace descent

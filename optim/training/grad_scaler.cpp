#include <map>
#include <string>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/_amp_update_scale.h>
#include <ATen/ops/full.h>

#include <descent/optim/engine/gradient_factor.h>
#include <descent/optim/training/grad_scaler.h>
#include <descent/optim/wrappers/lookahead.h>
#include <descent/optim/wrappers/wrapper.h>
#include <descent/tensors/finite.h>
#include <descent/tensors/record.h>
#include <descent/tensors/restore.h>

namespace descent {
namespace {

constexpr const char* kGradScaler = "GradScaler";

using torch::optim::Optimizer;

/// Calls f(parameter) for each parameter that has a gradient.
template <class F>
void for_each_gradient(Optimizer& optimizer, const F& f) {
  // Wrappers show what their inner optimizer had when they last stepped.
  for (const auto& group : innermost(optimizer).param_groups())
    for (const at::Tensor& p : group.params())
      if (p.defined() && p.grad().defined()) f(p);
}

/// All gradients, none of which may be half.
std::vector<at::Tensor> gradients_of(Optimizer& optimizer) {
  std::vector<at::Tensor> list;
  for_each_gradient(optimizer, [&](const at::Tensor& p) {
    TORCH_CHECK(p.grad().scalar_type() != at::kHalf, kGradScaler,
                ": Attempting to unscale FP16 gradients. A parameter of sizes ", p.sizes(),
                " has them, must have float32 gradients: let autocast make the half copies");
    list.push_back(p.grad());
  });
  return list;
}

/// Multiplies where the gradients are. Not 0 where one of them was infinite or NaN.
at::Tensor divide(const std::vector<at::Tensor>& gradients, const at::Tensor& inverse) {
  std::map<std::pair<std::string, at::ScalarType>, std::vector<at::Tensor>> alike;
  for (const at::Tensor& g : gradients)
    alike[{g.device().str(), g.scalar_type()}].push_back(g.layout() == at::kSparse ? g._values()
                                                                                   : g);
  at::Tensor found = at::full({}, 0, inverse.options());
  for (const auto& [kind, list] : alike) {
    at::Tensor here = at::full({}, 0, inverse.options().device(list[0].device()));
    at::_amp_foreach_non_finite_check_and_unscale_(list, here, inverse.to(list[0].device()));
    found += here.to(found.device());
  }
  return found;
}

/// Whether no one but the pass of an optimizer of this library looks at the gradients.
bool unscales_in_its_pass(Optimizer& optimizer) {
  if (auto* const lookahead = dynamic_cast<Lookahead*>(&optimizer))
    return unscales_in_its_pass(lookahead->inner());
  if (dynamic_cast<OptimizerBase*>(&optimizer) == nullptr) return false;
  bool same_types = true;  // or a gradient would be rounded to its parameter's type as it is
  for_each_gradient(optimizer, [&](const at::Tensor& p) {
    same_types = same_types && p.grad().scalar_type() == p.scalar_type();
  });
  return same_types;
}

at::Tensor step_times(Optimizer& optimizer, double factor) {
  if (factor == 1) return optimizer.step();
  if (unscales_in_its_pass(optimizer)) {
    const engine::GradientFactor scope(factor);
    return optimizer.step();
  }
  tensors::ExchangedGradients exchanged;
  {
    const at::NoGradGuard no_grad;
    for_each_gradient(optimizer,
                      [&](const at::Tensor& p) { exchanged.exchange(p, p.grad() * factor); });
  }
  return optimizer.step();
}

}  // namespace

GradScaler::GradScaler(const Options& options) { set(options); }

void GradScaler::set(GradScalerOptions options) {
  const std::string problem = fields::problem(options);
  TORCH_CHECK(problem.empty(), kGradScaler, ": ", problem);
  options_ = options;
}

void GradScaler::set_growth_factor(double new_factor) {
  Options changed = options_;
  changed.growth_factor = new_factor;
  set(changed);
}
void GradScaler::set_backoff_factor(double new_factor) {
  Options changed = options_;
  changed.backoff_factor = new_factor;
  set(changed);
}
void GradScaler::set_growth_interval(int64_t new_interval) {
  Options changed = options_;
  changed.growth_interval = new_interval;
  set(changed);
}

void GradScaler::check_scaled(const char* action) const {
  TORCH_CHECK(scale_.defined(), kGradScaler, ": Attempted ", action,
              " but _scale is None.  This may indicate your program did not use "
              "scaler.scale(loss or outputs) earlier in the iteration.");
}

at::Tensor GradScaler::scale(const at::Tensor& outputs) {
  if (!options_.enabled) return outputs;
  TORCH_CHECK(outputs.defined(), kGradScaler,
              ": scale() got an undefined tensor, must get an output");
  if (!scale_.defined()) {
    const auto on = at::TensorOptions(outputs.device());
    scale_ = at::full({}, options_.init_scale, on.dtype(at::kFloat));
    growth_tracker_ = at::full({}, init_growth_tracker_, on.dtype(at::kInt));
  }
  return outputs * scale_.to(outputs.device(), /*non_blocking=*/true);
}

/// A float, computed in double.
at::Tensor GradScaler::inverse() const {
  return scale_.to(at::kDouble).reciprocal().to(at::kFloat);
}

void GradScaler::unscale_(Optimizer& optimizer) {
  if (!options_.enabled) return;
  check_scaled("unscale_");
  const auto known = entries_.find(&innermost(optimizer));
  const Stage stage = known == entries_.end() ? Stage::Ready : known->second.stage;
  TORCH_CHECK(stage != Stage::Unscaled, kGradScaler,
              ": unscale_() has already been called on this optimizer since the last update().");
  TORCH_CHECK(stage != Stage::Stepped, kGradScaler, ": unscale_() is being called after step().");
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = gradients_of(optimizer);
  const at::Tensor found = divide(gradients, inverse());
  Entry& entry = entries_[&innermost(optimizer)];
  if (!gradients.empty() && found.is_cpu()) entry.found_inf = found.item<float>() != 0;
  if (!gradients.empty() && !found.is_cpu()) entry.found_there = found;
  entry.stage = Stage::Unscaled;
}

at::Tensor GradScaler::step(Optimizer& optimizer, Optimizer::LossClosure closure) {
  if (!options_.enabled) return optimizer.step(std::move(closure));
  TORCH_CHECK(
      !closure, kGradScaler,
      ": step() got a closure, must get none while the scaler is enabled: it could not look "
      "at the gradients in between");
  check_scaled("step");
  const std::string caller = Wrapper::caller_of_closures(optimizer);
  TORCH_CHECK(caller.empty(), kGradScaler, ": step() got ", caller,
              ", which needs a closure, must get an optimizer that does not");
  const auto known = entries_.find(&innermost(optimizer));
  Entry entry = known == entries_.end() ? Entry{} : known->second;
  TORCH_CHECK(entry.stage != Stage::Stepped, kGradScaler,
              ": step() has already been called since the last update().");
  if (entry.stage != Stage::Unscaled) {
    const at::NoGradGuard no_grad;
    const std::vector<at::Tensor> gradients = gradients_of(optimizer);
    const tensors::AllFinite found = tensors::find_finite(gradients);
    if (!gradients.empty()) entry.found_inf = !found.here;
    if (found.there.defined()) entry.found_there = found.there.logical_not().to(at::kFloat);
  }
  TORCH_CHECK(entry.is_checked(), kGradScaler,
              ": No inf checks were recorded for this optimizer. None of its parameters has a "
              "gradient, must have one");
  at::Tensor value;
  if (!entry.found_inf.value_or(false)) value = step(optimizer, entry);
  entry.stage = Stage::Stepped;
  entries_[&innermost(optimizer)] = entry;
  return value;
}

/// A step, unless a device has found an infinity.
at::Tensor GradScaler::step(Optimizer& optimizer, const Entry& entry) const {
  const bool unscaled = entry.stage == Stage::Unscaled;
  const at::Tensor factor = unscaled ? at::Tensor() : inverse();
  if (!entry.found_there.defined())
    return step_times(optimizer, unscaled ? 1 : factor.item<double>());
  std::optional<double> known;
  {
    const engine::Finding scope(entry.found_there, factor);
    if (dynamic_cast<OptimizerBase*>(&optimizer) != nullptr &&
        (unscaled || unscales_in_its_pass(optimizer)))
      return optimizer.step();
    known = scope.read();
  }
  return known ? step_times(optimizer, *known) : at::Tensor();
}

void GradScaler::update() {
  if (!options_.enabled) return;
  check_scaled("update");
  bool checked = false, found = false;
  for (const auto& [optimizer, entry] : entries_) {
    checked = checked || entry.is_checked();
    found = found || entry.found_inf.value_or(false);
  }
  TORCH_CHECK(
      checked, kGradScaler,
      ": No inf checks were recorded prior to update. step() or unscale_() must come first");
  const at::NoGradGuard no_grad;
  at::Tensor all = at::full({}, found ? 1 : 0, scale_.options());
  for (const auto& [optimizer, entry] : entries_)
    if (entry.found_there.defined())
      all += entry.found_there.to(all.device(), /*non_blocking=*/true);
  at::_amp_update_scale_(scale_, growth_tracker_, all, options_.growth_factor,
                         options_.backoff_factor, options_.growth_interval);
  forget();
}

void GradScaler::update(double new_scale) {
  if (!options_.enabled) return;
  check_scaled("update");
  TORCH_CHECK(domains::positive.holds(new_scale), kGradScaler, ": new_scale = ", to_text(new_scale),
              ", must be ", domains::positive.text);
  scale_.fill_(new_scale);
  forget();
}

void GradScaler::update(const at::Tensor& new_scale) {
  if (!options_.enabled) return;
  TORCH_CHECK(
      new_scale.defined() && new_scale.numel() == 1 && !new_scale.requires_grad() &&
          at::isFloatingType(new_scale.scalar_type()),
      kGradScaler,
      ": new_scale is no number, must be a tensor of one real floating-point number without "
      "requires_grad");
  update(new_scale.item<double>());
}

double GradScaler::get_scale() const {
  if (!options_.enabled) return 1;
  return scale_.defined() ? scale_.item<float>() : options_.init_scale;
}

std::optional<GradScaler::State> GradScaler::state_dict() const {
  if (!options_.enabled) return {};
  const int64_t tracker =
      growth_tracker_.defined() ? growth_tracker_.item<int32_t>() : init_growth_tracker_;
  return State{get_scale(), options_.growth_factor, options_.backoff_factor,
               options_.growth_interval, tracker};
}

void GradScaler::load_state_dict(const std::optional<State>& state) {
  if (!options_.enabled) return;
  TORCH_CHECK(state, kGradScaler,
              ": The source state dict is empty, possibly because it was saved from a disabled "
              "instance of GradScaler.");
  TORCH_CHECK(state->_growth_tracker >= 0 && state->_growth_tracker <= INT32_MAX, kGradScaler,
              ": _growth_tracker = ", state->_growth_tracker, ", must be in [0, ", INT32_MAX, "]");
  set({.init_scale = state->scale,
       .growth_factor = state->growth_factor,
       .backoff_factor = state->backoff_factor,
       .growth_interval = state->growth_interval,
       .enabled = true});
  init_growth_tracker_ = state->_growth_tracker;
  if (!scale_.defined()) return;
  scale_.fill_(state->scale);
  growth_tracker_.fill_(state->_growth_tracker);
}

// The layout of its archive: grad_scaler, 1, the format; enabled; the numbers of State by name.
void GradScaler::save(torch::serialize::OutputArchive& archive) const {
  tensors::RecordWriter record(archive);
  record.write("grad_scaler", int64_t{1});
  record.write("enabled", int64_t{options_.enabled ? 1 : 0});
  if (const auto state = state_dict()) {
    record.write("numbers",
                 std::vector<double>{state->scale, state->growth_factor, state->backoff_factor});
    record.write("growth_interval", state->growth_interval);
    record.write("growth_tracker", state->_growth_tracker);
  }
  record.close();
}

void GradScaler::load(torch::serialize::InputArchive& archive) {
  const tensors::RecordReader record(archive, kGradScaler);
  const auto format = record.read<int64_t>("grad_scaler");
  TORCH_CHECK(format == 1, kGradScaler, ": the archive has format ", format,
              ", must be 1; a newer version of this library wrote it");
  if (record.count("enabled") == 0) return load_state_dict({});
  const auto numbers = record.read<std::vector<double>>("numbers");
  TORCH_CHECK(numbers.size() == 3, kGradScaler, ": the archive has ", numbers.size(),
              " numbers, must have 3");
  load_state_dict(State{numbers[0], numbers[1], numbers[2], record.count("growth_interval"),
                        record.count("growth_tracker")});
}

}  // namespace descent

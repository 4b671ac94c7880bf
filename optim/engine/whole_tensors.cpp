#include <algorithm>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <descent/optim/engine/agreed_decay.h>
#include <descent/optim/engine/engine.h>
#include <descent/optim/engine/phases.h>
#include <descent/optim/engine/stored.h>
#include <descent/tensors/computed_in.h>
#include <descent/tensors/numbers.h>

namespace descent {

using namespace engine;

/// The tensor pass: the rule's text on whole tensors.
struct OptimizerBase::Engine::WholeTensors {
  WholeTensors(const Engine& engine, const Item& of)
      : rule(engine.rule),
        item(of),
        used(engine.groups_[item.group].form->buffers),
        text(engine.groups_[item.group].form->arrays[engine.groups_[item.group].coupled]),
        type(tensors::computed_in(*item.parameter)),
        k(engine.numbers_[item.numbers].doubles),
        g(item.gradient->to(item.parameter->device(), type)),
        p(!item.state->has_beside() ? item.parameter->to(type)
                                    : step_start(*item.parameter, *item.state)) {
    if (type == at::kFloat)
      for (size_t i = 0; i < k.size(); ++i) k[i] = engine.numbers_[item.numbers].floats[i];
    for (size_t b = 0; b < rule.buffers.size(); ++b)
      if (used[b]) state[b] = Array(values_of(*item.state, b).to(type));
  }
  /// Whether the state is one that measuring does not store, see low_precision.h.
  bool is_coded() const {
    for (size_t b = 0; b < rule.buffers.size(); ++b)
      if (used[b] && item.state->beside().absmax(b).defined()) return true;
    return false;
  }
  /// Remembers where the parameter is, for decay() after the rule's text.
  void keep_start(const Engine& engine) {
    agreed_decay = engine.numbers_[item.numbers].agreed_decay;
    if (agreed_decay != 0) start = Array(p.tensor().clone());
  }
  void decay() {
    if (agreed_decay != 0) p = decayed_where_agreed(p, start, agreed_decay);
  }
  /// Rounds the state to its own type.
  void store_state() const {
    for (size_t b = 0; b < rule.buffers.size(); ++b)
      if (used[b]) write_values(*item.state, b, state[b].tensor());
    keep_above_means(*item.state, used);
  }
  void store(const Engine& engine) const {
    store_state();
    store_step(*item.parameter, *item.state,
               engine.groups_[item.group].base.rounding == Rounding::Stochastic,
               engine.draw_for(item), p.tensor());
  }

  const RuleTable& rule;
  const Item& item;
  const std::array<bool, kMaxBuffers>& used;
  const ArrayKernels& text;
  at::ScalarType type;
  std::array<double, kMaxConstants> k;
  Array g, p;
  std::array<Array, kMaxBuffers> state;
  Array start;
  double agreed_decay = 0;
};

/// The rule's text on what the sparse gradient holds, with its part of parameter and state.
void OptimizerBase::Engine::step_present(const Item& item) const {
  const at::Tensor& p = *item.parameter;
  if (item.gradient->_nnz() == 0) return;
  c10::List<std::optional<at::Tensor>> places;
  for (const at::Tensor& along : item.gradient->_indices().unbind(0)) places.push_back(along);
  const at::ScalarType type = tensors::computed_in(p);
  const Group& group = groups_[item.group];
  const Numbers& numbers = numbers_[item.numbers];
  std::array<double, kMaxConstants> k = numbers.doubles;
  if (type == at::kFloat) std::copy(numbers.floats.begin(), numbers.floats.end(), k.begin());
  Array at_places(p.detach().index(places).to(type));
  const Array g(item.gradient->_values().to(type));
  std::array<Array, kMaxBuffers> state;
  const auto& used = group.form->buffers;
  for (size_t b = 0; b < rule.buffers.size(); ++b)
    if (used[b]) state[b] = Array(item.state->buffer(b).index(places).to(type));
  group.form->arrays[0].sweep(at_places, g, state.data(), k.data());
  const auto put = [&](const at::Tensor& into, const Array& values) {
    into.index_put_(places, values.tensor().to(into.scalar_type()));
  };
  put(p, at_places);
  for (size_t b = 0; b < rule.buffers.size(); ++b)
    if (used[b]) put(item.state->buffer(b), state[b]);
}

/// Those that read twice are all measured ahead of the first that moves.
void OptimizerBase::Engine::step_tensors() {
  tensors::Numbers sums;
  std::vector<const Item*> measured;
  for (const Item& item : items_) {
    if (item.type || item.on_cuda) continue;
    if (!item.reads_twice || item.present) {
      step_tensor(item);
      continue;
    }
    measure_tensor(item, sums);
    measured.push_back(&item);
  }
  for (size_t i = 0; i < measured.size(); ++i) {
    const auto& sum = sums.read();
    apply_tensor(*measured[i], trust(*measured[i], sum[2 * i], sum[2 * i + 1], /*remembers=*/true));
  }
}

void OptimizerBase::Engine::step_tensor(const Item& item) const {
  if (item.present) return step_present(item);
  WholeTensors whole(*this, item);
  whole.keep_start(*this);
  whole.text.sweep(whole.p, whole.g, whole.state.data(), whole.k.data());
  whole.decay();
  whole.store(*this);
}

void OptimizerBase::Engine::measure_tensor(const Item& item, tensors::Numbers& sums) const {
  WholeTensors whole(*this, item);
  const Pair<Array> pair = whole.text.measure(whole.p, whole.g, whole.state.data(), whole.k.data());
  if (!whole.is_coded()) whole.store_state();  // rounded to the state's type, as the loops do
  add_sum(sums, pair.first.tensor(), isa_, !rule.adds_values);
  add_sum(sums, pair.second.tensor(), isa_, !rule.adds_values);
}

void OptimizerBase::Engine::apply_tensor(const Item& item, double ratio) const {
  WholeTensors whole(*this, item);
  if (whole.type == at::kFloat) ratio = static_cast<float>(ratio);
  if (whole.is_coded()) whole.text.measure(whole.p, whole.g, whole.state.data(), whole.k.data());
  whole.keep_start(*this);
  whole.text.apply(whole.p, whole.g, whole.state.data(), whole.k.data(), ratio);
  whole.decay();
  whole.store(*this);
}

void OptimizerBase::Engine::run_tensor_algorithm(OptimizerBase& optimizer) {
  // The state of a block of parameters, which is its first one's.
  const auto state_for = [&](const at::Tensor* params, size_t count) -> ParamState& {
    if (ParamState* const known = optimizer.state_of(*params)) {
      for (size_t b = 0; b < rule.buffers.size(); ++b)
        if (at::Tensor& buffer = known->buffer(b);
            buffer.defined() && buffer.device() != params->device())
          buffer = buffer.to(params->device());
      return *known;
    }
    auto made = holders.make_state(holders, *params);
    ParamState& state = holders.own_part(*made);
    std::vector<int64_t> block;
    for (size_t i = 0; i < count; ++i) append_sizes(block, params[i]);
    state.scalars.set_block(std::move(block));
    optimizer.state()[params->unsafeGetTensorImpl()] = std::move(made);
    return state;
  };
  // What `prepare` of compile.h does inside the loops.
  const auto decayed = [this](const Group& group, const at::Tensor& wide,
                              const at::Tensor& gradient) {
    at::Tensor g = gradient.to(wide.device(), wide.scalar_type());
    if (group.prologue.scale != 1) g = g * group.prologue.scale;
    if (group.coupled)
      g = g + wide * group.prologue.decay;
    else if (group.prologue.keep != 1 && !rule.applies_keep)
      wide.mul_(group.prologue.keep);
    return g;
  };
  const auto update = [&](const Group& group, at::Tensor& wide, const at::Tensor& g,
                          const at::Tensor& p, int64_t position, ParamState& state) {
    const int64_t step = ++state.step();
    const StepInfo at{step, step == 1, wide.dim()};
    at::Tensor start;
    if (group.agreed_decay != 0) start = wide.clone();
    rule.tensor_update(group.options, {wide, g, &state.buffer(0), at, p.scalar_type(), position,
                                       group.prologue.keep});
    if (start.defined())
      wide = decayed_where_agreed(Array(wide), Array(start), group.agreed_decay).tensor();
  };
  const auto by_chance = [](const Group& group) {
    return group.base.rounding == Rounding::Stochastic;
  };
  const auto draw = [](const Group& group, int64_t position, const ParamState& state) {
    return Draw{static_cast<uint64_t>(group.base.seed), static_cast<uint32_t>(position),
                static_cast<uint32_t>(state.step())};
  };
  int64_t next = 0;  // parameters of the groups so far
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    const auto& params = optimizer.param_groups()[g].params();
    const int64_t first = next;
    next += static_cast<int64_t>(params.size());
    const auto has_gradient = [&](const Item& item) { return item.group == g; };
    if (!rule.joins_group || !rule.joins_group(group.options)) {
      for (const auto& item : items_) {
        if (!has_gradient(item) || item.parameter->numel() == 0) continue;
        const at::Tensor& p = *item.parameter;
        ParamState& state = state_for(&p, 1);
        fit_beside(state, p, group.base);
        // 16 bits are rounded once, at the end.
        at::Tensor wide = step_start(p, state);
        const int64_t position = first + (&p - params.data());
        update(group, wide, decayed(group, wide, *item.gradient).contiguous(), p, position, state);
        store_step(p, state, by_chance(group), draw(group, position, state), wide);
      }
      continue;
    }
    if (std::none_of(items_.begin(), items_.end(), has_gradient)) continue;
    if (std::all_of(params.begin(), params.end(),
                    [](const at::Tensor& p) { return p.numel() == 0; }))
      continue;
    ParamState& state = state_for(params.data(), params.size());
    std::vector<at::Tensor> values, gradients;
    for (const auto& p : params) {
      const at::Tensor& gradient = p.unsafeGetTensorImpl()->grad();
      const at::Tensor wide = step_start(p, state);
      gradients.push_back(gradient.defined() ? decayed(group, wide, gradient).reshape(-1)
                                             : at::zeros({p.numel()}, wide.options()));
      values.push_back(wide.reshape(-1));
    }
    at::Tensor joined = at::cat(values);
    update(group, joined, at::cat(gradients), params[0], first, state);
    int64_t offset = 0;
    for (size_t i = 0; i < params.size(); ++i) {
      const at::Tensor& p = params[i];
      if (p.unsafeGetTensorImpl()->grad().defined())
        store_step(p, state, by_chance(group), draw(group, first + static_cast<int64_t>(i), state),
                   joined.narrow(0, offset, p.numel()).view(p.sizes()));
      offset += p.numel();
    }
  }
}

}  // namespace descent

#include <algorithm>
#include <bit>
#include <utility>

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <descent/optim/engine/engine.h>
#include <descent/optim/engine/phases.h>
#include <descent/optim/engine/stored.h>
#include <descent/tensors/centralized.h>
#include <descent/tensors/computed_in.h>

namespace descent {

using namespace engine;

bool engine::create_missing(const RuleTable& rule, const void* options, const BaseOptions& base,
                            const std::array<bool, kMaxBuffers>& used, const at::Tensor& p,
                            ParamState& state) {
  const auto is_missing = [&](size_t b) { return used[b] && !state.buffer(b).defined(); };
  const size_t count = rule.buffers.size();
  size_t b = 0;
  while (b < count && !is_missing(b)) ++b;
  if (b == count) return false;
  std::array<Array, kMaxBuffers> first;
  if (rule.initial != nullptr)
    rule.initial(options, Array(p.detach().to(tensors::computed_in(p))), first.data());
  for (; b < count; ++b) {
    if (!is_missing(b)) continue;
    if (is_mixed(base, p.scalar_type()))
      set_values(state, b, p, base,
                 rule.initial != nullptr ? first[b].tensor() : at::zeros_like(p));
    else
      state.buffer(b) =
          rule.initial != nullptr ? at::empty_like(p).copy_(first[b].tensor()) : at::zeros_like(p);
  }
  return true;
}

bool engine::same_layout(const at::Tensor& x, const at::Tensor& p, bool p_is_contiguous) {
  if (x.is_neg()) return false;
  return (p_is_contiguous && x.is_contiguous()) || x.strides() == p.strides();
}

/// The same of a rule that decays in its update.
void OptimizerBase::Engine::set_decay(Numbers& numbers) const {
  const Group& group = groups_[numbers.group];
  if (rule.decay_place < 0) return;
  double& decay = numbers.doubles[static_cast<size_t>(kPrologue + rule.decay_place)];
  decay *= group.decay_per_rate;
  if (!group.base.cautious_decay) return;
  numbers.agreed_decay = numbers.doubles[static_cast<size_t>(kPrologue + rule.lr_place)] * decay;
  decay = 0;
}

/// Creates what is missing of an item's state and brings what is there into the parameter's dtype,
/// device and layout; collect() has compared the sizes.
void OptimizerBase::Engine::ensure_state(OptimizerBase& optimizer, Item& item) const {
  const at::Tensor& p = *item.parameter;
  if (item.state == nullptr) {
    auto state = holders.make_state(holders, owner(item));
    item.state = &holders.own_part(*state);
    optimizer.state()[owner(item).unsafeGetTensorImpl()] = std::move(state);
  }
  const auto& used = groups_[item.group].form->buffers;
  const void* const options = groups_[item.group].options;
  const BaseOptions& base = groups_[item.group].base;
  item.fresh = create_missing(rule, options, base, used, p, *item.state);
  // A loop wants the buffers to lie as the parameter does; ATen's operations do not.
  const auto fit = [&](size_t b) {
    fit_buffer(*item.state, b, p, base, /*in_layout=*/item.type.has_value());
  };
  for (size_t b = 0; b < rule.buffers.size(); ++b)
    if (used[b]) fit(b);
  if (groups_[item.group].is_asked || item.state->has_beside()) fit_beside(*item.state, p, base);
  if (rule.pull != nullptr) {
    const size_t slow = *rule.slow_buffer;
    if (item.state->buffer(slow).defined())
      fit(slow);
    else if (rule.pull(options).slow_init == SlowInit::Initial)
      set_values(*item.state, slow, p, base, p.detach());
  }
}

/// Elementwise items come first.
void OptimizerBase::Engine::sort_by_readings() {
  elementwise_ = 0;
  for (auto& item : items_) {
    if (item.reads_twice) continue;
    Item& first = items_[elementwise_++];
    if (&first == &item) continue;
    std::swap_ranges(places_of(item), places_of(item) + places_each_, places_of(first));
    std::swap(item, first);
  }
}

void OptimizerBase::Engine::prepare(OptimizerBase& optimizer) {
  numbers_.clear();
  buckets_.assign(std::bit_ceil(items_.size() / 8 + 1), kNone);
  blocks_ = norm_blocks_ = 0;
  sort_by_readings();
  for (auto& item : items_) {
    if (item.ready) continue;
    ensure_state(optimizer, item);
    const at::Tensor& p = *item.parameter;
    if (item.gradient->layout() == at::kSparse) {
      copies_.reserve(2 * items_.size());  // items point into it
      const at::Tensor sum = item.gradient->coalesce();
      item.gradient = &copies_.emplace_back(item.present ? sum : sum.to_dense());
    }
    if (rule.centralizes != nullptr && rule.centralizes(groups_[item.group].options, p.dim())) {
      copies_.reserve(2 * items_.size());  // items point into it
      item.gradient = &copies_.emplace_back(tensors::centralized(*item.gradient));
    }
    if (!item.type) continue;
    const at::Tensor& g = *item.gradient;
    if (g.scalar_type() != p.scalar_type() || !g.device().is_cpu() ||
        !same_layout(g, p, item.contiguous)) {
      copies_.reserve(2 * items_.size());
      item.gradient = &copies_.emplace_back(at::empty_like(p).copy_(g));
    }
    point_at_all(item);
  }
  const Known known = known_;
  for (auto& item : items_) {
    int64_t& step = known == Known::Surely ? item.state->step() : item.state->step_at_most();
    const StepInfo at{step + 1, item.fresh, item.parameter->dim()};
    item.numbers = numbers_for(item.group, at, *item.state);
    if (known != Known::InReplays) {
      step = at.step;
      item.state->scalars.set(numbers_[item.numbers].after);
    }
    uint32_t& blocks = item.reads_twice ? norm_blocks_ : blocks_;
    item.first_block = blocks;
    if (!item.type) continue;
    if (item.mixed) {
      layouts_.resize(items_.size());
      layouts_[static_cast<size_t>(&item - items_.data())] = layout_for(item);
    }
    // The loops write behind autograd's back: a graph that has saved this parameter must notice.
    auto* const impl = item.parameter->unsafeGetTensorImpl();
    if (!impl->is_inference()) impl->bump_version();
    blocks += static_cast<uint32_t>((item.n + kBlock - 1) / kBlock);
  }
}

uint32_t OptimizerBase::Engine::numbers_for(uint32_t group, const StepInfo& at,
                                            const ParamState& state) {
  const auto scalars = state.scalars.values();
  const auto is_of = [&](const Numbers& numbers) {
    return numbers.group == group && numbers.at == at && numbers.before == scalars;
  };
  // Most parameters have the numbers of the one before them.
  if (!numbers_.empty() && is_of(numbers_.back()))
    return static_cast<uint32_t>(numbers_.size() - 1);
  const auto mixed = [](uint64_t hash, uint64_t x) { return (hash ^ x) * 0x9e3779b97f4a7c15; };
  uint64_t hash =
      mixed(mixed(group, static_cast<uint64_t>(at.step)), static_cast<uint64_t>(at.dim));
  for (const double x : scalars) hash = mixed(hash, std::bit_cast<uint64_t>(x));
  // The upper bits of a product are the mixed ones.
  uint32_t& bucket = buckets_[(hash >> 32) & (buckets_.size() - 1)];
  for (uint32_t i = bucket; i != kNone; i = numbers_[i].next)
    if (is_of(numbers_[i])) return i;
  Numbers& numbers = numbers_.emplace_back();
  numbers.group = group;
  numbers.next = std::exchange(bucket, static_cast<uint32_t>(numbers_.size() - 1));
  numbers.at = at;
  numbers.before = numbers.after = scalars;
  const Prologue<double>& prologue = groups_[group].prologue;
  numbers.doubles[0] = prologue.scale;
  numbers.doubles[1] = prologue.decay;
  numbers.doubles[2] = prologue.keep;
  const void* const options = groups_[group].options;
  numbers.agreed_decay = groups_[group].agreed_decay;
  if (rule.decays != nullptr && !rule.decays(options, at))
    numbers.doubles[2] = 1, numbers.agreed_decay = 0;
  const int count =
      kPrologue + rule.begin(options, at, numbers.after.data(), shared_of(group).data(),
                             numbers.doubles.data() + kPrologue);
  set_decay(numbers);
  if (rule.agreed_decay_place >= 0)
    numbers.doubles[static_cast<size_t>(kPrologue + rule.agreed_decay_place)] =
        std::exchange(numbers.agreed_decay, 0);
  for (int i = 0; i < count; ++i) numbers.floats[i] = static_cast<float>(numbers.doubles[i]);
  return static_cast<uint32_t>(numbers_.size() - 1);
}

void OptimizerBase::Engine::point_at_all(Item& item) {
  void** place = places_of(item);
  item.n = item.parameter->numel();
  *place++ = item.parameter->mutable_data_ptr();
  *place++ = const_cast<void*>(item.gradient->const_data_ptr());
  const auto& used = groups_[item.group].form->buffers;
  for (size_t b = 0; b < rule.buffers.size(); ++b)
    if (used[b]) *place++ = item.state->buffer(b).mutable_data_ptr();
}

/// What the random bits of this step follow from.
Draw OptimizerBase::Engine::draw_for(const Item& item) const {
  const Group& group = groups_[item.group];
  return {static_cast<uint64_t>(group.base.seed),
          static_cast<uint32_t>(group.before + (&owner(item) - group.params)),
          static_cast<uint32_t>(item.state->step_at_most())};
}

Layout OptimizerBase::Engine::layout_for(const Item& item) const {
  const BaseOptions& base = groups_[item.group].base;
  Layout layout{};
  layout.whole = span(item, 0, item.n);
  layout.type = *number_type(item.parameter->scalar_type());
  layout.master = base.master;
  layout.by_chance = base.rounding == Rounding::Stochastic;
  if (base.master != Master::None)
    layout.beside = item.state->beside().parameter().mutable_data_ptr();
  layout.draw = draw_for(item);
  for (size_t b = 0; b < rule.buffers.size(); ++b) {
    if (layout.whole.s[b] == nullptr) continue;
    layout.kept[b] = kept_as(rule, b, *item.parameter, base);
    if (!has_codes(layout.kept[b])) continue;
    layout.coded = true;
    layout.absmax[b] = item.state->beside().absmax(b).mutable_data_ptr<float>();
  }
  layout.subtracted = coded_difference(*item.state, groups_[item.group].form->buffers);
  return layout;
}

}  // namespace descent

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <string>
#include <typeinfo>
#include <unordered_map>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Type.h>
#include <torch/serialize/archive.h>

#include <descent/distributed/sharded.h>
#include <descent/optim/engine/gradient_factor.h>
#include <descent/optim/optimizer/optimizer.h>
#include <descent/optim/optimizer/registry.h>
#include <descent/tensors/loss_of.h>
#include <descent/tensors/restore.h>

namespace descent {
namespace {

/// What a rank has of a parameter, if it is so large, goes to the others by itself, without copies.
constexpr int64_t kLargeBytes = 256 << 10;

OptimizerBase& ours(torch::optim::Optimizer& optimizer) {
  auto* const found = dynamic_cast<OptimizerBase*>(&optimizer);
  TORCH_CHECK(found != nullptr, "Sharded: the inner optimizer is a ",
              c10::demangle(typeid(optimizer).name()),
              ", must be an optimizer of this library and no wrapper; put wrappers around Sharded");
  return *found;
}

/// Whether a step of any part of a parameter gives that part the bits of a step of the whole.
bool takes_elements(const engine::RuleTable& rule, const GroupOptions& options) {
  const BaseOptions base = options.base();
  return rule.tensor_update == nullptr && rule.weigh == nullptr && rule.shared.empty() &&
         rule.pull == nullptr && rule.centralizes == nullptr && rule.hessian == nullptr &&
         !rule.sparse_only && !engine::form_of(rule, options.value()).reads_twice &&
         base.master == Master::None && base.state_bits == 0 && base.rounding == Rounding::Nearest;
}

/// Adds `count` numbers to those that the ranks have, so that these become as equal as can be; what
/// each gets.
std::vector<int64_t> dealt(const std::vector<int64_t>& loads, int64_t count) {
  std::vector<int64_t> order = loads;
  std::sort(order.begin(), order.end());
  auto ranks = static_cast<int64_t>(order.size());
  int64_t all = std::accumulate(order.begin(), order.end(), count);
  // Whoever has more than the others will have gets nothing.
  for (; ranks > 1 && order[ranks - 1] * ranks > all; --ranks) all -= order[ranks - 1];
  const int64_t level = all / ranks;
  int64_t rest = all % ranks;
  std::vector<int64_t> result;
  for (const int64_t load : loads) {
    const bool takes = load <= level;
    result.push_back(takes ? level - load + (rest-- > 0 ? 1 : 0) : 0);
  }
  return result;
}

/// A parameter's memory as a tensor of one dimension.
at::Tensor flat(const at::Tensor& contiguous) { return contiguous.view(-1); }

}  // namespace

struct Sharded::Impl {
  World& world;
  OptimizerBase& inner;
  /// Steps this rank's parts of parameters, under the options of the inner one. Null: that one steps
  /// whole parameters, of which it is shown this rank's.
  std::unique_ptr<OptimizerBase> of_parts{};
  bool cuts = false;  ///< whether there is one

  struct Parameter {
    at::Tensor whole;
    size_t group;
    bool is_there = true;           ///< in that group, still
    int owner = -1;                 ///< of a parameter that is not cut
    std::vector<int64_t> bounds{};  ///< rank r has the elements [bounds[r], bounds[r + 1])
    at::Tensor part{};   ///< of this rank: a parameter of `of_parts` in the memory of the whole
    at::Tensor shape{};  ///< without memory: how the whole was when its way was laid out

    bool is_cut() const { return owner < 0; }
    std::pair<int64_t, int64_t> range(int rank) const { return {bounds[rank], bounds[rank + 1]}; }
    /// The rank that has the first element, or the owner.
    int first() const {
      if (!is_cut()) return owner;
      return static_cast<int>(std::upper_bound(bounds.begin(), bounds.end(), 0) - bounds.begin()) -
             1;
    }
    /// This rank's part of a tensor of the whole's sizes, in as many dimensions, on which a rule's
    /// step may depend.
    at::Tensor part_of(const at::Tensor& tensor, int rank) const {
      if (!is_cut()) return tensor;
      const auto [first, last] = range(rank);
      std::vector<int64_t> sizes(tensor.dim(), 1);
      if (!sizes.empty()) sizes.back() = last - first;
      return flat(tensor.contiguous()).narrow(0, first, last - first).view(sizes);
    }
    void set_owner(int rank, int ranks) {
      owner = rank;
      bounds.assign(ranks + 1, 0);
      std::fill(bounds.begin() + rank + 1, bounds.end(), whole.numel());
    }
  };
  std::vector<Parameter> parameters{};
  std::unordered_map<c10::TensorImpl*, size_t> places{};  ///< of each in the list
  std::vector<int64_t> loads{};                           ///< numbers of each rank

  /// What a rank has of a parameter, and all others get.
  struct Slot {
    size_t parameter;
    int rank;
    at::Tensor values;  ///< its place among what travels together; of large ones undefined
  };
  struct Travel {
    at::Tensor flat{};
    std::vector<int64_t> bounds{};
    std::vector<Slot> slots{};
  };
  std::vector<Travel> travels{};  ///< of a type each
  std::vector<Slot> large{};      ///< which go from parameter to parameter

  Impl(World& w, OptimizerBase& optimizer) : world(w), inner(optimizer), loads(w.size()) {
    refuse();
    cuts = world.size() > 1;
    for (size_t g = 0; cuts && g < inner.param_groups().size(); ++g)
      cuts = takes_elements(inner.rule(), inner.group_options(g));
    deal_out();
    keep_own_states();
  }

  bool has_part(const Parameter& p) const {
    const auto [first, last] = p.range(world.rank());
    return p.is_cut() ? first < last : p.owner == world.rank();
  }
  const Parameter& found(const at::Tensor& parameter) const {
    const auto place = places.find(parameter.unsafeGetTensorImpl());
    TORCH_CHECK(place != places.end(), "Sharded: the parameter is in no group");
    return parameters[place->second];
  }
  ParamState& own_part(torch::optim::OptimizerParamState& state) const {
    return engine::holders_of(inner.rule()).own_part(state);
  }
  std::unique_ptr<torch::optim::OptimizerParamState> made_state(const at::Tensor& p) const {
    const engine::Holders& holders = engine::holders_of(inner.rule());
    return holders.make_state(holders, p);
  }

  void refuse() const {
    const engine::RuleTable& rule = inner.rule();
    for (size_t g = 0; g < inner.param_groups().size(); ++g) {
      const void* const options = inner.group_options(g).value();
      const char* const reason = inner.group_options(g).base().decay_scale == DecayScale::Stable
                                     ? "decays by the second moments of all parameters"
                                 : rule.joins_group != nullptr && rule.joins_group(options)
                                     ? "takes a group for one vector"
                                     : nullptr;
      TORCH_CHECK(reason == nullptr, "Sharded: the inner optimizer, ", rule.about.name, ", ",
                  reason, ", must be one that takes each parameter by itself");
      TORCH_CHECK(!cuts || takes_elements(rule, inner.group_options(g)), "Sharded: group ", g,
                  " of ", rule.about.name,
                  " has options by which it no longer takes each element by itself, as it did when "
                  "its state was cut; must have those of then, or get another Sharded");
    }
  }

  /// Gives the optimizer of parts the groups and options of the inner one.
  void mirror_options() {
    if (!cuts) return;
    std::vector<torch::optim::OptimizerParamGroup> more;
    const size_t known = of_parts == nullptr ? 0 : of_parts->param_groups().size();
    for (size_t g = known; g < inner.param_groups().size(); ++g) {
      // A group must not be empty, but this rank may have no part of it.
      const auto like = inner.param_groups()[g].params()[0].detach().options();
      more.emplace_back(std::vector<at::Tensor>{at::empty({1}, like).requires_grad_()},
                        inner.param_groups()[g].options().clone());
    }
    if (of_parts == nullptr)
      of_parts = make_optimizer(inner.rule(), more, inner.defaults());
    else
      for (const auto& group : more) of_parts->add_param_group(group);
    for (size_t g = 0; g < known; ++g) {
      GroupOptions& mirrored = of_parts->group_options(g);
      mirrored.assign(inner.group_options(g).value());
      if (const BaseOptions base = inner.group_options(g).base(); !(mirrored.base() == base))
        mirrored.set_base(base);
    }
  }

  /// Deals out the parameters that have come since, the same on all ranks.
  void deal_out() {
    mirror_options();
    std::vector<size_t> fresh;
    for (Parameter& p : parameters) p.is_there = false;
    for (size_t g = 0; g < inner.param_groups().size(); ++g) {
      for (const at::Tensor& p : inner.param_groups()[g].params()) {
        const auto [place, is_new] = places.try_emplace(p.unsafeGetTensorImpl(), parameters.size());
        if (is_new) {
          fresh.push_back(parameters.size());
          parameters.push_back({p, g});
        }
        parameters[place->second].is_there = true;
        TORCH_CHECK(!cuts || parameters[place->second].group == g, "Sharded: a parameter of group ",
                    parameters[place->second].group, " is in group ", g,
                    " now, must stay where its state was cut");
      }
    }
    if (!fresh.empty()) deal_out(fresh);
  }

  void deal_out(const std::vector<size_t>& fresh) {
    std::vector<size_t> whole;
    int64_t count = 0;
    for (const size_t i : fresh) {
      const at::Tensor& p = parameters[i].whole;
      if (of_parts != nullptr && p.is_contiguous() && p.numel() > 0)
        count += p.numel();
      else
        whole.push_back(i);
    }
    std::stable_sort(whole.begin(), whole.end(), [&](size_t a, size_t b) {
      return parameters[a].whole.numel() > parameters[b].whole.numel();
    });
    for (const size_t i : whole) {
      const auto least = std::min_element(loads.begin(), loads.end());
      *least += parameters[i].whole.numel();
      parameters[i].set_owner(static_cast<int>(least - loads.begin()), world.size());
    }
    // The others lie one behind the other, and each rank gets what stands between two ends.
    const std::vector<int64_t> each = dealt(loads, count);
    std::vector<int64_t> ends{0};
    for (size_t r = 0; r < each.size(); ++r) {
      ends.push_back(ends.back() + each[r]);
      loads[r] += each[r];
    }
    int64_t begin = 0;
    for (const size_t i : fresh) {
      Parameter& p = parameters[i];
      if (p.bounds.empty()) {
        const int64_t n = p.whole.numel();
        for (const int64_t end : ends) p.bounds.push_back(std::clamp<int64_t>(end - begin, 0, n));
        begin += n;
      }
      if (of_parts != nullptr && has_part(p)) {
        p.part = p.part_of(p.whole.detach(), world.rank()).detach().requires_grad_();
        of_parts->add_param(p.part, p.group);
      }
    }
    lay_out();
  }

  /// Leaves in the inner optimizer the states of this rank's parameters, or none where parts have
  /// states. What somebody has put there meanwhile, by loading it, counts.
  void keep_own_states() {
    for (const Parameter& p : parameters) {
      if (of_parts != nullptr)
        cut_state(p);
      else if (!has_part(p))
        inner.state().erase(p.whole.unsafeGetTensorImpl());
    }
    if (of_parts != nullptr) inner.state().clear();
  }

  /// Lays out the memory in which small parameters of a type travel, once for all steps: rank by rank.
  void lay_out() {
    travels.clear();
    large.clear();
    std::map<at::ScalarType, std::vector<size_t>> kinds;
    for (size_t i = 0; i < parameters.size(); ++i) {
      Parameter& p = parameters[i];
      if (!p.is_cut()) p.set_owner(p.owner, world.size());  // it may have other sizes now
      p.shape = at::empty_like(p.whole, at::TensorOptions(at::kMeta));
      kinds[p.whole.scalar_type()].push_back(i);
    }
    for (const auto& [kind, members] : kinds) {
      const auto like = parameters[members[0]].whole.detach().options();
      Travel travel;
      travel.bounds.push_back(0);
      for (int r = 0; r < world.size(); ++r) {
        int64_t end = travel.bounds.back();
        for (const size_t i : members) {
          const Parameter& p = parameters[i];
          const auto [first, last] = p.range(r);
          if (first == last) continue;
          const auto bytes = (last - first) * static_cast<int64_t>(like.dtype().itemsize());
          if (bytes >= kLargeBytes && (p.is_cut() || p.whole.is_contiguous())) {
            large.push_back({i, r, {}});
          } else {
            travel.slots.push_back({i, r, {}});
            end += last - first;
          }
        }
        travel.bounds.push_back(end);
      }
      travel.flat = at::empty({travel.bounds.back()}, like);
      int64_t place = 0;
      for (Slot& slot : travel.slots) {
        const Parameter& p = parameters[slot.parameter];
        const auto [first, last] = p.range(slot.rank);
        slot.values = travel.flat.narrow(0, place, last - first);
        if (!p.is_cut()) slot.values = slot.values.view(p.whole.sizes());
        place += last - first;
      }
      if (!travel.slots.empty()) travels.push_back(std::move(travel));
    }
  }

  /// Whether a parameter was given another type, or, as a whole, other sizes or another order.
  bool is_outdated() const {
    return std::any_of(parameters.begin(), parameters.end(), [](const Parameter& p) {
      return p.shape.dtype() != p.whole.dtype() ||
             (!p.is_cut() && (p.shape.sizes() != p.whole.sizes() ||
                              p.shape.is_contiguous() != p.whole.is_contiguous()));
    });
  }

  /// Gives all ranks the parameters from those who have stepped them.
  void gather() {
    if (is_outdated()) lay_out();
    const auto there = [&](const Slot& slot) {
      const Parameter& p = parameters[slot.parameter];
      if (!p.is_cut()) return p.whole.detach();
      const auto [first, last] = p.range(slot.rank);
      return flat(p.whole.detach()).narrow(0, first, last - first);
    };
    for (Travel& travel : travels) {
      for (const Slot& slot : travel.slots)
        if (slot.rank == world.rank()) slot.values.copy_(there(slot));
      world.gather_pieces(travel.flat, travel.bounds);
      for (const Slot& slot : travel.slots)
        if (slot.rank != world.rank()) there(slot).copy_(slot.values);
    }
    if (large.empty()) return;
    std::vector<at::Tensor> tensors;
    std::vector<int> owners;
    for (const Slot& slot : large) {
      tensors.push_back(there(slot));
      owners.push_back(slot.rank);
    }
    world.gather(tensors, owners);
  }

  /// Shows the optimizer of parts the gradients of these, and hides from the inner one what others step.
  void show_parts(tensors::ExchangedGradients& hidden) {
    for (Parameter& p : parameters) {
      if (of_parts == nullptr) {
        if (!has_part(p)) hidden.exchange(p.whole, at::Tensor());
        continue;
      }
      if (p.part.defined()) p.part.mutable_grad().reset();
      if (!p.is_there) continue;
      const at::Tensor gradient = p.whole.grad();
      TORCH_CHECK(!gradient.defined() || gradient.layout() != at::kSparse ||
                      inner.rule().takes_sparse == nullptr,
                  "Sharded: the gradient of a parameter of sizes ", p.whole.sizes(),
                  " is sparse, must be dense: the parameter's state is cut");
      // What does not fit is left for the inner optimizer to refuse.
      if (!gradient.defined() || gradient.layout() != at::kStrided ||
          gradient.sizes() != p.whole.sizes())
        continue;
      TORCH_CHECK(!p.is_cut() || (p.whole.is_contiguous() && p.whole.numel() == p.bounds.back()),
                  "Sharded: a parameter whose state was cut has sizes ", p.whole.sizes(),
                  " and strides ", p.whole.strides(), " now, must be contiguous and have ",
                  p.bounds.back(), " elements; use replace_param()");
      hidden.exchange(p.whole, at::Tensor());
      if (!p.part.defined()) continue;
      // It may have been given another memory or type.
      if (const at::Tensor part = p.part_of(p.whole.detach(), world.rank());
          part.const_data_ptr() != p.part.const_data_ptr() || part.dtype() != p.part.dtype())
        p.part.set_data(part);
      p.part.mutable_grad() = p.part_of(gradient, world.rank());
    }
  }

  void step() {
    const engine::KnownSquares squares(engine::gradient_squares(inner));
    tensors::ExchangedGradients hidden;
    show_parts(hidden);
    inner.step();
    if (of_parts != nullptr) of_parts->step();
    for (Parameter& p : parameters)
      if (p.part.defined()) p.part.mutable_grad().reset();
  }

  // What is known of a state before its tensors travel: whether there is one, its steps, its scalars,
  // and of each buffer 1 + its type, or 0.
  using About = std::array<double, 2 + engine::kMaxScalars + engine::kMaxBuffers>;

  static About about(const ParamState* state) {
    About numbers{};
    if (state == nullptr) return numbers;
    numbers[0] = 1;
    numbers[1] = static_cast<double>(state->step());
    const auto scalars = state->scalars.values();
    std::copy(scalars.begin(), scalars.end(), numbers.begin() + 2);
    for (size_t b = 0; b < state->rule().buffers.size(); ++b)
      if (state->buffer(b).defined())
        numbers[2 + scalars.size() + b] = 1 + static_cast<int>(state->buffer(b).scalar_type());
    return numbers;
  }

  /// The state of a parameter whose parts the ranks have, put together on all of them; null: there is
  /// none. Collective.
  std::unique_ptr<torch::optim::OptimizerParamState> gathered(const Parameter& p) {
    const ParamState* const own = p.part.defined() ? of_parts->state_of(p.part) : nullptr;
    About numbers = about(own);
    const at::Tensor sent = at::zeros({static_cast<int64_t>(numbers.size())}, at::kDouble);
    std::copy(numbers.begin(), numbers.end(), sent.mutable_data_ptr<double>());
    world.broadcast(sent, p.first());
    std::copy_n(sent.const_data_ptr<double>(), numbers.size(), numbers.begin());
    if (numbers[0] == 0) return nullptr;
    auto made = made_state(p.whole);
    ParamState& state = own_part(*made);
    state.step() = static_cast<int64_t>(numbers[1]);
    std::array<double, engine::kMaxScalars> scalars;
    std::copy_n(numbers.begin() + 2, scalars.size(), scalars.begin());
    if (!inner.rule().scalars.empty()) state.scalars.set(scalars);
    for (size_t b = 0; b < inner.rule().buffers.size(); ++b) {
      const auto type = static_cast<int>(numbers[2 + scalars.size() + b]) - 1;
      if (type < 0) continue;
      const at::Tensor values =
          at::empty_like(p.whole.detach(), at::TensorOptions(static_cast<at::ScalarType>(type)));
      if (own != nullptr) p.part_of(values, world.rank()).copy_(own->buffer(b));
      if (p.is_cut())
        world.gather_pieces(values, p.bounds);
      else
        world.broadcast(values, p.owner);
      state.buffer(b) = values;
    }
    return made;
  }

  /// Makes a whole state of the inner optimizer's, if there is one, that of this rank's part.
  void cut_state(const Parameter& p) {
    const ParamState* const whole = p.part.defined() ? inner.state_of(p.whole) : nullptr;
    if (whole == nullptr) return;
    auto made = made_state(p.part);
    ParamState& state = own_part(*made);
    state.step() = whole->step();
    if (!inner.rule().scalars.empty()) state.scalars.set(whole->scalars.values());
    for (size_t b = 0; b < inner.rule().buffers.size(); ++b)
      if (whole->buffer(b).defined())
        state.buffer(b) = p.part_of(whole->buffer(b), world.rank()).clone();
    of_parts->state()[p.part.unsafeGetTensorImpl()] = std::move(made);
  }
};

Sharded::Sharded(InnerOptimizer inner, World& world) : Wrapper("Sharded", std::move(inner)) {
  OptimizerBase& optimizer = ours(this->inner());
  refuse_inside({Has::Modes, Has::OtherClosures, Has::OwnRate});
  const at::NoGradGuard no_grad;
  impl_ = std::make_unique<Impl>(world, optimizer);
}
Sharded::~Sharded() = default;

at::Tensor Sharded::step(LossClosure closure) {
  mirror_groups();
  refuse_inside({Has::Modes, Has::OtherClosures, Has::OwnRate});  // options may have changed
  impl_->refuse();
  at::Tensor loss = tensors::loss_of(closure);
  const at::NoGradGuard no_grad;
  impl_->deal_out();
  impl_->keep_own_states();  // save() may have brought those of the others
  impl_->step();
  if (impl_->world.size() > 1) impl_->gather();
  return loss;
}

namespace {

constexpr const char* kParts = "parts";

/// What a parameter's state remembers, as bytes; empty: there is none.
std::string bytes_of(OptimizerBase& optimizer, const at::Tensor& parameter) {
  const ParamState* const state = optimizer.state_of(parameter);
  if (state == nullptr) return "";
  torch::serialize::OutputArchive archive;
  optimizer.state().at(parameter.unsafeGetTensorImpl())->serialize(archive);
  if (state->rule().tensor_update != nullptr)
    archive.write("block", c10::IValue(state->scalars.block()));
  std::string bytes;
  archive.save_to([&](const void* data, size_t n) {
    bytes.append(static_cast<const char*>(data), n);
    return n;
  });
  return bytes;
}

void put_state(OptimizerBase& optimizer, const at::Tensor& parameter, const at::Tensor& bytes) {
  torch::serialize::InputArchive archive;
  archive.load_from(reinterpret_cast<const char*>(bytes.const_data_ptr<uint8_t>()),
                    static_cast<size_t>(bytes.numel()));
  const engine::Holders& holders = engine::holders_of(optimizer.rule());
  auto made = holders.make_state(holders, parameter);
  made->serialize(archive);
  if (optimizer.rule().tensor_update != nullptr) {
    c10::IValue block;
    archive.read("block", block);
    holders.own_part(*made).scalars.set_block(block.toIntVector());
  }
  optimizer.state()[parameter.unsafeGetTensorImpl()] = std::move(made);
}

at::Tensor tensor_of(const std::string& bytes) {
  at::Tensor result = at::empty({static_cast<int64_t>(bytes.size())}, at::kByte);
  std::memcpy(result.mutable_data_ptr(), bytes.data(), bytes.size());
  return result;
}

}  // namespace

void Sharded::save(torch::serialize::OutputArchive& archive) const {
  Impl& me = *impl_;
  const at::NoGradGuard no_grad;
  me.deal_out();
  me.keep_own_states();
  for (const Impl::Parameter& p : me.parameters) {
    if (me.of_parts != nullptr) {
      auto state = me.gathered(p);
      if (state && me.world.rank() == 0)
        me.inner.state()[p.whole.unsafeGetTensorImpl()] = std::move(state);
      continue;
    }
    if (p.owner == 0) continue;
    const bool is_own = p.owner == me.world.rank();
    const at::Tensor own = tensor_of(is_own ? bytes_of(me.inner, p.whole) : "");
    const at::Tensor length = at::zeros({1}, at::kLong).fill_(own.numel());
    me.world.broadcast(length, p.owner);
    if (length.item<int64_t>() == 0) continue;
    const at::Tensor bytes = is_own ? own : at::empty({length.item<int64_t>()}, at::kByte);
    me.world.broadcast(bytes, p.owner);
    if (me.world.rank() == 0) put_state(me.inner, p.whole, bytes);
  }
  // What came from the others stays until the next step: LibTorch writes other bytes for a tensor that
  // the archive alone holds.
  me.inner.save(archive);
  if (me.of_parts == nullptr || me.world.rank() == 0) return;
  torch::serialize::OutputArchive parts;
  for (size_t i = 0; i < me.parameters.size(); ++i)
    if (const at::Tensor& part = me.parameters[i].part; part.defined())
      parts.write(std::to_string(i), tensor_of(bytes_of(*me.of_parts, part)));
  archive.write(kParts, parts);
}

void Sharded::load(torch::serialize::InputArchive& archive) {
  Impl& me = *impl_;
  me.inner.load(archive);
  const at::NoGradGuard no_grad;
  me.deal_out();
  if (me.of_parts != nullptr) me.of_parts->state().clear();
  me.keep_own_states();
  torch::serialize::InputArchive parts;
  if (me.of_parts == nullptr || !archive.try_read(kParts, parts)) return;
  for (size_t i = 0; i < me.parameters.size(); ++i) {
    const at::Tensor& part = me.parameters[i].part;
    at::Tensor bytes;
    if (part.defined() && parts.try_read(std::to_string(i), bytes) && bytes.numel() > 0)
      put_state(*me.of_parts, part, bytes);
  }
}

Wrapper::Change Sharded::replace_own(const at::Tensor& from, const at::Tensor& to,
                                     const std::function<at::Tensor(const at::Tensor&)>& /*map*/) {
  Impl& me = *impl_;
  const at::NoGradGuard no_grad;
  me.deal_out();
  const auto found = me.places.find(from.unsafeGetTensorImpl());
  if (found == me.places.end()) return [] {};  // the inner optimizer refuses it
  const size_t place = found->second;
  if (me.of_parts != nullptr) {
    // The inner optimizer turns the whole state into that of the other parameter.
    me.keep_own_states();
    if (auto state = me.gathered(me.parameters[place]))
      me.inner.state()[from.unsafeGetTensorImpl()] = std::move(state);
  }
  return [this, from, to, place] {
    Impl& changed = *impl_;
    const at::NoGradGuard without_gradients;
    Impl::Parameter& p = changed.parameters[place];
    changed.places.erase(from.unsafeGetTensorImpl());
    changed.places.emplace(to.unsafeGetTensorImpl(), place);
    for (int r = 0; r < changed.world.size(); ++r)
      changed.loads[r] -= p.range(r).second - p.range(r).first;
    if (changed.of_parts == nullptr) {
      p.whole = to;
      changed.loads[p.owner] += to.numel();
      changed.lay_out();
      return;
    }
    if (p.part.defined()) {
      changed.of_parts->state().erase(p.part.unsafeGetTensorImpl());
      std::erase_if(changed.of_parts->param_groups()[p.group].params(),
                    [&](const at::Tensor& part) { return part.is_same(p.part); });
    }
    p = {to, p.group};
    changed.deal_out({place});
    changed.keep_own_states();
  };
}

std::pair<int64_t, int64_t> Sharded::kept(const at::Tensor& parameter) const {
  const at::NoGradGuard no_grad;
  impl_->deal_out();
  return impl_->found(parameter).range(impl_->world.rank());
}

int64_t Sharded::state_bytes() const {
  OptimizerBase& optimizer = impl_->of_parts != nullptr ? *impl_->of_parts : impl_->inner;
  size_t bytes = 0;
  for (const auto& [tensor, held] : optimizer.state())
    impl_->own_part(*held).each_tensor(
        [&](const std::string& /*name*/, const at::Tensor& values) { bytes += values.nbytes(); });
  return static_cast<int64_t>(bytes);
}

}  // namespace descent

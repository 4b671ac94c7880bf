#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <string>
#include <unordered_map>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <torch/serialize/archive.h>

#include <descent/distributed/sharded.h>
#include <descent/optim/optimizer/optimizer.h>
#include <descent/tensors/restore.h>

namespace descent {
namespace {

OptimizerBase& ours(torch::optim::Optimizer& optimizer) {
  auto* const found = dynamic_cast<OptimizerBase*>(&optimizer);
  TORCH_CHECK(found != nullptr,
              "Sharded: the inner optimizer is a wrapper or one of LibTorch's own, must be an "
              "optimizer of this library; put wrappers around Sharded");
  return *found;
}

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

}  // namespace

struct Sharded::Impl {
  World& world;
  OptimizerBase& inner;
  std::vector<at::Tensor> parameters{};
  std::vector<int> owners{};                              ///< of each
  std::unordered_map<c10::TensorImpl*, size_t> places{};  ///< of each in these lists
  std::vector<int64_t> loads{};                           ///< numbers of each rank

  struct Travel {
    at::Tensor flat{};
    std::vector<int64_t> bounds{};
    std::vector<std::pair<size_t, at::Tensor>> slots{};  ///< a parameter's place in it
  };
  std::vector<Travel> travels{};

  Impl(World& w, OptimizerBase& optimizer) : world(w), inner(optimizer), loads(w.size()) {}

  bool owns(size_t i) const { return owners[i] == world.rank(); }

  /// Deals out the parameters that have come since, the same on all ranks.
  void deal_out() {
    std::vector<at::Tensor> fresh;
    for (const auto& group : inner.param_groups())
      for (const at::Tensor& p : group.params())
        if (places.count(p.unsafeGetTensorImpl()) == 0) fresh.push_back(p);
    std::stable_sort(fresh.begin(), fresh.end(), [](const at::Tensor& a, const at::Tensor& b) {
      return a.numel() > b.numel();
    });
    for (const at::Tensor& p : fresh) {
      const auto least = std::min_element(loads.begin(), loads.end());
      *least += p.numel();
      places.emplace(p.unsafeGetTensorImpl(), parameters.size());
      parameters.push_back(p);
      owners.push_back(static_cast<int>(least - loads.begin()));
    }
    if (!fresh.empty()) lay_out();
  }

  void keep_own_states() {
    for (size_t i = 0; i < parameters.size(); ++i)
      if (!owns(i)) inner.state().erase(parameters[i].unsafeGetTensorImpl());
  }

  void refuse() const {
    const engine::RuleTable& rule = inner.rule();
    for (size_t g = 0; g < inner.param_groups().size(); ++g) {
      const void* const options = inner.group_options(g).value();
      const char* const reason =
          rule.needs_gradient_norm != nullptr && rule.needs_gradient_norm(options)
              ? "clips by the norm of all gradients"
          : inner.group_options(g).base().decay_scale == DecayScale::Stable
              ? "decays by the second moments of all parameters"
          : rule.joins_group != nullptr && rule.joins_group(options)
              ? "takes a group for one vector"
              : nullptr;
      TORCH_CHECK(reason == nullptr, "Sharded: the inner optimizer, ", rule.about.name, ", ",
                  reason, ", must be one that takes each parameter by itself");
    }
  }

  /// Lays out the memory in which parameters of a type travel, once for all steps.
  void lay_out() {
    travels.clear();
    std::map<at::ScalarType, std::vector<size_t>> kinds;
    for (size_t i = 0; i < parameters.size(); ++i) kinds[parameters[i].scalar_type()].push_back(i);
    for (auto& [kind, members] : kinds) {
      std::stable_sort(members.begin(), members.end(),
                       [&](size_t a, size_t b) { return owners[a] < owners[b]; });
      Travel travel;
      travel.bounds.resize(world.size() + 1);
      for (const size_t i : members) travel.bounds[owners[i] + 1] += parameters[i].numel();
      std::partial_sum(travel.bounds.begin(), travel.bounds.end(), travel.bounds.begin());
      travel.flat = at::empty({travel.bounds.back()}, parameters[members[0]].detach().options());
      int64_t place = 0;
      for (const size_t i : members) {
        const int64_t n = parameters[i].numel();
        travel.slots.emplace_back(i, travel.flat.narrow(0, place, n).view(parameters[i].sizes()));
        place += n;
      }
      travels.push_back(std::move(travel));
    }
  }

  /// Whether a parameter was given other sizes or another type.
  bool is_outdated() const {
    for (const Travel& travel : travels)
      for (const auto& [i, slot] : travel.slots)
        if (slot.sizes() != parameters[i].sizes() || slot.dtype() != parameters[i].dtype())
          return true;
    return false;
  }

  /// Gives all ranks the parameters from their owners.
  void gather() {
    if (is_outdated()) lay_out();
    for (Travel& travel : travels) {
      for (auto& [i, slot] : travel.slots)
        if (owns(i)) slot.copy_(parameters[i]);
      world.gather_pieces(travel.flat, travel.bounds);
      for (auto& [i, slot] : travel.slots)
        if (!owns(i)) parameters[i].copy_(slot);
    }
  }
};

Sharded::Sharded(InnerOptimizer inner, World& world) : Wrapper("Sharded", std::move(inner)) {
  impl_ = std::make_unique<Impl>(world, ours(this->inner()));
  refuse_inside({Has::Modes, Has::OtherClosures, Has::OwnRate});
  impl_->refuse();
  impl_->deal_out();
  impl_->keep_own_states();
}
Sharded::~Sharded() = default;

at::Tensor Sharded::step(LossClosure closure) {
  mirror_groups();
  refuse_inside({Has::Modes, Has::OtherClosures, Has::OwnRate});  // options may have changed
  impl_->refuse();
  impl_->deal_out();
  impl_->keep_own_states();  // save() may have brought those of the others
  at::Tensor loss;
  if (closure) {
    const at::AutoGradMode with_gradients(true);
    loss = closure();
  }
  {
    // A parameter without gradient is untouched and gets no state.
    tensors::ExchangedGradients hidden;
    for (size_t i = 0; i < impl_->parameters.size(); ++i)
      if (!impl_->owns(i)) hidden.exchange(impl_->parameters[i], at::Tensor());
    inner().step();
  }
  const at::NoGradGuard no_grad;
  if (impl_->world.size() > 1) impl_->gather();
  return loss;
}

void Sharded::save(torch::serialize::OutputArchive& archive) const {
  Impl& me = *impl_;
  const at::NoGradGuard no_grad;
  me.deal_out();
  for (size_t i = 0; i < me.parameters.size(); ++i) {
    if (me.owners[i] == 0) continue;
    const std::string own = me.owns(i) ? bytes_of(me.inner, me.parameters[i]) : "";
    at::Tensor length = at::full({1}, static_cast<int64_t>(own.size()), at::kLong);
    me.world.broadcast(length, me.owners[i]);
    if (length.item<int64_t>() == 0) continue;
    at::Tensor bytes = at::zeros({length.item<int64_t>()}, at::kByte);
    if (me.owns(i)) std::memcpy(bytes.mutable_data_ptr(), own.data(), own.size());
    me.world.broadcast(bytes, me.owners[i]);
    if (me.world.rank() == 0) put_state(me.inner, me.parameters[i], bytes);
  }
  // What came from the others stays until the next step: LibTorch writes other bytes for a tensor that
  // the archive alone holds.
  me.inner.save(archive);
}

void Sharded::load(torch::serialize::InputArchive& archive) {
  impl_->inner.load(archive);
  impl_->deal_out();
  impl_->keep_own_states();
}

Wrapper::Change Sharded::replace_own(const at::Tensor& from, const at::Tensor& to,
                                     const std::function<at::Tensor(const at::Tensor&)>& /*map*/) {
  return [this, from, to] {
    const auto found = impl_->places.find(from.unsafeGetTensorImpl());
    if (found == impl_->places.end()) return;
    const size_t place = found->second;
    impl_->places.erase(found);
    impl_->places.emplace(to.unsafeGetTensorImpl(), place);
    impl_->parameters[place] = to;
    impl_->lay_out();
  };
}

int Sharded::owner(const at::Tensor& parameter) const {
  impl_->deal_out();
  const auto found = impl_->places.find(parameter.unsafeGetTensorImpl());
  TORCH_CHECK(found != impl_->places.end(), "Sharded: the parameter is in no group");
  return impl_->owners[found->second];
}

}  // namespace descent

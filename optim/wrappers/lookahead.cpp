#include <ATen/core/grad_mode.h>

#include <descent/optim/pieces/slow_weights.h>
#include <descent/optim/wrappers/companions.h>
#include <descent/optim/wrappers/lookahead.h>

namespace descent {

Lookahead::Lookahead(InnerOptimizer inner, const Options& options)
    : Wrapper("Lookahead", std::move(inner)), options_(checked("Lookahead", options)) {
  refuse_inside({Has::Modes, Has::Masters});
}

Companions Lookahead::slow() const {
  return {name(), "slow weights", const_cast<Lookahead*>(this)->state_};
}

/// Slow weights for every trainable parameter that has none.
void Lookahead::remember() {
  Companions slow = this->slow();
  for (const auto& group : param_groups_)
    for (const auto& p : group.params()) {
      if (p.requires_grad())
        slow.get(p);
      else
        slow.forget(p);
    }
}

void Lookahead::check() const { slow().check(inner().param_groups()); }

at::Tensor Lookahead::step(LossClosure closure) {
  begin_step();
  refuse_inside({Has::Masters});
  check();
  if (options_.slow_init == SlowInit::Initial) remember();
  at::Tensor loss = inner().step(std::move(closure));
  if (++count_ >= options_.k) sync();
  return loss;
}

void Lookahead::sync() {
  const at::NoGradGuard no_grad;
  mirror_groups();
  check();
  remember();
  for (const auto& group : param_groups_)
    for (const auto& p : group.params()) {
      at::Tensor* const own = slow().find(p);
      if (own == nullptr) continue;
      *own = own->to(p.device(), p.scalar_type());
      synchronize(*own, p, options_.alpha);
    }
  if (options_.reset_inner) innermost().state().clear();
  count_ = 0;
}

void Lookahead::save_own(tensors::RecordWriter& record) const {
  check();
  record.write("count", count_);
  record.write("slow", slow().named(inner().param_groups()));
}

Wrapper::Change Lookahead::read_own(const tensors::RecordReader& record) {
  const at::NoGradGuard no_grad;
  const int64_t count = record.count("count");
  const auto loaded = slow().read(record.read<tensors::NamedTensors>("slow"), param_groups_);
  return [this, loaded, count] {
    state_ = std::move(*loaded);
    count_ = count;
  };
}

Wrapper::Change Lookahead::replace_own(const at::Tensor& from, const at::Tensor& to,
                                       const std::function<at::Tensor(const at::Tensor&)>& map) {
  return slow().replacement(from, to, map);
}

}  // namespace descent

#include <ATen/core/grad_mode.h>
#include <torch/serialize/archive.h>

#include <descent/optim/pieces/slow_weights.h>
#include <descent/optim/wrappers/lookahead.h>
#include <descent/tensors/fit.h>

namespace descent {
namespace {

struct SlowWeights final : torch::optim::OptimizerCloneableParamState<SlowWeights> {
  at::Tensor slow;
  /// Keeps the parameter's address from being given to another tensor.
  c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> parameter;

  SlowWeights(at::Tensor weights, const at::Tensor& p)
      : slow(std::move(weights)), parameter(p.getIntrusivePtr()) {}
};

}  // namespace

Lookahead::Lookahead(InnerOptimizer inner, const Options& options)
    : Wrapper("Lookahead", std::move(inner)), options_(checked("Lookahead", options)) {}

/// Slow weights for every trainable parameter that has none.
void Lookahead::remember() {
  for (const auto& group : param_groups_)
    for (const auto& p : group.params()) {
      if (!p.requires_grad()) {
        state_.erase(p.unsafeGetTensorImpl());
        continue;
      }
      auto& slot = state_[p.unsafeGetTensorImpl()];
      if (!slot) slot = std::make_unique<SlowWeights>(p.detach().clone(), p);
    }
}

/// Refuses parameters that no longer have the sizes of their slow weights.
void Lookahead::check() const {
  const auto& groups = inner().param_groups();
  for (size_t g = 0; g < groups.size(); ++g) {
    const auto& params = groups[g].params();
    for (size_t i = 0; i < params.size(); ++i) {
      const auto found = state_.find(params[i].unsafeGetTensorImpl());
      if (found == state_.end()) continue;
      const at::Tensor& slow = static_cast<const SlowWeights&>(*found->second).slow;
      TORCH_CHECK(params[i].sizes() == slow.sizes(), name(), ": params[", i, "] of group ", g,
                  " has sizes ", params[i].sizes(), ", its slow weights have sizes ", slow.sizes(),
                  "; replace_param(p, p, map) brings them to new sizes");
      const std::string problem = tensors::misfit(params[i], slow.sizes());
      TORCH_CHECK(problem.empty(), name(), ": params[", i, "] of group ", g, " ", problem);
    }
  }
}

at::Tensor Lookahead::step(LossClosure closure) {
  mirror_groups();
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
      const auto found = state_.find(p.unsafeGetTensorImpl());
      if (found == state_.end()) continue;
      at::Tensor& slow = static_cast<SlowWeights&>(*found->second).slow;
      slow = slow.to(p.device(), p.scalar_type());
      synchronize(slow, p, options_.alpha);
    }
  if (options_.reset_inner) innermost().state().clear();
  count_ = 0;
}

void Lookahead::save_own(torch::serialize::OutputArchive& archive) const {
  check();
  c10::Dict<std::string, at::Tensor> slow;
  int64_t position = 0;
  for (const auto& group : inner().param_groups())
    for (const auto& p : group.params()) {
      const auto found = state_.find(p.unsafeGetTensorImpl());
      if (found != state_.end())
        slow.insert(std::to_string(position), static_cast<const SlowWeights&>(*found->second).slow);
      ++position;
    }
  archive.write("count", c10::IValue(count_));
  archive.write("slow", c10::IValue(slow));
}

Wrapper::Change Lookahead::read_own(torch::serialize::InputArchive& archive) {
  const at::NoGradGuard no_grad;
  c10::IValue count, slow;
  TORCH_CHECK(archive.try_read("count", count) && count.isInt() && count.toInt() >= 0 &&
                  archive.try_read("slow", slow) && slow.isGenericDict(),
              "Lookahead: the archive has no valid count and slow weights");
  auto tensors = slow.toGenericDict();
  auto loaded = std::make_shared<decltype(state_)>();
  int64_t position = 0;
  for (const auto& group : param_groups_)
    for (const auto& p : group.params()) {
      const auto entry = tensors.find(std::to_string(position));
      if (entry != tensors.end()) {
        TORCH_CHECK(entry->value().isTensor() && entry->value().toTensor().sizes() == p.sizes(),
                    "Lookahead: the archive's slow weights of parameter ", position,
                    " must be a tensor of sizes ", p.sizes());
        auto weights = std::make_unique<SlowWeights>(p.detach().clone(), p);
        weights->slow.copy_(entry->value().toTensor());
        (*loaded)[p.unsafeGetTensorImpl()] = std::move(weights);
      }
      ++position;
    }
  TORCH_CHECK(loaded->size() == tensors.size(), "Lookahead: the archive has slow weights of ",
              tensors.size(), " parameters, of which this optimizer has ", loaded->size());
  return [this, loaded, n = count.toInt()] {
    state_ = std::move(*loaded);
    count_ = n;
  };
}

Wrapper::Change Lookahead::replace_own(const at::Tensor& from, const at::Tensor& to,
                                       const std::function<at::Tensor(const at::Tensor&)>& map) {
  const auto found = state_.find(from.unsafeGetTensorImpl());
  if (found == state_.end()) return [] {};
  const at::Tensor& before = static_cast<const SlowWeights&>(*found->second).slow;
  const at::Tensor slow = map ? map(before) : before;
  TORCH_CHECK(slow.defined() && slow.sizes() == to.sizes(), "Lookahead: replace_param's map ",
              map ? "" : "is missing, ", "must return a tensor of sizes ", to.sizes());
  return [this, from, to, own = slow.detach().to(to.options()).clone()] {
    state_.erase(from.unsafeGetTensorImpl());
    state_[to.unsafeGetTensorImpl()] = std::make_unique<SlowWeights>(own, to);
  };
}

}  // namespace descent

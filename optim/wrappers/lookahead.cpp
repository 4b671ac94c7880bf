#include <string>
#include <unordered_map>

#include <ATen/core/grad_mode.h>

#include <descent/optim/pieces/slow_weights.h>
#include <descent/optim/wrappers/lookahead.h>
#include <descent/tensors/fit.h>
#include <descent/tensors/record.h>

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

void Lookahead::save_own(tensors::RecordWriter& record) const {
  check();
  tensors::NamedTensors slow;
  int64_t position = 0;
  for (const auto& group : inner().param_groups())
    for (const auto& p : group.params()) {
      const auto found = state_.find(p.unsafeGetTensorImpl());
      if (found != state_.end())
        slow.emplace_back(std::to_string(position),
                          static_cast<const SlowWeights&>(*found->second).slow);
      ++position;
    }
  record.write("count", count_);
  record.write("slow", slow);
}

Wrapper::Change Lookahead::read_own(const tensors::RecordReader& record) {
  const at::NoGradGuard no_grad;
  const int64_t count = record.count("count");
  const auto slow = record.read<tensors::NamedTensors>("slow");
  const std::unordered_map<std::string, at::Tensor> saved(slow.begin(), slow.end());
  auto loaded = std::make_shared<decltype(state_)>();
  int64_t position = 0;
  for (const auto& group : param_groups_)
    for (const auto& p : group.params()) {
      const auto entry = saved.find(std::to_string(position));
      if (entry != saved.end()) {
        TORCH_CHECK(entry->second.sizes() == p.sizes(),
                    "Lookahead: the archive's slow weights of parameter ", position,
                    " must be a tensor of sizes ", p.sizes());
        auto weights = std::make_unique<SlowWeights>(p.detach().clone(), p);
        weights->slow.copy_(entry->second);
        (*loaded)[p.unsafeGetTensorImpl()] = std::move(weights);
      }
      ++position;
    }
  TORCH_CHECK(loaded->size() == saved.size(), "Lookahead: the archive has slow weights of ",
              saved.size(), " parameters, of which this optimizer has ", loaded->size());
  return [this, loaded, count] {
    state_ = std::move(*loaded);
    count_ = count;
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

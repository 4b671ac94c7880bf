#include <ATen/core/grad_mode.h>
#include <torch/serialize/archive.h>

#include <descent/optim/lookahead.h>

namespace descent {
namespace {

constexpr int64_t kFormat = 1;

struct SlowWeights final : torch::optim::OptimizerCloneableParamState<SlowWeights> {
  at::Tensor slow;
  /// Keeps the parameter's address from being given to another tensor.
  c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> parameter;

  explicit SlowWeights(const at::Tensor& p)
      : slow(p.detach().clone()), parameter(p.getIntrusivePtr()) {}
};

Lookahead::Options checked(const Lookahead::Options& options) {
  const std::string problem = fields::problem(options);
  TORCH_CHECK(problem.empty(), "Lookahead: ", problem);
  return options;
}

}  // namespace

Lookahead::Lookahead(torch::optim::Optimizer& inner, const Options& options)
    : Wrapper(inner), options_(checked(options)) {}

Lookahead::Lookahead(std::unique_ptr<torch::optim::Optimizer> inner, const Options& options)
    : Wrapper(std::move(inner)), options_(checked(options)) {}

/// Slow weights for every trainable parameter that has none.
void Lookahead::remember() {
  for (const auto& group : param_groups_)
    for (const auto& p : group.params()) {
      if (!p.requires_grad()) continue;
      auto& slot = state_[p.unsafeGetTensorImpl()];
      if (!slot) slot = std::make_unique<SlowWeights>(p);
    }
}

at::Tensor Lookahead::step(LossClosure closure) {
  mirror_groups();
  if (options_.slow_init == SlowInit::Initial) remember();
  at::Tensor loss = inner().step(std::move(closure));
  if (++count_ >= options_.k) sync();
  return loss;
}

void Lookahead::sync() {
  const at::NoGradGuard no_grad;
  mirror_groups();
  remember();
  for (const auto& group : param_groups_)
    for (const auto& p : group.params()) {
      const auto found = state_.find(p.unsafeGetTensorImpl());
      if (found == state_.end()) continue;
      at::Tensor& slow = static_cast<SlowWeights&>(*found->second).slow;
      slow.lerp_(p, options_.alpha);
      p.copy_(slow);
    }
  if (options_.reset_inner) inner().state().clear();
  count_ = 0;
}

void Lookahead::save(torch::serialize::OutputArchive& archive) const {
  c10::Dict<std::string, at::Tensor> slow;
  int64_t position = 0;
  for (const auto& group : inner().param_groups())
    for (const auto& p : group.params()) {
      const auto found = state_.find(p.unsafeGetTensorImpl());
      if (found != state_.end())
        slow.insert(std::to_string(position), static_cast<const SlowWeights&>(*found->second).slow);
      ++position;
    }
  archive.write("lookahead", c10::IValue(kFormat));
  archive.write("count", c10::IValue(count_));
  archive.write("slow", c10::IValue(slow));
  torch::serialize::OutputArchive nested(archive.compilation_unit());
  inner().save(nested);
  archive.write("inner", nested);
}

void Lookahead::load(torch::serialize::InputArchive& archive) {
  const at::NoGradGuard no_grad;
  mirror_groups();
  c10::IValue format, count, slow;
  TORCH_CHECK(archive.try_read("lookahead", format) && format.isInt(),
              "Lookahead: the archive is not of a Lookahead");
  TORCH_CHECK(format.toInt() >= 1 && format.toInt() <= kFormat,
              "Lookahead: the archive has format ", format.toInt(), ", must be at most ", kFormat,
              "; a newer version of this library wrote it");
  TORCH_CHECK(archive.try_read("count", count) && count.isInt() && count.toInt() >= 0 &&
                  archive.try_read("slow", slow) && slow.isGenericDict(),
              "Lookahead: the archive has no valid count and slow weights");
  auto tensors = slow.toGenericDict();
  decltype(state_) loaded;
  int64_t position = 0;
  for (const auto& group : param_groups_)
    for (const auto& p : group.params()) {
      const auto entry = tensors.find(std::to_string(position));
      if (entry != tensors.end()) {
        TORCH_CHECK(entry->value().isTensor() && entry->value().toTensor().sizes() == p.sizes(),
                    "Lookahead: the archive's slow weights of parameter ", position,
                    " must be a tensor of sizes ", p.sizes());
        auto weights = std::make_unique<SlowWeights>(p);
        weights->slow.copy_(entry->value().toTensor());
        loaded[p.unsafeGetTensorImpl()] = std::move(weights);
      }
      ++position;
    }
  TORCH_CHECK(loaded.size() == tensors.size(), "Lookahead: the archive has slow weights of ",
              tensors.size(), " parameters, of which this optimizer has ", loaded.size());
  torch::serialize::InputArchive nested;
  TORCH_CHECK(archive.try_read("inner", nested), "Lookahead: the archive has no inner optimizer");
  inner().load(nested);
  state_ = std::move(loaded);
  count_ = count.toInt();
}

}  // namespace descent

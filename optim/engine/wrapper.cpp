#include <descent/optim/engine/wrapper.h>

namespace descent {
namespace {

/// Stands for the options of one group of another optimizer.
class ForwardedOptions final : public torch::optim::OptimizerOptions {
 public:
  ForwardedOptions(torch::optim::Optimizer& optimizer, size_t group)
      : optimizer_(optimizer), group_(group) {}
  std::unique_ptr<OptimizerOptions> clone() const override {
    return std::make_unique<ForwardedOptions>(*this);
  }
  double get_lr() const override { return options().get_lr(); }
  void set_lr(double lr) override { options().set_lr(lr); }
  void serialize(torch::serialize::OutputArchive& archive) const override {
    static_cast<const OptimizerOptions&>(options()).serialize(archive);
  }
  void serialize(torch::serialize::InputArchive& archive) override { options().serialize(archive); }

 private:
  OptimizerOptions& options() const { return optimizer_.param_groups().at(group_).options(); }

  torch::optim::Optimizer& optimizer_;
  size_t group_;
};

torch::optim::Optimizer& checked(const std::unique_ptr<torch::optim::Optimizer>& inner) {
  TORCH_CHECK(inner != nullptr, "the inner optimizer is null, must be an optimizer");
  return *inner;
}

}  // namespace

Wrapper::Wrapper(torch::optim::Optimizer& inner)
    : torch::optim::Optimizer(std::vector<torch::optim::OptimizerParamGroup>{},
                              inner.defaults().clone()),
      inner_(&inner) {
  mirror_groups();
}

Wrapper::Wrapper(std::unique_ptr<torch::optim::Optimizer> inner) : Wrapper(checked(inner)) {
  owned_ = std::move(inner);
}

void Wrapper::mirror_groups() {
  const auto& groups = inner_->param_groups();
  while (param_groups_.size() > groups.size()) param_groups_.pop_back();
  for (size_t g = 0; g < groups.size(); ++g) {
    if (g == param_groups_.size())
      param_groups_.emplace_back(groups[g].params(),
                                 std::make_unique<ForwardedOptions>(*inner_, g));
    const auto& params = groups[g].params();
    auto& shown = param_groups_[g].params();
    const bool same =
        shown.size() == params.size() &&
        std::equal(params.begin(), params.end(), shown.begin(),
                   [](const at::Tensor& a, const at::Tensor& b) { return a.is_same(b); });
    if (!same) shown = params;
  }
}

void Wrapper::add_param_group(const torch::optim::OptimizerParamGroup& group) {
  // The base's function is not virtual, and LibTorch 2.12's would replace the group's options.
  if (auto* ours = dynamic_cast<OptimizerBase*>(inner_))
    ours->add_param_group(group);
  else if (auto* wrapper = dynamic_cast<Wrapper*>(inner_))
    wrapper->add_param_group(group);
  else
    inner_->add_param_group(group);
  mirror_groups();
}

}  // namespace descent

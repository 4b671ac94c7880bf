#include <mutex>
#include <utility>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <descent/optim/engine/one_parameter.h>
#include <descent/optim/optimizer/optimizer.h>
#include <descent/optim/training/backward_steps.h>

namespace descent {

struct BackwardSteps::Attached : std::enable_shared_from_this<BackwardSteps::Attached> {
  explicit Attached(OptimizerBase& of) : optimizer(of), refuses_others(of) {}
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

  void take_step(const at::Tensor& parameter, const engine::OneParameter::Place& place) {
    const at::NoGradGuard no_grad;
    const std::lock_guard lock(mutex);  // a graph of several devices has a thread for each
    check(optimizer);
    const engine::OneParameter only(place);
    optimizer.step();
    parameter.mutable_grad().reset();
  }

  static void check(const OptimizerBase& optimizer) {
    const std::string problem = engine::why_not_one_by_one(optimizer);
    TORCH_CHECK(problem.empty(), "attach_to_backward: ", optimizer.rule().about.name, " ", problem,
                ", must be an optimizer that steps each parameter by itself");
  }

  OptimizerBase& optimizer;
  engine::OneByOne refuses_others;
  std::vector<at::Tensor> parameters;
  std::mutex mutex;
};

namespace {

/// Autograd calls it when a parameter's gradient is complete.
template <class Attached>
struct StepHook final : torch::autograd::PostAccumulateGradHook {
  StepHook(std::weak_ptr<Attached> to, const engine::OneParameter::Place& at)
      : attached(std::move(to)), place(at) {}
  void operator()(const at::Tensor& parameter) override {
    if (const auto to = attached.lock()) to->take_step(parameter, place);
  }
  std::weak_ptr<Attached> attached;
  engine::OneParameter::Place place;
};

}  // namespace

BackwardSteps::BackwardSteps(std::shared_ptr<Attached> attached) : attached_(std::move(attached)) {}
BackwardSteps::BackwardSteps(BackwardSteps&&) noexcept = default;
BackwardSteps& BackwardSteps::operator=(BackwardSteps&& other) noexcept {
  detach();
  attached_ = std::move(other.attached_);
  return *this;
}
BackwardSteps::~BackwardSteps() { detach(); }

void BackwardSteps::detach() {
  if (attached_ == nullptr) return;
  for (const at::Tensor& parameter : attached_->parameters)
    torch::autograd::impl::set_post_acc_grad_hooks(parameter, nullptr);
  attached_ = nullptr;
}

BackwardSteps attach_to_backward(torch::optim::Optimizer& optimizer) {
  auto* const ours = dynamic_cast<OptimizerBase*>(&optimizer);
  TORCH_CHECK(ours != nullptr, "attach_to_backward: the optimizer is ",
              c10::demangle(typeid(optimizer).name()),
              ", must be one of this library that is in no wrapper");
  BackwardSteps::Attached::check(*ours);
  TORCH_CHECK(!engine::OneByOne::holds_for(*ours), "attach_to_backward: ", ours->rule().about.name,
              " is attached already, must be detached");
  std::vector<at::Tensor> parameters;
  std::vector<engine::OneParameter::Place> places;
  for (size_t g = 0; g < ours->param_groups().size(); ++g)
    for (size_t i = 0; i < ours->param_groups()[g].params().size(); ++i) {
      const at::Tensor& p = ours->param_groups()[g].params()[i];
      const auto name = [&] { return c10::str("parameter ", parameters.size(), " in group ", g); };
      TORCH_CHECK(p.defined() && p.is_leaf(), "attach_to_backward: ", name(),
                  " is computed from others or undefined, must be a leaf");
      TORCH_CHECK(!p.grad().defined(), "attach_to_backward: ", name(),
                  " has a gradient, must have none: call zero_grad()");
      TORCH_CHECK(torch::autograd::impl::post_acc_grad_hooks(p) == nullptr,
                  "attach_to_backward: ", name(), " has a hook after its gradient, must have none");
      parameters.push_back(p);
      places.push_back({p.unsafeGetTensorImpl(), g, i});
    }
  auto attached = std::make_shared<BackwardSteps::Attached>(*ours);
  for (size_t i = 0; i < parameters.size(); ++i) {
    torch::autograd::impl::set_post_acc_grad_hooks(
        parameters[i], std::make_unique<StepHook<BackwardSteps::Attached>>(attached, places[i]));
    attached->parameters.push_back(parameters[i]);
  }
  return BackwardSteps(std::move(attached));
}

}  // namespace descent

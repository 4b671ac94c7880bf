#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>

#include <descent/optim/wrappers/sam.h>
#include <descent/tensors/fit.h>
#include <descent/tensors/norm.h>
#include <descent/tensors/real_view.h>
#include <descent/tensors/restore.h>

namespace descent {

SAM::SAM(InnerOptimizer inner, const Options& options)
    : Wrapper("SAM", std::move(inner)), options_(checked("SAM", options)) {}

at::Tensor SAM::step(LossClosure closure) {
  TORCH_CHECK(closure != nullptr,
              "SAM: step() got no closure, must get one that computes loss and gradients");
  begin_step();
  // A SAM further in takes the gradients that are there for itself.
  bool present = !options_.call_closure_first && !Wrapper::uses_present_gradients();
  return inner().step([&] {
    if (!std::exchange(present, false)) closure();
    return at_the_worst_point(closure);
  });
}

at::Tensor SAM::at_the_worst_point(const LossClosure& closure) {
  std::vector<at::Tensor> all, climbing;
  std::vector<at::Tensor> gradients;  // of all
  std::vector<double> signs;          // of those that climb
  for (size_t g = 0; g < param_groups_.size(); ++g) {
    const double sign = maximizes(g) ? -1 : 1;
    const auto& params = param_groups_[g].params();
    for (size_t i = 0; i < params.size(); ++i) {
      const at::Tensor& p = params[i];
      all.push_back(p);
      gradients.push_back(p.grad());
      if (!p.grad().defined()) continue;
      TORCH_CHECK(p.grad().layout() == at::kStrided, "SAM: the gradient of params[", i,
                  "] of group ", g, " has layout ", p.grad().layout(), ", must be strided");
      TORCH_CHECK(p.grad().sizes() == p.sizes(), "SAM: the gradient of params[", i, "] of group ",
                  g, " has sizes ", p.grad().sizes(), ", must be ", p.sizes());
      const std::string problem = tensors::misfit(p, p.sizes());
      TORCH_CHECK(problem.empty(), "SAM: params[", i, "] of group ", g, " ", problem);
      climbing.push_back(p);
      signs.push_back(sign);
    }
  }
  TORCH_CHECK(!climbing.empty(),
              "SAM: no parameter has a gradient; call the closure before step(), or set "
              "call_closure_first");
  tensors::KeptValues weights;
  if (options_.rho > 0) {
    for (const auto& p : climbing) weights.keep(p);
    climb(climbing, signs);
  }
  at::Tensor loss;
  try {
    for (const auto& p : all) p.mutable_grad() = at::Tensor();
    loss = closure();
  } catch (...) {
    for (size_t i = 0; i < all.size(); ++i) all[i].mutable_grad() = gradients[i];
    throw;
  }
  weights.restore();
  return loss;
}

/// Moves the parameters to where the linearised objective is worst within rho.
void SAM::climb(const std::vector<at::Tensor>& params, const std::vector<double>& signs) const {
  const at::NoGradGuard no_grad;
  const auto scaled = [&](const at::Tensor& p, const at::Tensor& g) {
    return options_.adaptive ? p.abs() * g : g;
  };
  std::vector<at::Tensor> norms;
  for (const auto& p : params) {
    const at::Tensor x = tensors::real_view(p), g = tensors::real_view(p.grad());
    norms.push_back(tensors::norm(scaled(x, g)).to(params.front().device()));
  }
  const at::Tensor length = options_.rho / (tensors::norm(at::stack(norms)) + 1e-12);
  for (size_t i = 0; i < params.size(); ++i) {
    const at::Tensor p = tensors::real_view(params[i]);
    at::Tensor direction = scaled(p, tensors::real_view(params[i].grad()));
    if (options_.adaptive) direction = p.abs() * direction;
    p.add_(direction * length.to(p.device()), signs[i]);
  }
}

}  // namespace descent

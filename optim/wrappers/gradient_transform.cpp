#include <ATen/core/grad_mode.h>
#include <ATen/ops/view_as_complex.h>

#include <descent/optim/wrappers/gradient_transform.h>
#include <descent/tensors/real_view.h>

namespace descent {

at::Tensor GradientTransform::step(LossClosure closure) {
  begin_step();
  tensors::ExchangedGradients exchanged;
  if (!closure || uses_present_gradients()) exchange(exchanged);
  LossClosure transformed;
  if (closure)
    transformed = [&] {
      exchanged.restore();
      at::Tensor loss = closure();
      exchange(exchanged);
      return loss;
    };
  at::Tensor loss = inner().step(std::move(transformed));
  stepped();
  return loss;
}

void GradientTransform::exchange(tensors::ExchangedGradients& exchanged) {
  const at::NoGradGuard no_grad;
  std::vector<Gradient> gradients;
  for (size_t g = 0; g < param_groups_.size(); ++g) {
    const auto& params = param_groups_[g].params();
    for (size_t i = 0; i < params.size(); ++i) {
      const at::Tensor& gradient = params[i].grad();
      if (!gradient.defined()) continue;
      TORCH_CHECK(gradient.layout() == at::kStrided, name(), ": the gradient of params[", i,
                  "] of group ", g, " has layout ", gradient.layout(), ", must be strided");
      TORCH_CHECK(gradient.sizes() == params[i].sizes(), name(), ": the gradient of params[", i,
                  "] of group ", g, " has sizes ", gradient.sizes(), ", must be ",
                  params[i].sizes());
      TORCH_CHECK(at::isFloatingType(gradient.scalar_type()) ||
                      (gradient.is_complex() && params[i].is_complex()),
                  name(), ": the gradient of params[", i, "] of group ", g, " has dtype ",
                  gradient.scalar_type(), ", must be a floating-point type",
                  params[i].is_complex() ? ", or complex" : "");
      gradients.push_back({params[i], tensors::real_view(gradient), g});
    }
  }
  const std::vector<Gradient> given = gradients;
  transform(gradients);
  for (size_t i = 0; i < gradients.size(); ++i) {
    const auto& [parameter, value, group] = gradients[i];
    if (value.is_same(given[i].value)) continue;
    exchanged.exchange(
        parameter, parameter.grad().is_complex() ? at::view_as_complex(value.contiguous()) : value);
  }
}

}  // namespace descent

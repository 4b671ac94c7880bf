#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <descent/optim/pieces/schedule_free.h>

namespace descent::rules {

void change_weights(const TensorStep& step, double b, bool training) {
  const at::Tensor z = step.s[0].to(step.p.scalar_type());
  step.p.add_((training ? 1 - b : 1 - 1 / b) * (z - step.p));
}

}  // namespace descent::rules

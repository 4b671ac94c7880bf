#pragma once
#include <array>
#include <exception>

#include <ATen/ops/ones.h>
#include <torch/optim/optimizer.h>

#include <descent/optim/optimizer/optimizer.h>
#include <descent/optim/optimizer/registry.h>

#include "fuzz.h"

namespace descent::fuzz {

inline MadeOptimizer optimizer_of(const char* rule) {
  return make_optimizer(rule, {at::ones({2, 3}).requires_grad_(), at::ones({3}).requires_grad_()},
                        {});
}

/// A step with gradients: whatever state an optimizer has, it is one that its loops can take.
inline void step(OptimizerBase& optimizer) {
  for (auto& group : optimizer.param_groups())
    for (at::Tensor& p : group.params()) p.mutable_grad() = at::ones(p.sizes());
  optimizer.step();
}

/// Gives a fresh optimizer, of a rule that `choice` chooses, to `load`. Where `load` refuses the
/// optimizer is as it was, else it makes a step.
template <class Load>
void take_optimizer(size_t choice, Load load) {
  constexpr std::array rules{"adamw", "sgd", "asgd"};
  const MadeOptimizer optimizer = optimizer_of(rules[choice % rules.size()]);
  const std::string before = optimizer->group_options(0).text();
  try {
    load(*optimizer);
  } catch (const std::exception&) {
    expect(optimizer->group_options(0).text() == before, "a refused file changed the options");
    for (const at::Tensor& p : optimizer->param_groups()[0].params())
      expect(optimizer->state_of(p) == nullptr, "a refused file left a state");
    throw;
  }
  step(*optimizer);
}

}  // namespace descent::fuzz

#pragma once
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <descent/optim/optimizer/optimizer.h>

namespace descent {

/// An optimizer that was made by name: a std::unique_ptr<OptimizerBase> that is also taken where one
/// to torch::optim::Optimizer is wanted.
struct MadeOptimizer : std::unique_ptr<OptimizerBase> {
  using std::unique_ptr<OptimizerBase>::unique_ptr;
  MadeOptimizer(std::unique_ptr<OptimizerBase> optimizer)
      : std::unique_ptr<OptimizerBase>(std::move(optimizer)) {}
  operator std::unique_ptr<torch::optim::Optimizer>() && {
    return libtorch_pointer(std::move(*this));
  }
  operator std::shared_ptr<torch::optim::Optimizer>() && {
    return libtorch_pointer(std::move(*this));
  }
};

/// An optimizer by its name, with options by theirs:
///
///   make_optimizer("adamw", net->parameters(), {{"lr", 3e-4}, {"betas", {0.9, 0.95}}});
///   make_optimizer("adamw", net->parameters(), parse_options("lr=3e-4"));  // or JSON
///
/// Throws c10::Error: unknown names list the nearest ones; values as the class itself refuses them.
MadeOptimizer make_optimizer(std::string_view name, std::vector<at::Tensor> params,
                             const OptionValues& options = {});
/// The same with parameters in groups, and options as make_group_options() makes them.
MadeOptimizer make_optimizer(const engine::RuleTable& rule,
                             const std::vector<torch::optim::OptimizerParamGroup>& groups,
                             const torch::optim::OptimizerOptions& defaults);

/// Every rule that is known, a program's own included, by name; of those that take sparse gradients
/// only, sparse_optimizers().
std::vector<const engine::RuleTable*> optimizers();
std::vector<const engine::RuleTable*> sparse_optimizers();

/// The rule of that name; c10::Error with the nearest names if there is none.
const engine::RuleTable& find_rule(std::string_view name);

}  // namespace descent

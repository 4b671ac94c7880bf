#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include <descent/optim/optimizer/optimizer.h>

namespace descent {

/// An optimizer by its name, with options by theirs:
///
///   make_optimizer("adamw", net->parameters(), {{"lr", 3e-4}, {"betas", {0.9, 0.95}}});
///   make_optimizer("adamw", net->parameters(), parse_options("lr=3e-4"));  // or JSON
///
/// Throws c10::Error: unknown names list the nearest ones; values as the class itself refuses them.
std::unique_ptr<OptimizerBase> make_optimizer(std::string_view name, std::vector<at::Tensor> params,
                                              const OptionValues& options = {});

/// Every rule that is known, a program's own included, by name.
std::vector<const engine::RuleTable*> optimizers();

/// The rule of that name; c10::Error with the nearest names if there is none.
const engine::RuleTable& find_rule(std::string_view name);

}  // namespace descent

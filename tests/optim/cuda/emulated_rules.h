#pragma once
#include <descent/optim/engine/cuda/launch.h>

namespace descent::engine::cuda {

/// A rule of the library, and its kernels as emulated.h runs them.
struct EmulatedRule {
  const RuleTable* table;
  const RuleLaunches* launches;
};

/// In the order of library_rules(); the build writes this function.
const std::vector<EmulatedRule>& emulated_rules();

}  // namespace descent::engine::cuda

#pragma once
#include <descent/landscape/paths/batched/vmap.h>

namespace descent::landscape {

/// Computes the operations that LibTorch's vmap has no rule for or a slow one, and that common
/// networks and losses use.
bool batching_rule(const c10::OperatorHandle& op, torch::jit::Stack& stack, const VmapLevel& level);

}  // namespace descent::landscape

#pragma once
#include <memory>

#include <descent/landscape/network/network.h>

namespace descent::landscape {

/// Shares the module's weights.
std::shared_ptr<const Model> script_model(const torch::jit::Module& module);

}  // namespace descent::landscape

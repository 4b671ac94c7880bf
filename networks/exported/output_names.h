#pragma once
#include <string>
#include <vector>

#include <descent/networks/exported/document.h>

namespace descent::networks {

/// The names of a program's outputs, as far as they have some: "logits" of a dict or of a dataclass,
/// "0" of a tuple, "0.logits" of both; "" of a single value. `count` is their number.
std::vector<std::string> output_names(const Json& graph_module, size_t count);

}  // namespace descent::networks

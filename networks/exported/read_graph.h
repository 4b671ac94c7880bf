#pragma once
#include <memory>
#include <string>
#include <unordered_map>

#include <descent/networks/exported/document.h>
#include <descent/networks/exported/graph.h>

namespace descent::networks {

/// The names of states by the names that the graph gives them.
using StateNames = std::unordered_map<std::string, std::string>;

/// The calls of a graph. Throws std::invalid_argument for whatever cannot be run here: an operation
/// that is not registered, a function of Python, a name that is defined twice or not at all.
std::shared_ptr<const Graph> read_graph(const Json& graph, const StateNames& states);

}  // namespace descent::networks

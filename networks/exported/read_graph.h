#pragma once
#include <memory>
#include <string>
#include <vector>

#include <descent/networks/exported/document.h>
#include <descent/networks/exported/graph.h>

namespace descent::networks {

/// Of each input of a graph: the name of the state that it is, or "".
using StateNames = std::vector<std::string>;

/// The calls of a graph. Throws std::invalid_argument for whatever cannot be run here: an operation
/// that is not registered, a function of Python, a name that is defined twice or not at all.
std::shared_ptr<const Graph> read_graph(const Json& graph, StateNames states);

}  // namespace descent::networks

#pragma once
#include <descent/networks/exported/graph.h>

namespace descent::networks {

/// The results of a call that runs graphs, for the values of its arguments: it runs them as Python
/// does, so that gradients are those of the operations within.
Values run_graphs(const Call& call, Values values, const Setting& setting, Counted& counted);

}  // namespace descent::networks

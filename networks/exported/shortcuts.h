#pragma once
// Less memory to pass over where nothing is to be differentiated: an operation writes into its argument
// if nobody else has that, and batch normalisation in eval mode goes into the weights of the
// convolution before it.
#include <descent/networks/exported/graph.h>

namespace descent::networks {

/// Notes in the calls of a graph where these may be taken.
void find_shortcuts(Graph& graph);

/// Whether calls may take any: no gradient is asked for, and no level of vmap is there.
bool may_take_shortcuts();

/// Whether a call that has an operation in place may write into the first value of its stack.
bool may_write(const Values& stack);

/// Whether a convolution takes its normalisation along: in eval mode, and where its weights are so few
/// that to multiply them costs less than to normalise its results.
bool folds(const Call& convolution, const Values& stack, const Call& normalisation,
           const Values& frame, const Setting& setting);

/// Multiplies the weights on the stack of the convolution, whose results are then those of the
/// normalisation but for rounding.
void fold(Values& stack, const Call& normalisation, const Values& frame);

}  // namespace descent::networks

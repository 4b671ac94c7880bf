#pragma once
// The decay of cautious_decay, for all rules whose update does not have it. Private to the engine.
#include <descent/optim/engine/table.h>
#include <descent/optim/pieces/agreed_decay.h>

namespace descent::engine {

using rules::decayed_where_agreed;

/// A rule's loops, the numbers that they take, and L wd.
struct AgreedDecay {
  const Kernels& loops;
  const void* k;
  double decay;
};
/// Loops whose numbers are an AgreedDecay.
const Kernels& with_agreed_decay(bool in_double);

}  // namespace descent::engine

#pragma once
// The decay of the base option cautious_decay, which comes after the rule's text, whatever the rule:
//   p <- p - L wd K p0,   K = 1 where u p0 >= 0, else 0
// p0 is the parameter ahead of the step p0 - lr u, whose sign says that of u. Where the step is too
// small to move p0, u counts as 0. Private to the engine.
#include <descent/optim/engine/table.h>

namespace descent::engine {

/// `p` is p0 - lr u, and `decay` L wd.
template <class T, class S>
DESCENT_FN T decayed_where_agreed(const T& p, const T& p0, const S& decay) {
  const auto opposed = math::sign(p0 - p) * math::sign(p0) < 0;
  return p - math::select(opposed, math::filled(p0, 0), decay * p0);
}

/// A rule's loops, the numbers that they take, and L wd.
struct AgreedDecay {
  const Kernels& loops;
  const void* k;
  double decay;
};
/// Loops whose numbers are an AgreedDecay.
const Kernels& with_agreed_decay(bool in_double);

}  // namespace descent::engine

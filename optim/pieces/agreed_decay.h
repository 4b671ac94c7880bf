#pragma once
#include <descent/optim/engine/rule.h>

namespace descent::rules {

/// The decay of the base option cautious_decay, which comes after a rule's update, whatever the rule:
///   p <- p - L wd K p0,   K = 1 where u p0 >= 0, else 0
/// p0 is the parameter ahead of the step p0 - lr u, whose sign says that of u. Where the step is too
/// small to move p0, u counts as 0. `p` is p0 - lr u, and `decay` L wd.
template <class T, class S>
DESCENT_FN T decayed_where_agreed(const T& p, const T& p0, const S& decay) {
  const auto opposed = sign(p0 - p) * sign(p0) < 0;
  return p - select(opposed, filled(p0, 0), decay * p0);
}

}  // namespace descent::rules

#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {

DESCENT_ENUM(DecayScale, Lr, Corrected, Independent)

namespace rules {

/// L of a decoupled decay  p <- p - L wd p:
///   Lr: lr      Corrected: lr^2/max_lr      Independent: lr/max_lr
/// so that with Corrected (Defazio 2025, arXiv:2506.02285) and Independent a schedule that falls to
/// zero does not change how large weights end. max_lr is the group's rate when it is added, unless
/// it is given or decay_scale is set later; with lr = max_lr Corrected is Lr, and Independent decays
/// by wd itself.
template <class Options>
double decay_rate(const Options& o) {
  const double part = o.lr / o.max_lr.value_or(o.lr == 0 ? 1 : o.lr);
  return o.decay_scale == DecayScale::Lr          ? o.lr
         : o.decay_scale == DecayScale::Corrected ? o.lr * part
                                                  : part;
}

template <class Options>
void settle_max_lr(Options& o) {
  if (o.decay_scale != DecayScale::Lr && !o.max_lr && o.lr > 0) o.max_lr = o.lr;
}

template <class Options>
std::optional<Conflict> decay_scale_conflict(const Options& o) {
  if (o.decay_scale != DecayScale::Lr && !o.max_lr && o.lr == 0)
    return Conflict{"max_lr", "a number > 0 where lr = 0 and decay_scale is not lr"};
  return {};
}

}  // namespace rules
}  // namespace descent

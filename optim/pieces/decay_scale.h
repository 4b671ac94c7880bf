#pragma once
#include <descent/optim/engine/rule.h>
#include <descent/optim/optimizer/base_options.h>

namespace descent {
namespace rules {

/// L of a decoupled decay  p <- p - L wd p:
///   Lr: lr      Corrected: lr^2/max_lr      Independent: lr/max_lr
///   Stable (AdamW): lr/(sqrt(q) + eps), q the mean of v/c2 over all elements of all parameters
/// so that with Corrected (Defazio 2025, arXiv:2506.02285) and Independent a schedule that falls to
/// zero does not change how large weights end. max_lr is the group's rate when it is added, unless
/// it is given or decay_scale is set later; with lr = max_lr Corrected is Lr, and Independent decays
/// by wd itself. Stable: Xie et al. 2020, arXiv:2011.11152.
/// Here is L/lr, which a rate of 0 leaves finite; not of Stable, whose q is known in the step only.
template <class Options>
double decay_per_rate(const Options& o, double lr) {
  const double max_lr = o.max_lr.value_or(lr == 0 ? 1 : lr);
  return o.decay_scale == DecayScale::Corrected     ? lr / max_lr
         : o.decay_scale == DecayScale::Independent ? 1 / max_lr
                                                    : 1;
}
template <class Options>
double decay_rate(const Options& o) {
  return o.lr * decay_per_rate(o, o.lr);
}

template <class Options>
bool needs_max_lr(const Options& o) {
  return o.decay_scale == DecayScale::Corrected || o.decay_scale == DecayScale::Independent;
}
template <class Options>
void settle_max_lr(Options& o, double lr) {
  if (needs_max_lr(o) && !o.max_lr && lr > 0) o.max_lr = lr;
}

template <class Options>
std::optional<Conflict> decay_scale_conflict(const Options& o, double lr) {
  if (needs_max_lr(o) && !o.max_lr && lr == 0)
    return Conflict{"max_lr", "a number > 0 where lr = 0 and decay_scale is not lr"};
  return {};
}

}  // namespace rules
}  // namespace descent

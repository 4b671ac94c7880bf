#pragma once
#include <cstdint>

#include <descent/base/fields.h>

namespace descent {

/// Tree-structured Parzen estimator, in the form of Optuna: the next point is that of `candidates`
/// drawn from l, the density of the best trials, which has the largest l / g, g the density of all
/// other trials. Bergstra et al. 2011, NeurIPS.
///
/// The densities are mixtures of one product of truncated Gaussians for each trial, and of one as
/// wide as the space. Lists have the frequencies of their values in place of Gaussians.
struct Tpe {
  static constexpr const char* key = "tpe";
  int64_t startup = 10;     ///< random trials ahead of all others
  int64_t candidates = 24;  ///< drawn for each trial
  double gamma = 0.1;       ///< the share of trials that counts as the best, rounded up
  int64_t most_below = 25;  ///< of these at most so many
  DESCENT_OPTIONS((startup, at_least_one), (candidates, at_least_one), (gamma, open_unit),
                  (most_below, at_least_one))
};

}  // namespace descent

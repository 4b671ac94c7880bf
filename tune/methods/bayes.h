#pragma once
#include <cstdint>

#include <descent/base/fields.h>

namespace descent {

/// Bayesian optimisation: a Gaussian process with a Matern 5/2 kernel is fitted to all values, and
/// the next point has the largest expected improvement by it. Jones et al. 1998; the improvement's
/// logarithm as Ament et al. 2023, arXiv:2310.20708; priors and constants as Optuna's GPSampler.
/// For expensive trials and few parameters: the fit takes the time of n^3 operations. A value counts
/// as at most ten times as far beyond the median as the best lies below it, because beside the loss
/// of a training that has diverged all others would be equal.
struct Bayes {
  static constexpr const char* key = "bayes";
  int64_t startup = 10;        ///< random trials ahead of all others
  int64_t candidates = 2048;   ///< points of a Sobol sequence among which maxima are looked for, of
                               ///< more than 32 parameters random points
  int64_t starts = 10;         ///< of the search for the maximum
  bool deterministic = false;  ///< equal points have equal values, to 1e-6 of their variance
  DESCENT_OPTIONS((startup, at_least_one), (candidates, at_least_one), (starts, at_least_one),
                  (deterministic))
};

}  // namespace descent

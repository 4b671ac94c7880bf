#pragma once
#include <cstdint>

#include <descent/tune/methods/domains.h>

namespace descent {

/// Successive halving: all trials make a few steps, and of each round the best 1 / eta go on, from
/// where they stand, for eta times as many. Jamieson & Talwalkar 2016, arXiv:1502.07943.
///
/// The largest bracket of Hyperband, unless the study's `trials` says how many begin: then there
/// are as many rounds as divide these trials by eta. A waiting trial keeps its thread and what it
/// holds.
struct Halving {
  static constexpr const char* key = "halving";
  int64_t resource = 81;  ///< the steps of a trial that is never given up
  int64_t eta = 3;
  DESCENT_OPTIONS((resource, at_least_one), (eta, at_least_two))
};

/// Hyperband: brackets of successive halving from many trials with few steps to few trials with all
/// steps. Li et al. 2018, JMLR 18:185; n = ceil((s_max + 1) eta^s / (s + 1)), r = resource eta^-s
/// for s = s_max ... 0. The study has the trials of all brackets, or a multiple of these.
struct Hyperband {
  static constexpr const char* key = "hyperband";
  int64_t resource = 81;  ///< the steps of a trial that is never given up
  int64_t eta = 3;
  DESCENT_OPTIONS((resource, at_least_one), (eta, at_least_two))
};

}  // namespace descent

#pragma once
#include <cstdint>

#include <descent/tune/methods/domains.h>

namespace descent {

/// Successive halving without waiting for whole rounds: at rung k, which is reached after
/// min_resource eta^(k + bracket) steps, a trial ends unless its value is among the best 1 / eta
/// that were recorded there, at least one. Li et al. 2020, arXiv:1810.05934, in the form of Ray
/// Tune that stops and never resumes.
///
/// A trial is compared with those of smaller numbers alone, and waits at a rung for those of them
/// that run and have not come there. So the decisions do not depend on threads. A trial that waits
/// keeps its thread and what it holds, and others begin: behind one that is very slow all others may
/// wait, each at its rung.
struct Asha {
  static constexpr const char* key = "asha";
  int64_t min_resource = 1;  ///< steps to the first rung
  int64_t eta = 4;
  int64_t bracket = 0;  ///< passes over so many rungs
  DESCENT_OPTIONS((min_resource, at_least_one), (eta, at_least_two), (bracket, non_negative))
};

}  // namespace descent

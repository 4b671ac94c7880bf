#pragma once
#include <string>

#include "case.h"

namespace replay {

struct Outcome {
  bool passed = false;
  double error = 0;  ///< the largest |a - b| / max(1, |b|) over all parameters and recorded steps
  std::string message;  ///< where a case failed, or why
};

/// Runs the library's optimizer on a case and compares. `dtype` replaces the case's own unless it
/// is empty.
Outcome run(const Case& recorded, const std::string& dtype);

}  // namespace replay

#pragma once
#include <string>

#include <descent/landscape/paths/evaluator.h>

namespace descent::landscape {

/// Goes along where shares of right choices alone are measured, which predictions that are NaN or
/// wrong might share with the right ones by chance.
Metric witness();

/// Compares an evaluator with the loop at the center and on three fixed but arbitrary points of the
/// grid. Returns "" and describes the check, or the reason to distrust it.
std::string self_check(const Problem& problem, const Axis& x, const Axis& y, const char* path,
                       Evaluator& fast, Evaluator& loop, std::string* description);

}  // namespace descent::landscape

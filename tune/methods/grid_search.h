#pragma once
#include <cstdint>

#include <descent/tune/methods/domains.h>

namespace descent {

/// All points of a grid: `points` values of each parameter, the ends included, equally spaced in
/// the parameter's scale; whole numbers are rounded, and equal ones count once. Whole numbers of
/// which there are fewer, and lists, have all their values. The last parameter changes fastest. The study has as many trials as the grid has points.
struct GridSearch {
  static constexpr const char* key = "grid";
  int64_t points = 10;  ///< along each side
  DESCENT_OPTIONS((points, at_least_two))
};

}  // namespace descent

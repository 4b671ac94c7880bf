#pragma once
// What the formulas of schedules have in common.
#include <cmath>
#include <cstdint>
#include <numbers>

namespace descent {

/// 1 at 0, 0 at 1, half a cosine wave between them.
inline double half_wave(double p) { return (1 + std::cos(std::numbers::pi * p)) / 2; }

/// n of a whole.
inline double part(int64_t n, int64_t whole) {
  return static_cast<double>(n) / static_cast<double>(whole);
}

}  // namespace descent

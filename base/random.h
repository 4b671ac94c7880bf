#pragma once
#include <random>

namespace descent {

/// The next number in [0, 1), of 53 random bits: the same on every machine, where the distributions
/// of the standard library are not.
inline double uniform(std::mt19937_64& bits) { return static_cast<double>(bits() >> 11) * 0x1p-53; }

/// The same in [-1, 1).
inline double symmetric(std::mt19937_64& bits) { return 2 * uniform(bits) - 1; }

}  // namespace descent

#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace descent::search {

inline constexpr size_t kSobolDimensions = 32;

/// The first points of Sobol's sequence in [0, 1)^dimensions, one after the other: at most
/// kSobolDimensions dimensions and 2^32 points. The bits of each dimension are turned where those
/// of its shift are set, which keeps the points as even and makes each of them uniform for random
/// shifts.
std::vector<double> sobol_points(size_t dimensions, size_t count,
                                 const std::vector<uint32_t>& shifts);

}  // namespace descent::search

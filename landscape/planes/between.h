#pragma once
#include <descent/landscape/network/network.h>
#include <descent/landscape/planes/plane.h>

namespace descent {

/// The line from `a` (alpha = 0) to `b` (alpha = 1), two networks of one architecture; buffers go
/// along. Throws std::invalid_argument that names the first parameter in which they differ, and if
/// all weights are equal.
Plane line_between(const Network& a, const Network& b);

/// The plane through three networks of one architecture (Garipov et al. 2018, arXiv:1802.10026,
/// appendix A.1): u from a to b, v from a to c less its part along u, both of length 1, so that
/// alpha and beta are distances between weights. marks says where a, b and c lie. Throws as
/// line_between() does, and if the three lie on one line.
Plane plane_between(const Network& a, const Network& b, const Network& c);

}  // namespace descent

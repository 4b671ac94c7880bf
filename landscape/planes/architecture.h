#pragma once
#include <descent/landscape/network/network.h>
#include <descent/landscape/network/parameters.h>
#include <descent/landscape/planes/plane.h>

namespace descent::landscape {

/// The tensors of a network that a plane runs through.
struct Architecture {
  Parameters parameters, buffers;
};

/// Throws std::invalid_argument, which `who` opens, as check_center() does.
Architecture architecture(const char* who, const Network& network);

/// Throws as check_same() does of either list.
void check_same(const char* who, const Architecture& a, const Architecture& b);

/// A plane of this center, without directions.
Plane at_center(const Architecture& center);

}  // namespace descent::landscape

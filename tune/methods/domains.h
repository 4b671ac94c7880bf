#pragma once
#include <descent/base/fields.h>

namespace descent::domains {

inline constexpr Domain at_least_two{"finite and >= 2",
                                     [](double x) { return x >= 2 && x < kInfinity; }};

}  // namespace descent::domains

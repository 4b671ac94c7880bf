#pragma once
#include <descent/base/fields.h>

namespace descent::domains {

inline constexpr Domain at_least_two{"finite and >= 2",
                                     [](double x) { return x >= 2 && x < kInfinity; }};
inline constexpr Domain half_unit{"in (0, 0.5]", [](double x) { return x > 0 && x <= 0.5; }};

inline constexpr Domain below_quarter{"in [0, 0.25)", [](double x) { return x >= 0 && x < 0.25; }};

}  // namespace descent::domains

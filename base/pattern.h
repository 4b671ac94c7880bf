#pragma once
#include <string_view>

namespace descent {

/// Whether a pattern fits a name; "*" stands for any text.
bool fits_pattern(std::string_view pattern, std::string_view name);

}  // namespace descent

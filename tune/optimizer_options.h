#pragma once
#include <string_view>

#include <descent/tune/space.h>

namespace descent::search {

/// Throws std::invalid_argument, with the nearest names, for an optimizer that is not known and for
/// a parameter that is no option of it.
void check_options(const Space& space, std::string_view optimizer);

}  // namespace descent::search

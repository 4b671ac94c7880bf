#pragma once
#include <iosfwd>
#include <string>

namespace descent::cli {

/// Every surface that has a name, or only the one of that name: formula, domain, start, minima.
/// Throws std::invalid_argument with the nearest names.
void list_surfaces(std::ostream& out, const std::string& name);

}  // namespace descent::cli

#pragma once
#include <sstream>
#include <stdexcept>

namespace descent::landscape {

/// Throws std::invalid_argument of the parts, one behind the other.
template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw std::invalid_argument(text.str());
}

}  // namespace descent::landscape

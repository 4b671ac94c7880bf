#pragma once
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>

#include <c10/util/Exception.h>

namespace descent::networks {

/// Throws std::invalid_argument of the parts, one behind the other.
template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw std::invalid_argument(text.str());
}

/// What an exception says, in one line and without LibTorch's traces.
inline std::string gist(const std::exception& error) {
  const auto* libtorch = dynamic_cast<const c10::Error*>(&error);
  const std::string text = libtorch ? libtorch->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

}  // namespace descent::networks

#pragma once
#include <charconv>
#include <string>

namespace descent::landscape {

/// Three significant digits.
inline std::string rounded(double x) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, x, std::chars_format::general, 3);
  return {digits, end.ptr};
}

}  // namespace descent::landscape

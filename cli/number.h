#pragma once
#include <cmath>
#include <cstdio>
#include <string>

namespace descent::cli {

/// A number as captions and the terminal show it, to five digits.
inline std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.5g", std::isnan(x) ? std::abs(x) : x);
  return text;
}

}  // namespace descent::cli

#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <descent/grid/grid.h>

/// Options whose values are more than a number or a name. Throws std::invalid_argument that names
/// the option, what it was given and what is allowed.
namespace descent::cli {

/// "-5:5:100" for both axes, "-5:5:100,-2:2:50" for each. `second` tells whether it was given.
struct Axes {
  Axis x, y;
  bool second = false;
  std::string text{};  ///< as it was given
};
Axes axes_of(const std::string& text);

/// "256MiB", "1.5GiB", "500MB", "1000000".
int64_t bytes_of(const std::string& text);

/// A check for options without a sign, which CLI11 would read from -1 as a large number: the
/// refusal, or "".
std::string whole_number(const std::string& text);
/// The same for options that are 1 at least.
std::string at_least_one(const std::string& text);

/// Throws that `option` is `text`, and must be one of the names.
[[noreturn]] void refuse_name(const std::string& option, const std::string& text,
                              const std::vector<std::string>& names);

}  // namespace descent::cli

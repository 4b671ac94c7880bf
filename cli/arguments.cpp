#include "arguments.h"

#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <descent/base/nearest.h>
#include <descent/base/text.h>

namespace descent::cli {
namespace {

constexpr int64_t kMostPoints = 10000;  // along an axis

/// All of a text as a number.
template <class Number>
bool read(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

Axis axis_of(const std::string& whole, std::string_view text) {
  const size_t first = text.find(':'), last = text.rfind(':');
  Axis axis;
  if (first == last || !read(text.substr(0, first), axis.lo) ||
      !read(text.substr(first + 1, last - first - 1), axis.hi) ||
      !read(text.substr(last + 1), axis.n))
    throw std::invalid_argument(
        "--axes = " + whole +
        ", must be from:to:points for both axes (-1:1:51) or for each (-1:1:51,-2:2:31)");
  check(axis, "--axes = " + whole);
  if (axis.n > kMostPoints)
    throw std::invalid_argument("--axes = " + whole + ": " + std::to_string(axis.n) +
                                " points, must be at most " + std::to_string(kMostPoints));
  if (axis.n > 1 && axis.at(1) == axis.at(0))
    throw std::invalid_argument("--axes = " + whole + ": several points at one place");
  return axis;
}

}  // namespace

Axes axes_of(const std::string& text) {
  const size_t comma = text.find(',');
  const std::string_view all = text;
  Axes axes{.x = axis_of(text, all.substr(0, comma)),
            .y = {},
            .second = comma != text.npos,
            .text = text};
  axes.y = axes.second ? axis_of(text, all.substr(comma + 1)) : axes.x;
  return axes;
}

int64_t bytes_of(const std::string& text) {
  static const std::vector<std::pair<std::string_view, double>> kUnits = {{"KiB", 1024.0},
                                                                          {"MiB", 1048576.0},
                                                                          {"GiB", 1073741824.0},
                                                                          {"TiB", 1099511627776.0},
                                                                          {"kB", 1e3},
                                                                          {"KB", 1e3},
                                                                          {"MB", 1e6},
                                                                          {"GB", 1e9},
                                                                          {"TB", 1e12},
                                                                          {"B", 1},
                                                                          {"", 1}};
  for (const auto& [unit, size] : kUnits) {
    if (!text.ends_with(unit)) continue;
    double number = 0;
    const std::string_view digits = std::string_view(text).substr(0, text.size() - unit.size());
    const double bytes = read(digits, number) ? number * size : 0;
    if (bytes >= 1 && bytes < 9e18) return static_cast<int64_t>(bytes);
    break;
  }
  throw std::invalid_argument("--memory = " + text + ", must be a size like 256MiB or 2GB");
}

std::string whole_number(const std::string& text) {
  return text.starts_with("-") ? text + ", must be a whole number >= 0" : "";
}

std::string at_least_one(const std::string& text) {
  const bool is_zero = text.find_first_not_of('0') == text.npos;
  return is_zero || text.starts_with("-") ? text + ", must be a whole number >= 1" : "";
}

void refuse_name(const std::string& option, const std::string& text,
                 const std::vector<std::string>& names) {
  throw std::invalid_argument(option + " = " + text + ", must be " + alternatives(names) +
                              did_you_mean(text, names));
}

}  // namespace descent::cli

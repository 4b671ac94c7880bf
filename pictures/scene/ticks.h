#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace descent::pictures {

struct Tick {
  double at;
  std::string label;
};

/// Round numbers k * step in [lo, hi], step one of 1, 2, 5 times a power of ten.
struct Ticks {
  std::vector<Tick> ticks;
  double step = 0;    ///< 0 if lo == hi: then the one tick is lo
  int64_t first = 0;  ///< k of the first tick
  int leading = 1;    ///< 1, 2 or 5
  /// What the labels leave out, to be shown beside the name of the axis ("loss - 12.345"); "" if
  /// nothing. Taken out where labels would need more than six digits.
  std::string offset;
};

/// At most `most` + 1 ticks in [lo, hi]; both finite, lo <= hi.
Ticks nice_ticks(double lo, double hi, int most);

/// The same of a logarithmic axis over the exponents [lo, hi] of ten, at least two if lo < hi: powers
/// of ten ("10" with a raised exponent); where there are not two of them 1, 2 and 5 times powers; and
/// where these are not two, even numbers. Ticks that are not even have step = 0.
Ticks log_ticks(double lo, double hi, int most);

/// A number for people, with a true minus sign (UTF-8): four significant digits, and as many more
/// as it takes to tell numbers apart that spread over `span`.
std::string short_number(double number, double span = 0);

/// A number with five decimals, clipped to +-999.99999.
std::string loss_number(double number);

/// A place on an axis of length `span`: to about a 500th of it.
std::string coordinate(double number, double span);

/// The name of an axis with what its tick labels leave out.
std::string axis_title(const std::string& name, const Ticks& ticks);

/// A level of a contour map, position in [0, 1] from lo to hi.
struct Level {
  double value;
  float t;
  bool major;  ///< where the colour bar has a tick
};

/// Up to 24 equidistant levels that fall on all `ticks` and divide the steps between them.
std::vector<Level> contour_levels(const Ticks& ticks, double lo, double hi);

}  // namespace descent::pictures

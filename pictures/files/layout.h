#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include <descent/pictures/parts/plot.h>

namespace descent::pictures {

/// What all pictures have around their parts.
struct Sheet {
  int width, height;  ///< pixels
  double font;        ///< of tick labels
  std::string title, caption;
  double inset = 0;  ///< pixels left free above and below
};

/// Throws std::invalid_argument with `what` in front unless `right`.
void require(bool right, const std::string& what, const std::string& field,
             const std::string& allowed);

/// Refuses a width or height outside of [200, 4096].
void check_size(const std::string& what, int width, int height);

/// Refuses ends of a range that are infinite or not ascending, or not above 0 if `log`; NaN is no end.
void check_range(const std::string& what, double lo, double hi, bool log);

/// Refuses a step below -1.
void check_step(const std::string& what, int64_t step);

/// The part with the title above and the caption below. `room` becomes what is left.
std::unique_ptr<Part> sheet_part(const Sheet& sheet, Rect& room);

/// "Values above 5 are drawn as 5.", if there are any.
std::string beyond(const std::string& values, const ValueScale& scale, bool log);

}  // namespace descent::pictures

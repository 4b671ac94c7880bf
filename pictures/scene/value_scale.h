#pragma once
#include <cmath>
#include <vector>

namespace descent::pictures {

/// The range of values that colours and heights show.
///
/// It is the range of the finite values, unless a few of them are so far out that they would
/// flatten the rest: where the distance from the 1st to the 99th percentile is less than a fifth of
/// the distance from either of them to the extreme on its side, that side ends at the percentile.
/// Values beyond are drawn in the end's colour and height. If all values are equal the range
/// is widened around them. pictures/viewer/src/scales.ts has the same rule; both are held to it by
/// tests/golden/pictures/ranges.json.
class ValueScale {
 public:
  /// At least one of the values must be finite. A finite `lo` or `hi` sets that end.
  ValueScale(const std::vector<double>& values, double lo, double hi);

  double lo() const { return lo_; }
  double hi() const { return hi_; }
  bool cuts_low() const { return cuts_low_; }    ///< finite values below lo() exist
  bool cuts_high() const { return cuts_high_; }  ///< finite values above hi() exist

  /// 0 at lo and below, 1 at hi and above, NaN for NaN and infinities.
  float at(double value) const {
    if (!std::isfinite(value)) return std::nanf("");
    const double t = (std::ldexp(value, shift_) - low_) / span_;
    return static_cast<float>(t < 0 ? 0 : t > 1 ? 1 : t);
  }

 private:
  double lo_, hi_;
  bool cuts_low_ = false, cuts_high_ = false;
  int shift_ = 0;  // powers of two that bring the values near 1, so that hi - lo cannot overflow
  double low_ = 0, span_ = 1;
};

/// What is shown of values where logarithms are: the exponents of ten, 0 counting as the least that
/// is positive. Values that are not finite stay what they are.
std::vector<double> exponents(std::vector<double> values);

}  // namespace descent::pictures

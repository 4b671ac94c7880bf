#include <algorithm>
#include <limits>

#include <descent/pictures/scene/value_scale.h>

namespace descent::pictures {

ValueScale::ValueScale(const std::vector<double>& values, double lo, double hi) {
  std::vector<double> finite;
  for (double value : values)
    if (std::isfinite(value)) finite.push_back(value);
  const auto [min, max] = std::minmax_element(finite.begin(), finite.end());
  const double least = *min, most = *max;
  const auto percentile = [&](double p) {
    const auto k =
        static_cast<std::ptrdiff_t>(std::lround(p * (static_cast<double>(finite.size()) - 1)));
    std::nth_element(finite.begin(), finite.begin() + k, finite.end());
    return finite[static_cast<size_t>(k)];
  };
  const double low = percentile(0.01), high = percentile(0.99);
  // All in fifths, because a difference of doubles may overflow.
  const double core = high / 5 - low / 5;
  lo_ = core > 0 && core < low / 25 - least / 25 ? low : least;
  hi_ = core > 0 && core < most / 25 - high / 25 ? high : most;
  if (std::isfinite(lo)) lo_ = lo;
  if (std::isfinite(hi)) hi_ = hi;
  if (!(hi_ / 2 - lo_ / 2 > 1e-13 * std::max(std::fabs(lo_), std::fabs(hi_)))) {
    // All equal as far as a double tells: show them in the middle of a range of their own size.
    const double middle = lo_ / 2 + hi_ / 2;
    const double half = middle == 0 ? 1 : std::fabs(middle) / 2;
    lo_ = middle - half;
    hi_ = middle + half;
    // The largest doubles have nothing above them.
    lo_ = std::max(lo_, -std::numeric_limits<double>::max());
    hi_ = std::min(hi_, std::numeric_limits<double>::max());
  }
  cuts_low_ = least < lo_;
  cuts_high_ = most > hi_;
  int exponent = 0;
  std::frexp(std::max(std::fabs(lo_), std::fabs(hi_)), &exponent);
  shift_ = -exponent;
  low_ = std::ldexp(lo_, shift_);
  span_ = std::ldexp(hi_, shift_) - low_;
}

std::vector<double> exponents(std::vector<double> values) {
  double least = std::numeric_limits<double>::infinity();
  for (const double value : values)
    if (value > 0) least = std::min(least, value);
  for (double& value : values)
    if (std::isfinite(value)) value = std::log10(std::max(value, least));
  return values;
}

}  // namespace descent::pictures

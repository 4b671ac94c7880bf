#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include <descent/pictures/scene/ticks.h>

namespace descent::pictures {
namespace {

/// mantissa * 10^exponent, correctly rounded.
double decimal(double mantissa, int exponent) {
  char text[64];
  char* end = std::to_chars(text, text + 40, mantissa).ptr;
  *end++ = 'e';
  end = std::to_chars(end, text + sizeof text, exponent).ptr;
  double value = 0;
  std::from_chars(text, end, value);
  return value;
}

std::string with_true_minus(std::string_view digits) {
  std::string result;
  for (char c : digits) result += c == '-' ? std::string("\xe2\x88\x92") : std::string(1, c);
  return result;
}

std::string digits(double number, std::chars_format format, int precision) {
  char text[400];
  const auto end = std::to_chars(text, text + sizeof text, number, format, precision).ptr;
  return {text, end};
}

/// The exponent of the first digit: 2 for 314.
int magnitude(double number) {
  return number == 0 ? 0 : static_cast<int>(std::floor(std::log10(std::fabs(number))));
}

/// "1.50" as "1.5".
std::string without_trailing_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// "1.50e-07" as "1.5e-7".
std::string shorter_exponent(const std::string& text) {
  const size_t e = text.find('e');
  if (e == std::string::npos) return text;

  int exponent = 0;
  const char* from = text.data() + e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(from, text.data() + text.size(), exponent);
  return without_trailing_zeros(text.substr(0, e)) + "e" + std::to_string(exponent);
}

/// The label of a number whose last digit that counts is that of 10^exponent.
std::string label(double number, int exponent, double largest) {
  if (number == 0) return "0";
  const int top = magnitude(largest);
  if (top >= 6 || top < -3 || exponent < -5) {
    const int precision = std::max(0, magnitude(number) - exponent);
    return with_true_minus(
        shorter_exponent(digits(number, std::chars_format::scientific, precision)));
  }
  return with_true_minus(digits(number, std::chars_format::fixed, std::max(0, -exponent)));
}

}  // namespace

Ticks nice_ticks(double lo, double hi, int most) {
  Ticks result;
  const double raw = hi / most - lo / most;  // hi - lo may overflow
  if (!(raw > 0)) {
    result.ticks = {{lo, short_number(lo)}};
    return result;
  }
  int exponent = static_cast<int>(std::floor(std::log10(raw)));
  while (decimal(1, exponent) > raw) --exponent;  // log10 may have rounded up
  for (int leading : {1, 2, 5, 10}) {
    result.leading = leading;
    result.step = decimal(leading, exponent);
    if (result.step >= raw) break;
  }
  if (result.leading == 10) {
    result.leading = 1;
    ++exponent;
  }

  // An offset of at most the digits that all labels share, if they are too many.
  const double largest = std::max(std::fabs(lo), std::fabs(hi));
  double offset = 0;
  if (std::log10(largest) - exponent > 6) {
    const double unit = decimal(1, static_cast<int>(std::ceil(std::log10(raw * most))) + 1);
    offset = std::round((lo / 2 + hi / 2) / unit) * unit;
    const int last = magnitude(unit);
    result.offset = with_true_minus(
        std::abs(magnitude(offset)) < 10
            ? without_trailing_zeros(digits(offset, std::chars_format::fixed, std::max(0, -last)))
            : shorter_exponent(digits(offset, std::chars_format::scientific,
                                      std::clamp(magnitude(offset) - last, 0, 17))));
  }
  const double low = lo - offset, high = hi - offset;
  // What rounding may have moved the ends by, in steps.
  const double slack = std::max(1e-9, 4e-16 * largest / result.step);
  const auto first = std::ceil(low / result.step - slack);
  const auto last = std::floor(high / result.step + slack);
  result.first = static_cast<int64_t>(first);
  const double largest_label = std::max(std::fabs(low), std::fabs(high));
  for (double k = first; k <= last && result.ticks.size() < 1000; ++k) {
    const double shown = decimal(k * result.leading, exponent);
    result.ticks.push_back(
        {std::clamp(offset + shown, lo, hi), label(shown, exponent, largest_label)});
  }
  return result;
}

std::string short_number(double number, double span) {
  if (number == 0) return "0";
  const int shared = span > 0 ? magnitude(number) - magnitude(span) : 0;
  const int precision = std::clamp(shared + 4, 4, 15);
  return with_true_minus(shorter_exponent(digits(number, std::chars_format::general, precision)));
}

namespace {

/// Powers of ten between the exponents lo and hi: multiples of a power, or the least and the
/// greatest; none where there is but one.
Ticks power_ticks(double lo, double hi, int most) {
  Ticks result;
  const auto first = static_cast<int>(std::ceil(lo - 1e-9));
  const auto last = static_cast<int>(std::floor(hi + 1e-9));
  if (last - first < 1) return result;
  int step = (last - first + most) / most;
  int from = first + ((-first % step) + step) % step;
  if (from + step > last) {
    from = first;
    step = last - first;
  }
  result.step = step;
  for (int exponent = from; exponent <= last; exponent += step) {
    static constexpr const char* kRaised[] = {
        "\xe2\x81\xb0", "\xc2\xb9",     "\xc2\xb2",     "\xc2\xb3",     "\xe2\x81\xb4",
        "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7", "\xe2\x81\xb8", "\xe2\x81\xb9"};
    std::string text = "10";
    for (const char c : std::to_string(exponent))
      text += c == '-' ? "\xe2\x81\xbb" : kRaised[c - '0'];
    result.ticks.push_back({static_cast<double>(exponent), text});
  }
  return result;
}

Ticks one_two_five(double lo, double hi) {
  Ticks result;
  for (auto exponent = static_cast<int>(std::floor(lo)); exponent <= hi; ++exponent)
    for (const int leading : {1, 2, 5}) {
      const double at = exponent + std::log10(leading);
      if (at >= lo && at <= hi)
        result.ticks.push_back({at, short_number(decimal(leading, exponent))});
    }
  return result;
}

/// Even numbers, as many as it takes for two.
Ticks plain_ticks(double lo, double hi, int most) {
  const double low = std::pow(10, lo), high = std::pow(10, hi);
  Ticks result;
  std::vector<Tick> even;
  for (int parts = most; even.size() < 2 && parts < most + 20; ++parts)
    even = nice_ticks(low, high, parts).ticks;
  for (const Tick& tick : even)
    result.ticks.push_back(
        {std::clamp(std::log10(tick.at), lo, hi), short_number(tick.at, high - low)});
  return result;
}

}  // namespace

Ticks log_ticks(double lo, double hi, int most) {
  Ticks result = power_ticks(lo, hi, most);
  if (result.ticks.empty()) result = one_two_five(lo, hi);
  if (result.ticks.size() < 2) result = plain_ticks(lo, hi, most);
  // Not more than there is room for, evenly chosen.
  const auto room = static_cast<size_t>(most);
  const size_t every = std::max<size_t>(1, (result.ticks.size() + room - 2) / room);
  std::vector<Tick> chosen;
  for (size_t k = 0; k < result.ticks.size(); k += every) chosen.push_back(result.ticks[k]);
  result.ticks = std::move(chosen);
  return result;
}

std::string loss_number(double number) {
  const double clipped = std::clamp(number, -999.99999, 999.99999);
  const std::string text = digits(clipped, std::chars_format::fixed, 5);
  return text == "-0.00000" ? "0.00000" : with_true_minus(text);
}

std::string coordinate(double number, double span) {
  if (number == 0) return "0";
  if (!(span > 0)) return short_number(number);
  const int last = magnitude(span / 5) - 2;
  if (magnitude(number) >= 6 || std::max(magnitude(number), magnitude(span)) < -3) {
    const int precision = std::clamp(magnitude(number) - last, 0, 15);
    return with_true_minus(
        shorter_exponent(digits(number, std::chars_format::scientific, precision)));
  }
  const std::string text =
      without_trailing_zeros(digits(number, std::chars_format::fixed, std::max(0, -last)));
  return text == "-0" ? "0" : with_true_minus(text);
}

std::string axis_title(const std::string& name, const Ticks& ticks) {
  if (ticks.offset.empty()) return name;
  const std::string minus = "\xe2\x88\x92";
  return ticks.offset.starts_with(minus) ? name + " + " + ticks.offset.substr(minus.size())
                                         : name + " " + minus + " " + ticks.offset;
}

std::vector<Level> contour_levels(const Ticks& ticks, double lo, double hi) {
  std::vector<Level> levels;
  if (ticks.step == 0 || ticks.ticks.empty()) return levels;
  const double span = hi / ticks.step - lo / ticks.step;  // in steps
  int parts = 1;
  for (int candidate : {2, 4, 5})
    if ((ticks.leading == 2 ? candidate != 5 : candidate != 4) && span * candidate <= 24)
      parts = candidate;
  const double anchor = ticks.ticks.front().at, part = ticks.step / parts;
  const double t_anchor = (anchor / ticks.step - lo / ticks.step) / span;
  const double t_part = 1 / (span * parts);
  for (int k = -parts; k <= static_cast<int>(ticks.ticks.size()) * parts; ++k) {
    const double t = t_anchor + k * t_part;
    if (t > 1e-6 && t < 1 - 1e-6)
      levels.push_back({anchor + k * part, static_cast<float>(t), k % parts == 0});
  }
  return levels;
}

}  // namespace descent::pictures

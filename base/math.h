#pragma once
// The whole vocabulary of an update rule, one name per operation for every number type: float and
// double here (CPU loops and CUDA threads), tensors in array.h. Together with + - * / these
// operations, pow excepted, are correctly rounded everywhere, and so every pass gives the same
// bits. Rules in descent::rules write sqrt(x); a rule of your own elsewhere writes
// descent::math::sqrt(x), because ::sqrt of a float may be a double.
#include <cmath>
#include <cstdint>
#include <cstring>

#include <descent/base/fields.h>

namespace descent::math {

DESCENT_FN float sqrt(float x) { return ::sqrtf(x); }
DESCENT_FN double sqrt(double x) { return ::sqrt(x); }
DESCENT_FN float abs(float x) { return ::fabsf(x); }
DESCENT_FN double abs(double x) { return ::fabs(x); }

/// a where `which` holds, else b.
DESCENT_FN float select(bool which, float a, float b) { return which ? a : b; }
DESCENT_FN double select(bool which, double a, double b) { return which ? a : b; }

/// The larger (smaller) of two; a where they do not compare.
template <class T>
DESCENT_FN T max(const T& a, const T& b) {
  return select(a < b, b, a);
}
template <class T>
DESCENT_FN T min(const T& a, const T& b) {
  return select(b < a, b, a);
}

/// -1, 0 or 1; of NaN 0, as torch.sign on the CPU.
DESCENT_FN float sign(float x) { return static_cast<float>(0 < x) - static_cast<float>(x < 0); }
DESCENT_FN double sign(double x) { return static_cast<double>(0 < x) - static_cast<double>(x < 0); }

/// 1 where x > 0, else 0.
DESCENT_FN float is_positive(float x) { return static_cast<float>(0 < x); }
DESCENT_FN double is_positive(double x) { return static_cast<double>(0 < x); }

/// One of three by the sign of x; of NaN that for zero.
DESCENT_FN float by_sign(float x, float if_negative, float if_zero, float if_positive) {
  return 0 < x ? if_positive : x < 0 ? if_negative : if_zero;
}
DESCENT_FN double by_sign(double x, double if_negative, double if_zero, double if_positive) {
  return 0 < x ? if_positive : x < 0 ? if_negative : if_zero;
}

/// x between two bounds; NaN stays.
DESCENT_FN float clamp(float x, float low, float high) {
  return x < low ? low : high < x ? high : x;
}
DESCENT_FN double clamp(double x, double low, double high) {
  return x < low ? low : high < x ? high : x;
}

/// The one operation that is not vectorised, and not correctly rounded: the C library's. Every pass
/// on the CPU calls the same function, so bits agree all the same.
DESCENT_FN float pow(float x, float e) { return ::powf(x, e); }
DESCENT_FN double pow(double x, double e) { return ::pow(x, e); }

/// What test functions need besides; rules do without, because these are the C library's.
inline double sin(double x) { return std::sin(x); }
inline double cos(double x) { return std::cos(x); }
inline double exp(double x) { return std::exp(x); }
inline double log(double x) { return std::log(x); }

/// The cube root of x >= 0, from a third of the exponent by Newton's steps: + - * / and integers
/// only, so that every pass gives the same bits. Off the true one by less than a unit in the last
/// place.
DESCENT_FN float cbrt(float x) {
  const bool tiny = x < 0x1p-100f;  // its exponent may say nothing
  const float a = tiny ? x * 0x1p96f : x;
  uint32_t bits = 0;
  std::memcpy(&bits, &a, sizeof bits);
  bits = bits / 3 + 0x2a5119f2u;
  float y = 0;
  std::memcpy(&y, &bits, sizeof y);
  for (int i = 0; i < 3; ++i) y = y - (y - a / (y * y)) * (1.0f / 3);
  return 0 < x && x < HUGE_VALF ? (tiny ? y * 0x1p-32f : y) : x;
}
DESCENT_FN double cbrt(double x) {
  const bool tiny = x < 0x1p-1000;
  const double a = tiny ? x * 0x1p192 : x;
  uint64_t bits = 0;
  std::memcpy(&bits, &a, sizeof bits);
  // The upper half divided by 3: 64 bits would take a product of 128.
  bits = (((bits >> 32) * 0xaaaaaaabu >> 33) + 0x2a9f7893u) << 32;
  double y = 0;
  std::memcpy(&y, &bits, sizeof y);
  for (int i = 0; i < 4; ++i) y = y - (y - a / (y * y)) * (1.0 / 3);
  return 0 < x && x < HUGE_VAL ? (tiny ? y * 0x1p-64 : y) : x;
}

/// As many of the number `value` as `like` has elements.
DESCENT_FN float filled(float, double value) { return static_cast<float>(value); }
DESCENT_FN double filled(double, double value) { return value; }

}  // namespace descent::math

#pragma once
// The operations on whole tensors that rules use beside those of math.h. Declared apart from Array
// itself, so that a rule's header finds them and opens nothing of the standard library for them.
#include <descent/base/math.h>

namespace descent::engine {

class Array;

Array operator+(const Array& a, const Array& b);
Array operator-(const Array& a, const Array& b);
Array operator*(const Array& a, const Array& b);
Array operator/(const Array& a, const Array& b);
Array operator+(const Array& a, double b);
Array operator+(double a, const Array& b);
Array operator-(const Array& a, double b);
Array operator-(double a, const Array& b);
Array operator*(const Array& a, double b);
Array operator*(double a, const Array& b);
Array operator/(const Array& a, double b);
Array operator/(double a, const Array& b);
Array operator-(const Array& a);
/// 1 where it holds, else 0.
Array operator<(const Array& a, const Array& b);
Array operator<(const Array& a, double b);
Array operator<(double a, const Array& b);
Array select(const Array& which, const Array& a, const Array& b);
Array sqrt(const Array& x);
Array cbrt(const Array& x);
Array abs(const Array& x);
Array sign(const Array& x);
Array is_positive(const Array& x);
Array by_sign(const Array& x, double if_negative, double if_zero, double if_positive);
Array clamp(const Array& x, double low, double high);
Array pow(const Array& x, double e);
Array filled(const Array& like, double value);
/// 1 at every n-th number in the order of rows, beginning with the first; 0 elsewhere.
Array one_in(const Array& like, int64_t n);

}  // namespace descent::engine

namespace descent::math {
using engine::abs;
using engine::by_sign;
using engine::cbrt;
using engine::clamp;
using engine::filled;
using engine::is_positive;
using engine::one_in;
using engine::pow;
using engine::select;
using engine::sign;
using engine::sqrt;
}  // namespace descent::math

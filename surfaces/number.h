#pragma once
// A surface is one text over a number type T, read two ways: with double it is a value, with Dual
// the value and its exact gradient. The vocabulary is + - * / sqrt abs sin cos exp log pow sign,
// under the same names for both: those of double are in base/math.h, those of Dual below. Tensors
// of LibTorch have the same words. No LibTorch here.
//
//   struct Bowl {
//     template <class T>
//     T operator()(const T& x, const T& y) const { return x * x + 2 * y * y; }
//   };
//   Dual f = Bowl{}(Dual(3, 1, 0), Dual(1, 0, 1));   // f.value = 11, f.dx = 6, f.dy = 4
//
// Structs in descent::functions write sqrt(x) as it is; a function of your own says `using
// std::sqrt;` first, and `using descent::math::sign;` for the one that the standard lacks.
#include <cmath>
#include <concepts>

#include <descent/base/math.h>

namespace descent {

/// The test functions, one struct each; they write sqrt(x) for every number type.
namespace functions {
using namespace math;
}

/// A number with its two partial derivatives (Clifford 1873; Wengert 1964). Every operation follows
/// the chain rule; comparisons look at the value only. abs and sqrt have no derivative at 0: there
/// it counts as 0.
struct Dual {
  double value = 0;
  double dx = 0;  ///< by the first coordinate
  double dy = 0;  ///< by the second

  Dual() = default;
  Dual(double constant) : value(constant) {}
  Dual(double v, double by_x, double by_y) : value(v), dx(by_x), dy(by_y) {}

  friend Dual operator-(const Dual& a) { return {-a.value, -a.dx, -a.dy}; }
  friend Dual operator+(const Dual& a, const Dual& b) {
    return {a.value + b.value, a.dx + b.dx, a.dy + b.dy};
  }
  friend Dual operator-(const Dual& a, const Dual& b) {
    return {a.value - b.value, a.dx - b.dx, a.dy - b.dy};
  }
  friend Dual operator*(const Dual& a, const Dual& b) {
    return {a.value * b.value, a.dx * b.value + a.value * b.dx, a.dy * b.value + a.value * b.dy};
  }
  friend Dual operator/(const Dual& a, const Dual& b) {
    const double quotient = a.value / b.value;
    return {quotient, (a.dx - quotient * b.dx) / b.value, (a.dy - quotient * b.dy) / b.value};
  }
  friend bool operator<(const Dual& a, const Dual& b) { return a.value < b.value; }
  friend bool operator>(const Dual& a, const Dual& b) { return a.value > b.value; }
  friend bool operator<=(const Dual& a, const Dual& b) { return a.value <= b.value; }
  friend bool operator>=(const Dual& a, const Dual& b) { return a.value >= b.value; }

  friend Dual sqrt(const Dual& a) {
    const double root = std::sqrt(a.value);
    return a.chained(root, root == 0 ? 0 : 0.5 / root);
  }
  friend Dual abs(const Dual& a) { return a.chained(std::abs(a.value), math::sign(a.value)); }
  friend Dual sign(const Dual& a) { return math::sign(a.value); }
  friend Dual sin(const Dual& a) { return a.chained(std::sin(a.value), std::cos(a.value)); }
  friend Dual cos(const Dual& a) { return a.chained(std::cos(a.value), -std::sin(a.value)); }
  friend Dual exp(const Dual& a) {
    const double power = std::exp(a.value);
    return a.chained(power, power);
  }
  friend Dual log(const Dual& a) { return a.chained(std::log(a.value), 1 / a.value); }
  friend Dual pow(const Dual& a, double e) {
    return a.chained(std::pow(a.value, e), e == 0 ? 0 : e * std::pow(a.value, e - 1));
  }

 private:
  /// A function of this number, from its value and its slope there.
  Dual chained(double f, double slope) const { return {f, slope * dx, slope * dy}; }
};

/// One number: what a function with branches can ask for, `[](const Scalar auto& x, ...) { return x
/// > 0 ? ... }`. A mesh is then evaluated point by point.
template <class T>
concept Scalar = std::same_as<T, double> || std::same_as<T, Dual>;

}  // namespace descent

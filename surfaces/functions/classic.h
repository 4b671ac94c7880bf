#pragma once
// The usual test functions of optimization, one struct each: the text, then what is known of it.
#include <numbers>

#include <descent/surfaces/surface.h>

namespace descent::functions {

inline constexpr double kPi = std::numbers::pi;

struct Rosenbrock {
  double a = 1, b = 100;

  template <class T>
  T operator()(const T& x, const T& y) const {
    const T off_valley = y - x * x;
    return (a - x) * (a - x) + b * off_valley * off_valley;
  }
  SurfaceFacts facts() const {
    return {.name = "rosenbrock",
            .title = "Rosenbrock",
            .formula = "(" + to_text(a) + " - x)^2 + " + to_text(b) + " (y - x^2)^2",
            .source = "Rosenbrock 1960",
            .x = {-2, 2},
            .y = {-1, 3},
            .start = {-1.2, 1},
            .minima = {{a, a * a, 0}},
            .view = {.azimuth = -120, .elevation = 35, .log = true}};
  }
};

struct Beale {
  template <class T>
  T operator()(const T& x, const T& y) const {
    const T y2 = y * y;
    const T a = 1.5 - x + x * y, b = 2.25 - x + x * y2, c = 2.625 - x + x * y2 * y;
    return a * a + b * b + c * c;
  }
  SurfaceFacts facts() const {
    return {.name = "beale",
            .title = "Beale",
            .formula = "(1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2",
            .source = "Beale 1958",
            .x = {-4.5, 4.5},
            .y = {-4.5, 4.5},
            .start = {1, 1.5},
            .minima = {{3, 0.5, 0}},
            .view = {.azimuth = -110, .elevation = 40, .log = true}};
  }
};

/// Unbounded below: a point that is a minimum along x and a maximum along y.
struct Saddle {
  template <class T>
  T operator()(const T& x, const T& y) const {
    return x * x - y * y;
  }
  SurfaceFacts facts() const {
    return {.name = "saddle",
            .title = "Saddle",
            .formula = "x^2 - y^2",
            .source = "hyperbolic paraboloid",
            .x = {-2, 2},
            .y = {-2, 2},
            .start = {1.5, 0.001},
            .view = {.azimuth = -60, .elevation = 30}};
  }
};

struct Ackley {
  template <class T>
  T operator()(const T& x, const T& y) const {
    return 20 - 20 * exp(-0.2 * sqrt((x * x + y * y) / 2)) + std::numbers::e -
           exp((cos(2 * kPi * x) + cos(2 * kPi * y)) / 2);
  }
  SurfaceFacts facts() const {
    return {
        .name = "ackley",
        .title = "Ackley",
        .formula = "20 - 20 exp(-0.2 sqrt((x^2 + y^2)/2)) + e - exp((cos 2 pi x + cos 2 pi y)/2)",
        .source = "Ackley 1987",
        .x = {-5, 5},
        .y = {-5, 5},
        .start = {-3.5, 2.6},
        .minima = {{0, 0, 0}},
        .view = {.azimuth = -60, .elevation = 40}};
  }
};

struct Rastrigin {
  template <class T>
  T operator()(const T& x, const T& y) const {
    return 20 + x * x - 10 * cos(2 * kPi * x) + y * y - 10 * cos(2 * kPi * y);
  }
  SurfaceFacts facts() const {
    return {.name = "rastrigin",
            .title = "Rastrigin",
            .formula = "20 + x^2 - 10 cos 2 pi x + y^2 - 10 cos 2 pi y",
            .source = "Rastrigin 1974",
            .x = {-5.12, 5.12},
            .y = {-5.12, 5.12},
            .start = {-3.3, 4.4},
            .minima = {{0, 0, 0}},
            .view = {.azimuth = -60, .elevation = 50}};
  }
};

struct Himmelblau {
  template <class T>
  T operator()(const T& x, const T& y) const {
    const T a = x * x + y - 11, b = x + y * y - 7;
    return a * a + b * b;
  }
  SurfaceFacts facts() const {
    return {.name = "himmelblau",
            .title = "Himmelblau",
            .formula = "(x^2 + y - 11)^2 + (x + y^2 - 7)^2",
            .source = "Himmelblau 1972",
            .x = {-5, 5},
            .y = {-5, 5},
            .start = {-0.5, -1},
            .minima = {{3, 2, 0},
                       {-2.805118086952745, 3.131312518250573, 0},
                       {-3.779310253377747, -3.283185991286170, 0},
                       {3.584428340330492, -1.848126526964404, 0}},
            .view = {.azimuth = -60, .elevation = 45, .log = true}};
  }
};

struct Booth {
  template <class T>
  T operator()(const T& x, const T& y) const {
    const T a = x + 2 * y - 7, b = 2 * x + y - 5;
    return a * a + b * b;
  }
  SurfaceFacts facts() const {
    return {.name = "booth",
            .title = "Booth",
            .formula = "(x + 2 y - 7)^2 + (2 x + y - 5)^2",
            .source = "Booth, in Jamil & Yang 2013",
            .x = {-10, 10},
            .y = {-10, 10},
            .start = {-8, -4},
            .minima = {{1, 3, 0}},
            .view = {.azimuth = -60, .elevation = 40, .log = true}};
  }
};

struct Matyas {
  template <class T>
  T operator()(const T& x, const T& y) const {
    return 0.26 * (x * x + y * y) - 0.48 * x * y;
  }
  SurfaceFacts facts() const {
    return {.name = "matyas",
            .title = "Matyas",
            .formula = "0.26 (x^2 + y^2) - 0.48 x y",
            .source = "Matyas 1965",
            .x = {-10, 10},
            .y = {-10, 10},
            .start = {-9, 3},
            .minima = {{0, 0, 0}},
            .view = {.azimuth = -30, .elevation = 35}};
  }
};

struct StyblinskiTang {
  template <class T>
  T operator()(const T& x, const T& y) const {
    return (along(x) + along(y)) / 2;
  }
  SurfaceFacts facts() const {
    constexpr double z = -2.903534027771177;
    return {.name = "styblinski_tang",
            .title = "Styblinski-Tang",
            .formula = "(x^4 - 16 x^2 + 5 x + y^4 - 16 y^2 + 5 y)/2",
            .source = "Styblinski & Tang 1990",
            .x = {-5, 5},
            .y = {-5, 5},
            .start = {4, 3.5},
            .minima = {{z, z, -78.33233140754285}},
            .view = {.azimuth = -60, .elevation = 40}};
  }

 private:
  template <class T>
  static T along(const T& z) {
    const T square = z * z;
    return square * square - 16 * square + 5 * z;
  }
};

struct ThreeHumpCamel {
  template <class T>
  T operator()(const T& x, const T& y) const {
    const T x2 = x * x;
    return 2 * x2 - 1.05 * x2 * x2 + x2 * x2 * x2 / 6 + x * y + y * y;
  }
  SurfaceFacts facts() const {
    return {.name = "three_hump_camel",
            .title = "Three-hump camel",
            .formula = "2 x^2 - 1.05 x^4 + x^6/6 + x y + y^2",
            .source = "Jamil & Yang 2013",
            .x = {-2.5, 2.5},
            .y = {-2.5, 2.5},
            .start = {-2, 2},
            .minima = {{0, 0, 0}},
            .view = {.azimuth = -60, .elevation = 40}};
  }
};

struct GoldsteinPrice {
  template <class T>
  T operator()(const T& x, const T& y) const {
    const T u = x + y + 1, v = 2 * x - 3 * y;
    const T x2 = x * x, xy = x * y, y2 = y * y;
    return (1 + u * u * (19 - 14 * x + 3 * x2 - 14 * y + 6 * xy + 3 * y2)) *
           (30 + v * v * (18 - 32 * x + 12 * x2 + 48 * y - 36 * xy + 27 * y2));
  }
  SurfaceFacts facts() const {
    return {.name = "goldstein_price",
            .title = "Goldstein-Price",
            .formula =
                "(1 + (x+y+1)^2 (19 - 14x + 3x^2 - 14y + 6xy + 3y^2)) "
                "(30 + (2x-3y)^2 (18 - 32x + 12x^2 + 48y - 36xy + 27y^2))",
            .source = "Goldstein & Price 1971",
            .x = {-2, 2},
            .y = {-2, 2},
            .start = {-1.5, 0.5},
            .minima = {{0, -1, 3}},
            .view = {.azimuth = -60, .elevation = 45, .log = true}};
  }
};

/// A needle in a plain; usually searched over [-100, 100]^2, where nothing of it is to be seen.
struct Easom {
  template <class T>
  T operator()(const T& x, const T& y) const {
    const T u = x - kPi, v = y - kPi;
    return -(cos(x) * cos(y) * exp(-(u * u + v * v)));
  }
  SurfaceFacts facts() const {
    return {.name = "easom",
            .title = "Easom",
            .formula = "-cos x cos y exp(-(x - pi)^2 - (y - pi)^2)",
            .source = "Easom 1990",
            .x = {0, 2 * kPi},
            .y = {0, 2 * kPi},
            .start = {2, 4},
            .minima = {{kPi, kPi, -1}},
            .view = {.azimuth = -60, .elevation = 25}};
  }
};

struct McCormick {
  template <class T>
  T operator()(const T& x, const T& y) const {
    return sin(x + y) + (x - y) * (x - y) - 1.5 * x + 2.5 * y + 1;
  }
  SurfaceFacts facts() const {
    return {.name = "mccormick",
            .title = "McCormick",
            .formula = "sin(x + y) + (x - y)^2 - 1.5 x + 2.5 y + 1",
            .source = "McCormick 1976",
            .x = {-1.5, 4},
            .y = {-3, 4},
            .start = {3.5, -1},
            .minima = {{0.5 - kPi / 3, -0.5 - kPi / 3, -std::sqrt(3.0) / 2 - kPi / 3}},
            .view = {.azimuth = -60, .elevation = 30}};
  }
};

struct Levy13 {
  template <class T>
  T operator()(const T& x, const T& y) const {
    const T a = sin(3 * kPi * x), b = sin(3 * kPi * y), c = sin(2 * kPi * y);
    return a * a + (x - 1) * (x - 1) * (1 + b * b) + (y - 1) * (y - 1) * (1 + c * c);
  }
  SurfaceFacts facts() const {
    return {.name = "levy13",
            .title = "Levy 13",
            .formula = "sin^2 3 pi x + (x-1)^2 (1 + sin^2 3 pi y) + (y-1)^2 (1 + sin^2 2 pi y)",
            .source = "Levy & Montalvo 1985",
            .x = {-10, 10},
            .y = {-10, 10},
            .start = {-8, 7},
            .minima = {{1, 1, 0}},
            .view = {.azimuth = -60, .elevation = 40}};
  }
};

struct SixHumpCamel {
  template <class T>
  T operator()(const T& x, const T& y) const {
    const T x2 = x * x, y2 = y * y;
    return (4 - 2.1 * x2 + x2 * x2 / 3) * x2 + x * y + (4 * y2 - 4) * y2;
  }
  SurfaceFacts facts() const {
    constexpr double x = 0.0898420131003181, y = -0.7126564030207397, low = -1.031628453489877;
    return {.name = "six_hump_camel",
            .title = "Six-hump camel",
            .formula = "(4 - 2.1 x^2 + x^4/3) x^2 + x y + (4 y^2 - 4) y^2",
            .source = "Dixon & Szego 1978",
            .x = {-2, 2},
            .y = {-1, 1},
            .start = {-1.9, 0.9},
            .minima = {{x, y, low}, {-x, -y, low}},
            .view = {.azimuth = -60, .elevation = 40}};
  }
};

}  // namespace descent::functions

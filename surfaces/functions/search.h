#pragma once
// The six search surfaces of the gallery, over [-10, 10)^2. Noise is added by weights, see Noise.
#include <descent/surfaces/surface.h>

namespace descent::functions {

/// What the six have in common.
inline SurfaceFacts search_facts(SurfaceFacts facts) {
  facts.source = "search surfaces of the gallery";
  facts.x = facts.y = {-10, 10};
  facts.open_end = true;
  facts.fine = 0.01;
  facts.loss_limit = 999.99999;
  return facts;
}

struct F0 {
  template <class T>
  T operator()(const T& x, const T& y) const {
    return (x / 10) * (x / 10) + (y / 10) * (y / 10);
  }
  SurfaceFacts facts() const {
    return search_facts({.name = "f0",
                         .title = "f0, quadratic",
                         .formula = "(x/10)^2 + (y/10)^2",
                         .start = {9, 9},
                         .minima = {{0, 0, 0}},
                         .view = {.azimuth = -70, .elevation = 50, .z = Interval{0, 1.5}},
                         .coarse = 0.04});
  }
};

/// Unbounded below: its only minimum is local.
struct F1 {
  template <class T>
  T operator()(const T& x, const T& y) const {
    const T u = x + 1, v = y - 1;
    return (x * x + y * y + 0.5 * y + 0.06 * u * u * u + 0.1 * v * v * v) / 400;
  }
  SurfaceFacts facts() const {
    const double x = (std::sqrt(5.44) - 2.36) / 0.36, y = -2.0 / 3;
    return search_facts({.name = "f1",
                         .title = "f1, cubic",
                         .formula = "(x^2 + y^2 + y/2 + 0.06 (x+1)^3 + 0.1 (y-1)^3)/400",
                         .start = {9, 9},
                         .minima = {{.x = x, .y = y, .value = operator()(x, y), .global = false}},
                         .view = {.azimuth = -70, .elevation = 20, .z = Interval{0, 1}},
                         .coarse = 0.01});
  }
};

struct F2 {
  template <class T>
  T operator()(const T& x, const T& y) const {
    return (x * x / 2 - y * y / 2) / 40;
  }
  SurfaceFacts facts() const {
    return search_facts({.name = "f2",
                         .title = "f2, saddle",
                         .formula = "(x^2/2 - y^2/2)/40",
                         .start = {7.5, -0.5},
                         .view = {.azimuth = -70, .elevation = 30, .z = Interval{-1, 1}},
                         .coarse = 0.01});
  }
};

struct F3 {
  template <class T>
  T operator()(const T& x, const T& y) const {
    return (x * x / 2 - y * y / 2 - 1.5 * x * (0.5 * y)) / 60;
  }
  SurfaceFacts facts() const {
    return search_facts({.name = "f3",
                         .title = "f3, turned saddle",
                         .formula = "(x^2/2 - y^2/2 - 0.75 x y)/60",
                         .start = {-9, 2.5},
                         .view = {.azimuth = -70, .elevation = 20, .z = Interval{-1.4, 1.4}},
                         .coarse = 0.05});
  }
};

struct F4 {
  template <class T>
  T operator()(const T& x, const T& y) const {
    return (2 - sin(x / 5) - cos(y / 10)) / 2;
  }
  SurfaceFacts facts() const {
    return search_facts({.name = "f4",
                         .title = "f4, ramp",
                         .formula = "(2 - sin(x/5) - cos(y/10))/2",
                         .start = {-7.5, -1},
                         .minima = {{5 * M_PI / 2, 0, 0}},
                         .view = {.azimuth = -70, .elevation = 20, .z = Interval{-0.2, 1.3}},
                         .coarse = 0.05});
  }
};

struct F5 {
  template <class T>
  T operator()(const T& x, const T& y) const {
    return ((x / 8) * (x / 8) + (y / 12) * (y / 12)) / 2;
  }
  SurfaceFacts facts() const {
    return search_facts({.name = "f5",
                         .title = "f5, elliptic",
                         .formula = "((x/8)^2 + (y/12)^2)/2",
                         .start = {9, 9},
                         .minima = {{0, 0, 0}},
                         .view = {.azimuth = -70, .elevation = 40, .z = Interval{0, 1.5}},
                         .coarse = 0.04});
  }
};

}  // namespace descent::functions

#pragma once
#include <cmath>

namespace descent::pictures {

/// A place in a picture, in pixels: x to the right, y down.
struct Point {
  double x = 0, y = 0;

  friend Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
  friend Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }
  friend Point operator*(Point a, double s) { return {a.x * s, a.y * s}; }
  bool operator==(const Point&) const = default;
};

inline double length(Point a) { return std::hypot(a.x, a.y); }

/// A rectangle of a picture, in pixels.
struct Rect {
  double left = 0, top = 0, right = 0, bottom = 0;

  double width() const { return right - left; }
  double height() const { return bottom - top; }
  Rect grown(double by) const { return {left - by, top - by, right + by, bottom + by}; }
  bool overlaps(const Rect& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
  bool contains(Point p) const {
    return p.x >= left && p.x <= right && p.y >= top && p.y <= bottom;
  }
};

}  // namespace descent::pictures

#pragma once
#include <descent/pictures/scene/point.h>

namespace descent::pictures {

struct Vec3 {
  float x = 0, y = 0, z = 0;

  friend Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
  friend Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
  friend Vec3 operator*(Vec3 a, float s) { return {a.x * s, a.y * s, a.z * s}; }
};

inline float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(Vec3 a, Vec3 b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline Vec3 normalized(Vec3 a) { return a * (1 / std::sqrt(dot(a, a))); }

/// Looks at the origin from far away, without perspective. The azimuth turns around the z axis,
/// counter-clockwise seen from above: -90 looks along +y with x to the right. The elevation is 0
/// level with the origin and 90 above it.
class Camera {
 public:
  Camera(double azimuth_degrees, double elevation_degrees);

  /// Pixels for a unit length, and where the origin is seen.
  void place(double scale, Point origin) {
    scale_ = scale;
    origin_ = origin;
  }
  double scale() const { return scale_; }

  Point project(Vec3 p) const {
    return {origin_.x + scale_ * dot(p, right_), origin_.y - scale_ * dot(p, up_)};
  }
  /// Distance along the line of sight, larger is farther, in units of the scene.
  float depth(Vec3 p) const { return -dot(p, towards_); }

  Vec3 right() const { return right_; }
  Vec3 up() const { return up_; }
  Vec3 towards() const { return towards_; }  ///< from the origin to the viewer

 private:
  Vec3 right_, up_, towards_;
  double scale_ = 1;
  Point origin_;
};

}  // namespace descent::pictures

#include <cmath>
#include <numbers>

#include <descent/pictures/scene/camera.h>

namespace descent::pictures {

Camera::Camera(double azimuth_degrees, double elevation_degrees) {
  const double azimuth = azimuth_degrees * std::numbers::pi / 180;
  const double elevation = elevation_degrees * std::numbers::pi / 180;
  towards_ = {static_cast<float>(std::cos(elevation) * std::cos(azimuth)),
              static_cast<float>(std::cos(elevation) * std::sin(azimuth)),
              static_cast<float>(std::sin(elevation))};
  right_ = {static_cast<float>(-std::sin(azimuth)), static_cast<float>(std::cos(azimuth)), 0};
  up_ = cross(towards_, right_);
}

}  // namespace descent::pictures

#pragma once
#include <descent/grid/grid.h>

/// The world that a surface is seen in: x and y of the grid become -1 .. 1, the lowest value shown
/// is at height 0 and the highest at kTop; the contour map lies at kFloor.
namespace descent::pictures {

constexpr float kTop = 0.85f, kFloor = -0.55f;
constexpr int kSamples = 2;  ///< a pixel is the mean of 2 x 2 samples

/// Where a coordinate of the grid is in the world.
inline float in_world(const Axis& axis, double at) {
  if (!(axis.lo < axis.hi)) return 0;
  return static_cast<float>((at / 2 - axis.lo / 2) / (axis.hi / 2 - axis.lo / 2) * 2 - 1);
}

}  // namespace descent::pictures

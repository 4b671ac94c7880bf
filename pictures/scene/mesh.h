#pragma once
#include <vector>

#include <descent/pictures/scene/camera.h>
#include <descent/pictures/scene/field.h>
#include <descent/pictures/scene/raster.h>
#include <descent/pictures/scene/shading.h>

namespace descent::pictures {

/// The heights of a field as lit triangles, and its map on the floor.
class Mesh {
 public:
  Mesh(const Field& field, const Camera& camera);

  void draw(Raster& raster, const Shading& shading) const;

 private:
  template <class Do>
  void for_each_triangle(const Do& triangle) const;

  Field field_;
  std::vector<Corner> above_, below_, floor_;  // lit from above, seen from below, on the floor
};

}  // namespace descent::pictures

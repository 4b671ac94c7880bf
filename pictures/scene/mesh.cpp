#include <algorithm>
#include <cmath>

#include <descent/pictures/scene/mesh.h>
#include <descent/pictures/scene/world.h>

namespace descent::pictures {
namespace {

constexpr int kLeastPoints = 160;

Corner corner(const Camera& camera, Vec3 place, float value, float light) {
  const Point p = camera.project(place) * kSamples;
  return {static_cast<float>(p.x), static_cast<float>(p.y), camera.depth(place), value, light};
}

/// Change of t from one point to the next, from both neighbours where they exist.
float slope(const Field& field, int i, int j, int di, int dj) {
  const auto t = [&](int row, int column) {
    return row < 0 || column < 0 || row >= field.rows || column >= field.columns
               ? std::nanf("")
               : field.at(row, column);
  };
  const float here = t(i, j), next = t(i + di, j + dj), previous = t(i - di, j - dj);
  if (std::isnan(next)) return std::isnan(previous) ? 0 : here - previous;
  return std::isnan(previous) ? next - here : (next - previous) / 2;
}

}  // namespace

Mesh::Mesh(const Field& coarse, const Camera& camera) : field_(refined(coarse, kLeastPoints)) {
  const Vec3 light =
      normalized(camera.right() * -0.5f + camera.up() * 0.62f + camera.towards() * 0.6f);
  const Vec3 half = normalized(light + camera.towards());
  // The light comes from the slopes at the given points, so that the flat pieces between
  // them do not show.
  Field dx = coarse, dy = coarse;
  for (int i = 0; i < coarse.rows; ++i)
    for (int j = 0; j < coarse.columns; ++j) {
      const auto k = static_cast<size_t>(i * coarse.columns + j);
      dx.t[k] = slope(coarse, i, j, 0, 1) * static_cast<float>(coarse.columns - 1) / 2 * kTop;
      dy.t[k] = slope(coarse, i, j, 1, 0) * static_cast<float>(coarse.rows - 1) / 2 * kTop;
    }
  dx = refined(dx, kLeastPoints);
  dy = refined(dy, kLeastPoints);
  const Field& field = field_;
  const size_t n = field.t.size();
  above_.reserve(n);
  below_.reserve(n);
  floor_.reserve(n);
  for (int i = 0; i < field.rows; ++i)
    for (int j = 0; j < field.columns; ++j) {
      const float t = field.at(i, j);
      const Vec3 place{2 * static_cast<float>(j) / static_cast<float>(field.columns - 1) - 1,
                       2 * static_cast<float>(i) / static_cast<float>(field.rows - 1) - 1,
                       t * kTop};
      const Vec3 normal = normalized({-dx.at(i, j), -dy.at(i, j), 1});
      const auto lit = [&](Vec3 up) {
        const float shine = std::pow(std::max(0.0f, dot(up, half)), 40.0f);
        return 0.56f + 0.46f * std::max(0.0f, dot(up, light)) + 0.16f * shine;
      };
      above_.push_back(corner(camera, place, t, lit(normal)));
      below_.push_back(corner(camera, place, t, 0.88f * lit(normal * -1)));
      floor_.push_back(corner(camera, {place.x, place.y, kFloor}, t, 1.1f));
    }
}

template <class Do>
void Mesh::for_each_triangle(const Do& triangle) const {
  const auto columns = static_cast<size_t>(field_.columns);
  for (int i = 0; i + 1 < field_.rows; ++i)
    for (int j = 0; j + 1 < field_.columns; ++j) {
      const size_t k = static_cast<size_t>(i) * columns + static_cast<size_t>(j);
      const float a = field_.t[k], b = field_.t[k + 1];
      const float c = field_.t[k + columns + 1], d = field_.t[k + columns];
      if (std::isnan(a + b + c + d)) continue;  // a hole
      // The diagonal between the more equal corners follows valleys and ridges better.
      if (std::fabs(a - c) <= std::fabs(b - d)) {
        triangle(k, k + 1, k + columns + 1);
        triangle(k, k + columns + 1, k + columns);
      } else {
        triangle(k, k + 1, k + columns);
        triangle(k + 1, k + columns + 1, k + columns);
      }
    }
}

void Mesh::draw(Raster& raster, const Shading& shading) const {
  for_each_triangle([&](size_t a, size_t b, size_t c) {
    // Counter-clockwise from above: what is clockwise in the picture (y down) shows its top.
    const Corner &p = above_[a], &q = above_[b], &r = above_[c];
    const bool top = (q.x - p.x) * (r.y - p.y) - (r.x - p.x) * (q.y - p.y) < 0;
    const auto& corners = top ? above_ : below_;
    raster.triangle(corners[a], corners[b], corners[c], shading);
  });
  for_each_triangle([&](size_t a, size_t b, size_t c) {
    raster.triangle(floor_[a], floor_[b], floor_[c], shading);
  });
}

}  // namespace descent::pictures

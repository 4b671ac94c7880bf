#include <algorithm>
#include <cmath>

#include <descent/pictures/scene/field.h>

namespace descent::pictures {

float Field::in_cell(int i, int j, float wx, float wy) const {
  // A corner of no weight must not count: NaN * 0 is NaN.
  const auto between = [](float a, float b, float w) {
    return w == 0 ? a : w == 1 ? b : a + (b - a) * w;
  };
  const auto row = [&](int k) { return between(at(k, j), wx == 0 ? 0 : at(k, j + 1), wx); };
  return between(wy == 1 ? 0 : row(i), wy == 0 ? 0 : row(i + 1), wy);
}

float Field::sample(double x, double y) const {
  const double fx = std::clamp(x, 0.0, 1.0) * (columns - 1);
  const double fy = std::clamp(y, 0.0, 1.0) * (rows - 1);
  const int j = std::min(static_cast<int>(fx), columns - 2);
  const int i = std::min(static_cast<int>(fy), rows - 2);
  return in_cell(i, j, static_cast<float>(fx - j), static_cast<float>(fy - i));
}

Grid ascending(Grid grid) {
  const auto rows = static_cast<std::ptrdiff_t>(grid.x.n);
  if (grid.x.lo > grid.x.hi) {
    std::swap(grid.x.lo, grid.x.hi);
    for (auto row = grid.values.begin(); row != grid.values.end(); row += rows)
      std::reverse(row, row + rows);
  }
  if (grid.y.lo > grid.y.hi) {
    std::swap(grid.y.lo, grid.y.hi);
    std::reverse(grid.values.begin(), grid.values.end());
    for (auto row = grid.values.begin(); row != grid.values.end(); row += rows)
      std::reverse(row, row + rows);
  }
  return grid;
}

Field field_of(const Grid& grid, const ValueScale& scale, int most) {
  Field field;
  field.columns = static_cast<int>(std::min<int64_t>(grid.x.n, most));
  field.rows = static_cast<int>(std::min<int64_t>(grid.y.n, most));
  field.t.reserve(static_cast<size_t>(field.columns) * static_cast<size_t>(field.rows));
  for (int i = 0; i < field.rows; ++i) {
    const int64_t row = i * (grid.y.n - 1) / (field.rows - 1);
    for (int j = 0; j < field.columns; ++j)
      field.t.push_back(scale.at(grid.at(row, j * (grid.x.n - 1) / (field.columns - 1))));
  }
  return field;
}

Field refined(const Field& field, int least) {
  const auto parts = [&](int n) { return std::max(1, (least + n - 3) / (n - 1)); };
  const int px = parts(field.columns), py = parts(field.rows);
  if (px == 1 && py == 1) return field;
  Field fine;
  fine.columns = (field.columns - 1) * px + 1;
  fine.rows = (field.rows - 1) * py + 1;
  for (int i = 0; i < fine.rows; ++i)
    for (int j = 0; j < fine.columns; ++j) {
      // A point on the border of two cells belongs to both, and only one of them may be a hole.
      const int column = std::min(j / px, field.columns - 2),
                row = std::min(i / py, field.rows - 2);
      const float wx = static_cast<float>(j - column * px) / static_cast<float>(px);
      const float wy = static_cast<float>(i - row * py) / static_cast<float>(py);
      fine.t.push_back(field.in_cell(row, column, wx, wy));
    }
  return fine;
}

}  // namespace descent::pictures

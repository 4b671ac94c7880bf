#pragma once
#include <cstddef>
#include <vector>

#include <descent/grid/grid.h>
#include <descent/pictures/scene/value_scale.h>

namespace descent::pictures {

/// Values from 0 (lowest shown) to 1 (highest shown) over a unit square; NaN where there is none.
struct Field {
  int columns = 0, rows = 0;
  std::vector<float> t;  ///< rows of `columns` numbers, the row of the lowest y first

  float at(int row, int column) const {
    return t[static_cast<size_t>(row) * static_cast<size_t>(columns) + static_cast<size_t>(column)];
  }
  /// Bilinear in the cell between rows i, i + 1 and columns j, j + 1, weights in [0, 1]; NaN if a
  /// corner with a weight is NaN.
  float in_cell(int i, int j, float wx, float wy) const;
  /// The same at (x, y) in [0, 1]^2.
  float sample(double x, double y) const;
};

/// The same grid with lo <= hi on both axes.
Grid ascending(Grid grid);

/// The values of a grid with at least two points an axis. Axes of more than `most` points are
/// thinned out.
Field field_of(const Grid& grid, const ValueScale& scale, int most);

/// The same surface with so many points between the old ones (bilinear) that each axis has `least`
/// or more.
Field refined(const Field& field, int least);

}  // namespace descent::pictures

#pragma once
#include <cmath>
#include <string>
#include <string_view>

#include <descent/grid/files/formats.h>
#include <descent/grid/grid.h>

#include "fuzz.h"

namespace descent::fuzz {

inline bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Reads a grid; if it is accepted, it is right, and what is written of it is read as the same.
inline void take_grid(std::string_view bytes, Grid (*from)(std::string_view),
                      std::string (*to)(const Grid&)) {
  const Grid grid = from(bytes);
  check(grid, "grid");
  const Grid again = from(to(grid));
  expect(again.x == grid.x && again.y == grid.y, "another axis after writing and reading");
  expect(again.x_name == grid.x_name && again.y_name == grid.y_name &&
             again.value_name == grid.value_name && again.notes == grid.notes,
         "another name or note after writing and reading");
  expect(again.values.size() == grid.values.size(), "more or less values than were written");
  for (size_t k = 0; k < grid.values.size(); ++k)
    expect(same(again.values[k], grid.values[k]), "another value after writing and reading");
}

}  // namespace descent::fuzz

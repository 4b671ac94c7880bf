#pragma once
#include <string>
#include <vector>

#include <descent/pictures/draw.h>
#include <descent/pictures/scene/value_scale.h>

namespace descent::pictures {

/// A minimum to be marked: its value, and that of the grid there, where its star is.
struct Mark {
  double x, y, value, height;
  std::string name;  ///< "minimum", "local minimum" or "lowest value"
};

/// What is to be marked: the given minima that lie on the grid, whose axes must ascend; if none are
/// given its smallest value; nothing where that is not wanted.
std::vector<Mark> minima_of(const Grid& grid, const PictureOptions& options);

/// "lowest value -4.605 at alpha = 0, beta = 0.1", or "minimum at ..." if the places were given.
/// `span`: of the values.
std::string text_of(const std::vector<Mark>& minima, const Grid& grid, double span);

}  // namespace descent::pictures

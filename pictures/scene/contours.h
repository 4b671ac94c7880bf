#pragma once
#include <vector>

#include <descent/pictures/scene/field.h>
#include <descent/pictures/scene/point.h>

namespace descent::pictures {

/// A contour line in the unit square of its field; closed if its first point is also its last.
using Contour = std::vector<Point>;

/// The lines where a field has the value `level`, by marching squares (Lorensen and Cline 1987, in
/// the plane): each cell's edges are cut where a straight line between its ends has the value, a
/// saddle is decided by the mean of its corners. Cells with a NaN corner have no lines.
std::vector<Contour> contours(const Field& field, float level);

}  // namespace descent::pictures

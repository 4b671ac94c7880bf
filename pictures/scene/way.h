#pragma once
#include <optional>

#include <descent/grid/grid.h>

namespace descent::pictures {

/// A straight step from one point to the next.
struct Way {
  descent::Point from, to;
  descent::Point at(double s) const;
};

/// The part of a way that lies inside of the axes, both in [0, 1].
struct Inside {
  double from, to;
};
std::optional<Inside> inside(const Way& way, const Axis& x, const Axis& y);

}  // namespace descent::pictures

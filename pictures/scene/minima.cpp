#include <cmath>

#include <descent/pictures/scene/minima.h>
#include <descent/pictures/scene/ticks.h>
#include <descent/pictures/scene/way.h>

namespace descent::pictures {
namespace {

const std::string kLowest = "lowest value";

}  // namespace

std::vector<Mark> minima_of(const Grid& grid, const PictureOptions& options) {
  if (!options.mark_minima) return {};
  if (options.minima.empty()) {
    const Grid::Minimum least = grid.minimum();
    return {{least.x, least.y, least.value, least.value, kLowest}};
  }
  std::vector<Mark> minima;
  const auto nearest = [](const Axis& axis, double at) {
    if (axis.n == 1) return int64_t{0};
    return std::lround((at - axis.lo) / (axis.hi - axis.lo) * static_cast<double>(axis.n - 1));
  };
  for (const KnownMinimum& known : options.minima) {
    const descent::Point place{known.x, known.y};
    if (!inside({place, place}, grid.x, grid.y)) continue;
    const double height = grid.at(nearest(grid.y, known.y), nearest(grid.x, known.x));
    minima.push_back({known.x, known.y, std::isnan(known.value) ? height : known.value, height,
                      known.global ? "minimum" : "local minimum"});
  }
  return minima;
}

std::string text_of(const std::vector<Mark>& minima, const Grid& grid, double span) {
  if (minima.empty()) return "";
  const auto x = [&](const Mark& mark) { return coordinate(mark.x, grid.x.hi - grid.x.lo); };
  const auto y = [&](const Mark& mark) { return coordinate(mark.y, grid.y.hi - grid.y.lo); };
  if (minima.size() > 6) return std::to_string(minima.size()) + " minima";
  if (minima.size() > 1) {
    std::string text = "minima at";
    for (const Mark& mark : minima)
      text.append(" (").append(x(mark)).append(", ").append(y(mark)).append(")");
    return text;
  }
  const Mark& mark = minima.front();
  std::string text = mark.name;
  if (mark.name == kLowest) text += " " + short_number(mark.value, span);
  if (grid.x.n > 1 || grid.y.n == 1) text += " at " + grid.x_name + " = " + x(mark);
  if (grid.y.n > 1) text += (grid.x.n > 1 ? ", " : " at ") + grid.y_name + " = " + y(mark);
  return text;
}

}  // namespace descent::pictures

#include <algorithm>
#include <tuple>
#include <utility>

#include <descent/pictures/scene/way.h>

namespace descent::pictures {
namespace {

bool outside(const Axis& axis, double at) { return !(at >= axis.lo && at <= axis.hi); }

}  // namespace

descent::Point Way::at(double s) const {
  // Exact at both ends, and nothing overflows.
  return {from.x * (1 - s) + to.x * s, from.y * (1 - s) + to.y * s};
}

std::optional<Inside> inside(const Way& way, const Axis& x, const Axis& y) {
  Inside part{0, 1};  // Liang and Barsky 1984
  for (const auto& [a, b, axis] :
       {std::tuple{way.from.x, way.to.x, &x}, {way.from.y, way.to.y, &y}}) {
    if (a == b && outside(*axis, a)) return std::nullopt;
    if (a == b) continue;
    // Halves, because a difference of doubles may overflow.
    double enter = (axis->lo / 2 - a / 2) / (b / 2 - a / 2);
    double leave = (axis->hi / 2 - a / 2) / (b / 2 - a / 2);
    if (enter > leave) std::swap(enter, leave);
    part.from = std::max(part.from, enter);
    part.to = std::min(part.to, leave);
  }
  if (!(part.from <= part.to)) return std::nullopt;
  return part;
}

}  // namespace descent::pictures

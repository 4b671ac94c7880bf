#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <descent/pictures/parts/racers.h>
#include <descent/pictures/scene/ticks.h>
#include <descent/pictures/scene/way.h>

namespace descent::pictures {
namespace {

/// Okabe and Ito 2008, what stands out most from viridis first, then Tol 2021, "muted", what
/// differs most from those before first: told apart by the colour-blind, too.
constexpr std::array<uint32_t, 18> kColors = {
    0xd55e00, 0x56b4e9, 0xcc79a7, 0xe69f00, 0x0072b2, 0xf0e442, 0x009e73, 0x000000, 0x332288,
    0x882255, 0x999933, 0xaa4499, 0x117733, 0xddcc77, 0x88ccee, 0xcc6677, 0x44aa99, 0xdddddd};

/// A polygon; the first corner at `degrees` from the top, clockwise.
std::vector<Point> polygon(int corners, double degrees, double radius) {
  std::vector<Point> points;
  for (int k = 0; k < corners; ++k) {
    const double angle = (degrees + 360.0 * k / corners) * std::numbers::pi / 180;
    points.push_back({radius * std::sin(angle), -radius * std::cos(angle)});
  }
  return points;
}

/// A plus sign, turned.
std::vector<Point> plus(double degrees) {
  std::vector<Point> points;
  for (int arm = 0; arm < 4; ++arm) {
    const double angle = (degrees + 90 * arm) * std::numbers::pi / 180;
    const Point out{std::sin(angle), -std::cos(angle)}, side{-out.y, out.x};
    const double half = 0.36, reach = 1.1;
    points.push_back(out * reach - side * half);
    points.push_back(out * reach + side * half);
    points.push_back(out * half + side * half);
  }
  return points;
}

/// Every second corner drawn in.
std::vector<Point> spiked(std::vector<Point> points) {
  for (size_t k = 1; k < points.size(); k += 2) points[k] = points[k] * 0.45;
  return points;
}

const std::vector<Point>& outline_of(size_t racer) {
  static const std::array kOutlines = {polygon(32, 0, 0.95),  polygon(4, 45, 1.15),
                                       polygon(3, 0, 1.25),   polygon(4, 0, 1.2),
                                       polygon(3, 180, 1.25), plus(0),
                                       polygon(5, 0, 1.1),    plus(45),
                                       polygon(6, 30, 1.1),   spiked(polygon(8, 0, 1.3))};
  return kOutlines[racer % kOutlines.size()];
}

/// Whether a white border would not be seen beside it.
bool is_bright(Color color) { return brightness(color) > 0.7f; }

/// Axes of a mesh may end a cell ahead of the domain whose mesh it is.
bool far_outside(const Axis& axis, double at) {
  const double cell = 1.0001 * (axis.hi / 2 - axis.lo / 2) / std::max<double>(1, axis.n - 1) * 2;
  return !(at >= axis.lo - cell && at <= axis.hi + cell);
}

}  // namespace

RacerStyle racer_style(size_t racer) {
  const Color color = rgb(kColors[racer % kColors.size()]);
  return {color, is_bright(color) ? kInk : kWhite, racer >= kColors.size(), outline_of(racer)};
}

size_t Racer::points(int64_t step) const {
  return std::min(drawable, static_cast<size_t>(step) + 1);
}

bool Racer::gone(int64_t step) const {
  return (left_at >= 0 && left_at <= step) ||
         (track.diverged && static_cast<int64_t>(drawable) <= step);
}

std::optional<descent::Point> Racer::ball(int64_t step, const Axis& x, const Axis& y) const {
  for (size_t k = points(step); k-- > 0;) {
    const descent::Point here{track.x[k], track.y[k]};
    const Way way{k > 0 ? descent::Point{track.x[k - 1], track.y[k - 1]} : here, here};
    if (const auto part = inside(way, x, y)) return way.at(part->to);
  }
  return std::nullopt;
}

Color Racer::marker_border(int64_t step) const {
  if (!gone(step)) return style.border;
  return is_bright(style.color) ? mix(style.color, kInk, 0.35f) : style.color;
}

std::string Racer::loss(int64_t step) const {
  const size_t n = points(step);
  if (n == 0) return "";
  return log ? short_number(track.losses[n - 1]) : loss_number(track.losses[n - 1]);
}

std::string Racer::note(int64_t step) const {
  const bool left = left_at >= 0 && left_at <= step;
  const bool diverged = track.diverged && static_cast<int64_t>(drawable) <= step;
  const std::string left_text = std::to_string(left_at);
  const std::string diverged_text = std::to_string(drawable);
  if (left && diverged) return "left at " + left_text + ", diverged at " + diverged_text;
  if (diverged) return "diverged at step " + diverged_text;
  const bool ended = static_cast<int64_t>(track.x.size()) <= step + 1 && !track.stopped.empty();
  if (left) return "left at step " + left_text + (ended ? ", " + track.stopped : "");
  return ended ? track.stopped : "";
}

std::vector<Racer> racers_of(std::span<const Track> tracks, const Axis* x, const Axis* y,
                             bool log) {
  std::vector<Racer> racers;
  for (const Track& track : tracks) {
    racers.push_back({track, racer_style(racers.size()), track.drawable(), track.left_at, log});
    Racer& racer = racers.back();
    for (size_t k = 0; x != nullptr && k < racer.drawable; ++k)
      if (far_outside(*x, track.x[k]) || far_outside(*y, track.y[k])) {
        racer.left_at = static_cast<int64_t>(k);
        break;
      }
  }
  return racers;
}

int64_t steps_of(const std::vector<Racer>& racers) {
  size_t points = 1;
  for (const Racer& racer : racers) points = std::max(points, racer.track.x.size());
  return static_cast<int64_t>(points) - 1;
}

}  // namespace descent::pictures

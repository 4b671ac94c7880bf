#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <descent/pictures/draw.h>
#include <descent/pictures/files/layout.h>
#include <descent/pictures/files/output.h>
#include <descent/pictures/parts/legend.h>

namespace descent {
namespace {

using pictures::Canvas;
using pictures::Format;
using pictures::Frame;
using pictures::Part;
using pictures::Parts;
using pictures::Racer;
using pictures::Rect;
using pictures::require;
using pictures::Sheet;
using pictures::ValueScale;

/// What the axis shows of a loss: itself or its power of ten.
double shown(double loss, bool log) { return log ? std::log10(loss) : loss; }

/// The range of losses to be seen. A racer whose losses spread over more than three times what the
/// racer in the middle of all spreads over, such as one that diverges, does not count.
Axis axis_of(const std::vector<Racer>& racers, const LossPictureOptions& options) {
  struct Values {
    std::vector<double> all;
    double spread = 0;
  };
  std::vector<Values> values;
  for (const Racer& racer : racers) {
    Values of;
    for (size_t k = 0; k < racer.drawable; ++k)
      if (const double value = shown(racer.track.losses[k], options.log); std::isfinite(value))
        of.all.push_back(value);
    if (of.all.empty()) continue;
    const auto [least, most] = std::minmax_element(of.all.begin(), of.all.end());
    of.spread = *most / 2 - *least / 2;
    values.push_back(of);
  }
  if (values.empty())
    throw std::invalid_argument("draw_losses: none of the " + std::to_string(racers.size()) +
                                " tracks has a loss that can be shown");
  std::sort(values.begin(), values.end(),
            [](const Values& a, const Values& b) { return a.spread < b.spread; });
  const double middle = values[(values.size() - 1) / 2].spread;
  std::vector<double> counted;
  for (const Values& of : values)
    if (middle == 0 || of.spread / 3 <= middle)
      counted.insert(counted.end(), of.all.begin(), of.all.end());
  const ValueScale scale(counted, shown(options.lo, options.log), shown(options.hi, options.log));
  const double air = scale.hi() / 25 - scale.lo() / 25;
  return {scale.lo() - air, scale.hi() + air, 1};
}

class LossPart : public Part {
 public:
  LossPart(const Rect& room, const std::vector<Racer>& racers, const Axis& axis,
           const LossPictureOptions& options, double font)
      : racers_(racers), log_(options.log), font_(font) {
    const auto steps = static_cast<double>(pictures::steps_of(racers));
    frame_.x = {0, steps, 1};
    frame_.y = axis;
    const auto most = [&](double length, double letters) {
      return std::clamp(static_cast<int>(length / (letters * font)), 2, 10);
    };
    frame_.x_ticks = pictures::nice_ticks(
        0, steps, std::min(most(room.width(), 5), std::max(1, static_cast<int>(steps))));
    const int rows = most(room.height(), 3.5);
    frame_.y_ticks = log_ ? pictures::log_ticks(frame_.y.lo, frame_.y.hi, rows)
                          : pictures::nice_ticks(frame_.y.lo, frame_.y.hi, rows);
    frame_.x_title = "step";
    frame_.y_title = pictures::axis_title(options.value_name, frame_.y_ticks);
    frame_.area = {room.left + Frame::left(frame_.y_ticks, font), room.top + 0.5 * font,
                   room.right - 1.5 * font, room.bottom - Frame::below(font)};
  }

  void draw_still(Canvas& canvas) const override {
    frame_.draw_ruling(canvas);
    frame_.draw(canvas, font_);
  }

  void draw_race(Canvas& canvas, int64_t step) override {
    {
      const Canvas::Clip clip(canvas, frame_.area);
      for (size_t r = 0; r < racers_.size(); ++r) draw_line(canvas, r, step);
    }
    for (const Racer& racer : racers_) {
      const size_t n = racer.points(step);
      if (n == 0) continue;
      pictures::Point end = place(racer, n - 1);
      end.y = std::clamp(end.y, frame_.area.top, frame_.area.bottom);
      canvas.marker(racer.style.outline, end, pictures::ball_radius(font_),
                    racer.marker_color(step), racer.marker_border(step));
    }
  }

 private:
  /// Not farther out than a line can be drawn to.
  pictures::Point place(const Racer& racer, size_t k) const {
    pictures::Point p = frame_.place(static_cast<double>(k), shown(racer.track.losses[k], log_));
    const double far = 100 * frame_.area.height();
    // Where there is no logarithm the loss is below all that are shown.
    p.y = std::isnan(p.y) ? far : std::clamp(p.y, -far, far);
    return p;
  }

  void draw_line(Canvas& canvas, size_t r, int64_t step) const {
    const Racer& racer = racers_[r];
    std::vector<pictures::Point> points;
    for (size_t k = 0; k < racer.points(step); ++k) points.push_back(place(racer, k));
    const double width = pictures::trail_width(font_), dash = racer.style.dashed ? 3 * width : 0;
    canvas.polyline(points, {racer.style.border, 1.7 * width, 1, dash});
    canvas.polyline(points, {racer.style.color, width, 1, dash});
    // Markers on the way, each racer's at other steps.
    const auto steps = static_cast<size_t>(frame_.x.hi);
    const size_t gap = std::max<size_t>(1, steps / 6);
    for (size_t k = (r + 1) * gap / (racers_.size() + 1); k + 1 < points.size(); k += gap)
      if (k > 0)
        canvas.marker(racer.style.outline, points[k], 0.65 * pictures::ball_radius(font_),
                      racer.style.color, racer.style.border);
  }

  const std::vector<Racer>& racers_;
  bool log_;
  double font_;
  Frame frame_;
};

void check(std::span<const Track> tracks, const LossPictureOptions& options) {
  const std::string what = "draw_losses";
  pictures::check_size(what, options.width, options.height);
  require(!tracks.empty(), what, "tracks.size() = 0", "at least 1");
  for (const Track& track : tracks) descent::check(track, what + ": track " + track.label);
  pictures::check_range(what, options.lo, options.hi, options.log);
  pictures::check_step(what, options.step);
}

/// What the picture says of losses that it does not show.
std::string outside(const std::vector<Racer>& racers, const Axis& axis, bool log) {
  bool above = false, below = false;
  for (const Racer& racer : racers)
    for (size_t k = 0; k < racer.drawable; ++k) {
      const double value = shown(racer.track.losses[k], log);
      above = above || value > axis.hi;
      below = below || !(value >= axis.lo);
    }
  const auto end = [&](double at) {
    return log ? pictures::short_number(std::pow(10, at))
               : pictures::coordinate(at, axis.hi - axis.lo);
  };
  if (!above && !below) return "";
  return "Losses " + (above ? "above " + end(axis.hi) : "") + (above && below ? " and " : "") +
         (below ? "below " + end(axis.lo) : "") + " lie outside of the picture.";
}

}  // namespace

void draw_losses(std::span<const Track> tracks, const std::filesystem::path& path,
                 const LossPictureOptions& given) {
  const Format& format = pictures::format_of("draw_losses", path, pictures::is_picture);
  LossPictureOptions options = given;
  if (options.width == 0) options.width = format.can_move() ? 900 : 1200;
  if (options.height == 0) options.height = format.can_move() ? 520 : 700;
  check(tracks, options);
  const std::vector<Racer> racers = pictures::racers_of(tracks, nullptr, nullptr, options.log);
  const int64_t last = pictures::steps_of(racers);
  const int64_t step = options.step < 0 ? last : std::min(options.step, last);
  const Axis axis = axis_of(racers, options);
  const double font = std::max(9.0, 17.0 * std::min(options.width, options.height) / 700);

  const std::string note = outside(racers, axis, options.log);
  const char* separator = options.caption.empty() || note.empty() ? "" : "\n";
  const Sheet sheet{options.width, options.height, font, options.title,
                    options.caption + separator + note};
  Rect room;
  Parts parts;
  parts.push_back(pictures::sheet_part(sheet, room));
  parts.push_back(pictures::legend_part(racers, step, font, room));
  parts.push_back(std::make_unique<LossPart>(room, racers, axis, options, font));
  pictures::write(path, format, sheet, parts, step, options.on_frame);
}

}  // namespace descent

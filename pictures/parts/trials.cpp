#include <algorithm>
#include <numeric>
#include <utility>

#include <descent/base/fields.h>
#include <descent/pictures/font/font.h>
#include <descent/pictures/grid_picture.h>
#include <descent/pictures/parts/trials.h>

namespace descent::pictures {
namespace {

constexpr Color kTrial = rgb(0x0072b2), kBestSoFar = rgb(0xd55e00);

int ticks_for(double length, double letters, double font) {
  return std::clamp(static_cast<int>(length / (letters * font)), 2, 10);
}

void draw_cross(Canvas& canvas, Point at, double radius, Color color) {
  for (const double side : {1.0, -1.0})
    canvas.line({at.x - radius, at.y - side * radius}, {at.x + radius, at.y + side * radius},
                {color, std::max(1.2, radius / 3)});
}

void draw_dot(Canvas& canvas, Point at, double radius, Color color, bool hollow) {
  static const std::vector<Point> circle = racer_style(0).outline;
  canvas.marker(circle, at, radius, hollow ? kWhite : color, hollow ? color : kWhite);
}

double dot_radius(const StudyPlot& plot) {
  return (plot.trials.trials.size() > 200 ? 0.22 : 0.32) * plot.font;
}

/// A plot of losses over something else.
class LossesPart : public Part {
 public:
  LossesPart(const Rect& room, const StudyPlot& plot, const Side& x)
      : plot_(plot),
        x_(x),
        y_(plot.values(room.height())),
        frame_(frame_of(room, x, y_, plot.font)) {}

 protected:
  Point place(size_t k, double x) const {
    const double value = plot_.shown(plot_.trials.trials[k]);
    return frame_.place(x_.at(x), std::isnan(value) ? frame_.y.hi : value);
  }
  void note(std::vector<Spot>& spots, const std::vector<double>& x) const {
    for (size_t k = 0; k < x.size(); ++k) spots.push_back({k, place(k, x[k])});
  }
  void draw_trial(Canvas& canvas, size_t k, double x, Color color) const {
    const Trials::Trial& trial = plot_.trials.trials[k];
    const double radius = dot_radius(plot_);
    if (std::isfinite(trial.value))
      draw_dot(canvas, place(k, x), radius, color, trial.stopped);
    else
      draw_cross(canvas, place(k, x), radius, kMark);
  }

  const StudyPlot& plot_;
  Side x_, y_;
  Frame frame_;
};

class HistoryPart : public LossesPart {
 public:
  HistoryPart(const Rect& room, const StudyPlot& plot, std::vector<Spot>& spots)
      : LossesPart({room.left, room.top + 2.2 * plot.font, room.right, room.bottom}, plot,
                   side_of(static_cast<double>(plot.trials.trials.front().number),
                           static_cast<double>(plot.trials.trials.back().number), false, "trial",
                           room.width(), plot.font)) {
    for (const Trials::Trial& trial : plot.trials.trials)
      numbers_.push_back(static_cast<double>(trial.number));
    note(spots, numbers_);
  }

  void draw_still(Canvas& canvas) const override {
    frame_.draw_ruling(canvas);
    const auto& trials = plot_.trials.trials;
    const bool all_stopped = trials[plot_.best].stopped;
    bool stopped = false, infinite = false;
    std::vector<Point> line;
    double least = kInfinity;
    for (size_t k = 0; k < trials.size(); ++k) {
      stopped = stopped || trials[k].stopped;
      infinite = infinite || !std::isfinite(trials[k].value);
      if (std::isfinite(trials[k].value) && trials[k].value < least &&
          trials[k].stopped == all_stopped) {
        least = trials[k].value;
        const Point at = place(k, numbers_[k]);
        if (!line.empty()) line.push_back({at.x, line.back().y});
        line.push_back(at);
      }
    }
    line.push_back({frame_.area.right, line.back().y});
    {
      const Canvas::Clip clip(canvas, frame_.area.grown(plot_.font / 2));
      for (size_t k = 0; k < trials.size(); ++k) draw_trial(canvas, k, numbers_[k], kTrial);
      canvas.polyline(line, {kWhite, 0.3 * plot_.font});
      canvas.polyline(line, {kBestSoFar, 0.16 * plot_.font});
    }
    frame_.draw(canvas, plot_.font);
    draw_marker(canvas, place(plot_.best, numbers_[plot_.best]), plot_.font);
    std::vector<Key> keys = {{Key::kDot, kTrial, "a trial"},
                             {Key::kLine, kBestSoFar, "the best so far"},
                             {Key::kStar, kMark, "the best"}};
    if (stopped) keys.push_back({Key::kRing, kTrial, "given up"});
    if (infinite) keys.push_back({Key::kCross, kMark, "not finite"});
    draw_keys(canvas, frame_.area, frame_.area.top - 1.1 * plot_.font, keys, plot_.font);
  }

 private:
  std::vector<double> numbers_;
};

class SlicePart : public LossesPart {
 public:
  SlicePart(const Rect& room, const StudyPlot& plot, size_t parameter, std::vector<Spot>& spots)
      : LossesPart(room, plot,
                   side_of(plot.trials.parameters[parameter], room.width(), plot.font)) {
    for (const Trials::Trial& trial : plot.trials.trials) at_.push_back(trial.at[parameter]);
    note(spots, at_);
  }

  void draw_still(Canvas& canvas) const override {
    frame_.draw_ruling(canvas);
    frame_.draw(canvas, plot_.font);
    const Canvas::Clip clip(canvas, frame_.area.grown(plot_.font / 2));
    const auto n = static_cast<float>(at_.size());
    for (size_t k = 0; k < at_.size(); ++k)
      draw_trial(canvas, k, at_[k], viridis(0.9f * static_cast<float>(k) / n));
    draw_marker(canvas, place(plot_.best, at_[plot_.best]), plot_.font);
  }

 private:
  std::vector<double> at_;
};

/// The mean of the trials around each point, near ones weighing more: a Gaussian of so much of a
/// side; where no trial is near, the nearest.
class Smooth {
 public:
  explicit Smooth(const StudyPlot& plot) {
    const auto n = static_cast<double>(plot.trials.trials.size());
    width_ = 0.3 * std::pow(n, -0.25);
    for (const Trials::Trial& trial : plot.trials.trials) {
      const double value = plot.shown(trial);
      values_.push_back(std::isnan(value) ? plot.scale.hi() : value);
    }
  }
  /// `places`: of the trials, in the unit square.
  double at(const std::vector<Point>& places, Point p) const {
    std::vector<double> squares;
    for (const Point& place : places)
      squares.push_back((place.x - p.x) * (place.x - p.x) + (place.y - p.y) * (place.y - p.y));
    const double nearest = *std::min_element(squares.begin(), squares.end());
    double sum = 0, weights = 0;
    for (size_t k = 0; k < squares.size(); ++k) {
      const double weight = std::exp((nearest - squares[k]) / (2 * width_ * width_));
      sum += weight * values_[k];
      weights += weight;
    }
    return sum / weights;
  }

 private:
  double width_;
  std::vector<double> values_;
};

constexpr int64_t kPairPoints = 61;

class PairPart : public Part {
 public:
  PairPart(const Rect& room, const StudyPlot& plot, size_t x, size_t y, std::vector<Spot>& spots)
      : sides_{side_of(plot.trials.parameters[x], room.width(), plot.font),
               side_of(plot.trials.parameters[y], room.height(), plot.font)},
        shown_(grid_of(plot, x, y)),
        plot_(plot_of(plot)) {
    for (const Trials::Trial& trial : plot.trials.trials)
      plot_.dots.push_back({sides_[0].at(trial.at[x]), sides_[1].at(trial.at[y])});
    const descent::Point best = plot_.dots[plot.best];
    plot_.minima = {{best.x, best.y, plot.shown(plot.trials.trials[plot.best]),
                     plot.shown(plot.trials.trials[plot.best]), "best trial"}};
    map_ = map_part(room, plot_);
    const Frame frame = map_frame(room, plot_);
    for (size_t k = 0; k < plot_.dots.size(); ++k)
      spots.push_back({k, frame.place(plot_.dots[k].x, plot_.dots[k].y)});
  }

  void draw_still(Canvas& canvas) const override { map_->draw_still(canvas); }

 private:
  Grid grid_of(const StudyPlot& plot, size_t x, size_t y) const {
    Grid grid{sides_[0].axis, sides_[1].axis};
    grid.x.n = grid.y.n = kPairPoints;
    const auto name = [](const Side& side, const Trials::Parameter& parameter) {
      std::string text = side.log ? "log10 " + parameter.name : parameter.name;
      for (size_t k = 0; k < parameter.words.size(); ++k)
        text += (k == 0 ? " (" : ", ") + std::to_string(k) + " = " + parameter.words[k] +
                (k + 1 == parameter.words.size() ? ")" : "");
      return text;
    };
    grid.x_name = name(sides_[0], plot.trials.parameters[x]);
    grid.y_name = name(sides_[1], plot.trials.parameters[y]);
    grid.value_name = plot.trials.value_name;
    const auto unit = [](const Axis& axis, double at) {
      return (at - axis.lo) / (axis.hi - axis.lo);
    };
    std::vector<Point> places;
    for (const Trials::Trial& trial : plot.trials.trials)
      places.push_back(
          {unit(grid.x, sides_[0].at(trial.at[x])), unit(grid.y, sides_[1].at(trial.at[y]))});
    const Smooth smooth(plot);
    for (int64_t i = 0; i < grid.y.n; ++i)
      for (int64_t j = 0; j < grid.x.n; ++j)
        grid.values.push_back(
            smooth.at(places, {unit(grid.x, grid.x.at(j)), unit(grid.y, grid.y.at(i))}));
    return grid;
  }
  Plot plot_of(const StudyPlot& plot) const {
    const ValueScale scale(shown_.values, std::nan(""), std::nan(""));
    const Ticks ticks = (plot.log ? log_ticks : nice_ticks)(scale.lo(), scale.hi(), 5);
    return {.grid = shown_,
            .log = plot.log,
            .scale = scale,
            .ticks = ticks,
            .levels = levels_of(ticks, scale.lo(), scale.hi()),
            .minima = {},
            .minima_text = "the best trial",
            .racers = {},
            .font = plot.font};
  }

  Side sides_[2];
  Grid shown_;
  Plot plot_;
  std::unique_ptr<Part> map_;
};

class ParallelPart : public Part {
 public:
  ParallelPart(const Rect& room, const StudyPlot& plot) : plot_(plot) {
    const double font = plot.font;
    for (const Trials::Parameter& parameter : plot.trials.parameters)
      sides_.push_back(side_of(parameter, room.height() / 1.4, font));
    sides_.push_back(plot.values(room.height() / 1.4));
    const double left = room.left + 1.5 * font + widest(sides_.front().ticks, font);
    const double right = room.right - 2 * font;
    area_ = {left, room.top + 2.4 * font, right, room.bottom - 1.5 * font};
  }

  void draw_still(Canvas& canvas) const override {
    const auto& trials = plot_.trials.trials;
    std::vector<size_t> order(trials.size());
    std::iota(order.begin(), order.end(), size_t{0});
    // The best come last, over the others; what is not finite first.
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      const double x = plot_.shown(trials[a]), y = plot_.shown(trials[b]);
      return std::isnan(x) ? !std::isnan(y) : x > y;
    });
    for (const size_t k : order) {
      const double value = plot_.shown(trials[k]);
      const bool best = k == plot_.best;
      std::vector<Point> line;
      for (size_t i = 0; i < sides_.size(); ++i)
        if (i + 1 < sides_.size() || !std::isnan(value))
          line.push_back(place(i, i + 1 < sides_.size() ? sides_[i].at(trials[k].at[i]) : value));
      const Color color = std::isnan(value) ? rgb(0xc8ccd2)
                          : best            ? kMark
                                            : viridis(plot_.scale.at(value));
      if (best) canvas.polyline(line, {kWhite, 0.4 * plot_.font});
      canvas.polyline(line, {color, (best ? 0.22 : 0.1) * plot_.font, best ? 1 : 0.75});
    }
    for (size_t i = 0; i < sides_.size(); ++i) draw_axis(canvas, i);
  }

 private:
  Point place(size_t i, double at) const {
    const Axis& axis = sides_[i].axis;
    return {area_.left +
                area_.width() * static_cast<double>(i) / static_cast<double>(sides_.size() - 1),
            area_.bottom - area_.height() * (at - axis.lo) / (axis.hi - axis.lo)};
  }
  void draw_axis(Canvas& canvas, size_t i) const {
    const Side& side = sides_[i];
    const double font = plot_.font;
    const Pen pen{kInk, std::max(1.0, font / 14)};
    canvas.line(place(i, side.axis.lo), place(i, side.axis.hi), pen);
    for (const Tick& tick : side.ticks.ticks) {
      const Point at = place(i, tick.at);
      canvas.line({at.x - 0.3 * font, at.y}, at, pen);
      canvas.text(tick.label, {at.x - 0.5 * font, at.y},
                  {.size = 0.9 * font, .anchor_x = 1, .halo = 0.25 * font});
    }
    const Point top = place(i, side.axis.hi);
    const double room = area_.width() / static_cast<double>(sides_.size() - 1);
    const double size = std::min(1.06 * font, font * 0.95 * room / text_width(side.title, font));
    canvas.text(side.title, {top.x, top.y - 0.9 * font},
                {.size = size,
                 .anchor_x = i + 1 == sides_.size() ? 0.8
                             : i == 0               ? 0.4
                                                    : 0.5,
                 .anchor_y = 0});
  }

  const StudyPlot& plot_;
  std::vector<Side> sides_;
  Rect area_;
};

}  // namespace

Side side_of(const Trials::Parameter& parameter, double length, double font) {
  if (parameter.words.empty())
    return side_of(parameter.lo, parameter.hi, parameter.log, parameter.name, length, font);
  Side side{.axis = {-0.5, static_cast<double>(parameter.words.size()) - 0.5, 2},
            .ticks = {},
            .title = parameter.name};
  for (size_t k = 0; k < parameter.words.size(); ++k)
    side.ticks.ticks.push_back({static_cast<double>(k), parameter.words[k]});
  return side;
}

Side side_of(double lo, double hi, bool log, const std::string& title, double length, double font) {
  if (log) lo = std::log10(lo), hi = std::log10(hi);
  double air = (hi - lo) / 25;
  if (!(air > 0)) air = std::max(1.0, std::abs(lo)) / 25;
  Side side{.axis = {lo - air, hi + air, 2}, .ticks = {}, .title = "", .log = log};
  const int most = ticks_for(length, 5, font);
  side.ticks = (log ? log_ticks : nice_ticks)(side.axis.lo, side.axis.hi, most);
  side.title = axis_title(title, side.ticks);
  return side;
}

Frame frame_of(const Rect& room, const Side& x, const Side& y, double font) {
  return {.area = {room.left + Frame::left(y.ticks, font), room.top + 0.6 * font,
                   room.right - 1.5 * font, room.bottom - Frame::below(font)},
          .x = x.axis,
          .y = y.axis,
          .x_ticks = x.ticks,
          .y_ticks = y.ticks,
          .x_title = x.title,
          .y_title = y.title};
}

double StudyPlot::shown(const Trials::Trial& trial) const {
  if (!std::isfinite(trial.value)) return std::nan("");
  const double value = log ? std::log10(trial.value) : trial.value;
  return std::clamp(value, scale.lo(), scale.hi());
}

Side StudyPlot::values(double length) const {
  const double air = scale.hi() / 25 - scale.lo() / 25;
  Side side{.axis = {scale.lo() - air, scale.hi() + air, 2}, .ticks = {}, .title = "", .log = log};
  side.ticks =
      (log ? log_ticks : nice_ticks)(side.axis.lo, side.axis.hi, ticks_for(length, 4, font));
  side.title = axis_title(trials.value_name, side.ticks);
  return side;
}

void draw_keys(Canvas& canvas, const Rect& room, double y, const std::vector<Key>& keys,
               double font) {
  double wanted = 0;
  for (const Key& key : keys) wanted += 3.2 + text_width(key.name, 1);
  const double size = std::min(font, room.width() / wanted);
  double x = room.left;
  for (const Key& key : keys) {
    const Point at{x + 0.7 * size, y};
    if (key.kind == Key::kLine)
      canvas.line({x, y}, {x + 1.4 * size, y}, {key.color, 0.2 * size});
    else if (key.kind == Key::kStar)
      draw_marker(canvas, at, size);
    else if (key.kind == Key::kCross)
      draw_cross(canvas, at, 0.32 * size, key.color);
    else
      draw_dot(canvas, at, 0.36 * size, key.color, key.kind == Key::kRing);
    canvas.text(key.name, {x + 1.9 * size, y}, {.size = size});
    x += (3.2 + text_width(key.name, 1)) * size;
  }
}

std::unique_ptr<Part> history_part(const Rect& room, const StudyPlot& plot,
                                   std::vector<Spot>& spots) {
  return std::make_unique<HistoryPart>(room, plot, spots);
}
std::unique_ptr<Part> slice_part(const Rect& room, const StudyPlot& plot, size_t parameter,
                                 std::vector<Spot>& spots) {
  return std::make_unique<SlicePart>(room, plot, parameter, spots);
}
std::unique_ptr<Part> pair_part(const Rect& room, const StudyPlot& plot, size_t x, size_t y,
                                std::vector<Spot>& spots) {
  return std::make_unique<PairPart>(room, plot, x, y, spots);
}
std::unique_ptr<Part> parallel_part(const Rect& room, const StudyPlot& plot) {
  return std::make_unique<ParallelPart>(room, plot);
}

}  // namespace descent::pictures

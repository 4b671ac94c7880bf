#include <algorithm>
#include <cmath>
#include <vector>

#include <descent/base/fields.h>
#include <descent/pictures/parts/rates.h>
#include <descent/pictures/parts/trials.h>

namespace descent::pictures {
namespace {

constexpr Color kMean = rgb(0x0072b2), kLoss = rgb(0xb4c7d9);

class RatesPart : public Part {
 public:
  RatesPart(const Rect& room, const RateCurve& curve, double font, std::vector<Spot>& spots)
      : curve_(curve), font_(font) {
    double least = kInfinity;
    for (const auto* list : {&curve.losses, &curve.smoothed})
      for (const double loss : *list)
        if (std::isfinite(loss)) least = std::min(least, loss);
    log_ = least > 0;
    std::vector<double> means;
    for (const double loss : curve.smoothed)
      if (std::isfinite(loss)) means.push_back(loss);
    const auto [lo, hi] = std::minmax_element(means.begin(), means.end());
    x_ = side_of(curve.rates.front(), curve.rates.back(), true, "lr", room.width(), font);
    y_ = side_of(*lo, *hi, log_, "loss", room.height(), font);
    frame_ = frame_of({room.left, room.top + 2.4 * font, room.right, room.bottom}, x_, y_, font);
    for (const auto* list : {&curve.losses, &curve.smoothed}) {
      const std::vector<Point> points = line(*list);
      for (size_t k = 0; k < points.size(); ++k)
        if (points[k].y >= frame_.area.top && points[k].y <= frame_.area.bottom)
          spots.push_back({k, points[k]});
    }
  }

  void draw_still(Canvas& canvas) const override {
    frame_.draw_ruling(canvas);
    {
      const Canvas::Clip clip(canvas, frame_.area);
      canvas.polyline(line(curve_.losses), {kLoss, 0.12 * font_});
      for (const auto& [rate, color] : rates()) {
        const double at = x_.at(rate);
        canvas.line(frame_.place(at, frame_.y.lo), frame_.place(at, frame_.y.hi),
                    {color, 0.16 * font_, 1, 0.6 * font_});
      }
      canvas.polyline(line(curve_.smoothed), {kWhite, 0.36 * font_});
      canvas.polyline(line(curve_.smoothed), {kMean, 0.22 * font_});
    }
    frame_.draw(canvas, font_);
    draw_keys(canvas, frame_.area, frame_.area.top - 1.1 * font_, keys(), font_);
  }

 private:
  static constexpr Color kColors[] = {rgb(0xd55e00), rgb(0x009e73), rgb(0xcc79a7)};

  std::vector<std::pair<double, Color>> rates() const {
    std::vector<std::pair<double, Color>> list;
    const double values[] = {curve_.valley, curve_.steep, curve_.minimum};
    for (size_t k = 0; k < 3; ++k)
      if (std::isfinite(values[k]) && values[k] > 0) list.emplace_back(values[k], kColors[k]);
    return list;
  }
  std::vector<Key> keys() const {
    std::vector<Key> keys = {{Key::kLine, kLoss, "loss"}, {Key::kLine, kMean, "its mean"}};
    const double values[] = {curve_.valley, curve_.steep, curve_.minimum};
    const char* const names[] = {"valley ", "steep ", "minimum / 10 "};
    for (size_t k = 0; k < 3; ++k)
      if (std::isfinite(values[k]))
        keys.push_back({Key::kLine, kColors[k], names[k] + short_number(values[k])});
    return keys;
  }
  std::vector<Point> line(const std::vector<double>& losses) const {
    std::vector<Point> points;
    const double far = 20 * frame_.area.height();
    for (size_t k = 0; k < losses.size(); ++k) {
      Point at = frame_.place(x_.at(curve_.rates[k]), y_.at(losses[k]));
      if (std::isnan(at.y)) break;
      at.y = std::clamp(at.y, -far, far);
      points.push_back(at);
    }
    return points;
  }

  const RateCurve& curve_;
  double font_;
  bool log_ = false;
  Side x_, y_;
  Frame frame_;
};

/// The indices of the lives that led to the best member, the last first.
std::vector<size_t> way_to_best(const Lineage& lineage) {
  std::vector<size_t> way;
  int64_t member = lineage.best;
  for (size_t k = lineage.lives.size(); k-- > 0;) {
    const Lineage::Life& life = lineage.lives[k];
    if (life.member != member) continue;
    if (!way.empty() && lineage.lives[way.back()].from != life.to) continue;
    way.push_back(k);
    if (life.parent >= 0) member = life.parent;
  }
  return way;
}

Point middle(Point a, Point b) { return {(a.x + b.x) / 2, (a.y + b.y) / 2}; }

int64_t last_step(const Lineage& lineage) {
  int64_t last = 1;
  for (const Lineage::Life& life : lineage.lives) last = std::max(last, life.to);
  return last;
}

class MembersPart : public Part {
 public:
  MembersPart(const Rect& room, const Lineage& lineage, double font, std::vector<Spot>& spots)
      : family_(lineage), font_(font) {
    int64_t members = 0;
    std::vector<double> losses;
    bool positive = true;
    for (const Lineage::Life& life : lineage.lives) {
      members = std::max(members, life.member + 1);
      if (!std::isfinite(life.loss)) continue;
      losses.push_back(life.loss);
      positive = positive && life.loss > 0;
    }
    if (losses.empty()) losses.push_back(1);
    log_ = positive;
    if (log_)
      for (double& loss : losses) loss = std::log10(loss);
    scale_ = std::make_unique<ValueScale>(losses, std::nan(""), std::nan(""));
    x_ = side_of(0, static_cast<double>(last_step(lineage)), false, "step", room.width(), font);
    y_.axis = {static_cast<double>(members) - 0.3, -0.7, 2};
    for (int64_t m = 0; m < members; ++m)
      y_.ticks.ticks.push_back({static_cast<double>(m), std::to_string(m)});
    y_.title = "member";
    frame_ = frame_of({room.left, room.top + 2.4 * font, room.right, room.bottom}, x_, y_, font);
    // The y axis runs down: member 0 is above.
    for (Tick& tick : frame_.y_ticks.ticks) tick.at = static_cast<double>(members) - 1 - tick.at;
    frame_.y = {-0.7, static_cast<double>(members) - 0.3, 2};
    members_ = members;
    for (size_t k = 0; k < lineage.lives.size(); ++k) {
      const Lineage::Life& life = lineage.lives[k];
      spots.push_back({k, middle(place(life.from, life.member), place(life.to, life.member))});
    }
  }

  void draw_still(Canvas& canvas) const override {
    const std::vector<size_t> way = way_to_best(family_);
    const double width = 0.42 * font_;
    for (size_t k = 0; k < family_.lives.size(); ++k) {
      const Lineage::Life& life = family_.lives[k];
      const bool best = std::find(way.begin(), way.end(), k) != way.end();
      const Point from = place(life.from, life.member), to = place(life.to, life.member);
      if (life.parent >= 0) {
        const Pen pen{best ? kMark : rgb(0xa8adb5), (best ? 0.2 : 0.1) * font_};
        canvas.line(place(life.from, life.parent), from, pen);
      }
      if (best) canvas.line(from, to, {kMark, width + 0.36 * font_});
      canvas.line(from, to, {color(life.loss), width});
    }
    frame_.draw(canvas, font_);
    draw_keys(canvas, frame_.area, frame_.area.top - 1.1 * font_,
              {{Key::kLine, viridis(0.95f), "high loss"},
               {Key::kLine, viridis(0.05f), "low loss"},
               {Key::kLine, rgb(0xa8adb5), "copied"},
               {Key::kLine, kMark, "what led to the best member"}},
              font_);
  }

 private:
  Point place(int64_t step, int64_t member) const {
    return frame_.place(static_cast<double>(step), static_cast<double>(members_ - 1 - member));
  }
  Color color(double loss) const {
    if (!std::isfinite(loss)) return kInk;
    return viridis(scale_->at(log_ ? std::log10(loss) : loss));
  }

  const Lineage& family_;
  double font_;
  bool log_ = false;
  std::unique_ptr<ValueScale> scale_;
  Side x_, y_;
  Frame frame_;
  int64_t members_ = 0;
};

class SchedulePart : public Part {
 public:
  SchedulePart(const Rect& room, const Lineage& lineage, size_t parameter, double font,
               std::vector<Spot>& spots)
      : family_(lineage), parameter_(parameter), font_(font) {
    x_ = side_of(0, static_cast<double>(last_step(lineage)), false, "step", room.width(), font);
    y_ = side_of(lineage.parameters[parameter], room.height(), font);
    frame_ = frame_of(room, x_, y_, font);
    for (size_t k = 0; k < lineage.lives.size(); ++k) {
      const Lineage::Life& life = lineage.lives[k];
      spots.push_back({k, middle(place(life.from, life), place(life.to, life))});
    }
  }

  void draw_still(Canvas& canvas) const override {
    frame_.draw_ruling(canvas);
    for (const Lineage::Life& life : family_.lives)
      canvas.line(place(life.from, life), place(life.to, life), {rgb(0xa8adb5), 0.12 * font_});
    std::vector<Point> line;
    const std::vector<size_t> way = way_to_best(family_);
    for (size_t k = way.size(); k-- > 0;) {
      const Lineage::Life& life = family_.lives[way[k]];
      line.push_back(place(life.from, life));
      line.push_back(place(life.to, life));
    }
    canvas.polyline(line, {kWhite, 0.4 * font_});
    canvas.polyline(line, {kMark, 0.22 * font_});
    frame_.draw(canvas, font_);
  }

 private:
  Point place(int64_t step, const Lineage::Life& life) const {
    return frame_.place(static_cast<double>(step), y_.at(life.values[parameter_]));
  }

  const Lineage& family_;
  size_t parameter_;
  double font_;
  Side x_, y_;
  Frame frame_;
};

}  // namespace

std::unique_ptr<Part> rates_part(const Rect& room, const RateCurve& curve, double font,
                                 std::vector<Spot>& spots) {
  return std::make_unique<RatesPart>(room, curve, font, spots);
}
std::unique_ptr<Part> members_part(const Rect& room, const Lineage& lineage, double font,
                                   std::vector<Spot>& spots) {
  return std::make_unique<MembersPart>(room, lineage, font, spots);
}
std::unique_ptr<Part> schedule_part(const Rect& room, const Lineage& lineage, size_t parameter,
                                    double font, std::vector<Spot>& spots) {
  return std::make_unique<SchedulePart>(room, lineage, parameter, font, spots);
}

}  // namespace descent::pictures

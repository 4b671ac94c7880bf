#include <algorithm>
#include <memory>

#include <descent/pictures/font/font.h>
#include <descent/pictures/parts/legend.h>

namespace descent::pictures {
namespace {

class LegendPart : public Part {
 public:
  LegendPart(const std::vector<Racer>& racers, int64_t last, double font, Rect& room)
      : legend_(racers, last, room.width(), 0.4 * room.height(), font), room_(room) {
    room_.top = room_.bottom - legend_.height();
    room.bottom = room_.top - 0.5 * font;
  }
  void draw_still(Canvas&) const override {}
  void draw_race(Canvas& canvas, int64_t step) override { legend_.draw(canvas, room_, step); }

 private:
  Legend legend_;
  Rect room_;
};

}  // namespace

double Legend::Column::width() const {
  return kMarker + name + kGap + loss + (note > 0 ? kGap + note : 0);
}

Legend::Legend(const std::vector<Racer>& racers, int64_t last, double width, double height,
               double font)
    : racers_(racers), size_(font) {
  std::vector<Column> widths;
  for (const Racer& racer : racers) {
    widths.push_back({text_width(racer.track.label, 1), 0, text_width(racer.note(last), 1)});
    for (int64_t step = 0; step <= last; ++step)
      widths.back().loss = std::max(widths.back().loss, text_width(racer.loss(step), 1));
  }
  // The letters shrink until all rows have room, but stay letters.
  for (; size_ > 1; size_ *= 0.95) {
    size_t rows = racers.empty() ? 0 : 1;
    for (divide(widths, rows); rows < racers.size() && this->width() * size_ > width; ++rows)
      divide(widths, rows + 1);
    if (this->width() * size_ <= width && this->height() <= height) return;
  }
}

double Legend::width() const {
  double sum = -kColumnGap;
  for (const Column& column : columns_) sum += column.width() + kColumnGap;
  return sum;
}

void Legend::divide(const std::vector<Column>& widths, size_t rows) {
  rows_ = rows;
  columns_.clear();
  for (size_t k = 0; k < widths.size(); ++k) {
    if (k % rows == 0) columns_.emplace_back();
    Column& column = columns_.back();
    for (double Column::*part : {&Column::name, &Column::loss, &Column::note})
      column.*part = std::max(column.*part, widths[k].*part);
  }
}

void Legend::draw(Canvas& canvas, const Rect& room, int64_t step) const {
  double left = (room.left + room.right - width() * size_) / 2;
  for (size_t k = 0; k < racers_.size(); ++k) {
    if (k > 0 && k % rows_ == 0) left += (columns_[k / rows_ - 1].width() + kColumnGap) * size_;
    const Racer& racer = racers_[k];
    const Column& column = columns_[k / rows_];
    double x = left;
    const double y = room.top + (static_cast<double>(k % rows_) + 0.5) * kLine * size_;
    canvas.line({x, y}, {x + 1.4 * size_, y},
                {racer.style.color, size_ * 0.16, 1, racer.style.dashed ? size_ * 0.3 : 0});
    canvas.marker(racer.style.outline, {x + 0.7 * size_, y}, 0.42 * size_, racer.marker_color(step),
                  racer.marker_border(step));
    x += kMarker * size_;
    canvas.text(racer.track.label, {x, y}, {.size = size_});
    x += (column.name + kGap + column.loss) * size_;
    canvas.text(racer.loss(step), {x, y}, {.size = size_, .anchor_x = 1});
    x += kGap * size_;
    canvas.text(racer.note(step), {x, y}, {.size = size_, .color = kGreyInk});
  }
}

std::unique_ptr<Part> legend_part(const std::vector<Racer>& racers, int64_t last, double font,
                                  Rect& room) {
  return std::make_unique<LegendPart>(racers, last, font, room);
}

}  // namespace descent::pictures

#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <descent/pictures/files/canvas.h>
#include <descent/pictures/parts/plot.h>
#include <descent/pictures/parts/racers.h>

namespace descent::pictures {

/// Names, markers, losses and what happened, in columns.
class Legend {
 public:
  /// For at most `width` and `height` pixels; letters of `font` or smaller. It has room for all
  /// steps to `last`, so that nothing moves on the way.
  Legend(const std::vector<Racer>& racers, int64_t last, double width, double height, double font);

  double height() const { return static_cast<double>(rows_) * kLine * size_; }
  void draw(Canvas& canvas, const Rect& room, int64_t step) const;

 private:
  /// Widths in letters.
  struct Column {
    double name = 0, loss = 0, note = 0;
    double width() const;
  };
  static constexpr double kLine = 1.55, kMarker = 1.9, kGap = 0.9, kColumnGap = 2.2;  // in letters

  double width() const;  // in letters
  void divide(const std::vector<Column>& widths, size_t rows);

  const std::vector<Racer>& racers_;
  double size_;
  size_t rows_ = 0;
  std::vector<Column> columns_;
};

/// The part with the racers and their losses at the bottom of `room`, which becomes what is left.
std::unique_ptr<Part> legend_part(const std::vector<Racer>& racers, int64_t last, double font,
                                  Rect& room);

}  // namespace descent::pictures

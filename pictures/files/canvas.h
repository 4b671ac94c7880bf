#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <descent/pictures/scene/color.h>
#include <descent/pictures/scene/image.h>
#include <descent/pictures/scene/point.h>

typedef struct _cairo cairo_t;

namespace descent::pictures {

struct Pen {
  Color color = kInk;
  double width = 1;  ///< pixels
  double alpha = 1;
  double dash = 0;  ///< length in pixels of dashes and of the gaps between them; 0: none
};

struct TextStyle {
  double size = 16;  ///< pixels
  Color color = kInk;
  double anchor_x = 0;    ///< what lies on the given point: 0 left, 0.5 centre, 1 right
  double anchor_y = 0.5;  ///< 0 base line, 0.5 middle of the capitals, 1 their top
  double degrees = 0;     ///< turned counter-clockwise around the point
  double halo = 0;        ///< width in pixels of a border of colour `halo_color`
  Color halo_color = kWhite;
  bool bold = false;
};

/// What everything but the shaded surface is drawn on: lines, areas, text and images, anti-aliased.
class Canvas {
 public:
  enum Kind { kPixels, kVectors };

  /// Throws std::bad_alloc if there is no memory for it.
  Canvas(int width, int height, Color background, Kind kind = kPixels);

  void line(Point a, Point b, const Pen& pen);
  void polyline(std::span<const Point> points, const Pen& pen);
  void area(std::span<const Point> points, Color color, double alpha = 1);
  void rectangle(const Rect& rect, Color color);
  void frame(const Rect& rect, const Pen& pen);
  void text(std::string_view utf8, Point at, const TextStyle& style);
  void image(const Image& image, int left, int top);

  /// The racers' kind of marker: an area with a border. `outline` has radius 1.
  void marker(std::span<const Point> outline, Point at, double radius, Color color, Color border);

  /// Takes over the picture of another canvas of the same size.
  void copy(const Canvas& other);

  /// Fills with grey and thin diagonal lines: no value here.
  void hatch(const Rect& rect);

  /// Until the end of its scope nothing is drawn outside of `rect`.
  class Clip {
   public:
    Clip(Canvas& canvas, const Rect& rect);
    ~Clip();
    Clip(const Clip&) = delete;
    Clip& operator=(const Clip&) = delete;

   private:
    cairo_t* cairo_;
  };

  Image pixels() const;     ///< of a canvas of pixels
  std::string svg() const;  ///< the picture of a canvas of vectors as a file; nothing can follow

 private:
  struct Close {
    void operator()(cairo_t* cairo) const;
  };
  void path(std::span<const Point> points);
  std::unique_ptr<std::string> svg_;  // of vectors; has to outlive what writes into it
  std::unique_ptr<cairo_t, Close> cairo_;
};

/// The ten corners of a star around `centre`, one tip up.
std::vector<Point> star(Point centre, double radius);

}  // namespace descent::pictures

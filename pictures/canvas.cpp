#include <algorithm>
#include <array>
#include <cmath>
#include <new>
#include <numbers>
#include <stdexcept>

#include <cairo.h>

#include <descent/pictures/canvas.h>
#include <descent/pictures/font.h>

namespace descent::pictures {
namespace {

void require(cairo_status_t status) {
  if (status == CAIRO_STATUS_NO_MEMORY) throw std::bad_alloc();
  if (status != CAIRO_STATUS_SUCCESS)
    throw std::runtime_error(std::string("cairo: ") + cairo_status_to_string(status));
}

void set(cairo_t* cairo, Color color, double alpha) {
  cairo_set_source_rgba(cairo, color.r, color.g, color.b, alpha);
}

void set(cairo_t* cairo, const Pen& pen) {
  set(cairo, pen.color, pen.alpha);
  cairo_set_line_width(cairo, pen.width);
}

cairo_status_t append(void* text, const unsigned char* bytes, unsigned int n) {
  try {
    static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(bytes), n);
    return CAIRO_STATUS_SUCCESS;
  } catch (const std::bad_alloc&) {
    return CAIRO_STATUS_NO_MEMORY;
  }
}

}  // namespace

void Canvas::Close::operator()(cairo_t* cairo) const { cairo_destroy(cairo); }

Canvas::Canvas(int width, int height, Color background) {
  cairo_surface_t* surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
  cairo_.reset(cairo_create(surface));
  cairo_surface_destroy(surface);  // the context keeps it
  require(cairo_status(cairo_.get()));
  set(cairo_.get(), background, 1);
  cairo_paint(cairo_.get());
  cairo_set_line_cap(cairo_.get(), CAIRO_LINE_CAP_ROUND);
  cairo_set_line_join(cairo_.get(), CAIRO_LINE_JOIN_ROUND);
}

void Canvas::path(std::span<const Point> points) {
  for (size_t k = 0; k < points.size(); ++k)
    (k == 0 ? cairo_move_to : cairo_line_to)(cairo_.get(), points[k].x, points[k].y);
}

void Canvas::line(Point a, Point b, const Pen& pen) { polyline(std::array{a, b}, pen); }

void Canvas::polyline(std::span<const Point> points, const Pen& pen) {
  if (points.empty()) return;
  path(points);
  if (points.size() > 2 && points.front() == points.back()) cairo_close_path(cairo_.get());
  set(cairo_.get(), pen);
  cairo_stroke(cairo_.get());
}

void Canvas::area(std::span<const Point> points, Color color, double alpha) {
  path(points);
  set(cairo_.get(), color, alpha);
  cairo_fill(cairo_.get());
}

void Canvas::rectangle(const Rect& rect, Color color) {
  cairo_rectangle(cairo_.get(), rect.left, rect.top, rect.width(), rect.height());
  set(cairo_.get(), color, 1);
  cairo_fill(cairo_.get());
}

void Canvas::frame(const Rect& rect, const Pen& pen) {
  cairo_rectangle(cairo_.get(), rect.left, rect.top, rect.width(), rect.height());
  set(cairo_.get(), pen);
  cairo_stroke(cairo_.get());
}

void Canvas::text(std::string_view utf8, Point at, const TextStyle& style) {
  cairo_t* cairo = cairo_.get();
  cairo_save(cairo);
  cairo_translate(cairo, at.x, at.y);
  cairo_rotate(cairo, -style.degrees * std::numbers::pi / 180);
  double pen_x = -style.anchor_x * text_width(utf8, style.size);
  const double base = style.anchor_y * kCapHeight * style.size;
  const auto put = [&](double x, double y) {
    return Point{pen_x + x * style.size, base - y * style.size};
  };
  Point last;
  for (const Glyph* glyph : glyphs(utf8)) {
    for (const OutlinePiece& piece : glyph->outline) {
      const Point to = put(piece.x, piece.y);
      if (piece.kind == OutlinePiece::kMove) cairo_move_to(cairo, to.x, to.y);
      if (piece.kind == OutlinePiece::kLine) cairo_line_to(cairo, to.x, to.y);
      if (piece.kind == OutlinePiece::kCurve) {  // a quadratic curve as a cubic one
        const Point c = put(piece.control_x, piece.control_y);
        const Point c1 = last + (c - last) * (2.0 / 3), c2 = to + (c - to) * (2.0 / 3);
        cairo_curve_to(cairo, c1.x, c1.y, c2.x, c2.y, to.x, to.y);
      }
      if (piece.kind == OutlinePiece::kClose) cairo_close_path(cairo);
      last = to;
    }
    pen_x += glyph->advance * style.size;
  }
  if (style.halo > 0) {
    set(cairo, {style.halo_color, 2 * style.halo, 1});
    cairo_stroke_preserve(cairo);
  }
  set(cairo, {style.color, style.size * 0.035, 1});
  if (style.bold) cairo_stroke_preserve(cairo);
  cairo_fill(cairo);
  cairo_restore(cairo);
}

void Canvas::image(const Image& image, int left, int top) {
  cairo_surface_t* surface =
      cairo_image_surface_create(CAIRO_FORMAT_ARGB32, image.width, image.height);
  const std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)> owner(
      surface, cairo_surface_destroy);
  require(cairo_surface_status(surface));
  const int stride = cairo_image_surface_get_stride(surface);
  unsigned char* data = cairo_image_surface_get_data(surface);
  for (int y = 0; y < image.height; ++y)
    std::copy_n(image.pixels.data() + static_cast<size_t>(y) * static_cast<size_t>(image.width),
                image.width, reinterpret_cast<uint32_t*>(data + y * stride));
  cairo_surface_mark_dirty(surface);
  cairo_set_source_surface(cairo_.get(), surface, left, top);
  cairo_paint(cairo_.get());
}

void Canvas::hatch(const Rect& rect) {
  rectangle(rect, rgb(0xe4e5e8));
  const Clip clip(*this, rect);
  const double gap = 7;
  for (double x = std::floor((rect.left - rect.height()) / gap) * gap; x < rect.right; x += gap)
    line({x, rect.bottom}, {x + rect.height(), rect.top}, {rgb(0xc3c6cc), 1, 1});
}

Canvas::Clip::Clip(Canvas& canvas, const Rect& rect) : cairo_(canvas.cairo_.get()) {
  cairo_save(cairo_);
  cairo_rectangle(cairo_, rect.left, rect.top, rect.width(), rect.height());
  cairo_clip(cairo_);
}

Canvas::Clip::~Clip() { cairo_restore(cairo_); }

std::string Canvas::png() const {
  require(cairo_status(cairo_.get()));
  cairo_surface_t* surface = cairo_get_target(cairo_.get());
  cairo_surface_flush(surface);
  std::string bytes;
  require(cairo_surface_write_to_png_stream(surface, append, &bytes));
  return bytes;
}

std::vector<Point> star(Point centre, double radius) {
  std::vector<Point> corners;
  for (int k = 0; k < 10; ++k) {
    const double r = k % 2 == 0 ? radius : radius * 0.45, angle = std::numbers::pi * k / 5;
    corners.push_back({centre.x + r * std::sin(angle), centre.y - r * std::cos(angle)});
  }
  return corners;
}

}  // namespace descent::pictures

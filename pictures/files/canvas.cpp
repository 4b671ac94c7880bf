#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <new>
#include <numbers>
#include <stdexcept>

#include <cairo-svg.h>
#include <cairo.h>

#include <descent/pictures/files/canvas.h>
#include <descent/pictures/font/font.h>

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
  cairo_set_dash(cairo, &pen.dash, pen.dash > 0 ? 1 : 0, 0);
}

cairo_status_t append(void* text, const unsigned char* bytes, unsigned int n) {
  try {
    static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(bytes), n);
    return CAIRO_STATUS_SUCCESS;
  } catch (const std::bad_alloc&) {
    return CAIRO_STATUS_NO_MEMORY;
  }
}

/// Cairo numbers the parts of all files of a process; the same with numbers from 0 for each file.
std::string renumbered(std::string_view svg) {
  std::map<std::string, size_t> numbers;
  std::string result;
  while (!svg.empty()) {
    // Names stand in id="...", "#..." and url(#...); an image's data has no '#' and no quotes.
    size_t name = std::min(svg.find("id=\""), svg.find('#'));
    if (name == std::string_view::npos) break;
    name += svg[name] == '#' ? 1 : 4;
    const size_t digits = svg.find_first_of("0123456789", name);
    const size_t end = std::min(svg.find_first_of("\")", name), svg.size());
    result += svg.substr(0, std::min(digits, end));
    if (digits < end)
      result += std::to_string(
          numbers.try_emplace(std::string(svg.substr(name, end - name)), numbers.size())
              .first->second);
    svg.remove_prefix(end);
  }
  return result.append(svg);
}

}  // namespace

void Canvas::Close::operator()(cairo_t* cairo) const { cairo_destroy(cairo); }

Canvas::Canvas(int width, int height, Color background, Kind kind) {
  cairo_surface_t* surface = nullptr;
  if (kind == kPixels) {
    surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
  } else {
    svg_ = std::make_unique<std::string>();
    surface = cairo_svg_surface_create_for_stream(append, svg_.get(), width, height);
    cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PX);
  }
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

void Canvas::marker(std::span<const Point> outline, Point at, double radius, Color color,
                    Color border) {
  std::vector<Point> points;
  for (const Point& corner : outline) points.push_back(at + corner * radius);
  points.push_back(points.front());
  polyline(points, {border, 0.5 * radius, 1});
  area(points, color);
}

void Canvas::copy(const Canvas& other) {
  cairo_set_source_surface(cairo_.get(), cairo_get_target(other.cairo_.get()), 0, 0);
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

Image Canvas::pixels() const {
  require(cairo_status(cairo_.get()));
  cairo_surface_t* surface = cairo_get_target(cairo_.get());
  cairo_surface_flush(surface);
  Image image{cairo_image_surface_get_width(surface), cairo_image_surface_get_height(surface), {}};
  image.pixels.reserve(static_cast<size_t>(image.width) * static_cast<size_t>(image.height));
  const unsigned char* data = cairo_image_surface_get_data(surface);
  for (int y = 0; y < image.height; ++y) {
    const auto* row =
        reinterpret_cast<const uint32_t*>(data + y * cairo_image_surface_get_stride(surface));
    image.pixels.insert(image.pixels.end(), row, row + image.width);
  }
  return image;
}

std::string Canvas::svg() const {
  require(cairo_status(cairo_.get()));
  cairo_surface_t* surface = cairo_get_target(cairo_.get());
  cairo_surface_finish(surface);
  require(cairo_surface_status(surface));
  return renumbered(*svg_);
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

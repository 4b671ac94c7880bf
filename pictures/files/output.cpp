#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include <descent/base/atomic_file.h>
#include <descent/base/text.h>
#include <descent/grid/files/formats.h>
#include <descent/pictures/files/gif.h>
#include <descent/pictures/files/output.h>
#include <descent/pictures/files/png.h>

namespace descent::pictures {
namespace {

Canvas still_of(const Sheet& sheet, const Parts& parts, Canvas::Kind kind) {
  Canvas canvas(sheet.width, sheet.height, kWhite, kind);
  for (const auto& part : parts) part->draw_still(canvas);
  return canvas;
}

void draw_race(Canvas& canvas, const Parts& parts, int64_t step) {
  for (const auto& part : parts) part->draw_race(canvas, step);
}

/// The steps from 0 to `step` as frames.
std::string race_of(Film* film, const Sheet& sheet, const Parts& parts, int64_t step,
                    const OnFrame& on_frame) {
  const Canvas still = still_of(sheet, parts, Canvas::kPixels);
  Canvas canvas(sheet.width, sheet.height, kWhite);
  const auto frame = [&](int64_t at) {
    canvas.copy(still);
    draw_race(canvas, parts, at);
    return canvas.pixels();
  };
  // More frames than that make a long film and a large file.
  const int64_t stride = (step + kMostFrames - 1) / kMostFrames;
  std::vector<int64_t> steps;
  for (int64_t at = 0; at < step; at += stride) steps.push_back(at);
  steps.push_back(step);

  const std::array ends = {frame(step), frame(0)};
  // About six seconds.
  const auto delay = static_cast<int>(std::clamp<size_t>(600 / steps.size(), 4, 20));
  return film(
      static_cast<int64_t>(steps.size()),
      [&](int64_t k) { return frame(steps[static_cast<size_t>(k)]); }, ends, delay, 200, on_frame);
}

std::string svg_of(const Sheet& sheet, const Parts& parts, int64_t step) {
  Canvas canvas = still_of(sheet, parts, Canvas::kVectors);
  draw_race(canvas, parts, step);
  return canvas.svg();
}

std::string gif_of(int64_t frames, const std::function<Image(int64_t)>& frame,
                   std::span<const Image> examples, int delay, int last_delay,
                   const OnFrame& on_frame) {
  std::vector<Color> exact = {kWhite, kInk, kMark};
  for (size_t k = 0; k < 18; ++k) exact.push_back(racer_style(k).color);
  Gif gif(examples, exact);
  for (int64_t k = 0; k < frames; ++k) {
    gif.add(frame(k), k + 1 < frames ? delay : last_delay);
    if (on_frame && !on_frame(k + 1, frames)) return "";
  }
  return gif.finish();
}

constexpr std::array<Format, 4> kFormats = {{{".png", png_of, nullptr},
                                             {".svg", svg_of, nullptr},
                                             {".gif", nullptr, gif_of},
                                             {".html", nullptr, nullptr}}};

}  // namespace

bool is_any(const Format&) { return true; }
bool is_picture(const Format& format) { return !format.is_page(); }
bool is_still_picture(const Format& format) { return is_picture(format) && !format.can_move(); }
bool is_page(const Format& format) { return format.is_page(); }

const Format& format_of(const std::string& what, const std::filesystem::path& path,
                        bool (*allowed)(const Format&)) {
  const std::string extension = formats::extension_of(path);
  std::vector<const char*> names;
  for (const Format& format : kFormats) {
    if (!allowed(format)) continue;
    if (extension == format.extension) return format;
    names.push_back(format.extension);
  }
  throw std::invalid_argument(what + ": " + path.string() + ": extension \"" +
                              path.extension().string() + "\", must be " + alternatives(names));
}

Image image_of(const Sheet& sheet, const Parts& parts, int64_t step) {
  Canvas canvas = still_of(sheet, parts, Canvas::kPixels);
  draw_race(canvas, parts, step);
  return canvas.pixels();
}

std::string png_of(const Sheet& sheet, const Parts& parts, int64_t step) {
  return png_file(image_of(sheet, parts, step));
}

void write(const std::filesystem::path& path, const Format& format, const Sheet& sheet,
           const Parts& parts, int64_t step, const OnFrame& on_frame) {
  const std::string bytes = format.can_move() ? race_of(format.film, sheet, parts, step, on_frame)
                                              : format.still(sheet, parts, step);
  if (!bytes.empty()) write_atomically(path, bytes);
}

}  // namespace descent::pictures

namespace descent {

std::vector<PictureFormat> picture_formats() {
  std::vector<PictureFormat> all;
  for (const pictures::Format& format : pictures::kFormats)
    if (!format.is_page()) all.push_back({format.extension, format.can_move()});
  return all;
}

}  // namespace descent

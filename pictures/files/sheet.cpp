#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include <descent/base/atomic_file.h>
#include <descent/grid/files/formats.h>
#include <descent/pictures/files/gif.h>
#include <descent/pictures/files/sheet.h>
#include <descent/pictures/font/font.h>

namespace descent::pictures {
namespace {

/// A text in lines of at most `width`; a word that is wider than that keeps a line of its own.
std::vector<std::string> wrapped(const std::string& text, double size, double width) {
  std::vector<std::string> lines;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const std::string word = text.substr(at, end - at);
    const bool fits = !lines.empty() && text_width(lines.back() + " " + word, size) <= width;
    const bool new_line = at > 0 && text[at - 1] == '\n';
    if (fits && !new_line)
      lines.back() += " " + word;
    else if (!word.empty())
      lines.push_back(word);
    at = end + 1;
  }
  return lines;
}

class SheetPart : public Part {
 public:
  SheetPart(const Sheet& sheet, Rect& room)
      : width_(sheet.width),
        title_(sheet.title),
        title_font_(1.4 * sheet.font),
        caption_font_(0.88 * sheet.font) {
    room = Rect{0, 0, width_, static_cast<double>(sheet.height)}.grown(-sheet.font);
    room.top += sheet.inset;
    room.bottom -= sheet.inset;
    title_base_ = room.top + kCapHeight * title_font_;
    caption_base_ = room.bottom - kDescent * caption_font_;
    caption_ = wrapped(sheet.caption, caption_font_, room.width());
    title_size_ =
        title_.empty()
            ? 0
            : std::min(title_font_, title_font_ * room.width() / text_width(title_, title_font_));
    if (!title_.empty()) room.top += 1.3 * title_font_;
    if (!caption_.empty())
      room.bottom -= (1.4 * static_cast<double>(caption_.size()) + 0.6) * caption_font_;
    room.bottom = std::max(room.bottom, room.top + 4 * sheet.font);
  }

  void draw_still(Canvas& canvas) const override {
    canvas.text(title_, {width_ / 2, title_base_},
                {.size = title_size_, .anchor_x = 0.5, .anchor_y = 0, .bold = true});
    for (size_t k = 0; k < caption_.size(); ++k)
      canvas.text(caption_[k],
                  {width_ / 2, caption_base_ - static_cast<double>(caption_.size() - 1 - k) * 1.4 *
                                                   caption_font_},
                  {.size = caption_font_, .color = kGreyInk, .anchor_x = 0.5, .anchor_y = 0});
  }

 private:
  double width_;
  std::string title_;
  std::vector<std::string> caption_;
  double title_font_, title_size_ = 0, title_base_ = 0, caption_font_, caption_base_ = 0;
};

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

Canvas still_of(const Sheet& sheet, const Parts& parts, Canvas::Kind kind) {
  Canvas canvas(sheet.width, sheet.height, kWhite, kind);
  for (const auto& part : parts) part->draw_still(canvas);
  return canvas;
}

void draw_race(Canvas& canvas, const Parts& parts, int64_t step) {
  for (const auto& part : parts) part->draw_race(canvas, step);
}

Canvas drawn(const Sheet& sheet, const Parts& parts, int64_t step) {
  Canvas canvas = still_of(sheet, parts, Canvas::kPixels);
  draw_race(canvas, parts, step);
  return canvas;
}

/// The steps from 0 to `step` as frames; "" if on_frame stops it.
std::string race_gif_of(const Sheet& sheet, const Parts& parts, int64_t step,
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
  return pictures::gif_of(
      static_cast<int64_t>(steps.size()),
      [&](int64_t k) { return frame(steps[static_cast<size_t>(k)]); }, ends, delay, 200, on_frame);
}

std::string svg_of(const Sheet& sheet, const Parts& parts, int64_t step) {
  Canvas canvas = still_of(sheet, parts, Canvas::kVectors);
  draw_race(canvas, parts, step);
  return canvas.svg();
}

}  // namespace

void require(bool right, const std::string& what, const std::string& field,
             const std::string& allowed) {
  if (!right) throw std::invalid_argument(what + ": " + field + ", must be " + allowed);
}

void check_size(const std::string& what, int width, int height) {
  for (const auto& [name, size] : {std::pair{"width", width}, {"height", height}})
    require(size >= 200 && size <= 4096, what, name + (" = " + std::to_string(size)),
            "in [200, 4096]");
}

void check_range(const std::string& what, double lo, double hi) {
  const std::string lo_text = "lo = " + std::to_string(lo), hi_text = "hi = " + std::to_string(hi);
  require(!std::isinf(lo), what, lo_text, "finite or NaN");
  require(!std::isinf(hi), what, hi_text, "finite or NaN");
  require(!(lo >= hi), what, lo_text + " and " + hi_text, "ascending");
}

void check_step(const std::string& what, int64_t step) {
  require(step >= -1, what, "step = " + std::to_string(step), "-1 or more");
}

std::unique_ptr<Part> sheet_part(const Sheet& sheet, Rect& room) {
  return std::make_unique<SheetPart>(sheet, room);
}

std::unique_ptr<Part> legend_part(const std::vector<Racer>& racers, int64_t last, double font,
                                  Rect& room) {
  return std::make_unique<LegendPart>(racers, last, font, room);
}

std::string beyond(const std::string& values, const ValueScale& scale, bool log) {
  std::string text;
  const auto add = [&](const char* side, double end) {
    const std::string number = short_number(log ? std::pow(10, end) : end);
    text += (text.empty() ? "" : "\n") + values + " " + side + " " + number + " are drawn as " +
            number + ".";
  };
  if (scale.cuts_high()) add("above", scale.hi());
  if (scale.cuts_low()) add("below", scale.lo());
  return text;
}

Format format_of(const std::string& what, const std::filesystem::path& path,
                 std::span<const Format> allowed) {
  static constexpr std::array kExtensions = {".png", ".svg", ".gif", ".html"};
  const std::string extension = formats::extension_of(path);
  std::string names;
  for (const Format& format : allowed) {
    const char* name = kExtensions[static_cast<size_t>(format)];
    if (extension == name) return format;
    names += names.empty() ? "" : &format == &allowed.back() ? " or " : ", ";
    names += name;
  }
  throw std::invalid_argument(what + ": " + path.string() + ": extension \"" +
                              path.extension().string() + "\", must be " + names);
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

Image image_of(const Sheet& sheet, const Parts& parts, int64_t step) {
  return drawn(sheet, parts, step).pixels();
}

std::string png_of(const Sheet& sheet, const Parts& parts, int64_t step) {
  return drawn(sheet, parts, step).png();
}

void write(const std::filesystem::path& path, Format format, const Sheet& sheet, const Parts& parts,
           int64_t step, const OnFrame& on_frame) {
  const std::string bytes = format == Format::kGif   ? race_gif_of(sheet, parts, step, on_frame)
                            : format == Format::kSvg ? svg_of(sheet, parts, step)
                                                     : png_of(sheet, parts, step);
  if (!bytes.empty()) write_atomically(path, bytes);
}

}  // namespace descent::pictures

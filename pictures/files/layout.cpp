#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <descent/pictures/files/layout.h>
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

void check_range(const std::string& what, double lo, double hi, bool log) {
  const std::string lo_text = "lo = " + std::to_string(lo), hi_text = "hi = " + std::to_string(hi);
  require(!std::isinf(lo), what, lo_text, "finite or NaN");
  require(!std::isinf(hi), what, hi_text, "finite or NaN");
  require(!(lo >= hi), what, lo_text + " and " + hi_text, "ascending");
  require(!(log && lo <= 0), what, lo_text, "> 0 where log is true");
  require(!(log && hi <= 0), what, hi_text, "> 0 where log is true");
}

void check_step(const std::string& what, int64_t step) {
  require(step >= -1, what, "step = " + std::to_string(step), "-1 or more");
}

std::unique_ptr<Part> sheet_part(const Sheet& sheet, Rect& room) {
  return std::make_unique<SheetPart>(sheet, room);
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

}  // namespace descent::pictures

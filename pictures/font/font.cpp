#include <map>

#include <descent/pictures/font/font.h>
#include <descent/pictures/font/glyphs.h>

namespace descent::pictures {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  if (c >= 'a' && c <= 'z') return c - 'a' + 36;
  return c == '+' ? 62 : 63;
}

Glyph parse(const GlyphText& text) {
  Glyph glyph{text.advance / 1024.0, {}};
  const char* at = text.outline;
  const auto number = [&] {
    const int value = digit(at[0]) * 64 + digit(at[1]) - 2048;
    at += 2;
    return value / 1024.0;
  };
  while (*at != '\0') {
    OutlinePiece piece{};
    const char command = *at++;
    piece.kind = command == 'M'   ? OutlinePiece::kMove
                 : command == 'L' ? OutlinePiece::kLine
                 : command == 'Q' ? OutlinePiece::kCurve
                                  : OutlinePiece::kClose;
    if (piece.kind == OutlinePiece::kCurve) {
      piece.control_x = number();
      piece.control_y = number();
    }
    if (piece.kind != OutlinePiece::kClose) {
      piece.x = number();
      piece.y = number();
    }
    glyph.outline.push_back(piece);
  }
  return glyph;
}

const std::map<char32_t, Glyph>& font() {
  static const std::map<char32_t, Glyph> font = [] {
    std::map<char32_t, Glyph> result;
    for (const GlyphText& text : kGlyphs) result.emplace(text.code, parse(text));
    return result;
  }();
  return font;
}

constexpr char32_t kReplacement = 0xFFFD;

/// Takes the next character off the front of a UTF-8 text.
char32_t next_character(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  if (lead < 0x80) return lead;
  const size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  if (lead < 0xC0 || lead >= 0xF8 || text.size() < more) return kReplacement;
  char32_t code = lead & (0x3Fu >> more);
  for (size_t k = 0; k < more; ++k) {
    const auto byte = static_cast<unsigned char>(text[k]);
    if ((byte & 0xC0) != 0x80) return kReplacement;
    code = code << 6 | (byte & 0x3F);
  }
  text.remove_prefix(more);
  return code;
}

}  // namespace

std::vector<const Glyph*> glyphs(std::string_view text) {
  std::vector<const Glyph*> result;
  while (!text.empty()) {
    auto found = font().find(next_character(text));
    if (found == font().end()) found = font().find(kReplacement);
    result.push_back(&found->second);
  }
  return result;
}

double text_width(std::string_view text, double size) {
  double width = 0;
  for (const Glyph* glyph : glyphs(text)) width += glyph->advance;
  return width * size;
}

}  // namespace descent::pictures

#include <gtest/gtest.h>

#include <descent/pictures/font/font.h>
#include <descent/pictures/font/glyphs.h>

namespace descent::pictures {
namespace {

TEST(FontTest, HasAnOutlineForEveryCharacterButBlanks) {
  for (const GlyphText& text : kGlyphs) {
    const std::string code = std::to_string(static_cast<uint32_t>(text.code));
    EXPECT_GT(text.advance, 0) << code;
    if (text.code != ' ') {
      EXPECT_EQ(text.outline[0], 'M') << code;
    }
  }
  for (char c = ' '; c < '\x7f'; ++c) {
    const auto found = glyphs(std::string(1, c));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_NE(found[0], glyphs("\xef\xbf\xbd")[0]) << c;
  }
}

TEST(FontTest, OutlinesStayAroundTheirLine) {
  for (const GlyphText& text : kGlyphs) {
    std::string utf8;
    if (text.code >= 0x7f) continue;
    utf8 += static_cast<char>(text.code);
    const Glyph& glyph = *glyphs(utf8)[0];
    for (const OutlinePiece& piece : glyph.outline) {
      EXPECT_GT(piece.x, -0.1);
      EXPECT_LT(piece.x, glyph.advance + 0.1);
      EXPECT_GT(piece.y, -0.3);
      EXPECT_LT(piece.y, 0.85);
    }
  }
}

TEST(FontTest, WidthIsTheSumOfItsCharacters) {
  EXPECT_DOUBLE_EQ(text_width("ab", 10), text_width("a", 10) + text_width("b", 10));
  EXPECT_EQ(text_width("", 10), 0);
  EXPECT_GT(text_width("W", 10), text_width("i", 10));
}

TEST(FontTest, ReadsUtf8AndReplacesWhatItCannotRead) {
  EXPECT_EQ(glyphs("\xce\xb1\xce\xb2").size(), 2u);  // alpha, beta
  const Glyph* replacement = glyphs("\xef\xbf\xbd")[0];
  for (const char* broken : {"\xff", "\xce", "\xe2\x88", "\x80", "\xf0\x9f\x98\x80"})
    EXPECT_EQ(glyphs(broken)[0], replacement) << broken;
}

}  // namespace
}  // namespace descent::pictures

#pragma once
#include <array>

namespace descent::pictures {

/// A glyph of DejaVu Sans as bake_glyphs.py writes it.
struct GlyphText {
  char32_t code;
  int advance;          ///< in 1/1024 em
  const char* outline;  ///< M x y, L x y, Q cx cy x y, Z; numbers as bake_glyphs.py says
};

extern const std::array<GlyphText, 276> kGlyphs;  // sorted by code

}  // namespace descent::pictures

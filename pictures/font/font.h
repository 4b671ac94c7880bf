#pragma once
#include <array>
#include <string_view>
#include <vector>

/// The letters of all pictures. They are baked in, so that a picture has the same bytes on every
/// machine, also on one without any fonts or fontconfig.
namespace descent::pictures {

/// One piece of an outline; units of the font's size, y up, origin on the base line.
struct OutlinePiece {
  enum Kind { kMove, kLine, kCurve, kClose } kind;
  double x = 0, y = 0;
  double control_x = 0, control_y = 0;  ///< of a quadratic curve
};

struct Glyph {
  double advance = 0;
  std::vector<OutlinePiece> outline;
};

/// Height of capital letters and digits over the base line, and depth of p and g below it.
constexpr double kCapHeight = 0.729, kDescent = 0.236;

/// The glyphs of a UTF-8 text, a replacement character for what the font lacks or is not UTF-8.
std::vector<const Glyph*> glyphs(std::string_view text);

/// Width of a line of text set in letters of `size`.
double text_width(std::string_view text, double size);

}  // namespace descent::pictures

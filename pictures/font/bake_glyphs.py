"""Writes glyphs.cpp: the outlines of DejaVu Sans that pictures need, as text.

    python3 bake_glyphs.py /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf > glyphs.cpp

needs fontTools. One line a glyph: code point, advance and outline in 1/1024 em, y up. An outline is
M x y, L x y, Q cx cy x y and Z, each number as two digits of base 64 (0-9 A-Z a-z + -), high digit
first, offset by 2048.
"""
import sys

from fontTools.pens.basePen import BasePen
from fontTools.ttLib import TTFont

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-"
CODES = [
    *range(0x20, 0x7F),                                     # ASCII
    *range(0xA1, 0xAD), *range(0xAE, 0x100),                # Latin-1
    *range(0x391, 0x3A2), *range(0x3A3, 0x3AA), *range(0x3B1, 0x3CA),  # Greek
    0x2070, *range(0x2074, 0x207C), *range(0x2080, 0x208A),  # raised and lowered digits
    0x2013, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D, 0x2026, 0x2190, 0x2192, 0x2202, 0x2207, 0x2212,
    0x221A, 0x221E, 0x2248, 0x2260, 0x2264, 0x2265, 0xFFFD,
]


def number(value, scale):
    n = round(value * scale) + 2048
    assert 0 <= n < 4096, value
    return DIGITS[n // 64] + DIGITS[n % 64]


class Text(BasePen):
    def __init__(self, glyphs, scale):
        super().__init__(glyphs)
        self.scale, self.text = scale, ""

    def points(self, command, *points):
        self.text += command + "".join(number(c, self.scale) for p in points for c in p)

    def _moveTo(self, p):
        self.points("M", p)

    def _lineTo(self, p):
        self.points("L", p)

    def _qCurveToOne(self, c, p):
        self.points("Q", c, p)

    def _closePath(self):
        self.text += "Z"


def main(path):
    font = TTFont(path)
    glyphs, names = font.getGlyphSet(), font.getBestCmap()
    scale = 1024 / font["head"].unitsPerEm
    print("// Written by bake_glyphs.py; the licence of the outlines is in LICENSE-DejaVu.")
    print("#include <descent/pictures/font/glyphs.h>\n")
    print("namespace descent::pictures {\n")
    print("// clang-format off")
    print("const std::array<GlyphText, %d> kGlyphs = {{" % len(CODES))
    for code in CODES:
        pen = Text(glyphs, scale)
        glyph = glyphs[names[code]]
        glyph.draw(pen)
        parts = [pen.text[k:k + 84] for k in range(0, len(pen.text), 84)] or [""]
        print("  {0x%x, %d," % (code, round(glyph.width * scale)))
        print("\n".join('   "%s"' % part for part in parts) + "},")
    print("}};\n// clang-format on\n\n}  // namespace descent::pictures")


main(sys.argv[1])

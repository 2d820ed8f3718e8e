"""Turn PostScript outlines (OpenType CFF) into TrueType ones, for the characters of one document only.

reportlab embeds TrueType alone, and most free Chinese fonts (Noto, Source Han) are CFF. Cubic curves become quadratic
ones that are off by at most a thousandth of the letter's height, which nobody sees in print (fontTools' cu2qu).
"""

from __future__ import annotations

import io
from collections.abc import Iterable

from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont, newTable

__all__ = ["truetype_subset"]

_ERROR_IN_EM = 0.001
_KEPT_TABLES = {"GlyphOrder", "head", "hhea", "hmtx", "maxp", "OS/2", "name", "cmap", "post", "loca", "glyf"}
_NO_GLYPH_NAMES = 3.0


def truetype_subset(path: str, index: int, characters: Iterable[str]) -> bytes:
    """Return a TrueType font of some characters of a CFF font.

    Args:
        path: of the font or collection.
        index: its number in a collection.
        characters: those the font lacks are left out.

    Raises:
        TTLibError, OSError: if it is no font that can be read.
    """
    subsetter = Subsetter(Options(layout_features=[], hinting=False, notdef_outline=True, name_IDs=[1, 2, 4, 6]))
    subsetter.populate(unicodes=[ord(character) for character in characters])
    stream = io.BytesIO()
    with TTFont(path, fontNumber=index, lazy=True) as font:
        subsetter.subset(font)
        _convert(font)
        for tag in set(font.keys()) - _KEPT_TABLES:
            del font[tag]
        font.save(stream)
    return stream.getvalue()


def _convert(font: TTFont) -> None:
    """Replace the outlines of a font in place."""
    order, glyphs = font.getGlyphOrder(), font.getGlyphSet()
    error = font["head"].unitsPerEm * _ERROR_IN_EM
    converted = {}
    for name in order:
        pen = TTGlyphPen(None)
        glyphs[name].draw(Cu2QuPen(pen, error, reverse_direction=True))
        converted[name] = pen.glyph()
    font["loca"] = newTable("loca")
    outlines = font["glyf"] = newTable("glyf")
    outlines.glyphOrder, outlines.glyphs = order, converted
    del font["CFF "]
    for glyph in converted.values():
        glyph.recalcBounds(outlines)
    for name, (width, _) in font["hmtx"].metrics.items():
        font["hmtx"][name] = width, getattr(converted[name], "xMin", 0)
    maximum = font["maxp"]
    maximum.tableVersion = 0x00010000
    for field in ("Zones", "TwilightPoints", "Storage", "FunctionDefs", "InstructionDefs", "StackElements"):
        setattr(maximum, f"max{field}", int(field == "Zones"))
    maximum.maxSizeOfInstructions = maximum.maxComponentElements = 0
    font["post"].formatType = _NO_GLYPH_NAMES
    font.sfntVersion = "\000\001\000\000"

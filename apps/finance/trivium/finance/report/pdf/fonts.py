"""Fonts of the printed report: Helvetica for what it has, a Chinese font for the rest. No font is shipped.

A TrueType font of the machine is embedded, and only the glyphs that are used: the file of `TRIVIUM_CJK_FONT`, else the
first that fontconfig or the usual folders of a system give. reportlab cannot embed fonts with PostScript outlines (most
Noto CJK files). Without any, the PDF names the font STSong-Light, for which a viewer takes one of its own.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from trivium.service.errors import InputError

__all__ = ["BOLD", "REGULAR", "VARIABLE", "chinese_font", "fallback_font", "register"]

REGULAR, BOLD = "Helvetica", "Helvetica-Bold"
VARIABLE = "TRIVIUM_CJK_FONT"
"""Variable with the path of a TrueType font that has Chinese; `#1` after it means the second of a collection."""

_NAMED_ONLY = "STSong-Light"
_USUAL = (
    "/Library/Fonts/Arial Unicode.ttf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
    "/System/Library/Fonts/STHeiti Light.ttc",
    "C:/Windows/Fonts/simhei.ttf",
    "C:/Windows/Fonts/msyh.ttc",
    "/mnt/c/Windows/Fonts/simhei.ttf",
)


def chinese_font() -> str:
    """Return the name of the registered font for what Helvetica lacks.

    Raises:
        InputError: if the font of `TRIVIUM_CJK_FONT` cannot be embedded.
    """
    return _chinese_font(os.environ.get(VARIABLE, ""))


def register(path: str, index: int = 0) -> str:
    """Register a TrueType font for embedding and return its name.

    Raises:
        TTFError: if it cannot be read or has PostScript outlines.
    """
    name = f"{Path(path).stem}-{index}"
    pdfmetrics.registerFont(TTFont(name, path, subfontIndex=index))
    return _with_family(name)


def fallback_font() -> str:
    """Register the font that is named and not embedded, and return its name."""
    pdfmetrics.registerFont(UnicodeCIDFont(_NAMED_ONLY))
    return _with_family(_NAMED_ONLY)


@functools.lru_cache(maxsize=4)
def _chinese_font(chosen: str) -> str:
    if chosen:
        path, _, index = chosen.partition("#")
        try:
            return register(path, int(index or 0))
        except (TTFError, OSError, ValueError) as error:
            hint = "name a TrueType font with Chinese, not one with PostScript outlines (OpenType CFF)"
            raise InputError(f"this font cannot be embedded: {error}", where=chosen, hint=hint) from error
    for path, number in _found():
        try:
            return register(path, number)
        except (TTFError, OSError):  # this one cannot be embedded: the next may
            continue
    return fallback_font()


def _found() -> Iterator[tuple[str, int]]:
    """Yield TrueType fonts of this machine that have Chinese, as (path, number in a collection)."""
    command = shutil.which("fc-list")
    if command is not None:
        wanted = [command, ":lang=zh-cn:fontformat=TrueType", "--format", "%{file}\t%{index}\n"]
        listed = subprocess.run(wanted, capture_output=True, text=True, timeout=20, check=False)
        for line in sorted(listed.stdout.splitlines()):
            path, _, index = line.partition("\t")
            yield path, int(index or 0) & 0xFFFF
    yield from ((path, 0) for path in _USUAL if Path(path).is_file())


def _with_family(name: str) -> str:
    """Let bold and italic text in this font use its one face."""
    pdfmetrics.registerFontFamily(name, normal=name, bold=name, italic=name, boldItalic=name)
    return name

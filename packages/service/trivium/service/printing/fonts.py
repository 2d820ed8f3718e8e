"""Fonts of the printed report: Helvetica for what it has, a Chinese font for the rest. No font is shipped.

A font of the machine is embedded, and only the glyphs that are used: the file of `TRIVIUM_CJK_FONT`, else the first
that fontconfig or the usual folders of a system give, TrueType before PostScript outlines (most Noto CJK files), which
are converted for the characters of the document. Without any, the PDF names the font STSong-Light, for which a viewer
takes one of its own.
"""

from __future__ import annotations

import functools
import io
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from trivium.service.errors import InputError

__all__ = ["BOLD", "REGULAR", "VARIABLE", "chinese_font", "drawing", "fallback_font", "register"]

REGULAR, BOLD = "Helvetica", "Helvetica-Bold"
VARIABLE = "TRIVIUM_CJK_FONT"
"""Variable with the path of a font that has Chinese; `#1` after it means the second of a collection."""

_NAMED_ONLY = "STSong-Light"
_USUAL = (
    "/Library/Fonts/Arial Unicode.ttf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
    "/System/Library/Fonts/STHeiti Light.ttc",
    "C:/Windows/Fonts/simhei.ttf",
    "C:/Windows/Fonts/msyh.ttc",
    "/mnt/c/Windows/Fonts/simhei.ttf",
)
_characters: ContextVar[frozenset[str]] = ContextVar("characters", default=frozenset())
_one_at_a_time = threading.RLock()
"""A converted font is that of one document, and reportlab knows fonts by name, for all threads."""


@contextmanager
def drawing(characters: frozenset[str]) -> Iterator[None]:
    """Name the characters of the document that is drawn inside, apart from those that Helvetica has."""
    with _one_at_a_time:
        token = _characters.set(characters)
        try:
            yield
        finally:
            _characters.reset(token)


def chinese_font() -> str:
    """Return the name of the registered font for what Helvetica lacks.

    Raises:
        InputError: if the font of `TRIVIUM_CJK_FONT` cannot be embedded.
    """
    return _chinese_font(os.environ.get(VARIABLE, ""), _characters.get())


def register(path: str, index: int = 0, characters: frozenset[str] = frozenset()) -> str:
    """Register a font for embedding and return its name.

    Args:
        characters: of the document; PostScript outlines are converted for them.

    Raises:
        TTFError: if it cannot be read, or has PostScript outlines and no characters were given.
    """
    name = f"{Path(path).stem}-{index}"
    try:
        font = TTFont(name, path, subfontIndex=index)
    except TTFError:
        if not characters:
            raise
        font = TTFont(name, io.BytesIO(_converted(path, index, characters)))
    _replace(font)
    return _with_family(name)


def fallback_font() -> str:
    """Register the font that is named and not embedded, and return its name."""
    pdfmetrics.registerFont(UnicodeCIDFont(_NAMED_ONLY))
    return _with_family(_NAMED_ONLY)


@functools.lru_cache(maxsize=1)
def _chinese_font(chosen: str, characters: frozenset[str]) -> str:
    if chosen:
        path, _, index = chosen.partition("#")
        try:
            return register(path, int(index or 0), characters)
        except (TTFError, OSError, ValueError) as error:
            hint = "name a TrueType or OpenType font with Chinese"
            raise InputError(f"this font cannot be embedded: {error}", where=chosen, hint=hint) from error
    for path, number in _found():
        try:
            return register(path, number, characters)
        except (TTFError, OSError):  # this one cannot be embedded: the next may
            continue
    return fallback_font()


def _converted(path: str, index: int, characters: frozenset[str]) -> bytes:
    from fontTools.ttLib import TTLibError

    from trivium.service.printing.outlines import truetype_subset  # 0.2 s that only PostScript outlines need

    try:
        return truetype_subset(path, index, characters)
    except TTLibError as error:
        raise TTFError(str(error)) from error


def _found() -> Iterator[tuple[str, int]]:
    """Yield fonts of this machine that have Chinese, as (path, number in a collection), the best first."""
    yield from _listed("TrueType")
    yield from ((path, 0) for path in _USUAL if Path(path).is_file())
    yield from _listed("CFF")


def _listed(kind: str) -> list[tuple[str, int]]:
    """Ask fontconfig; regular faces for mainland China and without serifs go first, fixed widths last."""
    command = shutil.which("fc-list")
    if command is None:
        return []
    wanted = [command, f":lang=zh-cn:fontformat={kind}", "--format", "%{file}\t%{index}\t%{family}\t%{style}\n"]
    listed = subprocess.run(wanted, capture_output=True, text=True, timeout=20, check=False)
    faces = [line.split("\t") for line in listed.stdout.splitlines()]

    def unfit(face: list[str]) -> tuple[bool, ...]:
        return "Mono" in face[2], "Regular" not in face[3], "Serif" in face[2], "SC" not in face[2]

    faces.sort(key=lambda face: (unfit(face), face))
    return [(face[0], int(face[1] or 0) & 0xFFFF) for face in faces]


def _replace(font: TTFont) -> None:
    """Register a font in place of an earlier one: by itself, reportlab keeps the first of a name and of a face."""
    earlier = pdfmetrics._fonts.pop(font.fontName, None)
    if earlier is not None:
        pdfmetrics._dynFaceNames.pop(earlier.face.name, None)
    pdfmetrics.registerFont(font)


def _with_family(name: str) -> str:
    """Let bold and italic text in this font use its one face."""
    pdfmetrics.registerFontFamily(name, normal=name, bold=name, italic=name, boldItalic=name)
    return name

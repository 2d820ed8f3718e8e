"""Texts in runs of one font each: what Helvetica can write, and the rest in the Chinese font."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable

from trivium.service.printing.fonts import BOLD, REGULAR, chinese_font

__all__ = ["LINK", "Number", "draw", "marked", "others", "printable", "runs", "text_width"]

LINK = HexColor(0x1F5F99)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
_MINUS = "\N{MINUS SIGN}"


def printable(text: str) -> str:
    """Return a text without control characters, with a minus sign that Helvetica has."""
    return _CONTROL.sub("", text).replace(_MINUS, "\N{EN DASH}")


@functools.lru_cache(maxsize=8192)
def runs(text: str) -> tuple[tuple[str, bool], ...]:
    """Return a text in pieces: (piece, whether it needs the Chinese font)."""
    return tuple(_runs(printable(text)))


def others(texts: Iterable[str]) -> frozenset[str]:
    """Return the characters of texts that need the Chinese font."""
    return frozenset(letter for letter in set().union(*texts) if not _in_helvetica(letter))


def marked(text: str) -> str:
    """Return a text as reportlab's paragraph markup."""
    if text.isascii():
        return escape(printable(text)).replace("\n", "<br/>")
    found = [
        f'<font name="{chinese_font()}">{escape(piece)}</font>' if is_other else escape(piece)
        for piece, is_other in runs(text)
    ]
    return "".join(found).replace("\n", "<br/>")


def text_width(text: str, size: float, *, is_bold: bool = False) -> float:
    """Return the width of a text in points."""
    return sum(stringWidth(piece, _font(is_other, is_bold), size) for piece, is_other in runs(text))


def draw(
    canvas: Any, x: float, y: float, text: str, size: float, *, is_bold: bool = False, is_right: bool = False
) -> None:
    """Draw one line of text; `is_right`: `x` is its right end."""
    at = x - text_width(text, size, is_bold=is_bold) if is_right else x
    for piece, is_other in runs(text):
        font = _font(is_other, is_bold)
        canvas.setFont(font, size)
        canvas.drawString(at, y, piece)
        at += stringWidth(piece, font, size)


class Number(Flowable):
    """One line of text at the right of its cell that leads to a place in the document; much lighter than a paragraph.

    Args:
        anchor: where it leads; empty for nowhere.
    """

    def __init__(
        self, text: str, size: float, anchor: str = "", *, is_bold: bool = False, colour: Color | None = None
    ) -> None:
        super().__init__()
        self._text, self._size, self._anchor, self._is_bold, self._colour = text, size, anchor, is_bold, colour

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        """Take the whole width and one line."""
        self.width, self.height = width, self._size * 1.2
        return self.width, self.height

    def draw(self) -> None:
        """Draw the text, and the area that leads to the anchor."""
        if self._colour is not None:
            self.canv.setFillColor(self._colour)
        draw(self.canv, self.width, self._size * 0.25, self._text, self._size, is_bold=self._is_bold, is_right=True)
        if self._anchor:
            left = self.width - text_width(self._text, self._size, is_bold=self._is_bold)
            self.canv.linkRect("", self._anchor, (left, 0, self.width, self._size * 1.1), relative=1, Border="[0 0 0]")


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    piece, is_other = "", False
    for letter in text:
        needs_other = not _in_helvetica(letter)
        if piece and needs_other != is_other:
            yield piece, is_other
            piece = ""
        piece, is_other = piece + letter, needs_other
    if piece:
        yield piece, is_other


@functools.lru_cache(maxsize=4096)
def _in_helvetica(letter: str) -> bool:
    try:
        letter.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _font(is_other: bool, is_bold: bool) -> str:
    if is_other:
        return chinese_font()
    return BOLD if is_bold else REGULAR

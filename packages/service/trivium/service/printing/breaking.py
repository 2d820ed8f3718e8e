"""Chinese paragraphs broken into lines by its rules: none ends with an opening bracket, none begins with a stop.

reportlab (5.1) breaks Chinese before any character and knows stops alone, which it hangs into the margin. The rules are
those of GB/T 15834 and of the W3C's Requirements for Chinese Text Layout: what opens stays with what follows, what
closes with what is before, and a word or number in Latin letters is not torn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reportlab.platypus import Paragraph
from reportlab.platypus.paragraph import ParaLines, _handleBulletWidth, cjkU, makeCJKParaLine

__all__ = ["Prose", "pieces"]

_OPENING = frozenset("([{（［｛〔《〈「『【“‘$￥¥£€#")
_CLOSING = frozenset(")]}）］｝〕》〉」』】”’,.;:!?，。、；：？！…—·%％‰℃°")
_IDEOGRAPHS_FROM = "\N{CJK RADICAL REPEAT}"
_ROUNDING = 1e-6  # points


class Prose(Paragraph):
    """A paragraph of Chinese, for styles with `wordWrap="CJK"`; with another style, a paragraph as any."""

    def breakLinesCJK(self, maxWidths: float | Sequence[float]) -> Any:  # noqa: N802, N803 (reportlab's names)
        """Return the lines, each no wider than its width in points; a piece wider than a whole line is torn."""
        if getattr(self, "_splitpara", 0) and hasattr(self, "blPara"):
            return self.blPara
        widths: list[float] = [*maxWidths] if isinstance(maxWidths, Sequence) else [maxWidths]
        _handleBulletWidth(self.bulletText, self.style, widths)
        units = [cjkU(letter, frag, "utf8") for frag in self.frags for letter in frag.text or ("",)]
        lines: list[Any] = []
        line: list[Any] = []
        used = 0.0

        def end(is_break: bool = False) -> None:
            nonlocal line, used
            width = _of(widths, lines)
            lines.append(makeCJKParaLine(line, width, used, width - used, is_break, False))
            line, used = [], 0.0

        for piece in _with_breaks(units):
            needed = sum(unit.width for unit in piece if not unit.isspace())
            if line and used + needed > _of(widths, lines) + _ROUNDING:
                end()
            for unit in piece:
                if line and not unit.isspace() and used + unit.width > _of(widths, lines) + _ROUNDING:
                    end()
                line.append(unit)
                used += unit.width
            if piece and hasattr(piece[-1].frag, "lineBreak"):
                end(is_break=True)
        if line:
            end()
        return ParaLines(kind=1, lines=lines)


def pieces(letters: Sequence[str]) -> Iterator[slice]:
    """Return where the pieces of a text are that no line end may tear; a blank stays with what is before it."""
    start = 0
    for place in range(1, len(letters)):
        if _may_break(letters[place - 1], letters[place]):
            yield slice(start, place)
            start = place
    if letters:
        yield slice(start, len(letters))


def _may_break(before: str, after: str) -> bool:
    if before in _OPENING or after in _CLOSING or after.isspace():
        return False
    return before.isspace() or _is_ideograph(before) or _is_ideograph(after)


def _is_ideograph(letter: str) -> bool:
    return letter >= _IDEOGRAPHS_FROM


def _with_breaks(units: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Return the pieces; a forced line end ends one, too."""
    start = 0
    for place, unit in enumerate(units):
        if hasattr(unit.frag, "lineBreak"):
            yield from (units[start : place + 1][piece] for piece in pieces(units[start : place + 1]))
            start = place + 1
    yield from (units[start:][piece] for piece in pieces(units[start:]))


def _of(widths: Sequence[float], lines: Sequence[Any]) -> float:
    return widths[min(len(lines), len(widths) - 1)]

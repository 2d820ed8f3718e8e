"""What a printed report consists of, before it is a DOCX or a PDF: headings, sentences, tables, sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from trivium.finance.analyze.model import Value

__all__ = [
    "Block",
    "Cell",
    "Finding",
    "Grid",
    "Heading",
    "Line",
    "Paragraph",
    "Reference",
    "References",
    "key_text",
    "texts",
]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; `level` is 1 for a part and 2 for a section of it."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A text of ours; `is_note` is set smaller."""

    text: str
    is_note: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A checked sentence with the keys of the sources that its numbers come from, as runs (first, last)."""

    text: str
    keys: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A number as printed, with the value it stands for; a text without one."""

    text: str
    value: Value | None = None
    is_points: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table.

    Args:
        key: of its entry among the sources, from 1; 0 where it needs none.
        role: `section` spans the table.
    """

    name: str
    cells: tuple[Cell, ...] = ()
    key: int = 0
    level: int = 0
    role: Literal["row", "total", "section"] = "row"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table.

    Args:
        caption: the unit of its amounts; empty where each number shows its own.
        heads: lines of the head, the first cell over the names.
        num_texts: how many columns after the names hold words, set to the left; all others hold numbers.
    """

    caption: str
    heads: tuple[str, ...]
    lines: tuple[Line, ...]
    num_texts: int = 0

    @property
    def has_keys(self) -> bool:
        """Whether a last column leads to the sources."""
        return any(line.key for line in self.lines)


@dataclass(frozen=True, slots=True)
class Reference:
    """Where the numbers of one row come from: one line a column, and how it was derived."""

    key: int
    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class References:
    """The list that keys lead to."""

    entries: tuple[Reference, ...]


Block = Heading | Paragraph | Finding | Grid | References


def texts(blocks: Iterable[Block]) -> Iterator[str]:
    """Yield every text of some blocks."""
    for block in blocks:
        match block:
            case Heading(text) | Paragraph(text) | Finding(text):
                yield text
            case Grid(caption, heads, lines):
                yield caption
                yield from heads
                for line in lines:
                    yield line.name
                    yield from (cell.text for cell in line.cells)
            case References(entries):
                for entry in entries:
                    yield from (entry.name, *entry.lines)


def key_text(first: int, last: int) -> str:
    """Return a run of keys as printed: `3`, `3-7`."""
    return str(first) if first == last else f"{first}\N{EN DASH}{last}"

"""The statement layouts of `layouts.toml`: the lines, levels and totals of each template, or of several together."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

__all__ = ["STATEMENT_TABLES", "Line", "layout"]

STATEMENT_TABLES = ("income_statement", "balance_sheet", "cash_flow")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a statement: metric, indentation, whether it is a total, whether it is shown without any value."""

    metric: str
    level: int
    is_total: bool
    is_always_shown: bool


def layout(statement: str, templates: Iterable[str]) -> tuple[Line, ...]:
    """Return the lines of a statement for one template, or for several: those of the first, then what others add.

    Raises:
        KeyError: if the statement or a template is unknown.
    """
    lines: dict[str, Line] = {}
    for template in dict.fromkeys(templates):
        for line in _layouts()[template][statement]:
            lines.setdefault(line.metric, line)
    return tuple(lines.values())


@functools.cache
def _layouts() -> dict[str, dict[str, tuple[Line, ...]]]:
    text = (resources.files("trivium.finance.analyze") / "layouts.toml").read_text(encoding="utf-8")
    return {
        template: {statement: tuple(_line(line) for line in lines) for statement, lines in tables.items()}
        for template, tables in tomllib.loads(text).items()
    }


def _line(text: str) -> Line:
    is_total = text.startswith("= ")
    bare = text.removeprefix("= ")
    name = bare.strip()
    level = 0 if is_total else (len(bare) - len(bare.lstrip())) // 2
    return Line(name.rstrip("!"), level, is_total, name.endswith("!"))

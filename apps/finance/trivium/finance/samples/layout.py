"""Tables and paragraphs as filings print them: `$`, digits and `)` in cells of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from trivium.finance.samples.inline import element

__all__ = ["Line", "Shown", "centered", "page_foot", "paragraph", "plain", "table"]


@dataclass(frozen=True)
class Shown:
    """A fact in a cell: whether it is printed in parentheses, and with which signs around it."""

    fact: Element
    is_negative: bool = False
    mark: str = ""
    sign: str = ""


@dataclass(frozen=True)
class Line:
    """One row of a table; a cell is a fact, a text or None for an empty one."""

    label: Element | str
    cells: Sequence[Shown | str | None] = ()
    style: str = "plain"
    indent: int = 0


def table(headings: Sequence[str], lines: Iterable[Line], *, over: Sequence[tuple[str, int]] = ()) -> Element:
    """Return a table; `over` are headings above the headings, each with the number of columns it spans."""
    body = []
    for group in ([(text, span) for text, span in over], [(text, 1) for text in headings]):
        if group:
            cells = [_cell("label", "")]
            for text, span in group:
                wide = {"class": "heading", "colspan": str(4 * span - 1)}
                cells += [_cell("gap", ""), element("td", wide, text)]
            body.append(element("tr", None, *cells))
    for number, line in enumerate(lines):
        shade = " shade" if number % 2 == 0 else ""
        body.append(element("tr", {"class": f"{line.style}{shade}"}, *_cells(line, len(headings))))
    return element("table", None, element("tbody", None, *body))


def paragraph(*children: Element | str, kind: str = "") -> Element:
    """Return a paragraph, with a class where `kind` names one."""
    return element("p", {"class": kind} if kind else None, *children)


def centered(*children: Element | str) -> Element:
    """Return a centred block."""
    return element("div", {"class": "center"}, *children)


def page_foot(name: str, form: str, page: int) -> Element:
    """Return the foot of a page with its number."""
    return element("div", {"class": "foot"}, f"{name} | {form} | {page}")


def plain(nodes: Iterable[Element | str]) -> str:
    """Return the text of nodes without their tags, excluded content left out."""
    return "".join(node if isinstance(node, str) else _text(node) for node in nodes)


def _text(node: Element) -> str:
    if node.tag == "ix:exclude":
        return ""
    return (node.text or "") + "".join(_text(child) + (child.tail or "") for child in node)


def _cells(line: Line, columns: int) -> list[Element]:
    label = element("td", {"class": "label", "style": f"padding-left: {0.3 + 1.2 * line.indent:.1f}em"}, line.label)
    cells = [label]
    for number in range(columns):
        cell = line.cells[number] if number < len(line.cells) else None
        cells.append(_cell("gap", ""))
        if isinstance(cell, Shown):
            digits: list[Element | str] = ["(", cell.fact] if cell.is_negative else [cell.fact]
            sign = (")" if cell.is_negative else "") + cell.sign
            cells += [_cell("mark", cell.mark), _cell("number", *digits), _cell("sign", sign)]
        else:
            cells += [_cell("mark", ""), _cell("number", cell or ""), _cell("sign", "")]
    return cells


def _cell(kind: str, *children: Element | str) -> Element:
    return element("td", {"class": kind}, *children)

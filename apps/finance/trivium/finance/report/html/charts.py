"""Charts as hand-written SVG: sparklines, bars, lines and the bars of a waterfall. Colours come from the style sheet.

Each is an image with a title; its numbers stand in a table of the same report. Coordinates are floats: they place
marks on a screen and are never printed as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from trivium.finance.report.html.markup import Html, escape, tag

__all__ = ["Line", "bars", "groups", "lines", "spark", "waterfall_bar"]

_WIDTH, _HEIGHT = 560.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 8.0, 8.0, 26.0, 34.0

_LONG_LABEL = 8
_NARROW = 27.0  # a bar thinner than its number has it upright
_LABEL = 48.0  # room that a column's label needs

Amounts = Sequence[Decimal | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: its name, a value for each column, and the text of its last value."""

    name: str
    amounts: Amounts
    last: str


def spark(amounts: Amounts, title: str) -> Html:
    """Return small bars, the last one marked; nothing for fewer than two values."""
    if sum(amount is not None for amount in amounts) < 2:
        return Html()
    width, height = 120.0, 30.0
    scale = _Scale(amounts, height - 1, 1.0)
    step = min(width / len(amounts), 26.0)
    marks = [
        _bar(index * step + 1, scale, amount, min(step - 2, 18), "now" if index == len(amounts) - 1 else "past")
        for index, amount in enumerate(amounts)
        if amount is not None
    ]
    return _image(title, width, height, *marks, class_="spark")


def bars(labels: Sequence[str], amounts: Amounts, texts: Sequence[Html], title: str) -> Html:
    """Return one bar a column with its number above.

    Args:
        texts: `tspan` elements or text, one a column.
    """
    scale = _Scale(amounts, _HEIGHT - _BOTTOM, _TOP)
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(labels), 1)
    width = min(step * 0.6, 64.0)
    marks: list[Html] = [_axis(scale)]
    for index, (label, amount, text) in enumerate(zip(labels, amounts, texts, strict=True)):
        middle = _LEFT + step * (index + 0.5)
        marks.append(_label(middle, label))
        if amount is not None:
            marks.append(_bar(middle - width / 2, scale, amount, width, "now"))
            marks.append(_text(middle, min(scale.at(amount), scale.at(Decimal(0))) - 6, text, "number"))
    return _image(title, _WIDTH, _HEIGHT, *marks, class_="chart")


def groups(labels: Sequence[str], given: Sequence[Line], texts: Sequence[Sequence[str]], title: str) -> Html:
    """Return bars side by side in each column, one a series, each with its number above; the names stand on top.

    Args:
        texts: the number of each bar, by series and column.
    """
    scale = _Scale([amount for line in given for amount in line.amounts], _HEIGHT - _BOTTOM, _TOP + 30)
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(labels), 1)
    width = min(step * 0.8 / len(given), 40.0)
    marks: list[Html] = [_axis(scale)]
    for number, line in enumerate(given):
        marks.append(_text(_LEFT + number * 150, 14, f"■ {line.name}", f"name s{number}"))
        for index, amount in enumerate(line.amounts):
            if amount is not None:
                left = _LEFT + step * (index + 0.5) + width * (number - len(given) / 2)
                marks.append(_bar(left + 1, scale, amount, width - 2, f"bar s{number}"))
                top = min(scale.at(amount), scale.at(Decimal(0))) - 4
                is_upright = width < _NARROW
                marks.append(_text(left + width / 2, top, texts[number][index], "number small", is_upright=is_upright))
    marks += [_label(_LEFT + step * (index + 0.5), label) for index, label in enumerate(labels)]
    return _image(title, _WIDTH, _HEIGHT, *marks, class_="chart")


def lines(labels: Sequence[str], given: Sequence[Line], title: str) -> Html:
    """Return lines over the columns, each named beside its last point; dashes tell them apart without colour."""
    scale = _Scale([amount for line in given for amount in line.amounts], _HEIGHT - _BOTTOM, _TOP)
    left, right = 44.0, 205.0
    step = (_WIDTH - left - right) / max(len(labels) - 1, 1)
    marks: list[Html] = [_axis(scale)]
    skipped = math.ceil(_LABEL / step)
    for index, label in enumerate(labels):
        if (len(labels) - 1 - index) % skipped == 0:
            marks.append(_label(left + step * index, label))
    heights = _apart([_last_height(scale, line) for line in given])
    for number, (line, height) in enumerate(zip(given, heights, strict=True)):
        points = [
            (left + step * index, scale.at(amount)) for index, amount in enumerate(line.amounts) if amount is not None
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        marks.append(tag("polyline", points=path, class_=f"line s{number}"))
        marks += [tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=3, class_=f"dot s{number}") for x, y in points]
        if points:
            text = f"{line.name} {line.last}"
            marks.append(_text(points[-1][0] + 10, height + 4, text, f"name s{number}"))
    return _image(title, _WIDTH, _HEIGHT, *marks, class_="chart")


def waterfall_bar(before: Decimal, after: Decimal, low: Decimal, high: Decimal, kind: str, *, is_last: bool) -> Html:
    """Return the bar of one step as wide as its cell, from the running total before to the one after.

    Args:
        low, high: smallest and largest running total of the bridge.
        kind: `end`, `up` or `down`.
        is_last: whether no line leads on to a next row.
    """
    reach = float(high - low) or 1.0
    first, last = (float(one - low) / reach * 1000 for one in (before, after))
    left, width = min(first, last), max(abs(last - first), 2.0)
    marks = [tag("rect", x=f"{left:.1f}", y=6, width=f"{width:.1f}", height=16, class_=kind)]
    if not is_last:
        marks.append(tag("line", x1=f"{last:.1f}", x2=f"{last:.1f}", y1=22, y2=28, class_="link"))
    if kind != "end" or is_last:
        joint = last if kind == "end" else first
        marks.append(tag("line", x1=f"{joint:.1f}", x2=f"{joint:.1f}", y1=0, y2=6, class_="link"))
    view = {"viewBox": "0 0 1000 28", "preserveAspectRatio": "none", "aria-hidden": "true"}
    written = "".join(f' {key}="{content}"' for key, content in view.items())
    return Html(f'<svg class="waterfall"{written}>{"".join(marks)}</svg>')


class _Scale:
    """Heights for amounts; zero is always within."""

    def __init__(self, amounts: Amounts, bottom: float, top: float) -> None:
        known = [float(amount) for amount in amounts if amount is not None]
        self._low, self._high = min([0.0, *known]), max([0.0, *known])
        self._bottom, self._top = bottom, top

    def at(self, amount: Decimal) -> float:
        reach = self._high - self._low or 1.0
        return self._bottom - (float(amount) - self._low) / reach * (self._bottom - self._top)


def _last_height(scale: _Scale, line: Line) -> float:
    known = [amount for amount in line.amounts if amount is not None]
    return scale.at(known[-1]) if known else _HEIGHT - _BOTTOM


def _apart(heights: Sequence[float], gap: float = 15.0) -> list[float]:
    """Move labels so that none covers another, keeping their order."""
    placed = [0.0] * len(heights)
    last = -gap
    for index in sorted(range(len(heights)), key=lambda index: heights[index]):
        last = max(heights[index], last + gap)
        placed[index] = last
    over = max([0.0, *(height - (_HEIGHT - _BOTTOM) for height in placed)])
    return [height - over for height in placed]


def _axis(scale: _Scale) -> Html:
    zero = scale.at(Decimal(0))
    return tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=f"{zero:.1f}", y2=f"{zero:.1f}", class_="axis")


def _bar(left: float, scale: _Scale, amount: Decimal, width: float, class_: str) -> Html:
    zero, end = scale.at(Decimal(0)), scale.at(amount)
    height = max(abs(zero - end), 1.0)
    return tag(
        "rect", x=f"{left:.1f}", y=f"{min(zero, end):.1f}", width=f"{width:.1f}", height=f"{height:.1f}", class_=class_
    )


def _text(x: float, y: float, text: str, class_: str, *, is_upright: bool = False) -> Html:
    if is_upright:
        turned = f"translate({x + 3:.1f} {y:.1f}) rotate(-90)"
        return tag("text", text, transform=turned, class_=f"{class_} upright")
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", class_=class_)


def _label(x: float, label: str) -> Html:
    """Return a column's label, on two lines where it is long."""
    first, _, last = label.rpartition(" ")
    if not first or len(label) < _LONG_LABEL:
        return _text(x, _HEIGHT - 16, label, "label")
    return Html(_text(x, _HEIGHT - 18, first, "label") + _text(x, _HEIGHT - 5, last, "label"))


def _image(title: str, width: float, height: float, *marks: Html, class_: str) -> Html:
    words = escape(title)
    box = f"0 0 {width:.0f} {height:.0f}"
    return Html(
        f'<svg class="{class_}" viewBox="{box}" role="img" aria-label="{words}"><title>{words}</title>'
        f"{''.join(marks)}</svg>"
    )

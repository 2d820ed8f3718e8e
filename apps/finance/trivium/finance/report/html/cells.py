"""One number in HTML: its text, its exact value for the unit switch and for copying, and the claim it follows from."""

from __future__ import annotations

from trivium.finance.analyze.model import Status, Value
from trivium.finance.display import cell, cell_points, kind_of
from trivium.finance.report.html.markup import Html, escape
from trivium.finance.report.ledger import Ledger, plain
from trivium.finance.report.wording import Wording

__all__ = ["Cells"]

_RANK = "rank"


class Cells:
    """Writes numbers and takes each into the ledger.

    Attributes:
        units: every unit whose head the unit switch must know.
    """

    def __init__(self, ledger: Ledger, wording: Wording) -> None:
        self._ledger = ledger
        self._wording = wording
        self.units: set[str] = set()

    def cell(self, value: Value, name: str = "", *, is_points: bool = False) -> Html:
        """Return a table cell."""
        return self._number("td", value, name, is_points=is_points)

    def button(self, value: Value, name: str = "", text: str = "", *, is_points: bool = False) -> Html:
        """Return a number outside tables; `text` is what prose prints and stays in any unit."""
        return self._number("button", value, name, text, is_points=is_points)

    def marker(self, value: Value, text: str, spoken: str) -> Html:
        """Return a small mark that leads to a value which prose does not print."""
        self._ledger.add(value)
        label = f' aria-label="{escape(spoken)}"'
        return Html(
            f'<button type="button" class="mark" data-claim="{escape(value.id)}"{label}>{escape(text)}</button>'
        )

    def text(self, value: Value, *, is_points: bool = False) -> str:
        """Return a value as tables print it; `n/a` or `nm` where there is none."""
        if value.amount is None:
            is_meaningless = value.reason is not None and value.reason.key == "reason.nm"
            return self._wording.say("nm" if is_meaningless else "na")
        if value.unit == _RANK:
            return str(value.amount)
        return (
            cell_points(value.amount, self._wording.language)
            if is_points
            else cell(value.amount, value.unit, self._wording.scale)
        )

    def head(self, unit: str) -> Html:
        """Return the head of a unit, which follows the unit switch: `USD million`."""
        words = escape(self._wording.unit(unit))
        if kind_of(unit) not in ("money", "shares", "other"):
            return words
        self.units.add(unit)
        return Html(f'<span data-head="{escape(unit)}">{words}</span>')

    def _number(self, element: str, value: Value, name: str, text: str = "", *, is_points: bool) -> Html:
        self._ledger.add(value, name, is_points=is_points)
        classes = " ".join(filter(None, (_CLASSES[value.status], "noted" if value.notes else "")))
        class_ = f' class="{classes}"' if classes else ""
        kind = ' type="button"' if element == "button" else ""
        exact = ""
        if value.amount is not None and not text:
            unit = "points" if is_points else value.unit
            exact = f' data-value="{plain(value.amount)}" data-unit="{escape(unit)}"'
            if kind_of(value.unit) in ("money", "shares", "other") and value.unit != _RANK:
                self.units.add(value.unit)
        shown = escape(text or self.text(value, is_points=is_points))
        return Html(f'<{element}{kind}{class_} data-claim="{escape(value.id)}"{exact}>{shown}</{element}>')


_CLASSES = {Status.REPORTED: "", Status.DERIVED: "derived", Status.ABSENT: "na"}

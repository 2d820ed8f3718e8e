"""Charts drawn by hand: columns side by side, each with its number, and a line of percentages above them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from reportlab.lib.colors import HexColor
from reportlab.platypus import Flowable

from trivium.finance.analyze.model import Comparison, Row, Value
from trivium.finance.display import cell
from trivium.finance.report.export_wording import ExportWording
from trivium.finance.report.pdf.tables import NAVY
from trivium.finance.report.proof import proved
from trivium.finance.standing import is_statement
from trivium.service.evidence import Claim
from trivium.service.printing.text import draw, text_width

__all__ = ["ColumnChart", "charts"]

_COLOURS = (NAVY, HexColor(0xC77B2B))
_GRID = HexColor(0xD5DCE3)
_TEXT = HexColor(0x3A444E)
_SIZE = 6.4
_MOST_COLUMNS = 10


@dataclass(frozen=True, slots=True)
class _Bars:
    """One row of numbers in full units, with what is printed over each; None where there is none."""

    name: str
    amounts: tuple[Decimal | None, ...]
    texts: tuple[str, ...]


class ColumnChart(Flowable):
    """Groups of columns over the periods, with an optional row of percentages as dots above."""

    def __init__(
        self, title: str, heads: Sequence[str], bars: Sequence[_Bars], dots: _Bars | None, size: tuple[float, float]
    ) -> None:
        super().__init__()
        self._title, self._heads, self._bars, self._dots = title, heads, bars, dots
        self.width, self.height = size

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        """Take the size it was made with."""
        return self.width, self.height

    def draw(self) -> None:
        """Draw title, legend, columns and labels."""
        self.canv.setFillColor(NAVY)
        draw(self.canv, 0, self.height - 9, self._title, 8, is_bold=True)
        self._legend(self.height - 20)
        bottom, top = 14.0, self.height - (46 if self._dots else 34)
        self._columns(bottom, top)
        if self._dots:
            self._dotted(self.height - 34, self._dots)

    def _legend(self, y: float) -> None:
        x = 0.0
        series = [*self._bars, *([self._dots] if self._dots else [])]
        colours = [*_COLOURS[: len(self._bars)], _COLOURS[1]]
        for one, colour in zip(series, colours, strict=False):
            self.canv.setFillColor(colour)
            self.canv.rect(x, y, 5, 5, stroke=0, fill=1)
            self.canv.setFillColor(_TEXT)
            draw(self.canv, x + 8, y, one.name, _SIZE)
            x += 20 + text_width(one.name, _SIZE)

    def _columns(self, bottom: float, top: float) -> None:
        amounts = [float(amount) for one in self._bars for amount in one.amounts if amount is not None]
        high, low = max(0.0, *amounts), min(0.0, *amounts)
        scale = (top - bottom - (9 if low < 0 else 0)) / ((high - low) or 1)
        zero = bottom + (9 if low < 0 else 0) - low * scale
        self.canv.setStrokeColor(_GRID)
        self.canv.line(0, zero, self.width, zero)
        group = self.width / len(self._heads)
        column = min(group * 0.78 / len(self._bars), 46)
        for place, head in enumerate(self._heads):
            middle = (place + 0.5) * group
            for number, one in enumerate(self._bars):
                left = middle + (number - len(self._bars) / 2) * column
                self._column(one, place, left, column * 0.92, zero, scale, number)
            self.canv.setFillColor(_TEXT)
            self._centred(middle, 3, head)

    def _column(
        self, one: _Bars, place: int, left: float, width: float, zero: float, scale: float, number: int
    ) -> None:
        amount = one.amounts[place]
        if amount is None:
            self.canv.setFillColor(_TEXT)
            self._centred(left + width / 2, zero + 2, one.texts[place])
            return
        tall = float(amount) * scale
        self.canv.setFillColor(_COLOURS[number])
        self.canv.rect(left, min(zero, zero + tall), width, abs(tall), stroke=0, fill=1)
        self.canv.setFillColor(_TEXT)
        self._centred(left + width / 2, zero + tall + 2 if amount >= 0 else zero + tall - 7, one.texts[place])

    def _dotted(self, y: float, dots: _Bars) -> None:
        group = self.width / len(self._heads)
        for place, text in enumerate(dots.texts):
            middle = (place + 0.5) * group
            self.canv.setFillColor(_COLOURS[1])
            self.canv.circle(middle - text_width(text, _SIZE) / 2 - 4, y + 2, 1.8, stroke=0, fill=1)
            self.canv.setFillColor(_TEXT)
            self._centred(middle, y, text)

    def _centred(self, x: float, y: float, text: str) -> None:
        draw(self.canv, x - text_width(text, _SIZE) / 2, y, text, _SIZE)


def charts(
    comparison: Comparison, claims: Mapping[str, Claim], wording: ExportWording, size: tuple[float, float]
) -> list[ColumnChart]:
    """Return the charts that the report's numbers allow: revenue with its margin, cash flow against income.

    Args:
        size: of each, in points.
    """
    rows: dict[str, Row] = {}
    for table in comparison.tables:
        if is_statement(table) and not table.columns:
            for row in table.rows:
                rows.setdefault(row.metric, row)
    if len(comparison.columns) > _MOST_COLUMNS:
        return []
    heads = [head for head, _, _ in wording.heads(comparison.columns)]
    unit = wording.money()
    found = []
    for key, metrics, above in (
        ("chart_revenue", ("revenue",), "net_margin"),
        ("chart_cash", ("operating_cash_flow", "net_income"), ""),
    ):
        bars = [_bars(rows[metric], claims, wording) for metric in metrics if metric in rows]
        if len(bars) == len(metrics) and any(amount is not None for one in bars for amount in one.amounts):
            dots = _bars(rows[above], claims, wording) if above in rows else None
            found.append(ColumnChart(f"{wording.export(key)}, {unit}", heads, bars, dots, size))
    return found


def _bars(row: Row, claims: Mapping[str, Claim], wording: ExportWording) -> _Bars:
    def text(value: Value) -> str:
        if not value.is_available:
            return wording.absence(value)
        return cell(proved(value, claims), value.unit, wording.scale)

    amounts = tuple(value.amount for value in row.values)
    return _Bars(wording.metric(row.metric, row.label), amounts, tuple(text(value) for value in row.values))

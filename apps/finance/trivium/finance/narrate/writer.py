"""What every sentence needs: values and changes by metric and column, names, periods and numbers as text."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from trivium.finance.analyze.model import Change, Column, Comparison, Row, Span, Value
from trivium.finance.claims import short_name
from trivium.finance.display import Scale, metric_names, mid_sentence, prose, prose_points
from trivium.finance.records import Period
from trivium.finance.standing import is_statement
from trivium.service.evidence import Sentence
from trivium.service.text import catalogue

__all__ = ["Writer", "amount"]

_ENGLISH = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
]
_CHINESE = "零一二三四五六七八九"
_QUARTERS = "零一二三四"


class Writer:
    """Fills the templates of the catalogue with values of one comparison.

    Args:
        comparison: what to tell.
        language: `en` or `zh`.
        scale: of amounts and share counts.

    Attributes:
        columns: the comparison's columns.
    """

    def __init__(self, comparison: Comparison, language: str, scale: Scale) -> None:
        self.comparison = comparison
        self.columns = comparison.columns
        self.language = language
        self._scale = scale
        self._texts = catalogue("trivium.finance", language)
        self._rows: dict[str, tuple[Row, tuple[Column, ...]]] = {}
        for table in comparison.tables:
            for row in table.rows if is_statement(table) else ():
                self._rows.setdefault(row.metric, (row, table.columns))

    def say(self, key: str, values: Iterable[Value | None], **fields: str) -> Sentence:
        """Return the sentence of a template, bound to the available ones of `values`."""
        text = self._texts.say(f"narrative.{key}", **fields)
        bound = dict.fromkeys(value.id for value in values if value is not None and value.is_available)
        names = [fields.get("member", ""), *(self.company(column) for column in self.columns)]
        if self.language == "en" and not text.startswith(tuple(filter(None, names))):
            text = text[:1].upper() + text[1:]
        return Sentence(text, tuple(bound))

    def value(self, metric: str, column: int) -> Value | None:
        """Return a metric's value in a column, absent or not; None when no statement or ratio table has it there."""
        row, place = self._cell(metric, column)
        return None if row is None else row.values[place]

    def available(self, metric: str, column: int) -> Value | None:
        """Return a metric's value in a column when there is one and the catalogue can name it."""
        found = self.value(metric, column)
        return found if found is not None and found.is_available and metric_names(metric, self.language) else None

    def change(self, metric: str, column: int) -> Change | None:
        """Return a metric's change in a column, against the column it is compared with."""
        row, place = self._cell(metric, column)
        return row.changes[place] if row is not None and place < len(row.changes) else None

    def _cell(self, metric: str, column: int) -> tuple[Row | None, int]:
        """A metric's row and the place of a column in it; a table with columns of its own is met by the date."""
        row, own = self._rows.get(metric, (None, ()))
        if row is None or not own:
            return row, column
        end = self.columns[column].span.period.end
        place = next((place for place, one in enumerate(own) if one.span.period.end == end), None)
        return (None, 0) if place is None else (row, place)

    def metric(self, metric: str) -> str:
        """Return a metric's name as it stands inside a sentence."""
        name = metric_names(metric, self.language)[0]
        return mid_sentence(name) if self.language == "en" else name

    def company(self, column: Column) -> str:
        """Return a company's name without its legal form, unless two companies would share it."""
        short = short_name(column.company.name)
        others = {short_name(other.company.name) for other in self.columns if other.company.key != column.company.key}
        return column.company.name if short in others else short

    def owner(self, column: Column) -> str:
        """Return a company's name as the owner of what follows: `Apple's`, `Aldermoor Systems'`."""
        name = self.company(column)
        if self.language == "zh":
            return f"{name}的"
        return f"{name}'" if name.endswith("s") else f"{name}'s"

    def number(self, value: Value) -> str:
        """Return a value as prose prints it."""
        return prose(amount(value), value.unit, self._scale, self.language)

    def magnitude(self, value: Value) -> str:
        """Return a value without its sign, for use beside a direction word."""
        return prose(abs(amount(value)), value.unit, self._scale, self.language)

    def points(self, value: Value) -> str:
        """Return a difference of two ratios in percentage points, without its sign."""
        return prose_points(abs(amount(value)), self.language)

    def count(self, number: int) -> str:
        """Return a count in words, as prose has it up to twenty in English and 99 in Chinese: `three`, `十七`."""
        if self.language == "en":
            return _ENGLISH[number] if number < len(_ENGLISH) else str(number)
        tens, ones = divmod(number, 10)
        if tens > 9 or number == 2:
            return "两" if number == 2 else str(number)
        head = "" if tens == 0 else "十" if tens == 1 else f"{_CHINESE[tens]}十"
        return head + (_CHINESE[ones] if ones or not head else "")

    def word(self, key: str) -> str:
        """Return a text of the catalogue by its whole key."""
        return self._texts[key]

    def has(self, key: str) -> bool:
        """Whether the catalogue has a text."""
        return key in self._texts

    def weeks(self, span: Span) -> str:
        """Return the length of a span as `53 weeks`."""
        return self._texts.say("unit.week", number=span.weeks)

    def days(self, number: int) -> str:
        """Return `36 days`."""
        return prose(Decimal(number), "days", Scale.FULL, self.language)

    def date(self, day: date) -> str:
        """Return a date in words: `September 28, 2024`, `2024年9月28日`."""
        month = self._texts[f"period.month_{day.month}"]
        return self._texts.say("period.date", year=day.year, month=month, day=day.day)

    def span(self, span: Span) -> str:
        """Return a fiscal span as the language writes it: `Q3 FY2025`, `2025财年第三季度`."""
        if span.kind == "date":
            return self.date(span.period.end)
        quarter = _QUARTERS[span.quarter or 0]
        if span.kind in ("quarter", "ttm") and span.quarter is None:
            return span.label
        months = self.count(round(span.period.days / 30.4))
        return self._texts.say(
            f"period.{span.kind}", label=span.label, year=span.fiscal_year, quarter=quarter, months=months
        )

    def span_of(self, company: str, period: Period) -> Span | None:
        """Return the company's span with this period, or that ends on this balance date."""
        spans = [column.span for column in self.columns if column.company.key == company]
        spans += [span for series in self.comparison.series if series.company.key == company for span in series.spans]
        for span in spans:
            if span.period == period or (period.is_instant and span.period.end == period.end):
                return span
        return None


def amount(value: Value) -> Decimal:
    """Return the amount of an available value.

    Raises:
        ValueError: if it is absent.
    """
    if value.amount is None:
        raise ValueError(f"{value.id} has no amount")
    return value.amount

"""One filing in the making: which periods it prints, on which basis, and its figures as tagged cells and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from xml.etree.ElementTree import Element

from trivium.finance.records import Period
from trivium.finance.samples.books import Books
from trivium.finance.samples.company import Company
from trivium.finance.samples.concepts import concept_of
from trivium.finance.samples.inline import Dimensions, InlineDocument, NumberStyle, page_date
from trivium.finance.samples.layout import Line, Shown, plain, table
from trivium.finance.samples.statements import Row

__all__ = ["Column", "Edition", "Plan"]

PERCENT = NumberStyle("xbrli:pure", -2, 1, "3")
DOLLARS = NumberStyle("iso4217:USD/xbrli:shares", 0, 2, "2")
BILLIONS = NumberStyle("iso4217:USD", 9, 1, "-8")
_WORDS = {1: "Three months ended", 2: "Six months ended", 3: "Nine months ended"}


@dataclass(frozen=True)
class Plan:
    """Which filing to write.

    Args:
        quarter: 1 to 3 for a 10-Q, 4 for the 10-K of `year`.
        is_before_split: shares and per-share figures on the basis before the company's stock split.
        is_first_report: the figures of `year` before they were restated.
        restated_year: a year whose restated figures stand beside those first reported; 0 for none.
        error: (key, ticks) added to a figure of the current period so that an identity fails.
        concepts: keys that this filing tags with another concept than the company's others.
    """

    ticker: str
    year: int
    quarter: int
    is_before_split: bool = False
    is_first_report: bool = False
    restated_year: int = 0
    error: tuple[str, int] | None = None
    concepts: Mapping[str, str] = field(default_factory=dict)

    @property
    def form(self) -> str:
        """`10-K` or `10-Q`."""
        return "10-K" if self.quarter == 4 else "10-Q"

    @property
    def file(self) -> str:
        """Name of the page; a deliberate error is in the name."""
        quarter = "" if self.quarter == 4 else f"Q{self.quarter}"
        note = "_deliberate-error" if self.error else ""
        return f"{self.ticker}_{self.form}_FY{self.year}{quarter}{note}.htm"


@dataclass(frozen=True)
class Column:
    """Quarters `first` to `last` of a fiscal year, or the balance at the end of `last`."""

    year: int
    first: int
    last: int

    def earlier(self, years: int = 1) -> Column:
        """Return the same quarters of an earlier year."""
        return replace(self, year=self.year - years)


class Edition:
    """A filing's figures: reads the books on the plan's basis and writes each figure as a fact."""

    def __init__(self, company: Company, books: Books, plan: Plan, document: InlineDocument) -> None:
        self.company = company
        self.books = books
        self.plan = plan
        self.document = document
        digits = str(company.places - company.scale)
        self.money = NumberStyle("iso4217:USD", company.scale, company.places, digits)
        share_digits = str(company.share_places - company.share_scale)
        self.count = NumberStyle("xbrli:shares", company.share_scale, company.share_places, share_digits)
        self.current = Column(plan.year, 1, plan.quarter)

    @property
    def is_annual(self) -> bool:
        """Whether it is a 10-K."""
        return self.plan.quarter == 4

    @property
    def flow_columns(self) -> tuple[Column, ...]:
        """Columns of the income statement: three years, or the quarter and the year to date with their comparatives."""
        if self.is_annual:
            return tuple(self.current.earlier(back) for back in range(3))
        quarter = Column(self.plan.year, self.plan.quarter, self.plan.quarter)
        pairs = (quarter, quarter.earlier())
        return pairs if self.plan.quarter == 1 else (*pairs, *self.total_columns)

    @property
    def total_columns(self) -> tuple[Column, ...]:
        """Columns of the cash flow statement: three years, or the year to date and its comparative."""
        back = 3 if self.is_annual else 2
        return tuple(self.current.earlier(years) for years in range(back))

    @property
    def balance_columns(self) -> tuple[Column, ...]:
        """Columns of the balance sheet: now, and the end of the last full year."""
        return (self.current, Column(self.plan.year - 1, 1, 4))

    @property
    def span(self) -> Period:
        """Days from the start of the fiscal year to the end of the filing's period."""
        return self.period(self.current, "flow")

    def concept(self, key: str) -> str:
        """Return the concept this filing tags a key with."""
        return concept_of(self.company, key, self.plan.concepts)

    def period(self, column: Column, kind: str) -> Period:
        """Return the period of a figure of this kind in a column."""
        if kind in ("balance", "closing", "nil"):
            return Period(self.company.quarter_end(column.year, column.last))
        if kind == "opening":
            year, number = (column.year - 1, 4) if column.first == 1 else (column.year, column.first - 1)
            return Period(self.company.quarter_end(year, number))
        return self.company.span(column.year, column.first, column.last)

    def value(self, key: str, column: Column, kind: str = "flow") -> Decimal | None:
        """Return a figure in full units, the plan's deliberate error included; None for a nil figure."""
        books, company = self.books, self.company
        factor = company.split_factor if self.plan.is_before_split else 1
        if kind == "nil":
            return None
        if kind == "share":
            return books.per_share(key, column.year, column.first, column.last, factor)
        if kind == "count":
            shares = books.shares(key, column.year, column.first, column.last)
            return Decimal(shares // factor).scaleb(company.share_scale - company.share_places)
        if kind == "flow":
            ticks = books.flow(key, column.year, column.first, column.last)
        else:
            number = column.first - 1 if kind == "opening" else column.last
            ticks = books.balance("cash" if key == "total_cash" else key, column.year, number)
        if self.plan.error and self.plan.error[0] == key and column == self.current:
            ticks += self.plan.error[1]
        return self.money_value(ticks)

    def money_value(self, ticks: int) -> Decimal:
        """Return ticks in full dollars."""
        return Decimal(ticks).scaleb(self.company.scale - self.company.places)

    def shown(self, row: Row, column: Column, *, mark: str = "", concept: str = "") -> Shown:
        """Return a row's figure in a column as a tagged cell."""
        style = {"share": DOLLARS, "count": self.count}.get(row.kind, self.money)
        name = concept or self.concept(f"{row.key}_count" if row.kind == "count" else _total_key(row.key))
        value = self.value(row.key, column, row.kind)
        fact = self.document.number(name, value, self.period(column, row.kind), style, row.dims)
        is_negative = value is not None and value != 0 and (value < 0) != row.negated
        return Shown(fact, is_negative, mark)

    def lines(self, rows: Iterable[Row], columns: Sequence[Column]) -> list[Line]:
        """Return statement rows as table lines: a dollar sign on the first figures, the totals and per-share rows."""
        lines: list[Line] = []
        is_first = True
        for row in rows:
            if not row.key:
                lines.append(Line(row.label, (), row.style, row.indent))
                continue
            mark = "$" if row.kind != "count" and (is_first or row.style == "total" or row.kind == "share") else ""
            is_first = False
            cells = [self.shown(row, column, mark=mark) for column in columns]
            lines.append(Line(row.label, cells, row.style, row.indent))
        return lines

    def flow_table(self, lines: Iterable[Line], columns: Sequence[Column]) -> Element:
        """Return a table over flow columns, headed by their length and their last day."""
        if self.is_annual:
            over = [("Fiscal years ended", len(columns))]
        else:
            lengths = [column.last - column.first + 1 for column in columns]
            over = [(_WORDS[length], 2) for length in dict.fromkeys(lengths)]
        return table([self.heading(column) for column in columns], lines, over=over)

    def heading(self, column: Column) -> str:
        """Return a column's printed date, marked where its figures are restated."""
        day = page_date(self.company.quarter_end(column.year, column.last))
        return f"{day} (as restated)" if column.year == self.plan.restated_year and column.last == 4 else day

    def money_fact(self, concept: str, ticks: int, period: Period, dims: Dimensions = ()) -> Element:
        """Return an amount that stands in prose."""
        return self.document.number(concept, self.money_value(ticks), period, self.money, dims)

    def block(self, concept: str, content: Sequence[Element | str]) -> Element:
        """Return content tagged as a text block of the filing's period."""
        return self.document.text(concept, content, self.span, plain(content), escape=True)


def _total_key(key: str) -> str:
    """Return the key that names a split row's concept: products and services are members of one concept."""
    return {
        "revenue_products": "revenue",
        "revenue_services": "revenue",
        "cost_products": "cost",
        "cost_services": "cost",
    }.get(key, key)

"""Comparisons of invented companies, seeded: what the narrative and the checker are tried on. Nothing here is real."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from trivium.finance.analyze.model import (
    Breakdown,
    Change,
    Column,
    Company,
    Comparison,
    Message,
    Row,
    Series,
    Span,
    Status,
    Table,
    Value,
)
from trivium.finance.records import Concept, Entity, Fact, Filing, Period, Place, Source, Unit
from trivium.service.evidence import FactAnchor

NAMES = (
    ("Aldermoor Systems, Inc.", "ALDM"),
    ("Brightwater Foods Corp.", "BRWF"),
    ("Corvid Optics Ltd.", "CRVO"),
    ("Dunmere Rail Company", "DNMR"),
    ("Eastlake Energy plc", "ESLK"),
    ("Fennwick Health Inc.", "FNWK"),
    ("Garnet Harbor Retail Co.", "GRHR"),
    ("Hollin Cloud Corporation", "HLNC"),
)
SEGMENTS = ("Devices", "Services", "Wearables", "Cloud Platform", "Licensing")
MONEY = [
    "revenue",
    "cost_of_revenue",
    "operating_income",
    "pretax_income",
    "income_tax",
    "net_income",
    "operating_cash_flow",
    "capex",
    "research_and_development",
    "interest_expense",
    "depreciation_and_amortization",
    "net_interest_income",
    "noninterest_income",
    "provision_for_credit_losses",
]
BALANCES = [
    "cash",
    "total_assets",
    "total_liabilities",
    "equity",
    "current_assets",
    "current_liabilities",
    "total_debt",
    "inventory",
    "receivables",
]
STATEMENTS = {
    "income_statement": [
        "revenue",
        "cost_of_revenue",
        "gross_profit",
        "research_and_development",
        "operating_income",
        "pretax_income",
        "income_tax",
        "net_income",
        "eps_diluted",
        "ebitda",
        "net_interest_income",
        "noninterest_income",
        "provision_for_credit_losses",
    ],
    "cash_flow": ["operating_cash_flow", "capex", "free_cash_flow"],
    "balance_sheet": [*BALANCES, "net_debt"],
    "ratios": [
        "gross_margin",
        "operating_margin",
        "net_margin",
        "return_on_equity",
        "current_ratio",
        "net_debt_to_ebitda",
        "cash_conversion",
    ],
}
TEMPLATES = ["industrial", "industrial", "bank", "insurer", "other"]
RATIOS = {"gross_margin", "operating_margin", "net_margin", "return_on_equity"}


@dataclass
class Book:
    """One invented company: its spans and every value."""

    company: Company
    spans: list[Span]
    values: dict[tuple[str, int], Value] = field(default_factory=dict)
    filings: list[Filing] = field(default_factory=list)
    segments: dict[tuple[str, int], Value] = field(default_factory=dict)

    def value(self, metric: str, index: int) -> Value:
        found = self.values.get((metric, index))
        if found is None:
            period = self.spans[index].period
            reason = Message("reason.not_reported")
            found = Value(f"{self.company.key}/{metric}/{period.key}", metric, period, "", None, Status.ABSENT, reason)
        return found


def comparison(rng: random.Random, kind: str, num_columns: int = 3) -> Comparison:
    """Return a comparison: `filing` and `periods` of one company, `companies` of three to five."""
    count = rng.randint(3, 5) if kind == "companies" else 1
    currency = rng.choice(["USD", "USD", "CNY", "EUR"])
    grain = rng.choice(["year", "year", "quarter"]) if kind != "companies" else "year"
    books = [_book(rng, *names, currency, num_columns, grain) for names in rng.sample(NAMES[:-1], count)]
    if kind == "companies" and rng.random() < 0.2:
        books[0] = _book(rng, *NAMES[-1], "HKD", num_columns, grain)
    if kind == "companies" and rng.random() < 0.2:
        books[-1].company = replace(books[-1].company, accounting="IFRS")
    if kind == "companies":
        columns = [(book, index) for book in books for index in range(num_columns)]
    else:
        columns = [(books[0], index) for index in range(num_columns)]
    tables = tuple(Table(key, tuple(_row(m, columns) for m in metrics)) for key, metrics in STATEMENTS.items())
    breakdowns = (_breakdown(books[0], columns),) if kind != "companies" else ()
    restated = _restated(rng, books[0]) if kind == "periods" else ()
    series = tuple(
        Series(
            book.company,
            tuple(book.filings),
            tuple(book.spans),
            {(value.metric, value.period): value for value in book.values.values()},
        )
        for book in books
    )
    made = tuple(Column(book.company, book.spans[index], _column_notes(book.spans[index])) for book, index in columns)
    return Comparison(kind, made, tables, series, breakdowns, restated=restated, created=date(2026, 1, 5))  # type: ignore[arg-type]


def _column_notes(span: Span) -> tuple[Message, ...]:
    return (Message("note.weeks", {"weeks": "53"}),) if span.weeks == 53 else ()


def reported(book: Book, metric: str, period: Period, amount: Decimal, unit: str, index: int) -> Value:
    """Return a value with a fact in a filing of the book."""
    numerator = Concept("http://www.xbrl.org/2003/iso4217", unit.split("/")[0], "iso4217")
    concept = Concept("http://fasb.org/us-gaap/2024", metric, "us-gaap")
    fact = Fact(
        f"f-{metric}-{index}", concept, period, Unit((numerator,)), amount, Place(FactAnchor("", f"f-{metric}"))
    )
    value_id = f"{book.company.key}/{metric}/{period.key}"
    filing = book.filings[index]
    return Value(value_id, metric, period, unit, amount, Status.REPORTED, fact=fact, filing=filing)


def _book(rng: random.Random, name: str, key: str, currency: str, years: int, grain: str) -> Book:
    book = Book(Company(key, name, "0000000001", rng.choice(TEMPLATES), "US-GAAP", currency), [])
    odd, month = rng.random() < 0.35, rng.choice([3, 6, 9, 12, 12, 12])
    end = date(2024, month, 28 if odd else (31 if month in (3, 12) else 30))
    book.spans = _spans(end, years, grain, odd, rng)
    scale = Decimal(10) ** rng.randint(0, 2)
    size = {metric: Decimal(rng.randint(800, 9000)) * 10**6 * scale for metric in (*MONEY, *BALANCES)}
    size["revenue"] *= 4
    missing = {rng.choice(["", "", "", "cost_of_revenue", "operating_cash_flow", "eps_diluted"])}
    split = rng.random() < 0.2
    for index, span in enumerate(book.spans):
        source = Source(f"{key}_{span.label}.htm", f"{index:064x}", 1000, "inline-xbrl")
        book.filings.append(
            Filing(source, Entity(name, "0000000001", key), "10-K", span.period.end, span.fiscal_year, "FY", ())
        )
        for metric in size:
            growth = rng.choice([rng.uniform(-0.3, 0.4), rng.uniform(-0.3, 0.4), rng.uniform(0.9, 1.6), 0.0])
            size[metric] = (size[metric] * Decimal(1 + growth)).quantize(Decimal(10**6))
            sign = -1 if metric in ("net_income", "operating_cash_flow") and rng.random() < 0.12 else 1
            if metric not in missing:
                period = span.period if metric in MONEY else Period(span.period.end)
                book.values[metric, index] = reported(book, metric, period, size[metric] * sign, currency, index)
        eps = Decimal(rng.randint(-300, 2500)) / 100
        if "eps_diluted" not in missing:
            value = reported(book, "eps_diluted", span.period, eps, f"{currency}/shares", index)
            notes = (Message("note.split_adjusted", {"factor": "10"}),) if split and index == 0 else ()
            book.values["eps_diluted", index] = replace(value, notes=notes)
        _derive(book, index)
    _segments(rng, book)
    return book


def _spans(end: date, count: int, grain: str, odd: bool, rng: random.Random) -> list[Span]:
    """Years that follow each other (52 or 53 weeks when odd), or the same quarter of each year."""
    spans: list[Span] = []
    for year in range(2024, 2024 - count, -1):
        if odd:
            start = end - timedelta(days=(371 if rng.random() < 0.3 else 364) - 1)
        elif end.month == 12:
            start = date(end.year, 1, 1)
        else:
            start = (end + timedelta(days=1)).replace(year=end.year - 1)
        if grain == "year":
            spans.append(Span("year", f"FY{year}", Period(end, start), year))
        else:
            opening = end - timedelta(days=(97 if rng.random() < 0.1 else 90))
            spans.append(Span("quarter", f"Q3 FY{year}", Period(end, opening), year, 3))
        end = start - timedelta(days=1)
    return spans[::-1]


def _derive(book: Book, index: int) -> None:
    def put(metric: str, formula: str, unit: str, inputs: list[str], amount) -> None:
        given = [book.value(name, index) for name in inputs]
        if not all(value.is_available for value in given):
            return
        period = book.spans[index].period
        if all(value.period.is_instant for value in given):
            period = Period(period.end)
        result = amount(*(value.amount for value in given))
        value_id = f"{book.company.key}/{metric}/{period.key}"
        book.values[metric, index] = Value(
            value_id, metric, period, unit, result, Status.DERIVED, formula=formula, inputs=tuple(given)
        )

    money = book.company.currency
    put("gross_profit", "revenue - cost_of_revenue", money, ["revenue", "cost_of_revenue"], lambda a, b: a - b)
    put("free_cash_flow", "operating_cash_flow - capex", money, ["operating_cash_flow", "capex"], lambda a, b: a - b)
    put("net_debt", "total_debt - cash", money, ["total_debt", "cash"], lambda a, b: a - b)
    put(
        "ebitda",
        "operating_income + depreciation_and_amortization",
        money,
        ["operating_income", "depreciation_and_amortization"],
        lambda a, b: a + b,
    )
    put("gross_margin", "gross_profit / revenue", "pure", ["gross_profit", "revenue"], lambda a, b: a / b)
    put("operating_margin", "operating_income / revenue", "pure", ["operating_income", "revenue"], lambda a, b: a / b)
    put("net_margin", "net_income / revenue", "pure", ["net_income", "revenue"], lambda a, b: a / b)
    put("return_on_equity", "net_income / equity", "pure", ["net_income", "equity"], lambda a, b: a / b)
    put(
        "current_ratio",
        "current_assets / current_liabilities",
        "times",
        ["current_assets", "current_liabilities"],
        lambda a, b: a / b,
    )
    put("net_debt_to_ebitda", "net_debt / ebitda", "times", ["net_debt", "ebitda"], lambda a, b: a / b)
    if all((book.value(name, index).amount or 0) > 0 for name in ("operating_cash_flow", "net_income")):
        put(
            "cash_conversion",
            "operating_cash_flow / net_income",
            "times",
            ["operating_cash_flow", "net_income"],
            lambda a, b: a / b,
        )


def _segments(rng: random.Random, book: Book) -> None:
    members = rng.sample(SEGMENTS, rng.randint(3, 5))
    for index, span in enumerate(book.spans):
        revenue = book.value("revenue", index).amount or Decimal(0)
        weights = [rng.randint(5, 50) for _ in members]
        for member, weight in zip(members, weights, strict=True):
            amount = (revenue * weight / sum(weights)).quantize(Decimal(10**6))
            value = reported(book, "revenue", span.period, amount, book.company.currency, index)
            slug = member.lower().replace(" ", "_")
            book.segments[member, index] = replace(value, id=f"{book.company.key}/revenue[{slug}]/{span.period.key}")


def _row(metric: str, columns: list[tuple[Book, int]]) -> Row:
    values = tuple(book.value(metric, index) for book, index in columns)
    changes = [
        change_of(values[place - 1], values[place], metric in RATIOS)
        if place and columns[place - 1][0] is columns[place][0]
        else None
        for place in range(len(columns))
    ]
    return Row(metric, values, tuple(changes))


def change_of(base: Value, value: Value, is_points: bool = False) -> Change | None:
    """Return the change between two values; relative is absent where the base is not positive or the sign flips."""
    if value.amount is None or base.amount is None:
        return None
    head, _, tail = value.id.rpartition("/")
    absolute = Value(
        f"{head}_change/{tail}",
        f"{value.metric}_change",
        value.period,
        value.unit,
        value.amount - base.amount,
        Status.DERIVED,
        formula="value - base",
        inputs=(value, base),
    )
    ratio, status, reason = None, Status.ABSENT, Message("reason.not_reported")
    if base.amount > 0 and value.amount >= 0 and not is_points:
        ratio, status = absolute.amount / base.amount, Status.DERIVED  # type: ignore[operator]
    relative = Value(
        f"{head}_growth/{tail}",
        f"{value.metric}_growth",
        value.period,
        "pure",
        ratio,
        status,
        None if ratio is not None else reason,
        formula="value / base - 1",
        inputs=(value, base),
    )
    return Change(value, base, absolute, relative, is_points)


def _breakdown(book: Book, columns: list[tuple[Book, int]]) -> Breakdown:
    members = list(dict.fromkeys(member for member, _ in book.segments))
    rows = []
    for member in members:
        values = tuple(book.segments[member, index] for _, index in columns)
        changes = (None, *(change_of(values[place - 1], values[place]) for place in range(1, len(values))))
        rows.append(Row("revenue", values, changes, label=member))
    total = _row("revenue", columns)
    differences = []
    for place, value in enumerate(total.values):
        parts = tuple(row.values[place] for row in rows)
        amount = (value.amount or Decimal(0)) - sum(part.amount or Decimal(0) for part in parts)
        head, _, tail = value.id.rpartition("/")
        differences.append(
            Value(
                f"{head}_unallocated/{tail}",
                "revenue",
                value.period,
                value.unit,
                amount,
                Status.DERIVED,
                formula="total - sum(members)",
                inputs=(value, *parts),
            )
        )
    return Breakdown(
        "revenue",
        "StatementBusinessSegmentsAxis",
        tuple(rows),
        total,
        Row("revenue", tuple(differences)),
        book.company.key,
    )


def _restated(rng: random.Random, book: Book) -> tuple[tuple[Value, Value], ...]:
    if rng.random() < 0.5:
        return ()
    value = book.value("revenue", 0)
    amount = (value.amount or Decimal(0)) * Decimal("1.03")
    original = replace(reported(book, "revenue", value.period, amount, value.unit, 0), id=f"{value.id}#original")
    return ((original, value),)

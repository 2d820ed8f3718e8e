"""Put series side by side: choose the columns, fill the tables, and say what makes columns less comparable.

One filing shows what it prints; one company its years, with its quarters in tables of their own; several companies
their latest fiscal years. Statements are never converted; ranks and medians are, at the rates a user gives.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from trivium.finance.analyze.breakdowns import breakdowns
from trivium.finance.analyze.bridges import bridges
from trivium.finance.analyze.changes import common_size, with_changes
from trivium.finance.analyze.company import company_key, group_by_company
from trivium.finance.analyze.duplicates import inconsistent_duplicates
from trivium.finance.analyze.identities import check_breakdowns, check_identities
from trivium.finance.analyze.layouts import STATEMENT_TABLES, Line, layout
from trivium.finance.analyze.model import Check, Column, Comparison, Message, Row, Series, Span, Table, Value
from trivium.finance.analyze.peers import compare_notes, peer_tables
from trivium.finance.analyze.policy import Policy
from trivium.finance.analyze.ratios import compute_ratios, ratios
from trivium.finance.analyze.series import build_series
from trivium.finance.analyze.splits import find_splits
from trivium.finance.rates import Rate, Rates
from trivium.finance.records import Filing, Period
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["MAX_FILES", "compare"]

MAX_FILES = 60
_MOST_YEARS = 10
_MOST_QUARTERS = 8
_STATEMENTS = ("income", "balance", "cash_flow")
_YEARS_A_COMPANY = {2: 3, 3: 3, 4: 2, 5: 2, 6: 2}
_PEER_AMOUNTS = ("revenue", "operating_income", "net_income", "free_cash_flow", "total_assets", "equity")
_MAY_REPEAT = {
    "sales_revenue": "revenue",
    "net_income_incl_nci": "net_income",
    "equity_incl_nci": "equity",
    "current_debt": "current_portion_of_debt",
}
_QUARTER_STATEMENTS = ("income_statement", "cash_flow")

Kind = Literal["filing", "periods", "companies"]
Overrides = Mapping[str, Mapping[str, str]]


def compare(
    filings: Sequence[Filing],
    policy: Policy,
    *,
    created: datetime.date,
    overrides: Overrides | None = None,
    rates: Rates | None = None,
    unread: Sequence[tuple[str, str]] = (),
) -> Comparison:
    """Compare filings of one or several companies.

    Args:
        overrides: concepts a user chose: company key to metric to concept as printed.
        rates: that a user gave, for ranks and medians of amounts in several currencies.
        unread: sources that could not be read, and why.

    Raises:
        InputError: if there is nothing to compare: no filing, or none with a fiscal period we can read.
    """
    if not filings:
        raise InputError("there is no filing to compare", hint="give at least one")
    series = tuple(_series(group, policy, overrides or {}) for group in group_by_company(filings))
    kind: Kind = "companies" if len(series) > 1 else "periods" if len(filings) > 1 else "filing"
    columns = _columns(series, kind)
    if not columns:
        raise _nothing_to_compare(filings)
    by_key = {one.company.key: one for one in series}
    statements = tuple(_statement(name, columns, by_key) for name in STATEMENT_TABLES)
    of_company = {key: [column for column in columns if column.company.key == key] for key in by_key}
    split = {key: breakdowns(by_key[key], of_company[key]) for key in by_key}
    return Comparison(
        kind=kind,
        columns=columns,
        tables=_tables(statements, columns, by_key, kind, rates),
        series=series,
        breakdowns=tuple(table for tables in split.values() for table in tables),
        bridges=tuple(bridge for key in by_key for bridge in bridges(by_key[key], of_company[key], split[key])),
        checks=(
            *_checks(series, columns),
            *(check for key in by_key for check in check_breakdowns(split[key], of_company[key])),
        ),
        restated=_restated(series, columns),
        notes=(*_notes(series, rates), *_empty_statements(series, policy)),
        problems=(*unread, *_problems(filings)),
        created=created,
        is_converted=rates is not None,
    )


def _series(group: Sequence[Filing], policy: Policy, overrides: Overrides) -> Series:
    keys = {company_key(filing) for filing in group}
    chosen = next((overrides[key] for key in keys if key in overrides), None)
    return build_series(group, policy, chosen)


def _columns(series: Sequence[Series], kind: Kind) -> tuple[Column, ...]:
    columns: list[Column] = []
    for one in series:
        spans = _spans(one, kind, len(series))
        columns += [Column(one.company, span, _column_notes(span, spans)) for span in spans]
    return compare_notes(columns) if kind == "companies" else tuple(columns)


def _spans(series: Series, kind: Kind, num_companies: int) -> tuple[Span, ...]:
    """Choose a company's columns: its years, and the trailing year that is newer; else all that it has."""
    years = [span for span in series.spans if span.kind == "year" and _has_statements(series, span)]
    if kind == "companies":
        most = _YEARS_A_COMPANY.get(num_companies, 1)
        newest = years[-most:] or [span for span in series.spans if span.kind == "ttm"][-1:]
        return tuple(newest or [span for span in series.spans if span.kind in ("ytd", "quarter")][-1:])
    if kind == "filing" and years and len(years) == len([s for s in series.spans if s.kind != "quarter"]):
        return tuple(years)
    if len(years) >= 2:
        newer = [span for span in series.spans if span.kind == "ttm" and span.period.end > years[-1].period.end]
        return tuple(years[-_MOST_YEARS:] + newer[-1:])
    parts = [span for span in series.spans if span.kind in ("quarter", "ytd", "year") and _has_statements(series, span)]
    unique = {span.period: span for span in parts}
    return tuple(sorted(unique.values(), key=lambda span: (span.kind, span.period.end)))


def _has_statements(series: Series, span: Span) -> bool:
    """Whether at least the income statement or the cash flow of the span was read."""
    return any(
        series.get(metric, span.period).is_available
        for metric in ("revenue", "net_income", "pretax_income", "operating_cash_flow")
    )


def _column_notes(span: Span, spans: Sequence[Span]) -> tuple[Message, ...]:
    years = {other.weeks for other in spans if other.kind == "year"}
    if span.kind == "year" and span.weeks == 53 and len(years) > 1:
        return (Message("note.weeks", {"weeks": "53"}),)
    return ()


def _tables(
    statements: tuple[Table, ...],
    columns: tuple[Column, ...],
    series: Mapping[str, Series],
    kind: Kind,
    rates: Rates | None,
) -> tuple[Table, ...]:
    tables = [with_changes(table, columns) for table in statements]
    if kind == "filing":
        dates = _date_columns(series, columns)
        if dates:
            tables[1] = _statement("balance_sheet", dates, series)
    if kind == "periods":
        tables += _quarters(series)
    tables += [common_size(table, columns, series) for table in statements]
    ratio_table = _ratios(columns, series)
    tables.append(with_changes(ratio_table, columns))
    if kind == "companies":
        amounts = [row for table in statements for row in table.rows if row.metric in _PEER_AMOUNTS]
        directions = {ratio.key: ratio.direction for ratio in ratios()} | dict.fromkeys(_PEER_AMOUNTS, "higher")
        tables += peer_tables(columns, [*amounts, *ratio_table.rows], directions, rates)
    return tuple(table for table in tables if table.rows)


def _date_columns(series: Mapping[str, Series], columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the balance dates of a single filing whose quarters end on other days than its balance sheet shows."""
    company = columns[0].company
    one = series[company.key]
    ends = {column.span.period.end for column in columns}
    dates = sorted(
        period.end for (metric, period), value in one.values.items() if metric == "total_assets" and value.is_available
    )
    if not dates or set(dates) <= ends:
        return ()
    return tuple(Column(company, Span("date", day.isoformat(), Period(day), day.year)) for day in dates)


def _quarters(series: Mapping[str, Series]) -> list[Table]:
    one = next(iter(series.values()))
    spans = [span for span in one.spans if span.kind == "quarter" and _has_statements(one, span)][-_MOST_QUARTERS:]
    columns = tuple(Column(one.company, span) for span in spans)
    if len(columns) < 2:
        return []
    tables = [_statement(name, columns, series) for name in _QUARTER_STATEMENTS]
    tables = [table for table in tables if any(value.is_available for value in table.rows[0].values)]
    return [replace(with_changes(table, columns), key=f"quarters_{table.key}", columns=columns) for table in tables]


def _statement(name: str, columns: tuple[Column, ...], series: Mapping[str, Series]) -> Table:
    lines = layout(name, (column.company.template for column in columns))
    rows = [_row(line, columns, series, is_balance=name == "balance_sheet") for line in lines]
    by_metric = {row.metric: row for row in rows}
    kept = tuple(
        row
        for row, line in zip(rows, lines, strict=True)
        if line.is_always_shown or (_has_value(row) and not _repeats(row, by_metric))
    )
    has_dates = any(column.span.kind == "date" for column in columns)
    return Table(name, kept, columns if has_dates else ())


def _row(line: Line, columns: Sequence[Column], series: Mapping[str, Series], *, is_balance: bool) -> Row:
    values = tuple(_value(line.metric, column, series[column.company.key], is_balance) for column in columns)
    label = next((value.fact.place.row_label for value in reversed(values) if value.fact), "")
    return Row(line.metric, values, label=label, level=line.level, is_total=line.is_total)


def _value(metric: str, column: Column, series: Series, is_balance: bool) -> Value:
    """Return a line's value; per-share and share lines on today's share basis, so that columns can be compared."""
    period = Period(column.span.period.end) if is_balance else column.span.period
    if metric == "shares_outstanding":
        metric = "shares_at_period_end"
    return series.adjusted.get((metric, period)) or series.get(metric, period)


def _repeats(row: Row, rows: Mapping[str, Row]) -> bool:
    """Whether a line would only print another line's amounts again."""
    other = rows.get(_MAY_REPEAT.get(row.metric, ""))
    return other is not None and all(
        value.amount in (None, twin.amount) for value, twin in zip(row.values, other.values, strict=True)
    )


def _has_value(row: Row) -> bool:
    return any(value.is_available for value in row.values)


def _ratios(columns: tuple[Column, ...], series: Mapping[str, Series]) -> Table:
    on_one_basis = {key: replace(one, values=one.values | one.adjusted) for key, one in series.items()}
    computed = [compute_ratios(on_one_basis[column.company.key], column.span) for column in columns]
    rows = [Row(values[0].metric, values) for values in zip(*computed, strict=True)]
    return Table("ratios", tuple(row for row in rows if _has_value(row) or len(columns) == 1))


def _checks(series: Sequence[Series], columns: Sequence[Column]) -> list[Check]:
    """Return the identities of the periods that the report shows."""
    shown = {(column.company.key, column.span.period.end) for column in columns}
    return [check for one in series for check in check_identities(one) if (check.company, check.period.end) in shown]


def _restated(series: Sequence[Series], columns: Sequence[Column]) -> tuple[tuple[Value, Value], ...]:
    shown = {(column.company.key, column.span.period.end) for column in columns}
    return tuple(
        (original, one.values[key])
        for one in series
        for key, original in one.originals.items()
        if (one.company.key, key[1].end) in shown
    )


def _notes(series: Sequence[Series], rates: Rates | None) -> tuple[Message, ...]:
    notes = [
        Message("note.split_found", {"company": one.company.key, "factor": f"{split.factor.normalize():f}"})
        for one in series
        for split in find_splits(one)
    ]
    accounting = {one.company.accounting for one in series if one.company.accounting}
    if len(accounting) > 1:
        notes.append(Message("note.several_accounting", {"standards": ", ".join(sorted(accounting))}))
    currencies = {one.company.currency for one in series if one.company.currency}
    if len(currencies) > 1:
        named = {"currencies": ", ".join(sorted(currencies))}
        if rates is None:
            notes.append(Message("note.mixed_currencies", named))
        else:
            notes.append(Message("note.converted_peers", named | {"target": rates.target}))
            notes += [_rate_note(rate) for rate in rates.rates if rate.base in currencies]
    return (*_chosen_concepts(series), *notes)


def _empty_statements(series: Sequence[Series], policy: Policy) -> list[Message]:
    """Name the statements of which a company's own tables, which need not be whole reports, give no line."""
    return [
        Message("note.no_statement", {"company": one.company.name or one.company.key, "statement": statement})
        for one in series
        if all(filing.source.media.startswith("statement-") for filing in one.filings)
        for statement in _STATEMENTS
        if not any(
            value.is_available and policy.rules[metric].statement == statement
            for (metric, _), value in one.values.items()
            if metric in policy.rules
        )
    ]


def _rate_note(rate: Rate) -> Message:
    stated = {"pair": rate.pair, "rate": str(rate.amount), "period": rate.period.key, "source": rate.source}
    return Message(f"note.rate_{rate.kind}", stated)


def _chosen_concepts(series: Sequence[Series]) -> list[Message]:
    """Name every concept that a user chose in place of the policy's."""
    chosen: dict[tuple[str, str], str] = {}
    for one in series:
        for (metric, _), value in one.values.items():
            if value.reason is not None and value.reason.key in ("reason.chosen_by_user", "reason.override_absent"):
                chosen[one.company.key, metric] = value.reason.values["concept"]
    return [
        Message("note.chosen_concept", {"company": company, "metric": metric, "concept": concept})
        for (company, metric), concept in chosen.items()
    ]


def _problems(filings: Sequence[Filing]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (filing.source.name, Phrase("{where}: {what}", where=problem.where, what=problem.what))
        for filing in filings
        for problem in (*filing.problems, *inconsistent_duplicates(filing))
    )


def _nothing_to_compare(filings: Sequence[Filing]) -> InputError:
    """Name the filings without a fiscal period, and the first thing that could not be read in them."""
    names = ", ".join(sorted(filing.source.name for filing in filings))
    what: str = "no fiscal period with statements was found"
    if all(filing.source.media.startswith("statement-") for filing in filings):
        hint = "name the rows in English or Chinese, such as Revenue, Net income, Total assets"
        if all(fact.period.is_instant for filing in filings for fact in filing.facts):
            hint = "give the income statement with it, in one workbook or in several files"
            return InputError("a balance sheet alone has no fiscal period", where=names, hint=hint)
        return InputError("no row of a statement was recognised", where=names, hint=hint)
    damage = next((one.what for filing in filings for one in filing.problems if one.where == "document"), "")
    if damage:
        what = Phrase("{what} ({damage})", what=what, damage=damage)
    return InputError(what, where=names, hint="give annual or quarterly reports")

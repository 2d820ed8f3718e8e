"""Values to claims, and what the checker must know of each claim: metric, company, period, label, role.

A reported value becomes a claim with the place it was read from; a derived one a claim with its formula and the
claims it was computed from, down to the reported ones. An absent value makes no claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from trivium.finance.analyze.model import Breakdown, Column, Company, Comparison, Message, Row, Status, Value
from trivium.finance.records import Period
from trivium.finance.standing import compound_growth, members_with_changes, peer_ratios
from trivium.service.evidence import Claim

__all__ = ["About", "ClaimContext", "CompanyNames", "Role", "claims_of", "context_of", "short_name", "values_of"]

Role = Literal["level", "original", "change", "growth", "points", "median", "gap", "rank", "compound"]
"""What a number is: a value, the value as first reported, a change (absolute, relative, in points), a peer median, the
distance to it, a rank, a compound annual growth rate."""

_PEER_ROLES: Mapping[str, Role] = {"peer_medians": "median", "peer_ranks": "rank"}

_LEGAL_FORM = re.compile(
    r"[\s,]+(?:incorporated|inc|corporation|corp|company|co|limited|ltd|plc|llc|l\.p|lp|s\.a|sa|ag|nv|n\.v|se)\.?$"
    r"|(?:集团)?股份有限公司$|(?:集团)?有限责任公司$|(?:集团)?有限公司$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class About:
    """What a claim is about.

    Args:
        company: key of the company; empty for what belongs to all of them (a median).
        labels: the fiscal labels of its period: `FY2024`; for a balance, of every span that ends on its day.
        amount: None for an absent value, which has a `reason` and no claim.
        member: the segment, product or region as printed; empty for the undimensioned total.
        base: for a change: the period it is measured from, with `base_labels`.
    """

    metric: str
    company: str
    period: Period
    unit: str
    amount: Decimal | None
    labels: frozenset[str]
    role: Role = "level"
    member: str = ""
    base: Period | None = None
    base_labels: frozenset[str] = frozenset()
    reason: Message | None = None
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class CompanyNames:
    """One company as texts may name it, and what texts may say of it as a whole."""

    key: str
    names: tuple[str, ...]
    accounting: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True)
class ClaimContext:
    """All that the checker knows beside the claims: what each id is about, and the companies."""

    about: Mapping[str, About]
    companies: tuple[CompanyNames, ...] = field(default_factory=tuple)


def claims_of(values: Iterable[Value]) -> dict[str, Claim]:
    """Return the claims of values and of everything they were computed from, by `Value.id`.

    Raises:
        ValueError: if two values with one id have different amounts, or a value has neither source nor inputs.
    """
    claims: dict[str, Claim] = {}
    waiting = list(values)[::-1]
    while waiting:
        value = waiting.pop()
        if value.amount is None:
            continue
        known = claims.get(value.id)
        if known is None:
            claims[value.id] = _claim(value, value.amount)
            waiting.extend(reversed(value.inputs))
        elif known.value != value.amount:
            raise ValueError(f"two values share the id {value.id!r}: {known.value} and {value.amount}")
    return claims


def values_of(comparison: Comparison) -> tuple[Value, ...]:
    """Return every value a report of this comparison may state, absent ones included, each id once."""
    found: dict[str, Value] = {}
    for entry in _entries(comparison):
        found.setdefault(entry.value.id, entry.value)
    return tuple(found.values())


def context_of(comparison: Comparison) -> ClaimContext:
    """Return what each value of the comparison is about, by id."""
    labels = _labels(comparison)
    about: dict[str, About] = {}
    for entry in _entries(comparison):
        if entry.value.id not in about:
            about[entry.value.id] = _about(entry, labels)
    return ClaimContext(about, tuple(_names(series.company, comparison) for series in comparison.series))


def short_name(name: str) -> str:
    """Return a company's name as prose uses it, without its legal form: `Apple` for `Apple Inc.`.

    Registers often print names in capitals: `UNION PACIFIC CORP` becomes `Union Pacific`. A single word such as
    `NVIDIA` may be written so on purpose and stays.
    """
    shorter = _LEGAL_FORM.sub("", name.strip()).rstrip(" ,")
    if shorter and shorter != name:
        return short_name(shorter)
    if not name.isupper() or not re.search("[ .]", name):
        return name
    return re.sub("[A-Z]{4,}|(?<=[.])[A-Z]+", lambda word: _cased(word[0], name), name)


def _cased(word: str, name: str) -> str:
    return word.lower() if f".{word}" in name else word.capitalize()


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Value
    company: str
    role: Role = "level"
    member: str = ""
    base: Value | None = None
    metric: str = ""


def _claim(value: Value, amount: Decimal) -> Claim:
    """Evidence wherever a fact was read, also under a derivation: a fact found in a note, or with its sign turned."""
    has_source = value.fact is not None and value.filing is not None
    if value.status is Status.REPORTED and not has_source:
        raise ValueError(f"reported value {value.id!r} has no source")
    evidence = (value.filing.evidence(value.fact),) if value.fact is not None and value.filing is not None else ()
    inputs = tuple(given.id for given in value.inputs if given.is_available)
    return Claim(value.id, amount, value.unit, evidence, value.formula, inputs)


def _entries(comparison: Comparison) -> Iterator[_Entry]:
    for original, restated in comparison.restated:
        yield _Entry(original, _owner(original), "original")
        yield _Entry(restated, _owner(restated))
    for table in comparison.tables:
        for row in table.rows:
            if table.key in _PEER_ROLES:
                role = _PEER_ROLES[table.key]
                yield from (_Entry(value, "" if role == "median" else _owner(value), role) for value in row.values)
            else:
                yield from _row_entries(row, table.columns or comparison.columns)
    for breakdown in comparison.breakdowns:
        yield from _breakdown_entries(breakdown, comparison.columns)
    for series in comparison.series:
        for values in (series.values, series.originals, series.adjusted):
            yield from (_Entry(value, series.company.key) for value in values.values())
    for bridge in comparison.bridges:
        yield from (_Entry(value, _owner(value)) for value in (bridge.start, *bridge.steps, bridge.end))
    for check in comparison.checks:
        yield from (_Entry(side, check.company) for side in (check.left, check.right) if side is not None)
    for rate in compound_growth(comparison):
        yield _Entry(rate, _owner(rate), "compound", base=rate.inputs[1])
    for peer in peer_ratios(comparison):
        yield _Entry(peer.median, "", "median")
        for gap, value in zip(peer.gaps, peer.values, strict=True):
            yield _Entry(gap, _owner(gap), "gap", base=value)


def _breakdown_entries(breakdown: Breakdown, columns: Sequence[Column]) -> Iterator[_Entry]:
    own = tuple(column for column in columns if breakdown.company in ("", column.company.key))
    told = members_with_changes(breakdown, own)
    for row in told.rows:
        yield from _row_entries(row, own, row.label, breakdown.metric)
    yield from _row_entries(told.total, own)
    for value in told.difference.values:
        yield _Entry(value, breakdown.company or _owner(value), member=breakdown.axis)


def _row_entries(row: Row, columns: Sequence[Column], member: str = "", metric: str = "") -> Iterator[_Entry]:
    companies = [column.company.key for column in columns]
    for value, company in zip(row.values, companies, strict=True):
        yield _Entry(value, company, member=member, metric=metric)
    for change, company in zip(row.changes, companies, strict=False):
        if change is not None:
            role: Role = "points" if change.is_points else "change"
            yield _Entry(change.absolute, company, role, member, change.base, metric)
            yield _Entry(change.relative, company, "growth", member, change.base, metric)


def _owner(value: Value) -> str:
    return value.id.split("/", 1)[0]


def _about(entry: _Entry, labels: _Labels) -> About:
    value, base = entry.value, entry.base
    return About(
        entry.metric or (value.metric if base is None else base.metric),
        entry.company,
        value.period,
        value.unit,
        value.amount,
        labels.get((entry.company, value.period), frozenset()),
        entry.role,
        entry.member,
        None if base is None else base.period,
        frozenset() if base is None else labels.get((entry.company, base.period), frozenset()),
        value.reason,
        value.notes,
    )


_Labels = dict[tuple[str, Period], frozenset[str]]


def _labels(comparison: Comparison) -> _Labels:
    """The fiscal labels of each company's flow periods, and of the balance dates at their ends."""
    found: dict[tuple[str, Period], set[str]] = {}
    spans = [(series.company.key, span) for series in comparison.series for span in series.spans]
    spans += [(column.company.key, column.span) for column in comparison.columns]
    for company, span in spans:
        for period in (span.period, Period(span.period.end)):
            found.setdefault((company, period), set()).add(span.label)
    return {key: frozenset(labels) for key, labels in found.items()}


def _names(company: Company, comparison: Comparison) -> CompanyNames:
    others = {short_name(series.company.name) for series in comparison.series if series.company is not company}
    short = short_name(company.name)
    names = (company.name, company.key) if short in others else (short, company.name, company.key)
    return CompanyNames(company.key, tuple(dict.fromkeys(names)), company.accounting, company.currency)

"""Segment, product and geography tables from dimensioned facts, tied to the undimensioned total.

A fact belongs to a table when its one axis is the table's (a plain `OperatingSegmentsMember` beside it does not count).
Three more things are read: members that only consolidation has (corporate, eliminations) complete a segment table;
members that are split further under one member of another axis (products within a segment) enter with the members of
that axis that are not split. Facts crossed over two axes are never summed.

Printed tables hold subtotals. The set shown is the largest one that adds up to the total exactly; when there is none,
members that are the sum of the rows before or after them are left out. What is then missing may be one more row of the
same printed table (hedging gains), and is added if a fact there is exactly the difference. What still differs is shown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from trivium.finance.analyze.member_names import member_labels, same_name
from trivium.finance.analyze.model import Breakdown, Column, Message, Row, Series, Status, Value
from trivium.finance.analyze.quantities import ARITHMETIC
from trivium.finance.analyze.subsets import largest_exact_subset, without_subtotals
from trivium.finance.records import Concept, Fact, Filing, Period

__all__ = ["AXES", "METRICS", "breakdowns"]

AXES = {
    "StatementBusinessSegmentsAxis": "segments",
    "SegmentsAxis": "segments",
    "ProductOrServiceAxis": "products",
    "ProductsAndServicesAxis": "products",
    "StatementGeographicalAxis": "geography",
    "GeographicalAreasAxis": "geography",
}
"""Local names of the axes that make a table (US-GAAP and IFRS), and the kind of table."""

METRICS = {
    "revenue": (
        "Revenues",
        "RevenueFromContractWithCustomerExcludingAssessedTax",
        "RevenueFromContractWithCustomerIncludingAssessedTax",
        "RevenuesNetOfInterestExpense",
        "SalesRevenueNet",
        "Revenue",
    ),
    "operating_income": ("OperatingIncomeLoss", "ProfitLossFromOperatingActivities"),
    "total_assets": ("Assets",),
}
"""Metrics that are broken down, with the concepts their members may carry; the total's own concept goes first."""

_CONSOLIDATION = frozenset({"ConsolidationItemsAxis", "SegmentConsolidationItemsAxis"})
_OPERATING = frozenset({"OperatingSegmentsMember"})


_KINDS = ("segments", "products", "geography")


@dataclass(frozen=True, slots=True)
class _Member:
    """A candidate row: the member, its fact, and the position of the fact in the document.

    The same member has another namespace in another year's filing, so members are told apart by `name`.
    """

    concept: Concept
    fact: Fact
    position: int

    @property
    def name(self) -> str:
        return self.concept.name

    @property
    def amount(self) -> Decimal:
        assert self.fact.value is not None
        return self.fact.value


@dataclass(slots=True)
class _Pool:
    """All candidates of one table in one period.

    Args:
        plain: members with the table's axis alone.
        nested: members that are split further under exactly one member of another axis.
        outer: members of that other axis that are not split.
        reconciling: members of the consolidation axis alone, other than the operating segments together.
    """

    filing: Filing
    plain: list[_Member] = field(default_factory=list)
    nested: list[_Member] = field(default_factory=list)
    outer: list[_Member] = field(default_factory=list)
    reconciling: list[_Member] = field(default_factory=list)

    def ways(self) -> list[list[_Member]]:
        """Return the sets that may make the table, the preferred first."""
        plain = {member.name for member in self.plain}
        inner = _in_order([*self.plain, *(member for member in self.nested if member.name not in plain)])
        alone = _in_order(self.plain)
        ways = [[*inner, *_in_order(self.outer)], alone] if len(inner) > len(alone) else [alone]
        ways += [[*alone, *_in_order(self.reconciling)]] if self.reconciling and alone else []
        return [way for way in ways if len(way) > 1]


def breakdowns(series: Series, columns: Sequence[Column]) -> tuple[Breakdown, ...]:
    """Return the tables of one company: each metric by segments, products and geography, where two members are tagged.

    Args:
        columns: columns of this company; values are in their order.
    """
    facts = {id(filing): _by_concept_and_period(filing) for filing in series.filings}
    tables = (
        _breakdown(series, columns, metric, kind, facts) for metric in METRICS for kind in _KINDS if series.filings
    )
    return tuple(table for table in tables if table is not None)


_Facts = Mapping[tuple[str, Period], list[tuple[int, Fact]]]


def _by_concept_and_period(filing: Filing) -> _Facts:
    found: dict[tuple[str, Period], list[tuple[int, Fact]]] = defaultdict(list)
    for position, fact in enumerate(filing.facts):
        if fact.dimensions and fact.value is not None:
            found[fact.concept.name, fact.period].append((position, fact))
    return found


def _breakdown(
    series: Series, columns: Sequence[Column], metric: str, kind: str, facts: Mapping[int, _Facts]
) -> Breakdown | None:
    totals = [_total(series, metric, column) for column in columns]
    chosen: list[tuple[_Pool, list[_Member]] | None] = [None] * len(columns)
    preferred: frozenset[str] = frozenset()
    for index in reversed(range(len(columns))):
        pool = _latest_pool(series, totals[index], metric, kind, facts)
        if pool is not None:
            members = _choose(pool, totals[index], preferred)
            preferred = preferred or frozenset(member.name for member in members)
            chosen[index] = (pool, members)
    if not any(choice and len(choice[1]) > 1 for choice in chosen):
        return None
    axis = _axis_name(chosen, kind)
    rows = _rows(series, metric, axis, totals, chosen)
    difference = tuple(
        _difference(series, metric, axis, total, [row.values[index] for row in rows])
        for index, total in enumerate(totals)
    )
    total_row = Row(metric, tuple(totals), is_total=True)
    return Breakdown(metric, axis, rows, total_row, Row("unallocated", difference), series.company.key)


def _total(series: Series, metric: str, column: Column) -> Value:
    period = column.span.period
    return series.get(metric, Period(period.end) if metric == "total_assets" else period)


def _latest_pool(series: Series, total: Value, metric: str, kind: str, facts: Mapping[int, _Facts]) -> _Pool | None:
    own = (total.fact.concept.name,) if total.fact is not None else ()
    unit = total.unit or series.company.currency
    for filing in reversed(series.filings):
        pool = _Pool(filing)
        for name in dict.fromkeys((*own, *METRICS[metric])):
            entries = [entry for entry in facts[id(filing)].get((name, total.period), ()) if str(entry[1].unit) == unit]
            _fill(pool, entries, kind)
        if pool.ways():
            return pool
    return None


def _fill(pool: _Pool, entries: Sequence[tuple[int, Fact]], kind: str) -> None:
    """Sort the facts of one concept into the pool; members that are there already (from a better concept) stay."""
    nested: dict[str, dict[str, _Member]] = defaultdict(dict)
    outer: dict[str, dict[str, _Member]] = defaultdict(dict)
    outer_kind = ""
    tables = Counter(fact.place.table for _, fact in entries if kind in _members(fact))

    def rank(entry: tuple[int, Fact]) -> tuple[int, int, int]:
        fact = entry[1]
        is_marked = any(dimension.axis.name in _CONSOLIDATION for dimension in fact.dimensions)
        return is_marked, -_precision(fact), -tables[fact.place.table]

    for position, fact in sorted(entries, key=rank):
        members = _members(fact)
        kinds = set(members)
        if kinds == {"consolidation"} and kind == "segments":
            _add(pool.reconciling, _Member(members["consolidation"], fact, position))
        elif kinds == {kind}:
            _add(pool.plain, _Member(members[kind], fact, position))
        elif len(kinds) == 1 and kinds < set(_KINDS):
            (other,) = kinds
            outer[other].setdefault(members[other].name, _Member(members[other], fact, position))
        elif len(kinds) == 2 and kind in kinds and kinds < set(_KINDS):
            (outer_kind,) = kinds - {kind}
            parents = nested[members[kind].name]
            parents.setdefault(members[outer_kind].name, _Member(members[kind], fact, position))
    if any(len(parents) > 1 for parents in nested.values()):
        return
    split = {parent for parents in nested.values() for parent in parents}
    for one in (member for parents in nested.values() for member in parents.values()):
        _add(pool.nested, one)
    for one in outer[outer_kind].values() if nested else ():
        if one.name not in split:
            _add(pool.outer, one)


def _members(fact: Fact) -> dict[str, Concept]:
    """Return the members of a fact by kind of axis; `?` for an axis that makes no table."""
    found: dict[str, Concept] = {}
    for dimension in fact.dimensions:
        name = dimension.axis.name
        if dimension.member is None:
            return {"?": dimension.axis}
        if name in _CONSOLIDATION:
            if dimension.member.name not in _OPERATING:
                found["consolidation"] = dimension.member
        else:
            found[AXES.get(name, "?")] = dimension.member
    return found


def _add(members: list[_Member], member: _Member) -> None:
    if all(member.name != other.name for other in members):
        members.append(member)


def _choose(pool: _Pool, total: Value, preferred: frozenset[str]) -> list[_Member]:
    ways = pool.ways()
    if total.amount is None:
        return _keep(ways[0], without_subtotals([member.amount for member in ways[0]]))
    for way in ways:
        same = [member for member in way if member.name in preferred]
        if len(same) > 1 and _sum(same) == total.amount:
            return same
    for way in ways:
        exact = largest_exact_subset([member.amount for member in way], total.amount)
        if exact is not None and len(exact) > 1:
            return _keep(way, exact)
    kept = [_keep(way, without_subtotals([member.amount for member in way])) for way in ways]
    amount = total.amount
    closest = min(kept, key=lambda members: abs(_sum(members) - amount))
    missing = _same_table(pool.filing, closest, total, amount - _sum(closest))
    return [*closest, missing] if missing is not None else closest


def _same_table(filing: Filing, members: Sequence[_Member], total: Value, amount: Decimal) -> _Member | None:
    """Return the one fact of the members' printed table that is the missing amount, an undimensioned one first."""
    tables = {member.fact.place.table for member in members} - {None}
    found = [
        _Member(fact.concept, fact, position)
        for position, fact in enumerate(filing.facts)
        if fact.value == amount
        and fact.period == total.period
        and fact.place.table in tables
        and str(fact.unit) == total.unit
        and all(fact is not member.fact for member in members)
    ]
    return min(found, key=lambda member: (len(member.fact.dimensions), member.position), default=None)


def _in_order(members: Iterable[_Member]) -> list[_Member]:
    return sorted(members, key=lambda member: member.position)


def _sum(members: Iterable[_Member]) -> Decimal:
    return sum((member.amount for member in members), Decimal(0))


def _keep(members: Sequence[_Member], indexes: Iterable[int]) -> list[_Member]:
    return [members[index] for index in indexes]


def _axis_name(chosen: Sequence[tuple[_Pool, list[_Member]] | None], kind: str) -> str:
    names = {name for name, of in AXES.items() if of == kind}
    for choice in chosen:
        for member in choice[1] if choice else ():
            for dimension in member.fact.dimensions:
                if dimension.axis.name in names:
                    return dimension.axis.name
    raise AssertionError(kind)


def _rows(
    series: Series,
    metric: str,
    axis: str,
    totals: Sequence[Value],
    chosen: Sequence[tuple[_Pool, list[_Member]] | None],
) -> tuple[Row, ...]:
    labels: dict[str, str] = {}
    for choice in reversed(chosen):
        if choice is not None:
            for member, label in zip(choice[1], _names(*choice, totals), strict=True):
                labels.setdefault(member.name, label)
    # An issuer may rename a member between filings: members with one label that never meet are one row.
    groups: dict[str, list[str]] = {}
    for name, label in labels.items():
        same = groups.setdefault(same_name(label), [])
        if any(_meet(chosen, name, other) for other in same):
            same = groups.setdefault(name, [])
        same.append(name)
    rows = []
    for names in groups.values():
        values = []
        for total, choice in zip(totals, chosen, strict=True):
            found = next((one for one in choice[1] if one.name in names), None) if choice else None
            filing = choice[0].filing if choice else None
            values.append(_value(series, f"{metric}.{axis}.{names[0]}", metric, total, found, filing))
        rows.append(Row(metric, tuple(values), label=labels[names[0]], level=1))
    return tuple(rows)


def _names(pool: _Pool, members: Sequence[_Member], totals: Sequence[Value]) -> list[str]:
    return member_labels([(member.concept, member.fact) for member in members], pool.filing, totals)


def _meet(chosen: Sequence[tuple[_Pool, list[_Member]] | None], name: str, other: str) -> bool:
    """Whether both members stand in one column."""
    return any({name, other} <= {member.name for member in choice[1]} for choice in chosen if choice)


def _value(
    series: Series,
    key: str,
    metric: str,
    total: Value,
    member: _Member | None,
    filing: Filing | None,
) -> Value:
    value_id = f"{series.company.key}/{key}/{total.period.key}"
    if member is None:
        reason = Message("reason.not_reported")
        return Value(value_id, metric, total.period, total.unit, None, Status.ABSENT, reason)
    fact = member.fact
    return Value(value_id, metric, total.period, str(fact.unit), fact.value, Status.REPORTED, fact=fact, filing=filing)


def _difference(series: Series, metric: str, axis: str, total: Value, members: Sequence[Value]) -> Value:
    value_id = f"{series.company.key}/{metric}.{axis}.unallocated/{total.period.key}"
    available = [member for member in members if member.amount is not None]
    if total.amount is None or not available:
        missing = metric if total.amount is None else "segments"
        reason = Message("reason.missing_input", {"metric": missing})
        return Value(value_id, "unallocated", total.period, total.unit, None, Status.ABSENT, reason)
    amount = total.amount
    for member in available:
        assert member.amount is not None
        amount = ARITHMETIC.subtract(amount, member.amount)
    return Value(
        id=value_id,
        metric="unallocated",
        period=total.period,
        unit=total.unit,
        amount=amount,
        status=Status.DERIVED,
        formula=f"{metric} - members",
        inputs=(total, *available),
    )


def _precision(fact: Fact) -> int:
    return 99 if fact.is_exact or fact.decimals is None else fact.decimals

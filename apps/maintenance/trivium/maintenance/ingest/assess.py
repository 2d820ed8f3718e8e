"""Judge the rows of a batch against the registry: what the door can tell by itself, and what is left for the worker.

In comes a `Sheet`; out come the verdict of each row so far, the readings to store by asset in the registry's units, and
the first things that were wrong, with row and column, for the sender to read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trivium.maintenance.ingest import quality
from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.formats import Coded, Options, Sheet
from trivium.maintenance.ingest.units import conversion
from trivium.maintenance.ingest.verdicts import NAMES, Verdict
from trivium.maintenance.registry import Asset, Registry, Tag
from trivium.service.phrase import Phrase

__all__ = ["Assessment", "assess"]

_MOST_ISSUES = 50
_HEADER_UNIT = re.compile(r"(.+?)\s*[\[(]([^\[\]()]+(?:\([ag]\))?)[\])]")


@dataclass
class Assessment:
    """What the door found.

    Args:
        verdicts: (N,) uint8; ACCEPTED rows may still turn out late or duplicate.
        blocks: readings to store, one block an asset, sorted by time.
        issues: the first of what was wrong: `{row, column, verdict, what}`.
    """

    verdicts: np.ndarray
    blocks: list[AssetRows] = field(default_factory=list)
    issues: list[dict[str, object]] = field(default_factory=list)

    def mark(self, rows: np.ndarray, verdict: Verdict, column: str, what: str) -> None:
        """Give rows a verdict, unless theirs is a stronger one already.

        Args:
            rows: numbers of rows, from 0.
        """
        if not len(rows):
            return
        self.verdicts[rows] = np.maximum(self.verdicts[rows], verdict)
        if len(self.issues) < _MOST_ISSUES:
            first = int(rows.min()) + 1
            self.issues.append(
                {"row": first, "rows": len(rows), "column": column, "verdict": NAMES[verdict], "what": str(what)}
                | ({"template": what.template, "values": dict(what.values)} if isinstance(what, Phrase) else {})
            )


@dataclass(frozen=True, slots=True)
class _Rule:
    """What holds for the cells of one tag in one unit; `bad_unit` is the one sent where it does not convert."""

    tag: Tag | None
    factor: float = 1.0
    offset: float = 0.0
    bad_unit: str = ""


def assess(sheet: Sheet, registry: Registry, options: Options, *, latest_us: int) -> Assessment:
    """Judge a batch.

    Args:
        latest_us: times after this are in the future.
    """
    found = Assessment(np.zeros(sheet.num_rows, np.uint8))
    is_future = sheet.moments.us > latest_us
    found.mark(np.flatnonzero(is_future), Verdict.FUTURE, "time", "lies in the future of our clock")
    if sheet.is_narrow:
        _assess_narrow(sheet, registry, options, is_future, found)
    else:
        _assess_wide(sheet, registry, options, is_future, found)
    return found


# -- wide: one row, one asset, many sensors -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Grid:
    """The rules of a wide batch: one line an asset (the last for rows without one), one column a header."""

    rules: list[list[_Rule]]
    factor: np.ndarray
    offset: np.ndarray
    low: np.ndarray
    high: np.ndarray
    is_usable: np.ndarray

    @classmethod
    def of(cls, rules: list[list[_Rule]]) -> _Grid:
        """Lay the rules out as arrays."""

        def laid(read: Callable[[_Rule], float]) -> np.ndarray:
            return np.array([[read(rule) for rule in line] for line in rules], np.float64).reshape(len(rules), -1)

        return cls(
            rules,
            laid(lambda rule: rule.factor),
            laid(lambda rule: rule.offset),
            laid(lambda rule: -np.inf if rule.tag is None or rule.tag.low is None else rule.tag.low),
            laid(lambda rule: np.inf if rule.tag is None or rule.tag.high is None else rule.tag.high),
            laid(lambda rule: rule.tag is not None and not rule.bad_unit) > 0,
        )


def _assess_wide(sheet: Sheet, registry: Registry, options: Options, is_future: np.ndarray, found: Assessment) -> None:
    assert sheet.assets is not None
    columns, names = list(sheet.columns), (*sheet.assets.names, "")
    order = np.lexsort((sheet.moments.us, sheet.assets.codes))
    codes = sheet.assets.codes[order]  # -1, a row without an asset, is the last line of the grid
    values = np.empty((sheet.num_rows, len(columns)))
    marks = np.empty((sheet.num_rows, len(columns)), np.uint8)
    for place, name in enumerate(columns):
        values[:, place] = sheet.columns[name].values[order]
        marks[:, place] = sheet.columns[name].quality[order]
    grid = _Grid.of([_wide_rules(registry.assets.get(name), columns, options) for name in names])
    for code in np.unique(codes).tolist():
        if names[code] not in registry.assets:
            what = Phrase("the registry has no asset '{asset}'", asset=names[code])
            found.mark(order[codes == code], Verdict.UNKNOWN_SENSOR, "asset", what)
    _judge_grid(grid, codes, order, columns, values, marks, sheet, found)
    _split_grid(grid, codes, order, names, values, marks, is_future, sheet, found)


def _wide_rules(asset: Asset | None, columns: Sequence[str], options: Options) -> list[_Rule]:
    """Find the tag of each column: by its name, or by its name with a unit behind it, as in `speed [rpm]`."""
    if asset is None:
        return [_Rule(None)] * len(columns)
    rules = []
    for header in columns:
        name, unit = header, options.units.get(header, "")
        if name not in asset.by_name and (match := _HEADER_UNIT.fullmatch(header)):
            name, unit = match.group(1), options.units.get(match.group(1), "") or match.group(2)
        rules.append(_rule(asset.by_name.get(name), unit))
    return rules


def _judge_grid(
    grid: _Grid,
    codes: np.ndarray,
    order: np.ndarray,
    columns: Sequence[str],
    values: np.ndarray,
    marks: np.ndarray,
    sheet: Sheet,
    found: Assessment,
) -> None:
    """Convert and mark all cells of a wide batch in place; rows are in the order `order`."""
    if (grid.factor != 1.0).any() or (grid.offset != 0.0).any():
        values *= grid.factor[codes]
        values += grid.offset[codes]
    is_sent, is_usable = marks != quality.ABSENT, grid.is_usable[codes]
    is_bad = (marks == quality.BAD) & is_usable
    with np.errstate(invalid="ignore"):
        is_out = ((values < grid.low[codes]) | (values > grid.high[codes])) & is_sent & is_usable & ~is_bad
    is_lost = is_sent & ~is_usable
    marks[is_out] = quality.RANGE
    for place in np.flatnonzero((is_bad | is_out | is_lost).any(axis=0)).tolist():
        name = columns[place]
        _say_bad(found, order[is_bad[:, place]], name, sheet.columns[name].texts)
        for code in np.unique(codes[is_lost[:, place]]).tolist():
            rows = order[is_lost[:, place] & (codes == code)]
            if not (found.verdicts[rows] == Verdict.UNKNOWN_SENSOR).all():  # their asset is known
                _say_unusable(found, rows, grid.rules[code][place], name, "its asset has no such tag")
        out = np.flatnonzero(is_out[:, place])
        if len(out):
            rule = grid.rules[codes[out[0]]][place]
            _say_out(found, order[out], name, values[out[0], place], rule)


def _split_grid(
    grid: _Grid,
    codes: np.ndarray,
    order: np.ndarray,
    names: Sequence[str],
    values: np.ndarray,
    marks: np.ndarray,
    is_future: np.ndarray,
    sheet: Sheet,
    found: Assessment,
) -> None:
    """Make one block an asset of the cells that are to be stored."""
    marks[~grid.is_usable[codes]] = quality.ABSENT
    is_stored = ~is_future[order] & (marks != quality.ABSENT).any(axis=1)
    if not is_stored.all():
        codes, order, values, marks = codes[is_stored], order[is_stored], values[is_stored], marks[is_stored]
    numbers = np.where(found.verdicts[order] == Verdict.ACCEPTED, order, -1).astype(np.int32)[:, None]
    times = sheet.moments.us[order]
    if not len(codes):
        return
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]]).tolist()
    for start, end in zip(starts, [*starts[1:], len(codes)], strict=True):
        own = slice(start, end)
        kept = (marks[own] != quality.ABSENT).any(axis=0)
        rules = grid.rules[codes[start]]
        tags = tuple(rules[place].tag.name for place in np.flatnonzero(kept))
        columns = slice(None) if kept.all() else kept
        found.blocks.append(
            AssetRows(names[codes[start]], times[own], tags, values[own, columns], marks[own, columns], numbers[own])
        )


# -- narrow: one row, one reading -----------------------------------------------------------------------------------


def _assess_narrow(
    sheet: Sheet, registry: Registry, options: Options, is_future: np.ndarray, found: Assessment
) -> None:
    assert sheet.tags is not None
    cells = sheet.columns.get("value") or next(iter(sheet.columns.values()))
    values, marks = cells.values.copy(), cells.quality.copy()
    readings: dict[str, list[tuple[Tag, np.ndarray]]] = {}
    for tag_name, asset_name, unit, rows in _narrow_groups(sheet):
        rule, missing = _narrow_rule(registry, tag_name, asset_name, unit or options.units.get(tag_name, ""))
        if rule.tag is None or rule.bad_unit:
            _say_unusable(found, rows, rule, tag_name, missing)
            continue
        own_values, own_marks = values[rows], marks[rows]
        _judge_readings(rows, own_values, own_marks, rule, cells.texts, found)
        values[rows], marks[rows] = own_values, own_marks
        readings.setdefault(rule.tag.asset, []).append((rule.tag, rows[~is_future[rows]]))
    for asset, parts in readings.items():
        if any(len(rows) for _, rows in parts):
            found.blocks.append(_pivot(asset, parts, values, marks, sheet.moments.us, found))


def _narrow_groups(sheet: Sheet) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Yield tag, asset, unit and rows of each combination, rows in the order of their times."""
    assert sheet.tags is not None
    empty = Coded(np.full(sheet.num_rows, -1, np.int32), ())
    coded = (sheet.tags, sheet.assets or empty, sheet.units or empty)
    key = np.zeros(sheet.num_rows, np.int64)
    for one in coded:
        key = key * (len(one.names) + 1) + one.codes + 1
    for _, rows in _groups(key, np.lexsort((sheet.moments.us, key))):
        first = rows[0]
        tag, asset, unit = (one.names[one.codes[first]] if one.codes[first] >= 0 else "" for one in coded)
        yield tag, asset, unit, rows


def _narrow_rule(registry: Registry, tag: str, asset: str, unit: str) -> tuple[_Rule, str]:
    if asset:
        owner = registry.assets.get(asset)
        missing = Phrase("asset {asset} has no such tag", asset=asset)
        return _rule(owner.by_name.get(tag) if owner else None, unit), missing
    tags = registry.by_tag.get(tag, ())
    if len(tags) > 1:
        return _Rule(None), Phrase("an asset column is missing, for {count} assets have this tag", count=len(tags))
    return _rule(tags[0] if tags else None, unit), "the registry has no such tag"


def _pivot(
    asset: str,
    parts: list[tuple[Tag, np.ndarray]],
    values: np.ndarray,
    marks: np.ndarray,
    times_us: np.ndarray,
    found: Assessment,
) -> AssetRows:
    """Turn readings of single tags into rows of the asset; of two at one time the one sent first stays."""
    columns: dict[str, list[np.ndarray]] = {}
    for tag, rows in parts:
        columns.setdefault(tag.name, []).append(rows)
    times = np.unique(np.concatenate([times_us[rows] for _, rows in parts]))
    shape = (len(times), len(columns))
    table = np.full(shape, np.nan)
    table_marks = np.full(shape, quality.ABSENT, np.uint8)
    numbers = np.full(shape, -1, np.int32)
    for place, (name, pieces) in enumerate(columns.items()):
        rows = np.sort(np.concatenate(pieces))
        at = np.searchsorted(times, times_us[rows])
        _, first = np.unique(at, return_index=True)
        again = np.setdiff1d(np.arange(len(rows)), first)
        found.mark(rows[again], Verdict.DUPLICATE, name, "was sent twice in this batch")
        rows, at = rows[first], at[first]
        table[at, place], table_marks[at, place] = values[rows], marks[rows]
        numbers[at, place] = np.where(found.verdicts[rows] == Verdict.ACCEPTED, rows, -1)
    return AssetRows(asset, times, tuple(columns), table, table_marks, numbers)


# -- cells ----------------------------------------------------------------------------------------------------------


def _rule(tag: Tag | None, unit: str) -> _Rule:
    if tag is None:
        return _Rule(None)
    found = conversion(unit.strip(), tag.unit)
    return _Rule(tag, bad_unit=unit.strip()) if found is None else _Rule(tag, found.factor, found.offset)


def _say_unusable(found: Assessment, rows: np.ndarray, rule: _Rule, column: str, missing: str) -> None:
    if rule.tag is None:
        found.mark(rows, Verdict.UNKNOWN_SENSOR, column, missing)
    else:
        what = Phrase("'{sent}' does not convert to {unit} of the registry", sent=rule.bad_unit, unit=rule.tag.unit)
        found.mark(rows, Verdict.BAD_UNIT, column, what)


def _say_bad(found: Assessment, rows: np.ndarray, column: str, texts: Mapping[int, str]) -> None:
    text = next((texts[int(row)] for row in rows if int(row) in texts), "")
    found.mark(rows, Verdict.BAD_QUALITY, column, Phrase("says '{text}'", text=text) if text else "is of bad quality")


def _say_out(found: Assessment, rows: np.ndarray, column: str, value: float, rule: _Rule) -> None:
    assert rule.tag is not None
    low = "-" if rule.tag.low is None else f"{rule.tag.low:g}"
    high = "-" if rule.tag.high is None else f"{rule.tag.high:g}"
    told = f"{value:.6g} {rule.tag.unit}"
    what = Phrase("{value} is outside {low} to {high}", value=told, low=low, high=high)
    found.mark(rows, Verdict.OUT_OF_RANGE, column, what)


def _judge_readings(
    rows: np.ndarray, values: np.ndarray, marks: np.ndarray, rule: _Rule, texts: Mapping[int, str], found: Assessment
) -> None:
    """Convert the readings of one tag in place and mark what is bad or out of range."""
    assert rule.tag is not None
    if rule.factor != 1.0 or rule.offset != 0.0:
        values *= rule.factor
        values += rule.offset
    is_bad = marks == quality.BAD
    _say_bad(found, rows[is_bad], rule.tag.name, texts)
    low = -np.inf if rule.tag.low is None else rule.tag.low
    high = np.inf if rule.tag.high is None else rule.tag.high
    with np.errstate(invalid="ignore"):
        is_out = ((values < low) | (values > high)) & ~is_bad
    if is_out.any():
        marks[is_out] = quality.RANGE
        _say_out(found, rows[is_out], rule.tag.name, values[is_out][0], rule)


def _groups(codes: np.ndarray, order: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each code with its rows, in the order given; `order` sorts by code first."""
    ordered = codes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    for start, end in zip(starts, [*starts[1:], len(ordered)], strict=True):
        yield int(ordered[start]), order[start:end]

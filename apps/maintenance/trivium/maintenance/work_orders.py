"""Work orders: what was done to an asset, and why; a preventive replacement is no failure, but ends an observation.

Read from the CSV of a maintenance system by a mapping of columns; orders with a number that is known are replaced.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from sqlalchemy import Connection, delete, insert, select, update

from trivium.maintenance import tables
from trivium.maintenance.csv_text import ASSET, DESCRIPTION, decode_text
from trivium.maintenance.ingest.moments import read_moments
from trivium.maintenance.tables import work_order as table
from trivium.service.database import Database
from trivium.service.errors import InputError

__all__ = ["FAILURE", "OTHER", "PREVENTIVE", "WorkOrder", "find_orders", "read_orders", "write_orders"]

FAILURE, PREVENTIVE, OTHER = "failure", "preventive", "other"
_NAMES: Mapping[str, tuple[str, ...]] = {
    "number": (
        *("number", "order", "order_id", "work_order", "wo", "id", "auftrag", "auftragsnummer", "meldung"),
        *("工单号", "工单编号", "工单", "单号"),
    ),
    "asset": (*ASSET, "functional_location", "technischer platz"),
    "start": (
        *("start", "from", "failed_at", "reported", "date", "time", "created"),
        *("störungsbeginn", "beginn", "gemeldet", "datum", "故障时间", "开始时间", "报修时间", "开始", "日期"),
    ),
    "end": (
        *("end", "to", "finished", "completed", "closed", "störungsende", "ende", "erledigt"),
        *("结束时间", "完成时间", "结束"),
    ),
    "kind": ("kind", "type", "order_type", "category", "auftragsart", "art", "工单类型", "类型", "类别"),
    "description": (*DESCRIPTION, "short_text", "comment", "kurztext", "故障描述", "内容"),
}
_KINDS = {
    FAILURE: (
        "failure",
        "corrective",
        "breakdown",
        "emergency",
        "repair",
        "pm01",
        "cm",
        "störung",
        "ausfall",
        "reparatur",
        "故障",
        "抢修",
        "维修",
    ),
    PREVENTIVE: (
        "preventive",
        "planned",
        "overhaul",
        "replacement",
        "inspection",
        "pm02",
        "pm",
        "wartung",
        "vorbeugend",
        "revision",
        "保养",
        "预防",
        "计划",
        "大修",
    ),
}
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """One order; `kind` is `failure`, `preventive` or `other`."""

    number: str
    asset: str
    kind: str
    from_us: int
    to_us: int | None
    description: str


def read_orders(
    content: bytes,
    zone: tzinfo | None,
    *,
    columns: Mapping[str, str] | None = None,
    failures: Sequence[str] = (),
    time_format: str = "",
) -> list[WorkOrder]:
    """Read work orders from a CSV.

    Args:
        zone: of times without an offset; None refuses these.
        columns: name of the file's column by `number`, `asset`, `start`, `end`, `kind`, `description`.
        failures: values of the column of kinds that mean a failure, besides the usual words.
        time_format: as for `strptime`, when the times are in no format that is read by itself.

    Raises:
        InputError: with the first twenty lines that cannot be used.
    """
    text = decode_text(content)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    lines = [line for line in csv.reader(io.StringIO(text), delimiter=delimiter) if any(cell.strip() for cell in line)]
    if len(lines) < 2:
        raise InputError("has no line of an order", where="work orders", hint="begin with: number,asset,start,end,kind")
    places = _places([name.strip() for name in lines[0]], columns or {})
    found: dict[str, WorkOrder] = {}
    problems = []
    for number, line in enumerate(lines[1:], 2):
        cells = {name: line[place].strip() if place < len(line) else "" for name, place in places.items()}
        try:
            one = _order(cells, zone, number, failures, time_format)
            found[one.number] = one
        except InputError as error:
            problems.append(f"line {number}: {error.line}")
    if problems:
        shown = "; ".join(problems[:_MOST_PROBLEMS])
        raise InputError(shown, where="work orders", hint=f"{len(problems)} problems in all")
    return list(found.values())


def write_orders(database: Database, plant: str, orders: Sequence[WorkOrder]) -> None:
    """Keep orders in place of those with the same numbers; the plant's registry, which tells lives by them, is new."""
    with database.write() as connection:
        plants = tables.plant
        connection.execute(update(plants).where(plants.c.name == plant).values(version=plants.c.version + 1))
        for start in range(0, len(orders), 500):
            some = orders[start : start + 500]
            known = (table.c.plant == plant, table.c.number.in_([one.number for one in some]))
            connection.execute(delete(table).where(*known))
            rows = [{"plant": plant} | {name: getattr(one, name) for name in WorkOrder.__slots__} for one in some]
            connection.execute(insert(table), rows)


def begun_of(connection: Connection, plant: str) -> dict[str, tuple[int, ...]]:
    """Return when each asset was repaired or renewed: after the repair of a failure, and with a replacement."""
    query = select(table).where(table.c.plant == plant, table.c.kind.in_((FAILURE, PREVENTIVE)))
    found: dict[str, list[int]] = {}
    for row in connection.execute(query.order_by(table.c.from_us)):
        ended_us = row.from_us if row.to_us is None else row.to_us
        found.setdefault(row.asset, []).append(ended_us + 1 if row.kind == FAILURE else row.from_us)
    return {asset: tuple(begun) for asset, begun in found.items()}


def find_orders(database: Database, plant: str, *, asset: str = "") -> list[WorkOrder]:
    """Return a plant's orders, newest first."""
    query = select(table).where(table.c.plant == plant).order_by(table.c.from_us.desc())
    if asset:
        query = query.where(table.c.asset == asset)
    with database.read() as connection:
        return [
            WorkOrder(*(getattr(row, name) for name in WorkOrder.__slots__)) for row in connection.execute(query)
        ]  # fmt: skip


def _places(header: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    lowered = [name.lower() for name in header]
    places = {}
    for name, aliases in _NAMES.items():
        if name in columns:
            if columns[name].lower() not in lowered:
                raise InputError(
                    f"has no column {columns[name]!r}", where="work orders", hint=f"it has {', '.join(header)[:200]}"
                )
            places[name] = lowered.index(columns[name].lower())
        else:
            found = next((lowered.index(alias) for alias in aliases if alias in lowered), None)
            if found is not None:
                places[name] = found
    missing = [name for name in ("asset", "start") if name not in places]
    if missing:
        raise InputError(
            f"has no column {' and none '.join(missing)}",
            where="work orders",
            hint=f"map one of {', '.join(header)[:200]} with --column {missing[0]}=NAME",
        )
    return places


def _order(
    cells: Mapping[str, str], zone: tzinfo | None, line: int, failures: Sequence[str], time_format: str
) -> WorkOrder:
    asset = cells["asset"]
    if not asset:
        raise InputError("names no asset")
    from_us = _moment("start", cells, zone, time_format)
    to_us = _moment("end", cells, zone, time_format) if cells.get("end") else None
    if to_us is not None and to_us < from_us:
        raise InputError("ends before it begins")
    number = cells.get("number") or f"{asset} {cells['start']} {line}"
    return WorkOrder(
        number[:120], asset[:200], _kind(cells.get("kind", ""), failures), from_us, to_us, cells.get("description", "")
    )


def _moment(name: str, cells: Mapping[str, str], zone: tzinfo | None, time_format: str) -> int:
    try:
        return int(read_moments([cells[name]], zone=zone, time_format=time_format).us[0])
    except InputError as error:
        raise InputError(error.what, where=name, hint=error.hint) from None


def _kind(text: str, failures: Sequence[str]) -> str:
    """Return what an order's kind means; without a column of kinds every order is a failure."""
    word = text.strip().lower()
    if not word or word in [one.lower() for one in failures]:
        return FAILURE
    if failures:
        return PREVENTIVE
    for kind, words in _KINDS.items():
        if any(word == one or (len(one) > 4 and one in word) or (not one.isascii() and one in word) for one in words):
            return kind
    return OTHER

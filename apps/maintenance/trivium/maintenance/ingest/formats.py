"""The formats of a batch: JSON, NDJSON, CSV and Arrow IPC to one `Sheet`, wide or narrow.

Wide rows are `asset, time, sensor...`; narrow ones `tag, time, value` with `quality` and `unit` if there are. What is
wrong with the whole (no time column, a time that cannot be read, too many rows) refuses the batch and nothing of it is
taken; what is wrong with a row is its verdict's business (`assess.py`).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

import numpy as np
import pyarrow as pa

from trivium.maintenance.csv_text import ASSET, DATE, QUALITY, TAG, TIME, UNIT, VALUE, decode_text, first_of
from trivium.maintenance.ingest import quality
from trivium.maintenance.ingest.moments import Moments, read_moments
from trivium.maintenance.ingest.numbers import Cells, read_numbers
from trivium.service.errors import InputError

__all__ = ["MAX_ROWS", "Coded", "Options", "Sheet", "read_sheet"]

MAX_ROWS = 10_000
_MAX_COLUMNS = 2_000
_CLOCK = re.compile(r"\d{1,2}:\d\d")  # a time of the day, whose day is elsewhere
_OPTIONS = ("batch_id", "gateway", "zone", "time_format", "decimal", "quality", "asset")
Column = np.ndarray | Sequence[Any]


@dataclass(frozen=True)
class Options:
    """What the sender says about a batch, in headers, in the query or in a JSON body.

    Args:
        zone: of times without an offset; the plant's where empty.
        time_format: as for `strptime`.
        decimal: `,` or `.`.
        quality: `opc-ua` or `opc-da`.
        asset: that all rows are of, when no column says so.
        units: unit by column or tag, where it is not the registry's.
    """

    batch_id: str = ""
    gateway: str = ""
    zone: str = ""
    time_format: str = ""
    decimal: str = ""
    quality: str = ""
    asset: str = ""
    units: Mapping[str, str] = field(default_factory=dict)

    def merged(self, other: Options) -> Options:
        """Return these options, with the other's where these are empty."""
        return Options(**{name: getattr(self, name) or getattr(other, name) for name in (*_OPTIONS, "units")})


@dataclass(frozen=True)
class Coded:
    """A column of names: `names[codes[row]]`; code -1 where the cell is empty."""

    codes: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """A batch as columns.

    Args:
        is_narrow: whether a row is one reading of a tag.
        moments: time of each row.
        assets: asset of each row; None in narrow batches without such a column.
        tags: tag of each row, narrow only.
        units: unit of each row, narrow only; None when there is no such column.
        columns: cells by column name; narrow batches have one, `value`.
    """

    num_rows: int
    is_narrow: bool
    moments: Moments
    assets: Coded | None
    tags: Coded | None
    units: Coded | None
    columns: Mapping[str, Cells]


def read_sheet(
    body: bytes, format_: str, options: Options, zone_of: Any, *, arrival: datetime | None = None
) -> tuple[Sheet, Options]:
    """Read a batch.

    Args:
        body: decompressed.
        format_: `json`, `ndjson`, `csv` or `arrow`.
        options: from headers and query; those in a JSON body count where these are empty.
        zone_of: gives the time zone of the name that the options hold, or the plant's for the empty name.
        arrival: when it came; None for history.

    Returns:
        The sheet, and the options with those in the body.

    Raises:
        InputError: if the batch as a whole cannot be used.
    """
    if format_ in ("json", "ndjson"):
        rows, inner = _read_json(body) if format_ == "json" else (_read_ndjson(body), Options())
        options, columns = options.merged(inner), _columns_of(rows)
    elif format_ == "csv":
        columns, delimiter = _read_csv(body)
        options = options.merged(Options(decimal="," if delimiter in ";\t" else ""))
    else:
        columns = _read_arrow(body)
    return _sheet(columns, options, zone_of(options.zone), arrival), options


def _sheet(columns: dict[str, Column], options: Options, zone: tzinfo | None, arrival: datetime | None) -> Sheet:
    if options.decimal not in ("", ",", "."):
        raise InputError(f"{options.decimal!r} is no decimal sign", where="decimal", hint="use , or .")
    num_rows = len(next(iter(columns.values()))) if columns else 0
    if not 1 <= num_rows <= MAX_ROWS:
        raise InputError(f"holds {num_rows:,} rows", where="body", hint=f"send 1 to {MAX_ROWS:,}")
    names = {name.strip().lower(): name for name in columns}
    date_name = first_of(names, DATE)
    time_name, tag_name = first_of(names, TIME) or date_name, first_of(names, TAG)
    value_name = first_of(names, VALUE)
    if time_name is None:
        shown = ", ".join(list(columns)[:8])
        raise InputError(f"no time column among {shown}", where="body", hint=f"call it {' or '.join(TIME[:2])}")
    times = _with_days(columns, time_name, date_name)
    is_narrow = tag_name is not None and value_name is not None
    asset_name = first_of(names, ASSET)
    assets = _coded(columns[asset_name]) if asset_name else _constant(options.asset, num_rows)
    tags = _coded(columns[tag_name]) if is_narrow and tag_name else None
    if not is_narrow and assets is None:
        raise InputError("wide rows need an asset column", where="body", hint="add one, or ?asset=NAME for all rows")
    source = tags or assets
    moments = read_moments(
        times,
        zone=zone,
        time_format=options.time_format,
        sources=None if source is None else source.codes,
        arrival=arrival,
    )
    quality_name = first_of(names, QUALITY)
    marks = quality.of_codes(_listed(columns[quality_name]), quality_name, options.quality) if quality_name else None
    unit_name = first_of(names, UNIT) if is_narrow else None
    taken = {time_name, asset_name, quality_name} if not is_narrow else set(columns) - {value_name}
    cells = {
        name.strip(): _judged(read_numbers(column, decimal=options.decimal), marks, is_narrow)
        for name, column in columns.items()
        if name not in taken
    }
    units = _coded(columns[unit_name]) if unit_name else None
    return Sheet(num_rows, is_narrow, moments, assets, tags, units, cells)


def _judged(cells: Cells, marks: np.ndarray | None, is_narrow: bool) -> Cells:
    """Apply the quality column; an empty value in a narrow row is a bad reading, for nothing else is in the row."""
    found = cells.quality
    if is_narrow:
        found = np.where(found == quality.ABSENT, quality.BAD, found).astype(np.uint8)
    if marks is not None:
        found = np.where(found == quality.ABSENT, found, np.maximum(found, marks)).astype(np.uint8)
        cells.values[found == quality.BAD] = np.nan
    return Cells(cells.values, found, cells.texts)


# -- bytes to columns -----------------------------------------------------------------------------------------------


def _read_json(body: bytes) -> tuple[list[Any], Options]:
    data = _load(body, "body")
    if isinstance(data, list):
        return data, Options()
    if not isinstance(data, dict) or not isinstance(data.get("rows"), list):
        raise InputError("is neither a list of rows nor an object with rows", where="body")
    units = data.get("units") or {}
    if not isinstance(units, dict):
        raise InputError("is not column to unit", where="units")
    given = {name: str(data[name]) for name in _OPTIONS if data.get(name) not in (None, "")}
    return data["rows"], Options(**given, units={str(name): str(unit) for name, unit in units.items()})


def _read_ndjson(body: bytes) -> list[Any]:
    return [_load(line, f"line {number}") for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]


def _load(text: bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not JSON ({error})", where=where) from error


def _columns_of(rows: list[Any]) -> dict[str, Column]:
    if len(rows) > MAX_ROWS:
        raise InputError(f"holds {len(rows):,} rows", where="body", hint=f"send 1 to {MAX_ROWS:,}")
    names: dict[str, None] = {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise InputError("is not an object", where=f"row {number}")
        names.update(dict.fromkeys(row))
    if len(names) > _MAX_COLUMNS:
        raise InputError(f"has {len(names):,} columns", where="body", hint=f"send at most {_MAX_COLUMNS:,}")
    for name in names:
        if any(isinstance(row.get(name), (dict, list)) for row in rows):
            raise InputError("holds a list or an object; a cell is one value", where=str(name))
    return {name: [row.get(name) for row in rows] for name in names}


def _read_csv(body: bytes) -> tuple[dict[str, Column], str]:
    text = decode_text(body)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        lines = [line for line in csv.reader(io.StringIO(text), delimiter=delimiter) if line]
    except csv.Error as error:
        raise InputError(f"is no CSV that can be read ({error})", where="body") from error
    if not lines:
        raise InputError("is empty", where="body")
    header = [name.strip() for name in lines[0]]
    _check_header(header)
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(header):
            raise InputError(f"has {len(line)} cells, the header has {len(header)}", where=f"line {number}")
    return {name: [line[place] for line in lines[1:]] for place, name in enumerate(header)}, delimiter


def _check_header(header: Sequence[str]) -> None:
    twice = {name for name in header if header.count(name) > 1} if len(set(header)) != len(header) else set()
    if twice or len(header) > _MAX_COLUMNS:
        what = f"names {', '.join(sorted(twice)[:3])} twice" if twice else f"has {len(header):,} columns"
        raise InputError(what, where="header")


def _read_arrow(body: bytes) -> dict[str, Column]:
    try:
        opener = pa.ipc.open_file if body[:6] == b"ARROW1" else pa.ipc.open_stream
        table = opener(pa.BufferReader(body)).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"is no Arrow IPC data that can be read ({error})", where="body") from error
    _check_header(table.column_names)
    if table.num_rows > MAX_ROWS:
        raise InputError(f"holds {table.num_rows:,} rows", where="body", hint=f"send 1 to {MAX_ROWS:,}")
    return {name: _of_arrow(table.column(name)) for name in table.column_names}


def _of_arrow(column: pa.ChunkedArray) -> Column:
    kind = column.type
    if pa.types.is_timestamp(kind):
        if kind.tz is None:  # local times: let the plant's zone decide
            return [
                None if cell is None else cell.isoformat()
                for cell in column.cast(pa.timestamp("us"), safe=False).to_pylist()
            ]
        column = column.cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.int64())
        return np.asarray(column.fill_null(0).to_numpy())
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type).to_pylist()
    if pa.types.is_integer(kind) and column.null_count == 0:
        return np.asarray(column.to_numpy())
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return np.asarray(column.cast(pa.float64()).to_numpy())
    return column.to_pylist()


# -- columns --------------------------------------------------------------------------------------------------------


def _with_days(columns: dict[str, Column], time_name: str, date_name: str | None) -> Column:
    """Return the times; with the days of a column beside them, which is taken out, where they are times of the day."""
    times = _listed(columns[time_name])
    first = next((str(cell) for cell in times if cell), "")
    if date_name in (None, time_name) or not _CLOCK.match(first):
        return columns[time_name]
    return [f"{day} {time}" for day, time in zip(_listed(columns.pop(str(date_name))), times, strict=True)]


def _listed(column: Column) -> Sequence[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else column


def _constant(name: str, num_rows: int) -> Coded | None:
    return Coded(np.zeros(num_rows, np.int32), (name,)) if name else None


def _coded(column: Column) -> Coded:
    """Number the different names in a column; names that are numbers are written as whole numbers."""
    codes, names = np.empty(len(column), np.int32), dict[str, int]()
    known: dict[Any, int] = {}
    for row, cell in enumerate(_listed(column)):
        code = known.get(cell)
        if code is None:
            text = "" if cell is None or cell != cell else _name(cell)
            code = known[cell] = names.setdefault(text, len(names)) if text else -1
        codes[row] = code
    return Coded(codes, tuple(names))


def _name(cell: Any) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()

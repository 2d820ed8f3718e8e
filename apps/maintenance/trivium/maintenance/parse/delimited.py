"""CSV of any habit (comma, semicolon, tab; decimal point or comma; dates or counts) to a `Fleet`."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter

import numpy as np
import pandas as pd

from trivium.maintenance.csv_text import DATE
from trivium.maintenance.parse.columns import (
    NUMBERED_NAMES,
    Roles,
    find_asset,
    find_label,
    find_time,
    label_values,
    name_and_unit,
    other_labels,
    plain,
    two_valued,
)
from trivium.maintenance.records import Fleet, Refusal, Sensor
from trivium.service.errors import InputError

__all__ = ["MISSING_WORDS", "read_csv"]

# What historians and spreadsheets write where there is no value.
MISSING_WORDS = (
    *("", "-", "--", "?", "na", "NA", "n/a", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A", "inf", "-inf"),
    *("Bad", "Bad Input", "I/O Timeout", "No Data", "Pt Created", "Shutdown", "Scan Off", "Intf Shut", "Comm Fail"),
)
MAX_LEVELS = 20
_SETTING = re.compile(r"(op(erational|erating)? )?setting( ?\d+)?|op ?\d+|operating (condition|mode)|regime")
_CHINESE_TIME = {
    r"(\d{4})年(\d{1,2})月(\d{1,2})日": r"\1-\2-\3",
    r"(\d{1,2})[时點点](\d{1,2})分(?:(\d{1,2}(?:\.\d+)?)秒)?": r"\1:\2:\3",
}
_UNIT_OF_TIME = {"cycle": "cycle", "hour": "h", "day": "d", "minute": "min", "second": "s", "s": "s", "ms": "ms"}


def read_csv(text: str, *, name: str, sha256: str, roles: Roles, with_label: bool = True) -> Fleet:
    """Read a table with a line of column names.

    Raises:
        InputError: if it is no table, has no names, no row or no numeric column; names the place.
    """
    table = _table(text, name)
    asset, time = find_asset(table, roles, name), find_time(table, roles, name)
    table = _with_days(table, time)
    label = find_label(table, roles, (asset, time), name) if with_label else ""
    order, asset_ids, asset_names, seconds, unit = _in_order(table, asset, time, name)
    table = table.iloc[order]
    refused = other_labels(table, label, roles) if label else []
    refused += [Refusal(column, "--drop") for column in roles.drop if column in table.columns]
    spoken_for = {asset, time, label, *(one.column for one in refused)}
    free = [column for column in table.columns if column not in spoken_for]
    measured, categories, identifiers = _sort_columns(table, free, roles, refused)
    settings = [column for column in measured if _SETTING.fullmatch(plain(column)) and len(measured) > 1]
    sensors = _named([column for column in measured if column not in settings])
    if not sensors:
        raise InputError("no column holds measurements", where=name, hint="give a table with numeric sensor columns")
    return Fleet(
        name=name,
        sha256=sha256,
        layout="csv",
        asset=asset_ids,
        asset_names=asset_names,
        asset_column=asset,
        time_column=time,
        sensors=tuple(sensors.values()),
        values=np.column_stack([measured[column] for column in sensors]),
        order=order,
        time=seconds,
        time_unit=unit,
        time_texts=tuple(table[time].astype(str)) if time else (),
        settings=np.column_stack([measured[column] for column in settings]) if settings else np.zeros((len(table), 0)),
        categories=categories,
        identifiers=identifiers,
        label=label_values(table[label], roles, name) if label else None,
        label_name=label,
        refused=tuple(refused),
        two_valued=() if label or not with_label else tuple(two_valued(table, (asset, time))),
    )


def _table(text: str, name: str) -> pd.DataFrame:
    if text.lower().startswith("sep="):  # how Excel is told the separator
        text = text.partition("\n")[2]
    separator = _separator(text)
    header = next(csv.reader(io.StringIO(text), delimiter=separator))
    if all(_is_number(cell) for cell in (header if len(header) > 1 else header[0].split() or header)):
        raise InputError("the first line holds numbers, not column names", where=name, hint="add a line of names")
    if doubled := [column for column, count in Counter(header).items() if count > 1 and column.strip()]:
        raise InputError(f"the column {doubled[0]!r} is there twice", where=name, hint="rename or remove one")
    header = _as_wide_as_rows(header, text, separator, name)
    decimal = "," if _has_decimal_comma(text, separator) else "."
    try:
        table = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            names=_unique(header),
            header=0,
            index_col=False,
            decimal=decimal,
            thousands="," if _has_thousands(text, separator) else None,
            na_values=list(MISSING_WORDS),
            keep_default_na=False,
            skipinitialspace=True,
            low_memory=False,
            dtype={column: str for column in header if plain(column) in _KEPT_AS_WRITTEN},
        )
    except pd.errors.ParserError as error:
        raise InputError(f"is no regular table ({error})", where=name, hint="every line needs as many cells") from None
    if table.empty:
        raise InputError("there are names but no rows", where=name, hint="give a table with rows")
    for column in table.columns:
        if table[column].dtype.kind not in "fiub" and plain(column) not in _KEPT_AS_WRITTEN:
            table[column] = _ungrouped(table[column], decimal)
    return table.dropna(axis="columns", how="all")


# Numbers here are names: "007" is not 7.
_KEPT_AS_WRITTEN = {"asset", "unit", "serial number", *NUMBERED_NAMES}


def _separator(text: str) -> str:
    """Return the separator that cuts the first lines into equally many cells, the more the better."""
    lines = [line for line in text[:65536].splitlines()[:20] if line.strip()]

    def cells(separator: str) -> tuple[bool, bool, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=separator)]
        return min(counts) > 1, min(counts) == max(counts), min(counts)

    return max(",;\t|", key=cells)


def _as_wide_as_rows(header: list[str], text: str, separator: str, name: str) -> list[str]:
    """Return the header with an empty name for each cell that rows have beyond it.

    Rows may end in separators that the header lacks, or begin with an index that it does not name.

    Raises:
        InputError: if they have two values or more without a name.
    """
    rows = list(csv.reader(text[:65536].splitlines()[1:20], delimiter=separator))
    more = len(rows[0]) - len(header) if rows else 0
    if more <= 0:
        return header
    if not any(cell.strip() for row in rows for cell in row[len(header) :]):
        return [*header, *[""] * more]
    if more > 1:
        what = f"names {len(header)} columns, and the row below has {len(rows[0])} cells"
        raise InputError(what, where=f"{name}, line 1", hint="name every column")
    return ["", *header]


def _unique(header: list[str]) -> list[str]:
    """Return the names without spaces around them; empty ones are numbered."""
    return [column.strip() or f"Unnamed: {place}" for place, column in enumerate(header)]


def _has_decimal_comma(text: str, separator: str) -> bool:
    body = text[:65536].partition("\n")[2]
    return separator != "," and bool(re.search(r"(^|[;\t|])\s*-?\d+,\d+\s*($|[;\t|])", body, re.MULTILINE))


def _has_thousands(text: str, separator: str) -> bool:
    """Whether quoted numbers of a file with decimal points have commas between groups of three digits."""
    body = text[:65536].partition("\n")[2]
    grouped = re.findall(r'"\s*-?(\d+(?:,\d+)+(?:\.\d+)?)\s*"', body)
    is_grouped = all(re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+(\.\d+)?", number) for number in grouped)
    return separator == "," and bool(grouped) and is_grouped and bool(re.search(r"(^|,)-?\d+\.\d+(,|$)", body, re.M))


def _ungrouped(series: pd.Series, decimal: str) -> pd.Series:
    """Return a column with groups of three digits (`1.498` beside decimal commas, `1'498`, `1 498`) as numbers.

    A column of which less than half is written so is returned as it is.
    """
    marks = r"[ '\u2019\u00a0\u202f\u2009" + ("." if decimal == "," else "") + "]"
    end = rf"({re.escape(decimal)}\d+)?"
    grouped, short = rf"[-+]?[1-9]\d{{0,2}}({marks}\d{{3}})+{end}", rf"[-+]?\d{{1,3}}{end}"
    first = series.dropna().head(200).astype("string").str.strip()  # text and dates go no further
    if first.empty or first.str.fullmatch(f"{grouped}|{short}").mean() < 0.5:
        return series
    words = series.astype("string").str.strip()
    is_grouped, is_short = (words.str.fullmatch(one).fillna(False) for one in (grouped, short))
    if not is_grouped.any() or (is_grouped | is_short).sum() < 0.5 * series.notna().sum():
        return series
    numbers = words.str.replace(marks, "", regex=True).str.replace(decimal, ".", regex=False)
    return pd.to_numeric(numbers.where(is_grouped | is_short), errors="coerce").astype("float64")


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"\s*[-+]?(\d+([.,]\d*)?|[.,]\d+)(e[-+]?\d+)?\s*", cell, re.IGNORECASE))


def _with_days(table: pd.DataFrame, time: str) -> pd.DataFrame:
    """Put the days of a column beside the time column into it, where that has times of the day alone."""
    day = next((column for column in table.columns if plain(column) in DATE and column != time), "")
    if not time or not day or not table[time].astype(str).str.match(r"\s*\d{1,2}:\d\d").all():
        return table
    joined = table[day].astype(str).str.strip() + " " + table[time].astype(str).str.strip()
    return table.assign(**{time: joined}).drop(columns=day)


def _in_order(
    table: pd.DataFrame, asset: str, time: str, name: str
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], np.ndarray | None, str]:
    """Sort by asset and time: order, asset of each row, names of assets, time and its unit."""
    ids = np.zeros(len(table), np.int64)
    names: tuple[str, ...] = ("",)
    if asset:
        if table[asset].isna().any():
            raise _row_error(table[asset].isna(), f"{asset} is empty", name)
        # Assets keep the order of their first rows; names of files need not sort well.
        codes, levels = pd.factorize(table[asset])
        ids, names = codes.astype(np.int64), tuple(map(str, levels))
    if not time:
        order = np.argsort(ids, kind="stable")
        return order, ids[order], names, None, ""
    seconds, unit = _times(table[time], name)
    order = np.lexsort((seconds, ids))
    return order, ids[order], names, seconds[order], unit


def _times(column: pd.Series, name: str) -> tuple[np.ndarray, str]:
    """Return times as numbers and their unit; dates become seconds since 1970, UTC where they name no zone."""
    if column.isna().any():
        raise _row_error(column.isna(), f"{column.name} is empty", name)
    if column.dtype.kind in "fiu":
        numbers = column.to_numpy(dtype=np.float64)
        for least, ticks in ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3)):  # since 1970; each begins in 1973
            if numbers.min() > least:
                return numbers / ticks, "s"
        return numbers, "s" if numbers.min() > 1e8 else _time_unit(str(column.name))
    column = column.astype(str).replace(_CHINESE_TIME, regex=True)
    parsed = pd.to_datetime(column, errors="coerce", utc=True, format="mixed", dayfirst=_is_day_first(column, name))
    if parsed.isna().any():
        raise _row_error(parsed.isna(), f"{column[parsed.isna()].iloc[0]!r} is no time", name)
    return (parsed - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(), "s"


def _is_day_first(column: pd.Series, name: str) -> bool:
    """Whether dates are day, month, year: with points between, or because no month is above 12.

    Raises:
        InputError: if some can only be the one and some only the other.
    """
    parts = column.astype(str).str.extract(r"^\s*(\d{1,2})([./-])(\d{1,2})[./-]\d{2,4}").dropna()
    if parts.empty:
        return False
    is_day, is_month = parts[0].astype(int) > 12, parts[2].astype(int) > 12
    if is_day.any() and is_month.any():
        shown = f"{column[parts.index[is_day]].iloc[0]!r} and {column[parts.index[is_month]].iloc[0]!r}"
        what = f"{column.name} has days before months and months before days: {shown}"
        raise InputError(what, where=name, hint="write dates as 2026-03-01")
    return bool(is_day.any() or (parts[1] == ".").mean() > 0.5)


def _time_unit(column: str) -> str:
    sensor = name_and_unit(column)
    if sensor.unit:
        return sensor.unit
    words = [word.rstrip("s") or word for word in plain(column).split()]
    return next((_UNIT_OF_TIME[word] for word in words if word in _UNIT_OF_TIME), "step")


def _row_error(is_wrong: pd.Series, what: str, name: str) -> InputError:
    line = int(np.flatnonzero(is_wrong.to_numpy())[0]) + 2
    return InputError(
        f"{what} ({int(is_wrong.sum())} such rows)", where=f"{name}, line {line}", hint="correct or remove it"
    )


def _sort_columns(
    table: pd.DataFrame, columns: list[str], roles: Roles, refused: list[Refusal]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return numbers, categories and identifiers by column; what is none of them is added to `refused`."""
    measured: dict[str, np.ndarray] = {}
    categories: dict[str, np.ndarray] = {}
    identifiers: dict[str, np.ndarray] = {}
    for column in columns:
        series = table[column]
        is_read = column in roles.sensors or name_and_unit(column).name in roles.sensors
        if column in roles.categories:
            categories[column] = series.fillna("").astype(str).to_numpy(dtype=str)
            continue
        numbers = _numbers(series, least=0.0 if is_read else 0.5)
        if numbers is not None:
            if not is_read and _is_row_number(column, numbers, len(measured)):
                identifiers[column] = series.to_numpy()
                refused.append(Refusal(column, "numbers the rows"))
            else:
                measured[column] = numbers
        elif series.nunique() <= min(MAX_LEVELS, len(series) // 2):
            categories[column] = series.fillna("").astype(str).to_numpy(dtype=str)
        else:
            identifiers[column] = series.fillna("").astype(str).to_numpy(dtype=str)
            refused.append(Refusal(column, "text that differs from row to row"))
    return measured, categories, identifiers


def _named(columns: list[str]) -> dict[str, Sensor]:
    """Return name and unit of each column; two that differ in the unit alone keep their whole names."""
    split = {column: name_and_unit(column) for column in columns}
    counts = Counter(sensor.name for sensor in split.values())
    return {column: sensor if counts[sensor.name] == 1 else Sensor(column) for column, sensor in split.items()}


def _numbers(series: pd.Series, least: float) -> np.ndarray | None:
    """Return a column as numbers with NaN for the rest; None if fewer than the share `least` of it are numbers."""
    if series.dtype.kind in "fiub":
        numbers = series.to_numpy(dtype=np.float64, copy=True)
    else:
        words = (
            series.astype("string").str.strip().str.removesuffix("%").str.lower().replace({"true": "1", "false": "0"})
        )
        parsed = pd.to_numeric(words, errors="coerce").astype("float64")
        if parsed.notna().sum() < least * series.notna().sum():
            return None
        numbers = parsed.to_numpy(copy=True)
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def _is_row_number(column: str, numbers: np.ndarray, measured_before: int) -> bool:
    """Whether a column only counts the rows: all different whole numbers at the left end, or an unnamed index."""
    if not np.isfinite(numbers).all() or (numbers != np.round(numbers)).any() or len(np.unique(numbers)) < len(numbers):
        return False
    words = set(plain(column).split())
    is_named_so = bool(words & {"id", "udi", "uid", "index", "row", "no", "nr", "number", "record"})
    return (
        is_named_so
        or column.startswith("Unnamed")
        or (measured_before == 0 and bool((np.diff(np.sort(numbers)) == 1).all()))
    )

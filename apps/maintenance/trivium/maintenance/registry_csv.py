"""A registry from a CSV: `tag, asset, description, unit, low, high, rate, deadband`, with a preview before it counts.

Columns that may follow: `staleness` (seconds that a reading is held), `running` (expression, the same for all tags of
an asset), `startup` (seconds) and `class` (of the asset, for thresholds of its own). `rate` is seconds between two
readings. What is wrong is told by line, all at once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from trivium.maintenance.csv_text import ASSET, DESCRIPTION, TAG, UNIT, decode_text
from trivium.maintenance.ingest.numbers import read_number
from trivium.maintenance.ingest.running import parse_expression
from trivium.maintenance.ingest.units import find_unit
from trivium.maintenance.registry import DEFAULT_STALENESS_S, Asset, Tag
from trivium.service.errors import InputError

__all__ = ["Imported", "read_registry_csv"]

_NAMES = {
    "tag": TAG,
    "asset": ASSET,
    "description": DESCRIPTION,
    "unit": UNIT,
    "low": ("low", "zero", "min", "lo", "untergrenze", "下限", "最小值", "量程下限"),
    "high": ("high", "max", "hi", "obergrenze", "上限", "最大值", "量程上限"),
    "rate": ("rate", "rate_s", "scan", "takt", "abtastrate", "周期", "采样周期", "采集周期"),
    "deadband": ("deadband", "excdev", "compdev", "totband", "死区"),
    "staleness": ("staleness", "staleness_s", "有效期"),
    "running": ("running", "betrieb", "运行条件"),
    "startup": ("startup", "startup_s", "anlaufzeit", "启动时间"),
    "class": ("class", "asset_class", "klasse", "设备类别", "类别"),
}
_MOST_PROBLEMS = 20
_MOST_CLASS = 80
_STALE_READINGS = 10
_LEAST_STALENESS_S = 60.0


@dataclass(frozen=True)
class Imported:
    """What a CSV says.

    Args:
        assets: ready to be written.
        unknown_units: units that convert to nothing; values must come in them.
    """

    assets: tuple[Asset, ...]
    unknown_units: tuple[str, ...]

    def first(self, most: int = 100) -> list[dict[str, object]]:
        """Return the first tags as they were understood."""
        tags = [tag for asset in self.assets for tag in asset.tags][:most]
        names = ("name", "asset", "description", "unit", "low", "high", "rate_s", "deadband", "staleness_s")
        return [{name: getattr(tag, name) for name in names} for tag in tags]


def read_registry_csv(content: bytes) -> Imported:
    """Read a registry.

    Raises:
        InputError: with the first twenty lines that cannot be used.
    """
    lines, delimiter = _lines(content)
    places = _places([name.strip().lower() for name in lines[0]])
    problems: list[str] = []
    tags: dict[str, dict[str, Tag]] = {}
    running: dict[str, tuple[str, float]] = {}
    classes: dict[str, str] = {}
    for number, line in enumerate(lines[1:], 2):
        cells = {name: line[place].strip() if place < len(line) else "" for name, place in places.items()}
        try:
            tag = _tag(cells, "," if delimiter in ";\t" else "")
            own = tags.setdefault(tag.asset, {})
            if tag.name in own:
                raise InputError(f"{tag.name} of {tag.asset} is there twice")
            own[tag.name] = tag
            if cells.get("running") or cells.get("startup"):
                expression = cells.get("running", "")
                parse_expression(expression or "x > 0")
                startup_s = _number(cells, "startup", ",") or 0.0
                if running.setdefault(tag.asset, (expression, startup_s)) != (expression, startup_s):
                    raise InputError(f"{tag.asset} has another running expression above")
            if name := cells.get("class", ""):
                if len(name) > _MOST_CLASS:
                    raise InputError(f"class has more than {_MOST_CLASS} characters")
                if classes.setdefault(tag.asset, name) != name:
                    raise InputError(f"{tag.asset} is of class {classes[tag.asset]} above")
        except InputError as error:
            problems.append(f"line {number}: {error.line}")
    assets = tuple(
        Asset(name, tuple(own.values()), *running.get(name, ("", 0.0)), classes.get(name, ""))
        for name, own in tags.items()
    )
    problems += _unknown_names(assets)
    if problems:
        raise InputError(
            "; ".join(problems[:_MOST_PROBLEMS]), where="registry", hint=f"{len(problems)} problems in all"
        )
    units = {tag.unit for asset in assets for tag in asset.tags if tag.unit and find_unit(tag.unit) is None}
    return Imported(assets, tuple(sorted(units)))


def _lines(content: bytes) -> tuple[list[list[str]], str]:
    text = decode_text(content)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    if "\x00" in text:
        raise InputError("holds NUL characters, so it is no text", where="registry", hint="export it as CSV")
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"is no CSV ({error})", where="registry", hint="export it again") from error
    lines = [line for line in rows if any(cell.strip() for cell in line)]
    if len(lines) < 2:
        raise InputError(
            "has no line of a tag", where="registry", hint="begin with: tag,asset,description,unit,low,high"
        )
    return lines, delimiter


def _places(header: list[str]) -> dict[str, int]:
    places = {}
    for name, aliases in _NAMES.items():
        found = next((header.index(alias) for alias in aliases if alias in header), None)
        if found is not None:
            places[name] = found
    for name in ("tag", "asset"):
        if name not in places:
            raise InputError(
                f"has no column {name}",
                where="registry",
                hint=f"its columns are {', '.join(header)[:200]}; call one of them {name}",
            )
    return places


def _tag(cells: Mapping[str, str], decimal: str) -> Tag:
    name, asset = cells["tag"], cells["asset"]
    if not name or not asset:
        raise InputError("names no tag or no asset")
    if len(name) > 200 or len(asset) > 200:
        raise InputError("has a name of more than 200 characters")
    low, high, rate_s, deadband, staleness_s = (
        _number(cells, column, decimal) for column in ("low", "high", "rate", "deadband", "staleness")
    )
    if low is not None and high is not None and low >= high:
        raise InputError(f"low {low:g} is not below high {high:g}")
    if any(limit is not None and limit <= 0 for limit in (rate_s, staleness_s)) or (deadband or 0.0) < 0:
        raise InputError("has a rate, deadband or staleness that is not above 0")
    if staleness_s is None:
        staleness_s = DEFAULT_STALENESS_S if rate_s is None else max(_STALE_READINGS * rate_s, _LEAST_STALENESS_S)
    unit = cells.get("unit", "")
    return Tag(name, asset, cells.get("description", ""), unit, low, high, rate_s, deadband or 0.0, staleness_s)


def _number(cells: Mapping[str, str], column: str, decimal: str) -> float | None:
    found = read_number(cells.get(column, ""), decimal)
    if isinstance(found, str):
        raise InputError(f"{column} {found!r} is no number")
    return found


def _unknown_names(assets: tuple[Asset, ...]) -> list[str]:
    found = []
    for asset in assets:
        if asset.running:
            names = [name for name in parse_expression(asset.running).tags if name not in asset.by_name]
            found += [f"{asset.name}: its running expression names {name}, which is no tag of it" for name in names]
    return found

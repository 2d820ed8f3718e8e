"""The C-MAPSS layout: no header; unit, cycle, 3 operating settings, 21 sensors, separated by spaces.

Other fleets come in the same layout with another number of sensors; these are called sensor1, sensor2, ...

Saxena, Goebel, Simon, Eklund, "Damage propagation modeling for aircraft engine run-to-failure simulation", PHM 2008.
Copies in circulation are cut off at a size limit, in the middle of an engine: cycles are checked to be contiguous.
"""

from __future__ import annotations

import numpy as np

from trivium.maintenance.records import Fleet, Sensor
from trivium.service.errors import InputError

__all__ = ["SENSORS", "read_cmapss"]

SENSORS = (
    Sensor("T2", "degR"),
    Sensor("T24", "degR"),
    Sensor("T30", "degR"),
    Sensor("T50", "degR"),
    Sensor("P2", "psia"),
    Sensor("P15", "psia"),
    Sensor("P30", "psia"),
    Sensor("Nf", "rpm"),
    Sensor("Nc", "rpm"),
    Sensor("epr"),
    Sensor("Ps30", "psia"),
    Sensor("phi", "pps/psi"),
    Sensor("NRf", "rpm"),
    Sensor("NRc", "rpm"),
    Sensor("BPR"),
    Sensor("farB"),
    Sensor("htBleed"),
    Sensor("Nf_dmd", "rpm"),
    Sensor("PCNfR_dmd", "rpm"),
    Sensor("W31", "lbm/s"),
    Sensor("W32", "lbm/s"),
)
_BEFORE = 2 + 3  # unit and cycle, settings


def read_cmapss(text: str, *, name: str, sha256: str) -> Fleet:
    """Read the rows of a C-MAPSS file.

    Raises:
        InputError: if a line has not as many numbers as the first, or the cycles of a unit are not 1, 2, 3, ...
    """
    table = _table(text, name)
    units = table[:, 0]
    order = np.lexsort((table[:, 1], units))
    table = table[order]
    count = table.shape[1] - _BEFORE
    sensors = SENSORS if count == len(SENSORS) else tuple(Sensor(f"sensor{place + 1}") for place in range(count))
    names, asset = np.unique(table[:, 0], return_inverse=True)
    fleet = Fleet(
        name=name,
        sha256=sha256,
        layout="cmapss",
        asset=asset.astype(np.int64),
        asset_names=tuple(map(_written, names)),
        sensors=sensors,
        values=table[:, _BEFORE:],
        order=order,
        time=table[:, 1],
        time_unit="cycle",
        time_texts=tuple(map(_written, table[:, 1])),
        settings=table[:, 2:5],
    )
    _require_contiguous(fleet)
    return fleet


def _table(text: str, name: str) -> np.ndarray:
    lines = text.replace(",", " ").replace(";", " ").splitlines()
    rows: list[list[float]] = []
    for number, line in enumerate(lines, start=1):
        parts = line.split()
        if not parts:
            continue
        try:
            row = [float(part) for part in parts]
        except ValueError:
            if not rows and number == 1:  # a header that somebody added
                continue
            raise InputError(
                f"{line.strip()[:40]!r} is not a row of numbers",
                where=f"{name}, line {number}",
                hint="a C-MAPSS file has 26 numbers a line; use --format csv for a table with names",
            ) from None
        if len(row) != len(rows[0] if rows else row):
            raise InputError(
                f"{len(row)} numbers instead of {len(rows[0])}",
                where=f"{name}, line {number}",
                hint="the file is no C-MAPSS file or was cut off; get it again, or use --format csv",
            )
        if len(row) <= _BEFORE:
            raise InputError(
                f"{len(row)} numbers are no row",
                where=f"{name}, line {number}",
                hint="unit, cycle, three settings and sensors are needed; use --format csv for a table with names",
            )
        rows.append(row)
    if not rows:
        raise InputError("no rows", where=name, hint="a C-MAPSS file has 26 numbers a line")
    table = np.array(rows)
    if not np.isfinite(table[:, :2]).all():
        raise InputError("a unit or cycle is not a number", where=name, hint="the first two columns are unit and cycle")
    table[:, 2:][np.isinf(table[:, 2:])] = np.nan
    return table


def _written(number: float) -> str:
    """Return a unit or cycle with all its digits, a whole number without a point."""
    return str(int(number)) if number.is_integer() else str(number)


def _require_contiguous(fleet: Fleet) -> None:
    assert fleet.time is not None
    wrong = np.flatnonzero(fleet.time != fleet.age)
    if len(wrong):
        row = wrong[0]
        raise InputError(
            f"cycle {fleet.time[row]:g} stands where cycle {fleet.age[row]:g} should",
            where=f"{fleet.name}, unit {fleet.asset_names[fleet.asset[row]]}",
            hint="rows are missing or doubled, as in copies that were cut off; get the file again",
        )

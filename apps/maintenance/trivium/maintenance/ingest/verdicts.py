"""The verdict on a row: one of eight, and one only, so that the counts of a batch add up to the rows sent.

A wide row has many cells. Its good cells are stored whatever its verdict; the verdict is the first below that applies
to any of its cells, so `accepted` means that all of it was taken.

| verdict | given by | stored |
|---|---|---|
| future | the door: the time lies more than the tolerance after its arrival | nothing |
| unknown_sensor | the door: the registry has no such asset or tag | its other cells |
| bad_unit | the door: the unit is unknown, or measures something else | its other cells |
| bad_quality | the door: status code, historian's text, or no number | as a mark that the reading was bad |
| out_of_range | the door: outside the sensor's limits | with its value, marked; never scored |
| duplicate | the worker: all cells are there already at that time; the first stays | nothing |
| late | the worker: older than the newest reading of the asset | yes, and what follows is scored again |
| accepted | the worker, when nothing above applies | yes |
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from enum import IntEnum

import numpy as np

__all__ = ["NAMES", "Verdict", "counts_of", "pack_rows", "pack_verdicts", "settle", "unpack_rows", "unpack_verdicts"]


class Verdict(IntEnum):
    """In order of precedence, weakest first: of several the largest applies."""

    ACCEPTED = 0
    LATE = 1
    DUPLICATE = 2
    OUT_OF_RANGE = 3
    BAD_QUALITY = 4
    BAD_UNIT = 5
    UNKNOWN_SENSOR = 6
    FUTURE = 7


NAMES = tuple(verdict.name.lower() for verdict in Verdict)


def counts_of(verdicts: np.ndarray) -> dict[str, int]:
    """Count each verdict; all eight are there.

    Args:
        verdicts: (N,) uint8.
    """
    counts = np.bincount(verdicts, minlength=len(NAMES))
    return {name: int(count) for name, count in zip(NAMES, counts, strict=True)}


def settle(counts: Mapping[str, int], num_late: int, num_duplicate: int) -> dict[str, int]:
    """Return the door's counts after the worker found some of the accepted rows late or there already."""
    moved = {"accepted": -num_late - num_duplicate, "late": num_late, "duplicate": num_duplicate}
    return {name: counts[name] + moved.get(name, 0) for name in NAMES}


def pack_verdicts(verdicts: np.ndarray) -> bytes:
    """Pack one verdict a row, (N,) uint8."""
    return zlib.compress(verdicts.astype(np.uint8).tobytes(), 1)


def unpack_verdicts(packed: bytes) -> np.ndarray:
    """Return what `pack_verdicts` packed."""
    return np.frombuffer(zlib.decompress(packed), np.uint8).copy()


def pack_rows(late: np.ndarray, duplicate: np.ndarray) -> bytes:
    """Pack the numbers of rows that a worker found late or duplicate; empty when there are none."""
    if not len(late) and not len(duplicate):
        return b""
    head = np.array([len(late)], np.int32).tobytes()
    return zlib.compress(head + late.astype(np.int32).tobytes() + duplicate.astype(np.int32).tobytes(), 1)


def unpack_rows(packed: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return the late and the duplicate rows that `pack_rows` packed."""
    if not packed:
        return np.zeros(0, np.int32), np.zeros(0, np.int32)
    numbers = np.frombuffer(zlib.decompress(packed), np.int32)
    return numbers[1 : 1 + numbers[0]], numbers[1 + numbers[0] :]

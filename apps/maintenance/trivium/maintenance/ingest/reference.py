"""What sensors and outputs looked like while a model learned, and how far something else is from that.

Kept as quantiles beside the model, `reference.json`. The population stability index compares shares in the tenths of
the reference: sum of (share - expected) ln(share / expected). It is above zero for any single day, because a day has
not all loads that a month has; so its limit is the most that a single day of the reference showed against the others,
times 1.5, and 0.25 at least, the usual mark for a population that is another one. The Kolmogorov-Smirnov distance is
told beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trivium.service.errors import ModelError

__all__ = [
    "FILE",
    "OUTPUT",
    "SENSOR",
    "Reference",
    "fit_reference",
    "load_references",
    "references_of_rows",
    "save_references",
]

FILE = "reference.json"
SENSOR, OUTPUT = "sensor", "output"
LEAST_PSI = 0.25
_WIDER = 1.5
_LEVELS = np.linspace(0.0, 1.0, 41)
_TENTHS = slice(4, -4, 4)
_LEAST_SHARE = 1e-4
_LEAST_WINDOWS = 7
_LEAST_ROWS = 100
_MOST_WINDOWS = 20


@dataclass(frozen=True)
class Reference:
    """One sensor or output as the model learned it.

    Args:
        asset: empty for all assets of the training data together.
        quantiles: (41,) at 0, 2.5, ... 100 %.
        psi_limit: above which it has moved.
    """

    asset: str
    kind: str
    name: str
    quantiles: np.ndarray
    psi_limit: float

    def psi(self, values: np.ndarray) -> float:
        """Return the population stability index of (N,) values."""
        edges = np.unique(self.quantiles[_TENTHS])
        counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
        below = _LEVELS[np.searchsorted(self.quantiles, edges, side="right") - 1]
        expected = np.maximum(np.diff(np.r_[0.0, below, 1.0]), _LEAST_SHARE)
        share = np.maximum(counts / len(values), _LEAST_SHARE)
        return float(((share - expected) * np.log(share / expected)).sum())

    def ks(self, values: np.ndarray) -> float:
        """Return the largest distance of the two distribution functions, at the quantiles of the reference."""
        edges = np.unique(self.quantiles)
        ours = np.searchsorted(np.sort(values), edges, side="right") / len(values)
        theirs = _LEVELS[np.searchsorted(self.quantiles, edges, side="right") - 1]
        return float(np.abs(ours - theirs).max())


def fit_reference(
    asset: str, kind: str, name: str, values: np.ndarray, windows: Sequence[np.ndarray]
) -> Reference | None:
    """Make the reference of one sensor or output; None where there is too little to tell what is usual.

    Args:
        values: (N,), NaN where there is none.
        windows: rows of each stretch that is as long as what will be compared.
    """
    known = ~np.isnan(values)
    some = [rows[known[rows]] for rows in windows]
    some = [rows for rows in some if len(rows) >= _LEAST_ROWS]
    if len(some) < _LEAST_WINDOWS:
        return None
    usual = 0.0
    for rows in some:
        others = known.copy()
        others[rows] = False
        rest = Reference(asset, kind, name, _quantiles(values[others]), LEAST_PSI)
        usual = max(usual, rest.psi(values[rows]))
    return Reference(asset, kind, name, _quantiles(values[known]), max(LEAST_PSI, _WIDER * usual))


def _quantiles(values: np.ndarray) -> np.ndarray:
    """Return quantiles that are values themselves: between the two values of a switch there is nothing."""
    return np.quantile(values, _LEVELS, method="inverted_cdf")


def references_of_rows(
    assets: np.ndarray, sensors: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> list[Reference]:
    """Make the references of a model that counts rows, one for all its assets.

    Args:
        assets: (N,) number of the asset of each row.
        sensors, outputs: (N,) by name.
    """
    windows = [np.flatnonzero(assets == number) for number in np.unique(assets)]
    if sum(len(rows) >= _LEAST_ROWS for rows in windows) < _LEAST_WINDOWS:
        windows = np.array_split(np.arange(len(assets)), 2 * _LEAST_WINDOWS)
    elif len(windows) > _MOST_WINDOWS:
        windows = [np.concatenate(windows[start::_MOST_WINDOWS]) for start in range(_MOST_WINDOWS)]
    columns = [(SENSOR, name, column) for name, column in sensors.items()]
    columns += [(OUTPUT, name, column) for name, column in outputs.items()]
    found = (fit_reference("", kind, name, column, windows) for kind, name, column in columns)
    return [one for one in found if one is not None]


def save_references(references: Sequence[Reference], folder: Path) -> None:
    """Write references into the folder of a model."""
    entries = [
        {
            "asset": one.asset, "kind": one.kind, "name": one.name, "psi_limit": round(one.psi_limit, 4),
            "quantiles": [float(f"{value:.6g}") for value in one.quantiles],
        }
        for one in references
    ]  # fmt: skip
    (folder / FILE).write_text(json.dumps({"entries": entries}) + "\n", encoding="utf-8")


def load_references(folder: Path) -> list[Reference]:
    """Return the references of a model; none when it has no such file.

    Raises:
        ModelError: if the file is damaged.
    """
    try:
        entries = json.loads((folder / FILE).read_text(encoding="utf-8"))["entries"]
        found = [
            Reference(
                one["asset"], one["kind"], one["name"], np.array(one["quantiles"], float), float(one["psi_limit"])
            )
            for one in entries
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{FILE} cannot be read ({error})", where=str(folder), hint="learn it again") from error
    if any(one.quantiles.shape != _LEVELS.shape for one in found):
        raise ModelError(f"{FILE} has another number of quantiles", where=str(folder), hint="learn it again")
    return found

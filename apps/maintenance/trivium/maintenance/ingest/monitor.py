"""A monitor for assets without a history of failures: principal components of normal operation, T2 and Q.

Values are averaged over a short causal window, scaled, and split into what the components explain (Hotelling's T2) and
what they do not (Q, the squared prediction error). Both are divided by a high quantile of normal operation, so that 1
is the limit of either; the score is the larger of the two. A sensor's contribution is its share in Q, and in T2 by the
decomposition of Nomikos and MacGregor (1995). Jackson and Mudholkar, "Control procedures for residuals associated with
principal component analysis", Technometrics 21, 1979.

Kept as JSON; fitted by `fit_monitor` on readings of a time when all was well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trivium.maintenance.ingest.frames import Frame
from trivium.maintenance.ingest.reference import Reference, save_references
from trivium.maintenance.scorer import Explanation, Family, Scores
from trivium.service.errors import InputError, ModelError
from trivium.service.phrase import Phrase

__all__ = ["FAMILY_FILE", "FILE", "Monitor", "fit_monitor", "load_monitor", "save_family"]

FILE = "monitor.json"
FAMILY_FILE = "monitors.json"
_EXPLAINED = 0.9
_LIMIT_QUANTILE = 0.995
_LEAST_ROWS = 100
_LEAST_SENSORS = 0.5  # share of sensors that must have a value
_ASKED = 3  # sensors whose usual range is told, at most
_USUAL = 2.6  # standard deviations; 99 % of what is normal
_USUAL_REACH = 6.0  # a sensor further out tells nothing about the load
_LEAST_REST = 1e-4


@dataclass(frozen=True)
class Monitor:
    """A fitted monitor; a `Scorer`.

    Args:
        mean, scale: (S,) of the averaged values in normal operation.
        components: (S, C), orthonormal columns.
        variances: (C,) of the components' scores.
        t2_limit, q_limit: quantile of normal operation.
        window: rows that are averaged.
    """

    version: str
    sensors: tuple[str, ...]
    step_s: float
    window: int
    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray
    variances: np.ndarray
    t2_limit: float
    q_limit: float
    outputs: tuple[str, ...] = ("score", "t2", "q")
    life_unit: str = ""

    @property
    def history_rows(self) -> int:
        """Rows before the one that is scored."""
        return self.window - 1

    def score(self, frames: Sequence[Frame]) -> list[Scores]:
        """Score each frame's rows from `first` on; rows with too few values come back as NaN."""
        if not frames:
            return []
        averaged = np.concatenate([window_mean(frame.values, frame.first, self.window) for frame in frames])
        outputs, contributions = self._score(averaged)
        ends = np.cumsum([len(frame.times_us) - frame.first for frame in frames])[:-1]
        pairs = zip(np.split(outputs, ends), np.split(contributions, ends), strict=True)
        return [Scores(*pair) for pair in pairs]

    def explain(self, frame: Frame, row: int, contributions: np.ndarray) -> Explanation:
        """Say what each sensor shows at a row, and what the others would let one expect of those that stand out.

        The expectation is that of a normal distribution with the components' covariance, given all sensors but the
        three (of few sensors: fewer) with the largest contributions: what a sensor usually shows at this load.
        """
        averaged = window_mean(frame.values[: row + 1], row, self.window)[0]
        z = (averaged - self.mean) / self.scale
        order = np.argsort(-contributions)
        count = max(min(_ASKED, (len(z) - 1) // 2), 1)
        asked = order[:count]
        given = np.array([place for place in order[count:] if not np.isnan(z[place])], np.int64)
        common = (self.components * self.variances) @ self.components.T
        covariance = common + np.diag(np.maximum(1 - np.diag(common), _LEAST_REST))
        expected, spread = np.zeros(len(asked)), covariance[np.ix_(asked, asked)]
        if len(given):
            gain = np.linalg.solve(covariance[np.ix_(given, given)], covariance[np.ix_(given, asked)]).T
            expected = gain @ np.clip(z[given], -_USUAL_REACH, _USUAL_REACH)
            spread = spread - gain @ covariance[np.ix_(given, asked)]
        reach = _USUAL * np.sqrt(np.maximum(np.diag(spread), _LEAST_REST))
        low, high = np.full(len(z), np.nan), np.full(len(z), np.nan)
        low[asked] = self.mean[asked] + self.scale[asked] * (expected - reach)
        high[asked] = self.mean[asked] + self.scale[asked] * (expected + reach)
        first = max(row - self.window + 1, 0)
        return Explanation(averaged, low, high, int(frame.times_us[first]), int(frame.times_us[row]))

    def save(self, folder: Path) -> None:
        """Write the monitor into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        arrays = {name: getattr(self, name).tolist() for name in ("mean", "scale", "components", "variances")}
        plain = {name: getattr(self, name) for name in ("sensors", "step_s", "window", "t2_limit", "q_limit")}
        return {**plain, **arrays}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], version: str) -> Monitor:
        """Read what `to_json` wrote."""
        mean, scale, components, variances = (
            np.array(data[name], np.float64) for name in ("mean", "scale", "components", "variances")
        )
        return cls(
            version, tuple(data["sensors"]), float(data["step_s"]), int(data["window"]), mean, scale, components,
            variances, float(data["t2_limit"]), float(data["q_limit"]),
        )  # fmt: skip

    def _score(self, averaged: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        is_known = ~np.isnan(averaged)
        z = np.where(is_known, (averaged - self.mean) / self.scale, 0.0)
        scores = z @ self.components
        weighted = scores / self.variances
        rest = np.where(is_known, z - scores @ self.components.T, 0.0)
        t2, q = (scores * weighted).sum(axis=1), (rest * rest).sum(axis=1)
        parts = np.stack([t2 / self.t2_limit, q / self.q_limit], axis=1)
        by_t2 = z * (weighted @ self.components.T) / self.t2_limit
        contributions = np.where((parts[:, 0] >= parts[:, 1])[:, None], by_t2, rest * rest / self.q_limit)
        outputs = np.column_stack([parts.max(axis=1), t2, q])
        outputs[is_known.mean(axis=1) < _LEAST_SENSORS] = np.nan
        return outputs, contributions


def window_mean(values: np.ndarray, first: int, window: int) -> np.ndarray:
    """Return the mean of the last `window` rows with a value, for the rows from `first` on.

    Args:
        values: (N, S).
    """
    start = max(first - window + 1, 0)
    near = values[start:]
    is_known = ~np.isnan(near)
    sums = np.vstack([np.zeros(near.shape[1]), np.cumsum(np.where(is_known, near, 0.0), axis=0)])
    counts = np.vstack([np.zeros(near.shape[1]), np.cumsum(is_known, axis=0)])
    at = np.arange(first - start + 1, len(near) + 1)
    before = np.maximum(at - window, 0)
    with np.errstate(invalid="ignore"):
        return (sums[at] - sums[before]) / (counts[at] - counts[before])


def fit_monitor(values: np.ndarray, sensors: Sequence[str], *, step_s: float, window: int = 10) -> Monitor:
    """Fit a monitor to normal operation.

    Args:
        values: (N, S), rows in order of time, at `step_s`; NaN where there is no value.
        step_s: seconds between rows; 0 when each row counts.
        window: rows to average.

    Raises:
        InputError: if there are too few rows, or no sensor moves.
    """
    averaged = window_mean(values, 0, window)
    averaged = averaged[~np.isnan(averaged).any(axis=1)]
    if len(averaged) < _LEAST_ROWS:
        raise InputError(
            Phrase("only {count} rows have all values", count=len(averaged)),
            where="monitor",
            hint=Phrase("give {least}", least=_LEAST_ROWS),
        )
    mean, scale = averaged.mean(axis=0), averaged.std(axis=0)
    if not (scale > 0).any():
        raise InputError("no sensor moves", where="monitor")
    scale = np.where(scale > 1e-9 * np.abs(mean).max(), scale, np.abs(mean) * 0.01 + 1.0)  # one that never moved may
    z = (averaged - mean) / scale
    _, singular, axes = np.linalg.svd(z, full_matrices=False)
    variances = singular**2 / (len(z) - 1)
    count = int(np.searchsorted(np.cumsum(variances) / variances.sum(), _EXPLAINED)) + 1
    count = min(count, max(len(sensors) - 1, 1))
    components, variances = axes[:count].T, np.maximum(variances[:count], 1e-12)
    scores = z @ components
    rest = z - scores @ components.T
    t2_limit = float(np.quantile((scores**2 / variances).sum(axis=1), _LIMIT_QUANTILE))
    q_limit = max(float(np.quantile((rest**2).sum(axis=1), _LIMIT_QUANTILE)), 1e-9)
    digest = hashlib.sha256(np.ascontiguousarray(averaged).tobytes()).hexdigest()[:12]
    return Monitor(
        f"monitor-{digest}", tuple(sensors), step_s, window, mean, scale, components, variances, t2_limit, q_limit
    )  # fmt: skip


def save_family(
    monitors: Mapping[str, Monitor], folder: Path, about: Mapping[str, Any], references: Sequence[Reference] = ()
) -> None:
    """Write a monitor for each asset into a folder.

    Args:
        about: what a reader should know: times learned from, and what was left out.
        references: what sensors and scores looked like, for `drift.py`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {"about": dict(about), "assets": {name: one.to_json() for name, one in monitors.items()}}
    (folder / FAMILY_FILE).write_text(json.dumps(content) + "\n", encoding="utf-8")
    save_references(references, folder)


def load_monitor(folder: Path) -> Monitor | Family:
    """Read a monitor from the folder that `save` or `save_family` wrote.

    Raises:
        ModelError: if there is none, or it cannot be read.
    """
    path = folder / (FILE if (folder / FILE).is_file() else FAMILY_FILE)
    try:
        content = path.read_bytes()
        data = json.loads(content)
        version = f"monitor-{hashlib.sha256(content).hexdigest()[:12]}"
        if path.name == FILE:
            return Monitor.from_json(data, version)
        return Family(version, {name: Monitor.from_json(one, version) for name, one in data["assets"].items()})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(Phrase("no monitor that can be read ({reason})", reason=error), where=str(path)) from error

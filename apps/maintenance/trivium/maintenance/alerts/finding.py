"""What an alert rests on: numbers with their place in the readings, from which `narrate` makes its sentences.

Kept with the alert as JSON, so that it says the same in either language and after the model has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trivium.maintenance.alerts.tracker import Change
from trivium.maintenance.ingest.frames import Frame
from trivium.maintenance.registry import Asset
from trivium.maintenance.scorer import Scorer

__all__ = ["Finding", "SensorFinding", "find", "outputs_at", "window_sha256"]

_MOST_SENSORS = 3
_LEAST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class SensorFinding:
    """What one sensor shows.

    Args:
        value: mean of its readings from `from_us` to `to_us`, in `unit`.
        low, high: what is usual in the state that the asset is in; None where the model has no such range.
        share: of all that sensors contribute, 0 to 1.
        sha256: of the values that were averaged, `window_sha256`.
    """

    tag: str
    description: str
    unit: str
    value: float
    low: float | None
    high: float | None
    share: float
    from_us: int
    to_us: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one alert says.

    Args:
        level: of the smoothed indicator when this was found.
        since_us, at_us: when its cause began to show, and the prediction that this is from.
        outputs: of the model at that time.
        sensors: the strongest first.
        life_unit: of the outputs that are a remaining life.
    """

    cause: str
    level: float
    since_us: int
    at_us: int
    outputs: Mapping[str, float]
    sensors: tuple[SensorFinding, ...]
    life_unit: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        sensors = [{name: getattr(one, name) for name in SensorFinding.__dataclass_fields__} for one in self.sensors]
        return {
            "cause": self.cause, "level": self.level, "since_us": self.since_us, "at_us": self.at_us,
            "outputs": dict(self.outputs), "sensors": sensors, "life_unit": self.life_unit,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """Read what `to_json` wrote."""
        return cls(**{**data, "sensors": tuple(SensorFinding(**one) for one in data["sensors"])})


def find(
    cause: str,
    change: Change,
    at_us: int,
    outputs: Mapping[str, float],
    asset: Asset,
    scorer: Scorer,
    contributions: np.ndarray,
    frame: Frame,
    row: int,
) -> Finding:
    """Choose what is to be said: the sensors that contribute most, and of these the ones outside their usual range.

    Args:
        contributions: (S,) of the row that the change is at.
        row: of the frame.
    """
    told = scorer.explain(frame, row, contributions)
    positive = np.maximum(np.nan_to_num(contributions), 0.0)
    share = positive / max(positive.sum(), 1e-300)
    is_out = (told.values < told.low) | (told.values > told.high)
    order = [place for place in np.argsort(-share)[:_MOST_SENSORS].tolist() if share[place] > 0]
    order = [place for place in order if not np.isnan(told.values[place])]
    chosen = [place for place in order if is_out[place] and share[place] >= _LEAST_SHARE] or order[:1]
    found = []
    for place in chosen:
        tag = asset.by_name.get(scorer.sensors[place])
        first = int(np.searchsorted(frame.times_us, told.from_us))
        found.append(
            SensorFinding(
                scorer.sensors[place], tag.description if tag else "", tag.unit if tag else "",
                float(told.values[place]), _known(told.low[place]), _known(told.high[place]), float(share[place]),
                told.from_us, told.to_us,
                window_sha256(frame.times_us[first : row + 1], frame.values[first : row + 1, place]),
            )
        )  # fmt: skip
    return Finding(cause, change.level, change.since_us, at_us, dict(outputs), tuple(found), scorer.life_unit)


def outputs_at(names: tuple[str, ...], line: np.ndarray) -> dict[str, float]:
    """Return a row's outputs by name, without those that it has not."""
    return {name: float(value) for name, value in zip(names, line.tolist(), strict=True) if value == value}


def window_sha256(times_us: np.ndarray, values: np.ndarray) -> str:
    """Return the hash of the values that were averaged, with their times."""
    content = times_us.astype("<i8").tobytes() + np.ascontiguousarray(values, "<f8").tobytes()
    return hashlib.sha256(content).hexdigest()


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

"""Follow one indicator of one asset through time, and say when an alert is raised, gets worse, or returns.

What a tracker says does not depend on how predictions were cut into batches. Rows that were not scored (the asset is
stopped, starts up, or is in a turnaround) neither raise an alert nor let one return; predictions that are older than
what it has seen are passed over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from trivium.maintenance.alerts.rules import CRITICAL, WARNING, Rule

__all__ = ["Change", "Tracker"]

_NEVER = -math.inf
_SEVERE = 5  # what is critical needs to last for this part of the time


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a person may have to know.

    Args:
        what: `raised`, `worsened` or `returned`.
        row: of the predictions that were given.
        severity: `warning` or `critical`; of the alert that returned.
        since_us: when its cause began to show.
        level: of the smoothed indicator.
    """

    what: str
    row: int
    severity: str
    since_us: int
    level: float


class Tracker:
    """Where one cause of one asset stands; `to_json` keeps it between batches.

    Args:
        rule: that it follows.
        model: version; another model begins anew, but an alert that is open may still return.
        stored: what `to_json` gave, or nothing.
    """

    def __init__(self, rule: Rule, model: str, stored: dict[str, Any] | None = None) -> None:
        stored = stored or {}
        self._rule = rule
        self._model = model
        is_same = stored.get("model") == model
        self.severity: str = stored.get("severity", "")
        self._seen_us: int = stored.get("seen_us", -(2**62))
        self._since_us: int = stored.get("since_us", 0)
        self._rows: int = stored.get("rows", 0) if is_same else 0
        self._place: float = stored.get("place", _NEVER) if is_same else _NEVER
        self._level: float = stored.get("level", 0.0) if is_same else 0.0
        self._above: float | None = stored.get("above") if is_same else None
        self._below: float | None = stored.get("below") if is_same else None
        self._severe: float | None = stored.get("severe") if is_same else None
        self._quiet_until: float = stored.get("quiet_until", _NEVER) if is_same else _NEVER

    def to_json(self) -> dict[str, Any]:
        """Return what another tracker goes on from."""
        found: dict[str, Any] = {
            "model": self._model, "severity": self.severity, "seen_us": self._seen_us, "since_us": self._since_us,
            "rows": self._rows, "level": self._level, "above": self._above, "below": self._below,
            "severe": self._severe,
        }  # fmt: skip
        finite = {"place": self._place, "quiet_until": self._quiet_until}
        return found | {name: value for name, value in finite.items() if value != _NEVER}

    @property
    def level(self) -> float:
        """The smoothed indicator."""
        return self._level

    def follow(self, times_us: np.ndarray, values: np.ndarray) -> Iterator[Change]:
        """Take in predictions in order of time and yield what changes.

        Args:
            times_us: (N,) int64, sorted.
            values: (N,) of the rule's output; NaN where it was not scored.
        """
        rows = np.flatnonzero((times_us > self._seen_us) & ~np.isnan(values))
        if len(times_us):
            self._seen_us = max(self._seen_us, int(times_us[-1]))
        if not len(rows):
            return
        held = np.minimum(values[rows], self._rule.most)
        is_clock = self._rule.unit == "s"
        places = times_us[rows] / 1e6 if is_clock else self._rows + 1.0 + np.arange(len(rows))
        self._rows += len(rows)
        is_calm = not self.severity and self._above is None and self._level < self._rule.clear_at
        if is_calm and held.max() < self._rule.clear_at:  # nothing can happen: one step instead of many
            self._pass(places, held)
            return
        for row, place, value in zip(rows.tolist(), places.tolist(), held.tolist(), strict=True):
            change = self._step(row, place, value, int(times_us[row]))
            if change is not None:
                yield change

    def _pass(self, places: np.ndarray, values: np.ndarray) -> None:
        """Smooth over many values at once, to the same level as one by one."""
        if self._begins(float(places[0]), float(values[0])):
            places, values = places[1:], values[1:]
        if not len(places):
            return
        keep = np.exp(-np.diff(places, prepend=self._place) / self._rule.smooth)
        after = np.exp((places - places[-1]) / self._rule.smooth)
        self._level = float(self._level * after[0] * keep[0] + ((1 - keep) * values * after).sum())
        self._place = float(places[-1])

    def _begins(self, place: float, value: float) -> bool:
        """Begin anew with the first value, and after a long stop: what was before counts for nothing then.

        One value says little, so that the level begins no higher than well within the limit.
        """
        rule = self._rule
        if place - self._place <= max(rule.raise_for, 10 * rule.smooth):
            return False
        self._above = self._below = self._severe = None
        if not self.severity:
            self._level = min(value, rule.clear_at / 2)
        self._place = place
        return True

    def _step(self, row: int, place: float, value: float, time_us: int) -> Change | None:
        rule = self._rule
        was_low = self._level < rule.clear_at
        if self._begins(place, value):
            return None
        keep = math.exp(-(place - self._place) / rule.smooth)
        self._level = self._level * keep + value * (1 - keep)
        self._place = place
        if self.severity:
            return self._while_open(row, place)
        if was_low and self._level >= rule.clear_at:
            self._since_us = time_us
        if self._level < rule.raise_at:
            self._severe = None
            if self._level < rule.clear_at:
                self._above = None
            return None
        if self._above is None:
            self._above = place
        if self._level < rule.critical_at:
            self._severe = None
        elif self._severe is None:
            self._severe = place
        is_severe = self._severe is not None and place - self._severe >= rule.raise_for / _SEVERE
        if not (is_severe or place - self._above >= rule.raise_for) or place < self._quiet_until:
            return None
        self.severity = CRITICAL if self._level >= rule.critical_at else WARNING
        self._above = self._below = self._severe = None
        return Change("raised", row, self.severity, self._since_us, self._level)

    def _while_open(self, row: int, place: float) -> Change | None:
        rule = self._rule
        if self._level >= rule.clear_at:
            self._below = None
            if self.severity == WARNING and self._level >= rule.critical_at:
                if self._above is None:
                    self._above = place
                if place - self._above >= rule.raise_for:
                    self.severity = CRITICAL
                    return Change("worsened", row, CRITICAL, self._since_us, self._level)
            else:
                self._above = None
            return None
        if self._below is None:
            self._below = place
        if place - self._below < rule.clear_for:
            return None
        severity, self.severity = self.severity, ""
        self._above = self._below = None
        self._quiet_until = place + rule.cool_down
        return Change("returned", row, severity, self._since_us, self._level)

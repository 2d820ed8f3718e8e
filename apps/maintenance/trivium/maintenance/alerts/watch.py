"""Hold an asset's new predictions against the rules of its model; nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog

from trivium.maintenance.alerts.finding import Finding, find, outputs_at
from trivium.maintenance.alerts.rules import rules_of
from trivium.maintenance.alerts.tracker import Change, Tracker
from trivium.maintenance.ingest.advance import Advanced
from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.frames import Frame
from trivium.maintenance.registry import Asset, Registry
from trivium.maintenance.scorer import Scorer

__all__ = ["Noted", "watch", "watch_all"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Noted:
    """One change of one cause, and what it rests on; a return rests on nothing more than its time."""

    cause: str
    change: Change
    at_us: int
    finding: Finding | None


def watch(
    scorer: Scorer, asset: Asset, frames: Sequence[Frame], predicted: AssetRows, trackers: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Noted]]:
    """Follow every rule through an asset's predictions.

    Args:
        frames: that were predicted, in order.
        predicted: outputs, then contributions, one line for each row that was due.
        trackers: where each cause stood before, as this function gave it.

    Returns:
        Where each cause stands now, and what changed.
    """
    num_outputs = len(scorer.outputs)
    after: dict[str, Any] = {}
    noted: list[Noted] = []
    for rule in rules_of(scorer.outputs, scorer.step_s, asset.levels):
        tracker = Tracker(rule, scorer.version, trackers.get(rule.cause))
        column = predicted.values[:, scorer.outputs.index(rule.output)]
        for change in tracker.follow(predicted.times_us, column):
            at_us, finding = int(predicted.times_us[change.row]), None
            if change.what != "returned":
                line = predicted.values[change.row]
                contributions = line[num_outputs:]
                outputs = outputs_at(tuple(scorer.outputs), line[:num_outputs])
                finding = find(
                    rule.cause, change, at_us, outputs, asset, scorer, contributions, *_row_in(frames, change.row)
                )
            noted.append(Noted(rule.cause, change, at_us, finding))
        after[rule.cause] = tracker.to_json()
    return {**trackers, **after}, noted


def watch_all(
    scorers: Mapping[str, Scorer | None],
    registry: Registry,
    scored: Mapping[str, Advanced],
    predictions: Mapping[str, AssetRows],
) -> dict[str, tuple[str, list[Noted]]]:
    """Hold the new predictions of many assets against the rules; their states take in where each cause stands now.

    Returns:
        By asset, version of the model and what changed.
    """
    found = {}
    for name, predicted in predictions.items():
        if name in registry.retired:  # readings that were on their way
            continue
        one, scorer = scored[name], scorers[name]
        assert scorer is not None
        asset = registry.asset_of(name)
        try:
            one.state.trackers, changes = watch(scorer, asset, one.due.frames, predicted, one.state.trackers)
        except Exception:  # a model that cannot explain itself must not keep readings from being stored
            log.exception("alerts.failed", model=scorer.version, asset=name)
            continue
        if changes:
            found[name] = (scorer.version, changes)
    return found


def _row_in(frames: Sequence[Frame], row: int) -> tuple[Frame, int]:
    """Return the frame that a predicted row lies in, and its place there."""
    lengths = np.array([len(frame.times_us) - frame.first for frame in frames])
    number = int(np.searchsorted(np.cumsum(lengths), row, side="right"))
    return frames[number], row - int(lengths[:number].sum()) + frames[number].first

"""One call of a model for all the rows of all assets that are due; used for live readings and for replays alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import structlog

from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.frames import Frame, Reason
from trivium.maintenance.scorer import Scorer

__all__ = ["Due", "predict_all"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Due:
    """What is to be predicted of one asset.

    Args:
        times_us: (M,) int64.
        reasons: (M,) why a row is not scored; SCORED where it is.
        frames: that hold these rows, and those before that the model looks at.
    """

    times_us: np.ndarray
    reasons: np.ndarray
    frames: Sequence[Frame]


def predict_all(scorers: Mapping[str, Scorer | None], scored: Mapping[str, Due]) -> dict[str, AssetRows]:
    """Call each model once, for all the assets that it scores."""
    groups: dict[int, tuple[Scorer, dict[str, Due]]] = {}
    for name, one in scored.items():
        scorer = scorers[name]
        if scorer is not None:
            groups.setdefault(id(scorer), (scorer, {}))[1][name] = one
    return {name: rows for scorer, own in groups.values() for name, rows in _predict(scorer, own).items()}


def _predict(scorer: Scorer, scored: Mapping[str, Due]) -> dict[str, AssetRows]:
    """Call the model once for all assets; rows that are not to be scored come back without numbers, with the reason."""
    frames = [frame for one in scored.values() for frame in one.frames]
    failed = False
    try:
        scores = scorer.score(frames) if frames else []
    except Exception:  # readings are kept whatever the model does; the rows say that they were not scored
        log.exception("model.failed", model=scorer.version, frames=len(frames))
        failed, scores = True, []
    names = (*scorer.outputs, *(f"why.{sensor}" for sensor in scorer.sensors))
    found, place = {}, 0
    for name, one in scored.items():
        if not len(one.times_us):
            continue
        values = np.full((len(one.times_us), len(names)), np.nan)
        reasons = one.reasons.astype(np.uint8)
        if failed:
            reasons[reasons == Reason.SCORED] = Reason.MODEL_FAILED
        else:
            own = scores[place : place + len(one.frames)]
            place += len(one.frames)
            told = np.concatenate([np.hstack([each.outputs, each.contributions]) for each in own] or [values[:0]])
            assert len(told) == len(values), "a scorer returns one line for each row that is due"
            reasons[(reasons == Reason.SCORED) & np.isnan(told[:, 0])] = Reason.NO_VALUES
            values[reasons == Reason.SCORED] = told[reasons == Reason.SCORED]
        marks = np.repeat(reasons[:, None], len(names), axis=1)
        found[name] = AssetRows(name, one.times_us, names, values, marks, np.zeros((len(values), 0), np.int32))
    return found

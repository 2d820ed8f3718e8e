"""Average precision of boxes by centre distance or by overlap, overall, per range and per track.

For few or correlated frames, where KITTI's 41 samples are too coarse: detections of all frames are taken by falling
score, each matched to the best free object of its frame within the limit, and precision is integrated over recall.
Centre distance (nuScenes, arXiv 1903.11027) asks whether an object was found; overlap asks also for its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from trivium.pointcloud.evaluation.matching import assign, rank_in_frame, same_frame_pairs
from trivium.pointcloud.geometry.overlap import iou_3d, iou_bev

__all__ = ["Detections", "Match", "Truth", "average_precision", "match_by_distance", "match_by_overlap"]


@dataclass(frozen=True)
class Truth:
    """The objects of one class in all frames.

    Args:
        boxes: (N, 7).
        frames: (N,) int64.
        ignored: (N,) bool; such an object is neither found nor missed. None: all count.
        tracks: (N,) any label that stays with the object from frame to frame. None: not known.
    """

    boxes: torch.Tensor
    frames: NDArray[np.int64]
    ignored: NDArray[np.bool_] | None = None
    tracks: NDArray[np.generic] | None = None


@dataclass(frozen=True)
class Detections:
    """What was found of that class in the same frames: (M, 7) boxes, (M,) frames, (M,) scores."""

    boxes: torch.Tensor
    frames: NDArray[np.int64]
    scores: NDArray[np.floating]


@dataclass(frozen=True)
class Match:
    """Who found whom.

    Args:
        truth: what was looked for.
        detections: what was given.
        found: (M,) row of the object that each detection found; -1 for none.
    """

    truth: Truth
    detections: Detections
    found: NDArray[np.int64]
    _ignored: NDArray[np.bool_] = field(repr=False)

    def average_precision(self, *, near: float = 0.0, far: float = float("inf")) -> float | None:
        """Return AP in percent of objects at `near <= distance < far` metres from the sensor; None without any.

        A detection that found an object outside the range, or found none and lies outside itself, says nothing.
        """
        counts = ~self._ignored & _within(self.truth.boxes, near, far)
        is_hit = self.found >= 0
        judged = _within(self.detections.boxes, near, far)
        judged[is_hit] = counts[self.found[is_hit]]
        return average_precision(self.detections.scores[judged], is_hit[judged], int(counts.sum()))

    def recall(self, *, min_score: float = -float("inf")) -> float | None:
        """Return the share of objects that were found with at least this score; None without any."""
        counts = ~self._ignored
        return float(self._seen(min_score)[counts].mean()) if counts.any() else None

    def recall_per_track(self, *, min_score: float = -float("inf")) -> dict[str, float]:
        """Return, for each track, the share of its frames in which it was found.

        Raises:
            ValueError: if the truth has no tracks.
        """
        if self.truth.tracks is None:
            raise ValueError("the truth has no tracks")
        seen, counts = self._seen(min_score), ~self._ignored
        names = np.unique(self.truth.tracks[counts])
        return {str(name): float(seen[counts & (self.truth.tracks == name)].mean()) for name in names}

    def _seen(self, min_score: float) -> NDArray[np.bool_]:
        seen = np.zeros(len(self.truth.frames), bool)
        seen[self.found[(self.found >= 0) & (self.detections.scores >= min_score)]] = True
        return seen


def match_by_distance(truth: Truth, detections: Detections, *, limit: float = 2.0) -> Match:
    """Match each detection to the nearest free object whose centre is less than `limit` metres away seen from above."""
    pairs = same_frame_pairs(detections.frames, truth.frames)
    one, two = _boxes(detections.boxes, pairs[0]), _boxes(truth.boxes, pairs[1])
    distance = (one[:, :2] - two[:, :2]).norm(dim=1).numpy()
    return _match(truth, detections, pairs, distance, distance < limit)


def match_by_overlap(truth: Truth, detections: Detections, *, limit: float = 0.5, in_space: bool = False) -> Match:
    """Match each detection to the free object that it overlaps most, at least by `limit`, from above or in space."""
    pairs = same_frame_pairs(detections.frames, truth.frames)
    one, two = _boxes(detections.boxes, pairs[0]), _boxes(truth.boxes, pairs[1])
    overlap = (iou_3d if in_space else iou_bev)(one, two).numpy()
    return _match(truth, detections, pairs, -overlap, overlap >= limit)


def average_precision(scores: NDArray[np.floating], is_hit: NDArray[np.bool_], total: int) -> float | None:
    """Return the area under precision over recall in percent, precision made falling; None when `total` is 0.

    Args:
        scores: (M,) of detections; those with equal scores count together.
        is_hit: (M,) whether each found an object.
        total: objects to find.
    """
    if total == 0:
        return None
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(is_hit[order])
    is_step = np.append(np.diff(scores[order]) != 0, True)[: len(order)]
    precision = (hits / np.arange(1, len(order) + 1))[is_step]
    recall = (hits / total)[is_step]
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return 100 * float(np.sum(np.diff(recall, prepend=0.0) * falling))


def _match(
    truth: Truth, detections: Detections, pairs: Sequence[np.ndarray], cost: np.ndarray, may: np.ndarray
) -> Match:
    order = np.argsort(-detections.scores, kind="stable")
    turn = np.empty(len(order), np.int64)
    turn[order] = rank_in_frame(detections.frames[order])
    free = np.ones((len(truth.frames), 1), bool)
    found = assign(pairs[0][may], pairs[1][may], cost[may], turn, free)[:, 0]
    ignored = np.zeros(len(truth.frames), bool) if truth.ignored is None else truth.ignored
    return Match(truth, detections, found, ignored)


def _boxes(boxes: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
    return boxes.detach().cpu()[torch.from_numpy(rows)]


def _within(boxes: torch.Tensor, near: float, far: float) -> np.ndarray:
    distance = boxes[:, :2].detach().cpu().norm(dim=1).numpy()
    return (distance >= near) & (distance < far)

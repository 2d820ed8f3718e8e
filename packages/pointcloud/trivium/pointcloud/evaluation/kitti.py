"""Average precision by the rules of the KITTI object benchmark (Geiger et al., CVPR 2012), R11 and R40.

Written from the rules, as numpy over all frames; no part needs a GPU. Of one class, metric and difficulty:
- ground truth counts when it is of the class and within the difficulty; it is ignored (neither found nor missed) when
  it is harder, or of the neighbouring class (Van beside Car, Person_sitting beside Pedestrian);
- detections lower than the difficulty's height are ignored; those on a DontCare region (image only) are no mistakes;
- score thresholds are the scores of found objects nearest to 40 equal steps of recall; precision at each is made
  falling by taking the best at or beyond it; R40 is the mean of samples 1..40, R11 that of samples 0, 4, .., 40;
- orientation weighs each found object by (1 + cos(error of alpha)) / 2.
A class without ground truth has no figure (None); one without detections scores 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from trivium.pointcloud.boxes import kitti_in_camera
from trivium.pointcloud.evaluation.matching import assign, rank_in_frame, same_frame_pairs
from trivium.pointcloud.geometry.overlap import iou_3d, iou_bev
from trivium.pointcloud.io.kitti import Labels

__all__ = ["CLASSES", "DIFFICULTIES", "METRICS", "AveragePrecision", "evaluate"]

CLASSES = {"car": 0.7, "pedestrian": 0.5, "cyclist": 0.5}
"""Class and the overlap that a detection must exceed."""

METRICS = ("image", "bev", "3d", "orientation")
_NEIGHBORS = {"car": "van", "pedestrian": "person_sitting"}
_SAMPLES = 41
_NO_ALPHA, _NO_PLACE = -10.0, -1000.0


@dataclass(frozen=True)
class Difficulty:
    """What ground truth is within: image height in pixels at least, occlusion and truncation at most."""

    min_height: float
    max_occlusion: int
    max_truncation: float


DIFFICULTIES = {"easy": Difficulty(40, 0, 0.15), "moderate": Difficulty(25, 1, 0.3), "hard": Difficulty(25, 2, 0.5)}


@dataclass(frozen=True)
class AveragePrecision:
    """Of one class, metric and difficulty.

    Args:
        precision: the 41 samples, 0..1, falling.
        ground_truth: objects that count.
    """

    precision: tuple[float, ...]
    ground_truth: int

    @property
    def ap_r40(self) -> float:
        """Mean of samples 1..40, in percent."""
        return 100 * float(np.mean(self.precision[1:]))

    @property
    def ap_r11(self) -> float:
        """Mean of every fourth sample, in percent."""
        return 100 * float(np.mean(self.precision[::4]))


@dataclass(frozen=True)
class _Objects:
    """Labels of all frames, one row an object."""

    frames: np.ndarray
    types: np.ndarray
    labels: Labels
    boxes: torch.Tensor

    @classmethod
    def of(cls, frames: Sequence[Labels], *, has_scores: bool) -> _Objects:
        tables = [_table(labels, has_scores) for labels in frames]
        table = np.concatenate(tables) if tables else np.empty((0, 15 if has_scores else 14))
        names = tuple(name for labels in frames for name in labels.types)
        labels = Labels.from_table(names, table, has_scores=has_scores)
        places = np.repeat(np.arange(len(frames)), [len(one) for one in frames])
        types = np.array([name.lower() for name in names], dtype=object)
        return cls(places, types, labels, kitti_in_camera(labels))

    def take(self, rows: np.ndarray) -> _Objects:
        table = _table(self.labels, self.labels.scores is not None)[rows]
        names = tuple(self.labels.types[row] for row in rows)
        labels = Labels.from_table(names, table, has_scores=self.labels.scores is not None)
        return _Objects(self.frames[rows], self.types[rows], labels, self.boxes[torch.from_numpy(rows)])

    @property
    def heights(self) -> np.ndarray:
        return np.abs(self.labels.image_boxes[:, 3] - self.labels.image_boxes[:, 1])


@dataclass(frozen=True)
class _Pairs:
    """Ground truth and detections of the same frame that overlap in some metric."""

    truth: np.ndarray
    detection: np.ndarray
    overlap: np.ndarray


def evaluate(
    truth: Sequence[Labels], detections: Sequence[Labels]
) -> dict[str, dict[str, dict[str, AveragePrecision | None]]]:
    """Return the figures by class, metric and difficulty; None where there is nothing to measure.

    Args:
        truth: labels of each frame.
        detections: results of the same frames in the same order, with scores.

    Raises:
        ValueError: if the numbers of frames differ.
    """
    if len(truth) != len(detections):
        raise ValueError(f"{len(truth)} frames of ground truth and {len(detections)} of detections")
    real = _Objects.of(truth, has_scores=False)
    found = _Objects.of(detections, has_scores=True)
    is_region = real.types == "dontcare"
    regions, objects = real.take(np.flatnonzero(is_region)), real.take(np.flatnonzero(~is_region))
    pairs = _overlaps(objects, found)
    on_region = _share_on_regions(regions, found)
    figures: dict[str, dict[str, dict[str, AveragePrecision | None]]] = {}
    for name in CLASSES:
        is_class = found.types == name
        figures[name] = {metric: {} for metric in METRICS}
        for level, difficulty in DIFFICULTIES.items():
            for metric in ("image", "bev", "3d"):
                covered = on_region if metric == "image" else np.zeros(len(found.frames))
                has_boxes = metric == "image" or not is_class.any() or _has_places(found, is_class)
                own, turned = _Round(name, difficulty, objects, found, pairs[metric], covered).run()
                figures[name][metric][level] = own if has_boxes else None
                if metric == "image":
                    has_alpha = bool((found.labels.alpha != _NO_ALPHA).all())
                    figures[name]["orientation"][level] = turned if has_alpha else None
    return figures


class _Round:
    """The measurement of one class, metric and difficulty."""

    def __init__(
        self, name: str, difficulty: Difficulty, real: _Objects, found: _Objects, pairs: _Pairs, covered: np.ndarray
    ) -> None:
        self.real, self.found = real, found
        is_own, is_near = real.types == name, real.types == _NEIGHBORS.get(name, "")
        is_within = (
            (real.labels.occlusion <= difficulty.max_occlusion)
            & (real.labels.truncation <= difficulty.max_truncation)
            & (real.heights >= difficulty.min_height)
        )
        self.counts = is_own & is_within
        is_low = found.heights < difficulty.min_height
        # A low detection of another class is ignored too, and may therefore stand for an object: KITTI's own rule.
        self.is_ignored = is_low
        self.is_mistake = (found.types == name) & ~is_low
        keep = pairs.overlap > CLASSES[name]
        keep &= (is_own | is_near)[pairs.truth] & (self.is_mistake | self.is_ignored)[pairs.detection]
        self.truth, self.detection, self.overlap = pairs.truth[keep], pairs.detection[keep], pairs.overlap[keep]
        self.turn = rank_in_frame(real.frames)
        assert found.labels.scores is not None
        self.scores = found.labels.scores
        self.covered = covered > CLASSES[name]

    def run(self) -> tuple[AveragePrecision | None, AveragePrecision | None]:
        """Return precision, and precision weighed by orientation; None without ground truth."""
        total = int(self.counts.sum())
        if total == 0:
            return None, None
        if not len(self.scores):
            return _samples(np.empty(0), total), _samples(np.empty(0), total)
        thresholds = self._thresholds(total)
        seen = self.scores[:, None] >= thresholds  # (detections, T)
        # The largest overlap wins; an ignored detection only stands in where there is no other.
        preference = np.where(self.is_ignored[self.detection], 2.0, -self.overlap)
        chosen = assign(self.truth, self.detection, preference, self.turn, seen)
        is_free = seen.copy()
        row, threshold = np.nonzero(chosen >= 0)
        is_free[chosen[row, threshold], threshold] = False
        is_hit = (chosen >= 0) & self.counts[:, None] & ~self.is_ignored[chosen]
        hits = is_hit.sum(axis=0)
        mistakes = (is_free & (self.is_mistake & ~self.covered)[:, None]).sum(axis=0)
        error = self.real.labels.alpha[:, None] - self.found.labels.alpha[chosen]
        likeness = ((1 + np.cos(error)) / 2 * is_hit).sum(axis=0)
        claimed = np.maximum(hits + mistakes, 1)
        return _samples(hits / claimed, total), _samples(likeness / claimed, total)

    def _thresholds(self, total: int) -> np.ndarray:
        """Return the scores to measure at: those of found objects nearest to equal steps of recall."""
        everything = np.ones((len(self.scores), 1), bool)
        chosen = assign(self.truth, self.detection, -self.scores[self.detection], self.turn, everything)[:, 0]
        is_hit = (chosen >= 0) & self.counts
        is_hit[is_hit] = ~self.is_ignored[chosen[is_hit]]
        scores = np.sort(self.scores[chosen[is_hit]])[::-1]
        taken, recall = [], 0.0
        for at, score in enumerate(scores.tolist()):
            left, is_last = (at + 1) / total, at == len(scores) - 1
            right = left if is_last else (at + 2) / total
            if right - recall < recall - left and not is_last:
                continue
            taken.append(score)
            recall += 1 / (_SAMPLES - 1)
        return np.array(taken)


def _samples(precision: np.ndarray, total: int) -> AveragePrecision:
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    samples = np.zeros(_SAMPLES)
    samples[: len(falling)] = falling[:_SAMPLES]
    return AveragePrecision(tuple(samples.tolist()), total)


def _overlaps(real: _Objects, found: _Objects) -> dict[str, _Pairs]:
    truth, detection = same_frame_pairs(real.frames, found.frames)
    image = _image_overlap(real.labels.image_boxes[truth], found.labels.image_boxes[detection])
    one, two = real.boxes[torch.from_numpy(truth)], found.boxes[torch.from_numpy(detection)]
    gap = (one[:, :2] - two[:, :2]).norm(dim=1)
    is_near = (gap <= (one[:, 3:5].norm(dim=1) + two[:, 3:5].norm(dim=1)) / 2).numpy()
    near = torch.from_numpy(np.flatnonzero(is_near))
    return {
        "image": _Pairs(truth, detection, image),
        "bev": _Pairs(truth[is_near], detection[is_near], iou_bev(one[near], two[near]).numpy()),
        "3d": _Pairs(truth[is_near], detection[is_near], iou_3d(one[near], two[near]).numpy()),
    }


def _share_on_regions(regions: _Objects, found: _Objects) -> np.ndarray:
    """Return the largest share of each detection's image box that lies on one DontCare region."""
    region, detection = same_frame_pairs(regions.frames, found.frames)
    shared = _shared(regions.labels.image_boxes[region], found.labels.image_boxes[detection])
    own = _area(found.labels.image_boxes[detection])
    share = np.zeros(len(found.frames))
    np.maximum.at(share, detection, np.divide(shared, own, out=np.zeros_like(shared), where=own > 0))
    return share


def _image_overlap(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    shared = _shared(one, two)
    union = _area(one) + _area(two) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _shared(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    sides = np.minimum(one[:, 2:], two[:, 2:]) - np.maximum(one[:, :2], two[:, :2])
    return np.clip(sides, 0, None).prod(axis=1)


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)


def _has_places(found: _Objects, is_class: np.ndarray) -> bool:
    return bool((found.labels.locations[is_class][:, [0, 2]] != _NO_PLACE).all(axis=1).any())


def _table(labels: Labels, has_scores: bool) -> np.ndarray:
    parts = [
        labels.truncation,
        labels.occlusion,
        labels.alpha,
        labels.image_boxes,
        labels.dimensions,
        labels.locations,
        labels.rotations,
    ]
    if has_scores:
        assert labels.scores is not None
        parts.append(labels.scores)
    return np.column_stack(parts)

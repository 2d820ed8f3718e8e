"""Average precision of a fused detector on a split of frames with pictures, with both sensors, one, or disturbed ones.

What counts is the same whatever the detector reads: `PairedSplit` says which objects do. Beside it stands the rule that
favours the LiDAR (at least 5 points, whatever the camera sees). Run on one checkpoint:
`python -m trivium.pointcloud.detector.measure_fusion --weights F --split paired_validation --device cuda`.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from trivium.pointcloud.detector.boxes_from_heat import Found, boxes_from_heat
from trivium.pointcloud.detector.fusion import AHEAD, FusedDetector, usable
from trivium.pointcloud.detector.network import DetectorNetwork
from trivium.pointcloud.detector.paired import Paired, pair, shifted
from trivium.pointcloud.detector.weights import SHIPPED_FUSED, load_fusion, load_network
from trivium.pointcloud.evaluation.detections import Detections, Truth, average_precision, match_by_distance
from trivium.pointcloud.labels import CLASSES
from trivium.pointcloud.simulator.batch import collate
from trivium.pointcloud.simulator.scenes import compose
from trivium.pointcloud.simulator.splits import PAIRED_SPLITS, PairedSplit

__all__ = ["CONDITIONS", "RULES", "Scored", "joined", "mean_precision", "pairs_of", "resampled_precision", "score"]

CONDITIONS = (
    "both",
    "lidar",
    "camera",
    "half the points",
    "calibration off",
    "gray pictures",
    "LiDAR detector that ships",
)
"""Gray pictures show how much hangs on color, by which simulated pictures hint at what is labelled."""
RULES = ("either sensor", "5 points")
_TURN, _MOVE = math.radians(0.5), 0.05
_BATCH, _LEAST = 10, 0.05
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Detections of one class against the objects that count.

    Args:
        scores: (M,) of detections that are judged.
        is_hit: (M,) whether each found one.
        frames: (M,) frame of each.
        objects: (F,) objects that count in each frame.
    """

    scores: Floats
    is_hit: NDArray[np.bool_]
    frames: NDArray[np.int64]
    objects: NDArray[np.int64]

    def precision(self) -> float:
        """Return AP in percent, 0 without an object."""
        return average_precision(self.scores, self.is_hit, int(self.objects.sum())) or 0.0


def joined(parts: list[Scored]) -> Scored:
    """Return what was scored on some frames and on others, as one."""
    first = np.cumsum([0, *(len(one.objects) for one in parts)])
    return Scored(
        np.concatenate([one.scores for one in parts]),
        np.concatenate([one.is_hit for one in parts]),
        np.concatenate([one.frames + start for one, start in zip(parts, first, strict=False)]),
        np.concatenate([one.objects for one in parts]),
    )


def pairs_of(name: str, *, kind: int | None = None, count: int | None = None, device: str = "cpu") -> Iterator[Paired]:
    """Yield the frames of a split in batches.

    Args:
        name: of the split.
        kind: configuration; all if None.
        count: frames of each configuration; all if None.
        device: where they are made.
    """
    split = PAIRED_SPLITS[name]
    size = min(count or split.count, split.count)
    for config in split.configs if kind is None else split.configs[kind : kind + 1]:
        for first in range(0, size, _BATCH):
            numbers = range(first, min(first + _BATCH, size))
            scenes = [compose(config, split.seed, number) for number in numbers]
            yield pair(collate(scenes).to(device), split.camera)


def score(
    network_path: Path,
    name: str,
    *,
    kind: int | None = None,
    count: int | None = None,
    device: str = "cpu",
    seed: int = 1,
    conditions: tuple[str, ...] = CONDITIONS,
) -> dict[str, dict[str, list[Scored]]]:
    """Return, by condition and rule, what each class scored."""
    split = PAIRED_SPLITS[name]
    detector = FusedDetector(load_fusion(network_path), device)
    plain = load_network().to(device)
    generator = torch.Generator(device).manual_seed(seed)
    truth: list[Frame] = []
    found: dict[str, list[Found]] = {condition: [] for condition in conditions}
    for batch in pairs_of(name, kind=kind, count=count, device=device):
        truth.extend(_truths(batch, split))
        for condition in conditions:
            said = _plain(plain, batch) if condition == CONDITIONS[-1] else _ask(detector, batch, condition, generator)
            found[condition].extend(_apart(said, len(batch.colors)))
    return {condition: _match(truth, each, split) for condition, each in found.items()}


def mean_precision(scored: list[Scored]) -> float:
    """Return the mean AP of the classes, percent."""
    return statistics.fmean(one.precision() for one in scored)


def resampled_precision(scored: list[Scored], draws: NDArray[np.int64]) -> Floats:
    """Return the mean AP in percent for each resampling of the frames.

    Args:
        scored: one for each class, all of the same F frames.
        draws: (R, F) how often each frame is drawn.

    Returns:
        (R,).
    """
    total = np.zeros(len(draws))
    for one in scored:
        order = np.argsort(-one.scores, kind="stable")
        weight = draws[:, one.frames[order]].astype(np.float64)  # (R, M)
        hits = np.cumsum(weight * one.is_hit[order], axis=1)
        precision = hits / np.maximum(np.cumsum(weight, axis=1), 1e-9)
        precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        steps = np.diff(hits, prepend=0.0, axis=1)
        total += 100 * (steps * precision).sum(axis=1) / np.maximum(draws @ one.objects, 1)
    return total / len(scored)


@dataclass(frozen=True)
class Frame:
    """Truth of one frame: boxes (N, 7), kinds (N,), whether each counts under each rule (2, N), LiDAR to pixels."""

    boxes: torch.Tensor
    kinds: torch.Tensor
    counts: torch.Tensor
    projection: torch.Tensor


def _ask(detector: FusedDetector, batch: Paired, condition: str, generator: torch.Generator) -> Found:
    points, frame, projection, there = (
        batch.frames.points, batch.frames.frame, batch.projection, batch.has_camera,
    )  # fmt: skip
    device = points.device
    if condition == "camera":
        points, frame = points[:0], frame[:0]
    elif condition == "lidar":
        there = torch.zeros_like(there)
    elif condition == "half the points":
        kept = torch.rand(len(points), generator=generator, device=device) < 0.5
        points, frame = points[kept], frame[kept]
    elif condition == "calibration off":
        turn, move = (torch.randn(len(there), 3, generator=generator, device=device) for _ in range(2))
        turn, move = (one / one.norm(dim=1, keepdim=True) for one in (turn, move))
        projection = shifted(projection, _TURN * turn, _MOVE * move)
    colors = batch.colors
    if condition == "gray pictures":
        colors = colors.float().mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    return detector.find_all(points, frame, colors, projection, there, min_score=_LEAST)


@torch.inference_mode()
def _plain(network: DetectorNetwork, batch: Paired) -> Found:
    points, frame = batch.frames.points, batch.frames.frame
    good = usable(points, AHEAD).nonzero()[:, 0]
    heat, code, ground = network(points[good], frame[good], len(batch.colors), AHEAD)
    return boxes_from_heat(heat, code, ground, AHEAD, min_score=_LEAST)


def _truths(batch: Paired, split: PairedSplit) -> list[Frame]:
    seen, rows = batch.frames, []
    for at in range(len(batch.colors)):
        mine = seen.box_frame == at
        boxes, points, pixels = seen.boxes[mine], seen.visible[mine], batch.pixels[mine]
        inside = _inside(boxes, batch.projection[at], split)
        by_points = points >= split.min_points
        counts = torch.stack((by_points | (pixels >= split.min_pixels), by_points)) & inside
        there = (points > 0) | (pixels > 0)
        rows.append(
            Frame(boxes[there].cpu(), seen.kinds[mine][there].cpu(), counts[:, there].cpu(), batch.projection[at].cpu())
        )
    return rows


def _inside(boxes: torch.Tensor, projection: torch.Tensor, split: PairedSplit) -> torch.Tensor:
    """Return which centres lie in the picture and within reach."""
    seen = boxes[:, :3] @ projection[:, :3].T + projection[:, 3]
    u, v = (seen[:, axis] / seen[:, 2].clamp(min=0.1) for axis in (0, 1))
    camera, (far, aside) = split.camera, split.reach
    in_picture = (seen[:, 2] > 0.5) & (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    return in_picture & (boxes[:, 0] < far) & (boxes[:, 1].abs() < aside)


def _apart(said: Found, count: int) -> list[Found]:
    """Return the objects of each frame, on the CPU."""
    boxes, kinds, scores, frame = (one.cpu() for one in (said.boxes, said.kinds, said.scores, said.frame))
    return [
        Found(boxes[mine], kinds[mine], scores[mine], frame[mine])
        for mine in ((frame == at).nonzero()[:, 0] for at in range(count))
    ]


def _match(truth: list[Frame], found: list[Found], split: PairedSplit) -> dict[str, list[Scored]]:
    scored: dict[str, list[Scored]] = {rule: [] for rule in RULES}
    kept = [
        replace(one, **{key: getattr(one, key)[_inside(one.boxes, frame.projection, split)]
                        for key in ("boxes", "kinds", "scores", "frame")})
        for one, frame in zip(found, truth, strict=True)
    ]  # fmt: skip
    for kind in range(len(CLASSES)):
        mine = [frame.kinds == kind for frame in truth]
        theirs = [one.kinds == kind for one in kept]
        at = np.repeat(np.arange(len(truth)), [int(one.sum()) for one in mine])
        said_at = np.repeat(np.arange(len(truth)), [int(one.sum()) for one in theirs])
        boxes = torch.cat([frame.boxes[one] for frame, one in zip(truth, mine, strict=True)])
        said = torch.cat([each.boxes[one] for each, one in zip(kept, theirs, strict=True)])
        scores = torch.cat([each.scores[one] for each, one in zip(kept, theirs, strict=True)]).double().numpy()
        match = match_by_distance(Truth(boxes, at), Detections(said, said_at, scores))
        for number, rule in enumerate(RULES):
            counts = torch.cat([frame.counts[number][one] for frame, one in zip(truth, mine, strict=True)]).numpy()
            # What found an object that does not count is neither right nor wrong.
            judged = (match.found < 0) | counts[match.found] if len(counts) else np.ones(len(scores), bool)
            scored[rule].append(
                Scored(
                    scores[judged], (match.found >= 0)[judged], said_at[judged],
                    np.bincount(at[counts], minlength=len(truth)),
                )
            )  # fmt: skip
    return scored


def main() -> int:
    """Print the figures of a checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--weights", type=Path, default=SHIPPED_FUSED)
    parser.add_argument("--split", choices=tuple(PAIRED_SPLITS), default="paired_validation")
    parser.add_argument("--count", type=int, help="frames of each configuration; all if not given")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    for condition, rules in score(given.weights, given.split, count=given.count, device=given.device).items():
        row = {rule: [round(one.precision(), 1) for one in scored] for rule, scored in rules.items()}
        print(json.dumps({"condition": condition} | row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

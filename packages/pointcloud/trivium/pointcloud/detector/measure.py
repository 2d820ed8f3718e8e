"""Average precision of a detector on a split of simulated frames: `python -m trivium.pointcloud.detector.measure`.

Objects with fewer than 5 points are neither found nor missed. Two questions: is there a box whose centre is less than
2 m away, and does a box overlap it seen from above by half (vehicles) or a quarter (people, cyclists)?
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch

from trivium.pointcloud.detector.boxes_from_heat import Found
from trivium.pointcloud.detector.detect import Detector
from trivium.pointcloud.detector.weights import SHIPPED
from trivium.pointcloud.evaluation.detections import Detections, Match, Truth, match_by_distance, match_by_overlap
from trivium.pointcloud.labels import CLASSES
from trivium.pointcloud.simulator.batch import collate
from trivium.pointcloud.simulator.frames import Frames, sense
from trivium.pointcloud.simulator.scenes import compose
from trivium.pointcloud.simulator.splits import SPLITS

__all__ = ["OVERLAP", "frames_of", "matches", "measure"]

OVERLAP = {"Vehicle": 0.5, "Pedestrian": 0.25, "Cyclist": 0.25}
_ENOUGH = 5


def frames_of(name: str, *, count: int | None = None, device: str = "cpu") -> Iterable[Frames]:
    """Yield the frames of a split one by one, `count` of each configuration (all if None)."""
    split = SPLITS[name]
    for config in split.configs:
        for number in range(min(count or split.count, split.count)):
            yield sense(collate([compose(config, split.seed, number)]).to(device))


def measure(
    detector: Detector,
    frames: Iterable[Frames],
    *,
    prepare: Callable[[torch.Tensor], torch.Tensor] = lambda points: points,
) -> dict[str, dict[str, float | int | None]]:
    """Return, by class, `distance` and `overlap` average precision in percent, and the number of objects.

    Args:
        detector: to be judged.
        frames: to judge by.
        prepare: changes the points before they are shown.
    """
    figures = {}
    for kind, (near, over) in matches(detector, frames, prepare).items():
        counted = ~near.truth.ignored if near.truth.ignored is not None else np.ones(len(near.truth.frames), bool)
        figures[kind] = {
            "distance": near.average_precision(),
            "overlap": over.average_precision(),
            "objects": int(counted.sum()),
        }
    return figures


def matches(
    detector: Detector, frames: Iterable[Frames], prepare: Callable[[torch.Tensor], torch.Tensor]
) -> dict[str, tuple[Match, Match]]:
    """Return, by class, who was found by centre distance and by overlap."""
    truth: list[Frames] = []
    found: list[Found] = []
    for frame in frames:
        truth.append(frame)
        found.append(detector.find(prepare(frame.points), min_score=0.05))
    reach = detector.reach
    result = {}
    for kind, name in enumerate(CLASSES):
        boxes, at, ignored, found_boxes, found_at, scores = [], [], [], [], [], []
        for number, (one, said) in enumerate(zip(truth, found, strict=True)):
            mine = ((one.kinds == kind) & (one.visible > 0)).nonzero()[:, 0]
            boxes.append(one.boxes[mine].cpu())
            at.append(np.full(len(mine), number))
            far = (one.boxes[mine, :2].abs() >= reach).any(dim=1)
            ignored.append(((one.visible[mine] < _ENOUGH) | far).cpu().numpy())
            theirs = (said.kinds == kind).nonzero()[:, 0]
            found_boxes.append(said.boxes[theirs].cpu())
            found_at.append(np.full(len(theirs), number))
            scores.append(said.scores[theirs].cpu().numpy())
        wanted = Truth(torch.cat(boxes), np.concatenate(at), np.concatenate(ignored))
        given = Detections(torch.cat(found_boxes), np.concatenate(found_at), np.concatenate(scores))
        result[name] = (match_by_distance(wanted, given), match_by_overlap(wanted, given, limit=OVERLAP[name]))
    return result


def main() -> int:
    """Print the figures of a checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    parser.add_argument("--split", choices=tuple(SPLITS), default="validation")
    parser.add_argument("--count", type=int, help="frames of each configuration; all if not given")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    detector = Detector.load(given.weights, given.device)
    print(json.dumps(measure(detector, frames_of(given.split, count=given.count, device=given.device))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

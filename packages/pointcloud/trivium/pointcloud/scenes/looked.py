"""Simulated scenes as the detector that ships sees them, beside the truth: to learn questions from, and to judge by.

The truth of a scene are the objects within 50 m that at least 5 points show. What was found is kept down to a low
score: how much a faint detection is worth is left to the reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from trivium.pointcloud.detector.detect import Detector
from trivium.pointcloud.encoders.objects import Objects, objects_of
from trivium.pointcloud.simulator.batch import Scene, collate
from trivium.pointcloud.simulator.frames import sense
from trivium.pointcloud.simulator.scenes import SimulatorConfig, compose
from trivium.pointcloud.simulator.splits import QUESTION_SPLITS, TRAINING_SEED

__all__ = ["MIN_SCORE", "Looked", "kept_scenes", "look_at", "looked_split", "read_looked", "seen_of", "write_looked"]

MIN_SCORE, MIN_POINTS, REACH = 0.35, 5, 50.0
_MARGIN = 1.2  # metres beyond, so that objects at the edge are whole
_SERIES, _BATCH = 700_000, 5
_CHUNK = 250  # scenes of a file
_FIELDS = ("boxes", "kinds", "scores")


@dataclass(frozen=True)
class Looked:
    """S scenes: what was found in each, and what is there (scores of 1)."""

    found: list[Objects]
    truth: list[Objects]


def look_at(composed: Iterable[list[Scene]], device: str = "cpu") -> Looked:
    """Let LiDAR and detector look at batches of scenes.

    Args:
        composed: scenes, as many at once as memory allows.
        device: where they are looked at.
    """
    detector = Detector.load(device=device)
    found: list[Objects] = []
    truth: list[Objects] = []
    for scenes in composed:
        frames = sense(collate(scenes).to(device))
        found.extend(seen_of(detector, frames.points, frames.frame, len(scenes)))
        for number in range(len(scenes)):
            mine = (frames.box_frame == number) & (frames.visible >= MIN_POINTS)
            boxes = frames.boxes[mine]
            truth.append(_near(Objects(boxes, frames.kinds[mine], boxes.new_ones(len(boxes)))))
    return Looked(found, truth)


def seen_of(detector: Detector, points: torch.Tensor, frame: torch.Tensor, count: int) -> list[Objects]:
    """Return what a detector finds within reach in each of `count` clouds; points (N, 4) and their frames (N,)."""
    near = (points[:, :2].abs() <= REACH + _MARGIN).all(dim=1)
    said = detector.find_all(points[near], frame[near], count, min_score=MIN_SCORE)
    return [_near(one) for one in objects_of(said, count, min_score=MIN_SCORE)]


def _near(objects: Objects) -> Objects:
    kept = objects.boxes[:, :2].norm(dim=1) <= REACH
    return Objects(*(getattr(objects, name)[kept].cpu() for name in _FIELDS))


def looked_split(name: str, *, count: int | None = None, device: str = "cpu") -> Looked:
    """Return the scenes of a split, `count` of them (all if None)."""
    split = QUESTION_SPLITS[name]
    size = min(count or split.count, split.count)
    return look_at(_batches(split.configs[0], split.seed, 0, size), device)


def kept_scenes(folder: Path, count: int, seed: int, device: str = "cpu") -> Looked:
    """Return scenes to learn from; files that lie in the folder are read, the others made and written."""
    folder.mkdir(parents=True, exist_ok=True)
    config, parts = QUESTION_SPLITS["questions_test"].configs[0], []
    for first in range(0, count, _CHUNK):
        path = folder / f"scenes-{seed}-{first}.safetensors"
        if not path.exists():
            batches = _batches(config, TRAINING_SEED + _SERIES + seed, first, min(first + _CHUNK, count))
            write_looked(look_at(batches, device), path)
        parts.append(read_looked(path))
    return Looked([one for part in parts for one in part.found], [one for part in parts for one in part.truth])


def _batches(config: SimulatorConfig, seed: int, first: int, end: int) -> Iterator[list[Scene]]:
    for start in range(first, end, _BATCH):
        yield [compose(config, seed, number) for number in range(start, min(start + _BATCH, end))]


def write_looked(looked: Looked, path: Path) -> None:
    """Write scenes as one file, which replaces the last at once."""
    tensors: dict[str, torch.Tensor] = {}
    for side in ("found", "truth"):
        scenes = getattr(looked, side)
        tensors |= {f"{side}.{name}": torch.cat([getattr(one, name) for one in scenes]) for name in _FIELDS}
        tensors[f"{side}.counts"] = torch.tensor([len(one.boxes) for one in scenes])
    save_file(tensors, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def read_looked(path: Path) -> Looked:
    """Read what `write_looked` wrote."""
    tensors = load_file(path)

    def side(name: str) -> list[Objects]:
        counts = tensors[f"{name}.counts"].tolist()
        parts = zip(*(tensors[f"{name}.{field}"].split(counts) for field in _FIELDS), strict=True)
        return [Objects(*part) for part in parts]

    return Looked(side("found"), side("truth"))

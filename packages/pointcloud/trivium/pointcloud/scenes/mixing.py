"""New scenes out of those that were looked at: turned, mirrored, some objects left out, some of another scene put in.

What was found is tied to the object it found, so that both come and go together, and a miss or a false alarm stays one:
a mixed scene errs as the detector does, and its truth is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from trivium.pointcloud.boxes import wrap_angle
from trivium.pointcloud.encoders.objects import Objects
from trivium.pointcloud.evaluation.detections import Detections, Truth, match_by_distance
from trivium.pointcloud.labels import CLASSES
from trivium.pointcloud.scenes.looked import Looked

__all__ = ["Mixer", "turned"]

_PURE = 0.4  # of the scenes are only turned
_LOST, _ADDED = 0.7, 0.7  # the largest shares of objects left out, and put in


@dataclass(frozen=True)
class _Tied:
    """A scene: what was found, what is there, and which of the latter each of the former found (-1: none)."""

    found: Objects
    truth: Objects
    owner: torch.Tensor


class Mixer:
    """Draws scenes.

    Args:
        looked: scenes to mix.
    """

    def __init__(self, looked: Looked) -> None:
        self._scenes = [_tied(found, truth) for found, truth in zip(looked.found, looked.truth, strict=True)]

    def draw(self, chance: np.random.Generator) -> tuple[Objects, Objects]:
        """Return what was found in a new scene, and what is there."""
        first = _turned(self._scenes[chance.integers(len(self._scenes))], chance)
        if chance.random() < _PURE:
            return first.found, first.truth
        second = _turned(self._scenes[chance.integers(len(self._scenes))], chance)
        parts = [
            _some(first, 1 - _LOST * chance.random(), chance),
            _some(second, _ADDED * chance.random(), chance),
        ]
        return _joined([found for found, _ in parts]), _joined([truth for _, truth in parts])


def turned(boxes: torch.Tensor, angle: float, mirror: float) -> torch.Tensor:
    """Return boxes (N, 7) with y times `mirror` (1 or -1), then turned about the sensor by `angle`, radians."""
    x, y = boxes[:, 0], boxes[:, 1] * mirror
    cos, sin = math.cos(angle), math.sin(angle)
    place = torch.stack((x * cos - y * sin, x * sin + y * cos), dim=1)
    return torch.cat((place, boxes[:, 2:6], wrap_angle(boxes[:, 6:] * mirror + angle)), dim=1)


def _tied(found: Objects, truth: Objects) -> _Tied:
    owner = torch.full((len(found.boxes),), -1)
    for kind in range(len(CLASSES)):
        mine, theirs = ((one.kinds == kind).nonzero()[:, 0] for one in (found, truth))
        match = match_by_distance(
            Truth(truth.boxes[theirs], np.zeros(len(theirs), np.int64)),
            Detections(found.boxes[mine], np.zeros(len(mine), np.int64), found.scores[mine].double().numpy()),
        )
        at = torch.from_numpy(np.asarray(match.found))
        if len(theirs):
            owner[mine] = torch.where(at >= 0, theirs[at.clamp(min=0)], -1)
    return _Tied(found, truth, owner)


def _turned(scene: _Tied, chance: np.random.Generator) -> _Tied:
    angle, mirror = 2 * math.pi * chance.random(), 1.0 if chance.random() < 0.5 else -1.0
    found, truth = (
        Objects(turned(one.boxes, angle, mirror), one.kinds, one.scores) for one in (scene.found, scene.truth)
    )
    return _Tied(found, truth, scene.owner)


def _some(scene: _Tied, share: float, chance: np.random.Generator) -> tuple[Objects, Objects]:
    """Return a share of the objects with what found them, and as large a share of the false alarms."""
    stays = torch.from_numpy(chance.random(len(scene.truth.boxes)) < share)
    alarm_stays = torch.from_numpy(chance.random(len(scene.found.boxes)) < share)
    kept = (
        alarm_stays if not len(stays) else torch.where(scene.owner >= 0, stays[scene.owner.clamp(min=0)], alarm_stays)
    )
    return _rows(scene.found, kept), _rows(scene.truth, stays)


def _rows(objects: Objects, kept: torch.Tensor) -> Objects:
    return Objects(objects.boxes[kept], objects.kinds[kept], objects.scores[kept])


def _joined(parts: list[Objects]) -> Objects:
    return Objects(*(torch.cat([getattr(one, name) for one in parts]) for name in ("boxes", "kinds", "scores")))

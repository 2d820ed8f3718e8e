"""Detected objects as tokens, nearest first: what stands where, how large, turned how, how sure.

Numbers enter as sines and cosines of several wavelengths (Fourier features, arXiv 2006.10739), so that a small network
tells 19 m from 21 m. Beside its own numbers an object carries how many of its class are as near or nearer: by count
of the sure ones, and as the sum of how likely each is, which is learned from scores.

# B scenes, N objects of the fullest one
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from trivium.pointcloud.detector.boxes_from_heat import Found
from trivium.pointcloud.labels import CLASSES

__all__ = ["ObjectEncoder", "ObjectRows", "Objects", "objects_of"]

_DISTANCE_M = (1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4)
_PLACE_M = (6.4, 12.8, 25.6, 51.2, 102.4)
_COUNT = (2.0, 4.0, 8.0, 16.0, 32.0)
_SURE = 0.5
_STEEP = 20.0  # of the likelihood over the score, before training
_FEATURES = 2 * (len(_DISTANCE_M) + 2 * len(_PLACE_M) + 2 * len(_COUNT)) + 15 + len(CLASSES)


@dataclass(frozen=True)
class Objects:
    """Objects of one scene: boxes (N, 7), kinds (N,) rows of `CLASSES`, scores (N,) 0..1."""

    boxes: torch.Tensor
    kinds: torch.Tensor
    scores: torch.Tensor


@dataclass(frozen=True)
class ObjectRows:
    """Objects of B scenes side by side, nearest first: boxes (B, N, 7), kinds, scores (B, N), which are real (B, N)."""

    boxes: torch.Tensor
    kinds: torch.Tensor
    scores: torch.Tensor
    mask: torch.Tensor

    def of(self, scenes: torch.Tensor) -> ObjectRows:
        """Return the rows of some scenes, no wider than the fullest of them."""
        wide = max(1, int(self.mask[scenes].sum(dim=1).max()))
        return ObjectRows(*(one[scenes, :wide] for one in (self.boxes, self.kinds, self.scores, self.mask)))

    def to(self, device: torch.device | str) -> ObjectRows:
        """Return the same on a device."""
        return ObjectRows(*(one.to(device) for one in (self.boxes, self.kinds, self.scores, self.mask)))


def objects_of(found: Found, frames: int, *, min_score: float) -> list[Objects]:
    """Return what a detector found, by frame, without lesser scores."""
    good = found.scores >= min_score
    return [
        Objects(found.boxes[mine], found.kinds[mine], found.scores[mine])
        for mine in (((found.frame == at) & good).nonzero()[:, 0] for at in range(frames))
    ]


class ObjectEncoder(nn.Module):
    """A token for each object, at most `most` of a scene: those with the best scores.

    Args:
        dim: D, width of a token.
        most: objects of a scene that become tokens.
    """

    def __init__(self, dim: int = 96, most: int = 40) -> None:
        super().__init__()
        self.dim, self.most = dim, most
        self.layers = nn.Sequential(
            nn.Linear(_FEATURES, 2 * dim), nn.GELU(), nn.Linear(2 * dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
        )
        self.middle = nn.Parameter(torch.full((len(CLASSES),), _SURE))  # the score of each class that is as often right

    def encode(self, batch: Sequence[Objects] | ObjectRows) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode scenes, or what `rows` made of them before.

        Returns:
            (B, N, D), and the mask (B, N).
        """
        rows = batch if isinstance(batch, ObjectRows) else self.rows(batch)
        return self.layers(_features(rows, self.middle)), rows.mask

    def rows(self, scenes: Sequence[Objects]) -> ObjectRows:
        """Return scenes side by side; it does not depend on weights."""
        kept = [self._kept(scene) for scene in scenes]
        wide = max(1, *(len(one.boxes) for one in kept))
        boxes = torch.zeros(len(kept), wide, 7)
        kinds, scores = torch.zeros(len(kept), wide, dtype=torch.int64), torch.zeros(len(kept), wide)
        mask = torch.zeros(len(kept), wide, dtype=torch.bool)
        for at, one in enumerate(kept):
            count = len(one.boxes)
            boxes[at, :count], kinds[at, :count], scores[at, :count] = one.boxes, one.kinds, one.scores
            mask[at, :count] = True
        return ObjectRows(boxes, kinds, scores, mask)

    def _kept(self, scene: Objects) -> Objects:
        best = scene.scores.argsort(descending=True, stable=True)[: self.most]
        order = best[scene.boxes[best, :2].norm(dim=1).argsort(stable=True)]
        return Objects(scene.boxes[order], scene.kinds[order], scene.scores[order])


def _features(rows: ObjectRows, middle: torch.Tensor) -> torch.Tensor:
    """Return (B, N, F) float32; `middle` (classes,) are scores of even chance."""
    boxes, scores = rows.boxes.float(), rows.scores.float() * rows.mask
    far = boxes[..., :2].norm(dim=-1, keepdim=True)
    own = nn.functional.one_hot(rows.kinds, len(CLASSES)).float() * rows.mask[..., None]
    likely = (_STEEP * (scores - middle[rows.kinds])).sigmoid()
    # Of the same class and as near or nearer: how many are sure, and how many are to be expected.
    counts = ((own * (scores >= _SURE)[..., None]).cumsum(dim=1) * own).sum(dim=-1, keepdim=True)
    expected = ((own * likely[..., None]).cumsum(dim=1) * own).sum(dim=-1, keepdim=True)
    return torch.cat(
        (
            _waves(far, _DISTANCE_M), _waves(boxes[..., :1], _PLACE_M), _waves(boxes[..., 1:2], _PLACE_M),
            _waves(counts, _COUNT), _waves(expected, _COUNT),
            boxes[..., :3] / 20, far / 20, boxes[..., :2] / far.clamp(min=0.1),
            boxes[..., 3:6].clamp(min=0.1).log(),
            boxes[..., 6:7].sin(), boxes[..., 6:7].cos(), scores[..., None], likely[..., None], counts / 5,
            expected / 5, own,
        ),
        dim=-1,
    )  # fmt: skip


def _waves(value: torch.Tensor, lengths: tuple[float, ...]) -> torch.Tensor:
    """Return sine and cosine of values (..., 1) for each wavelength, (..., 2 L)."""
    angle = value * (2 * math.pi / value.new_tensor(lengths))
    return torch.cat((angle.sin(), angle.cos()), dim=-1)

"""Detected objects as tokens, nearest first: what stands where, how large, turned how, how sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from trivium.pointcloud.detector.boxes_from_heat import Found
from trivium.pointcloud.labels import CLASSES

__all__ = ["ObjectEncoder", "ObjectRows", "Objects", "objects_of"]

_FEATURES = 15 + len(CLASSES)


@dataclass(frozen=True)
class Objects:
    """Objects of one scene: boxes (N, 7), kinds (N,) rows of `CLASSES`, scores (N,) 0..1."""

    boxes: torch.Tensor
    kinds: torch.Tensor
    scores: torch.Tensor


@dataclass(frozen=True)
class ObjectRows:
    """What the encoder reads of B scenes: table (B, N, F) float32 and which rows are real (B, N), those first."""

    table: torch.Tensor
    mask: torch.Tensor


def objects_of(found: Found, frames: int, *, min_score: float) -> list[Objects]:
    """Return what a detector found, by frame, without lesser scores."""
    good = found.scores >= min_score
    return [
        Objects(found.boxes[mine], found.kinds[mine], found.scores[mine])
        for mine in (((found.frame == at) & good).nonzero()[:, 0] for at in range(frames))
    ]


class ObjectEncoder(nn.Module):
    """A token for each object, at most `most` of a scene: the nearest ones.

    Args:
        dim: D, width of a token.
        most: objects of a scene that become tokens.
    """

    def __init__(self, dim: int = 96, most: int = 48) -> None:
        super().__init__()
        self.dim, self.most = dim, most
        self.layers = nn.Sequential(
            nn.Linear(_FEATURES, 2 * dim), nn.GELU(), nn.Linear(2 * dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)
        )

    def encode(self, batch: Sequence[Objects] | ObjectRows) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode scenes, or what `rows` made of them before.

        Returns:
            (B, N, D) for the N objects of the fullest scene, and the mask (B, N).
        """
        rows = batch if isinstance(batch, ObjectRows) else self.rows(batch)
        return self.layers(rows.table), rows.mask

    def rows(self, scenes: Sequence[Objects]) -> ObjectRows:
        """Return what the network reads of scenes; it does not depend on weights."""
        each = [self._rows(scene) for scene in scenes]
        wide = max(1, *map(len, each))
        table = torch.stack([torch.cat((one, one.new_zeros(wide - len(one), _FEATURES))) for one in each])
        counts = torch.tensor([len(one) for one in each], device=table.device)
        return ObjectRows(table, torch.arange(wide, device=table.device) < counts[:, None])

    def _rows(self, scene: Objects) -> torch.Tensor:
        nearest = scene.boxes[:, :2].norm(dim=1).argsort(stable=True)[: self.most]
        boxes, kinds, scores = scene.boxes[nearest].float(), scene.kinds[nearest], scene.scores[nearest].float()
        far = boxes[:, :2].norm(dim=1, keepdim=True)
        own = nn.functional.one_hot(kinds, len(CLASSES))
        rank = (own.cumsum(dim=0) * own).sum(dim=1, keepdim=True)  # first, second... of its class by distance
        return torch.cat(
            (
                boxes[:, :3] / 20,
                far / 20,
                far.clamp(min=1).log() - 3,
                boxes[:, :2] / far.clamp(min=0.1),
                boxes[:, 1:2].sign(),
                boxes[:, 3:6].clamp(min=0.1).log(),
                boxes[:, 6:7].sin(),
                boxes[:, 6:7].cos(),
                scores[:, None],
                rank / 5,
                own.float(),
            ),
            dim=1,
        )

"""Where the lungs and the heart of a film lie: a small network that learned from drawn films of nobody.

It was taught on drawings alone (`train_outlines.py`), because outlines of real films at hand have nobody's measure. It
outlines a lung whole, also where fluid or an opacity hides its border: what it then says is a guess from the rest, and
`Outlines.unsure` is larger. It reads films laid over the classifier's template, tones as they are.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from trivium.service.errors import ModelError
from trivium.vision.classifier_files import WEIGHTS
from trivium.vision.films import Film

__all__ = ["HEART", "LEFT_LUNG", "RIGHT_LUNG", "OutlineNet", "Outlines"]

RIGHT_LUNG, LEFT_LUNG, HEART = range(3)  # of the patient; the right lung is at the left of the picture
_WIDTHS = (12, 24, 48, 64)
_VIEWS = ((0.0, 0.0, 1.0), (0.04, 0.03, 1.06), (-0.04, -0.03, 0.94), (0.04, -0.03, 0.94), (-0.04, 0.03, 1.06))


class OutlineNet(nn.Module):
    """A U-Net (Ronneberger, Fischer and Brox, MICCAI 2015) of four levels."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, *_WIDTHS)
        self.down = nn.ModuleList(_convolutions(*pair) for pair in pairwise(widths))
        self.up = nn.ModuleList(_convolutions(a + b, b) for a, b in zip(_WIDTHS[:0:-1], _WIDTHS[-2::-1], strict=True))
        self.out = nn.Conv2d(_WIDTHS[0], 3, 1)

    def forward(self, films: Tensor) -> Tensor:
        """Return logits `(B, 3, H, W)` of films `(B, 1, H, W)` in [0, 1]; sides are multiples of 8."""
        x, kept = films, []
        for level, layer in enumerate(self.down):
            x = layer(functional.max_pool2d(x, 2) if level else x)
            kept.append(x)
        for layer, beside in zip(self.up, kept[-2::-1], strict=True):
            x = layer(torch.cat([functional.interpolate(x, scale_factor=2, mode="bilinear"), beside], 1))
        found: Tensor = self.out(x)
        return found


class Outlines:
    """Outlines of films; load once.

    Args:
        net: gives logits.
        sha256: of the weights file, for the record.
    """

    def __init__(self, net: OutlineNet, sha256: str) -> None:
        self.net, self._sha256 = net.eval().requires_grad_(False), sha256

    @classmethod
    def load(cls, folder: Path = WEIGHTS) -> Outlines:
        """Load the network that ships.

        Raises:
            ModelError: if the file is missing or does not fit.
        """
        net, path = OutlineNet(), folder / "outlines.safetensors"
        try:
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            stored = load_file(path)
            missing = net.load_state_dict({name: value.float() for name, value in stored.items()}, strict=False)[0]
        except (OSError, RuntimeError, SafetensorError) as error:
            raise ModelError(f"the outlines' network cannot be loaded ({error})", where=str(folder)) from error
        if lost := [name for name in missing if not name.endswith("num_batches_tracked")]:
            raise ModelError(f"the outlines' network lacks {lost[0]}", where=str(folder))
        return cls(net, sha256)

    def record(self) -> dict[str, Any]:
        """Return what identifies the network."""
        return {"weights_sha256": self._sha256}

    @torch.no_grad()
    def of(self, films: Film) -> NDArray[np.float32]:
        """Return how likely each place is right lung, left lung and heart.

        The mean over five views, each shifted and zoomed a little and led back.

        Args:
            films: (N, 64, 64) in [0, 1], laid over the template whole (`alignment.align`).

        Returns:
            (N, 3, 64, 64) in [0, 1].
        """
        x = torch.from_numpy(np.ascontiguousarray(films))[:, None]
        found = torch.zeros(len(x), 3, *x.shape[2:])
        for right, down, zoom in _VIEWS:
            there = torch.tensor([[[zoom, 0, right], [0, zoom, down]]])
            back = torch.tensor([[[1 / zoom, 0, -right / zoom], [0, 1 / zoom, -down / zoom]]])
            found += _sampled(torch.sigmoid(self.net(_sampled(x, there, "border"))), back, "zeros")
        return (found / len(_VIEWS)).numpy()


def _convolutions(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1),
        nn.BatchNorm2d(outside),
        nn.ReLU(),
        nn.Conv2d(outside, outside, 3, padding=1),
        nn.BatchNorm2d(outside),
        nn.ReLU(),
    )


def _sampled(x: Tensor, theta: Tensor, padding: str) -> Tensor:
    grid = functional.affine_grid(theta.expand(len(x), -1, -1), [len(x), 1, *x.shape[2:]], align_corners=False)
    return functional.grid_sample(x, grid, padding_mode=padding, align_corners=False)

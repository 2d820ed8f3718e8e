"""Pictures to tokens: a small convolutional `ModalityEncoder`, two tokens for a picture of one thing.

A picture is first cut to what differs from its background (the median color) and brought to 24 x 24 pixels, so that the
size and place of the thing cost no capacity; a picture of several things keeps them all. Three convolutions of stride 2
follow; the tokens are maximum and mean over the 3 x 3 places that are left.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

__all__ = ["NUM_TOKENS", "PICTURE_SIDE", "PictureEncoder", "cut_out"]

PICTURE_SIDE = 24
NUM_TOKENS = 2
_GROUPS = 8
_DIFFERENT = 40  # of 255, in any channel


class PictureEncoder(nn.Module):
    """Encodes color pictures.

    Args:
        widths: channels after each halving; the last is the width of a token.
    """

    def __init__(self, widths: tuple[int, int, int] = (32, 64, 96)) -> None:
        super().__init__()
        self.dim = widths[-1]
        layers: list[nn.Module] = []
        before = 3
        for width in widths:
            layers.append(_conv(before, width))
            before = width
        self.layers = nn.Sequential(*layers)
        self.place = nn.Parameter(torch.zeros(NUM_TOKENS, self.dim))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return tokens `(B, 2, D)` of pictures `(B, 3, 24, 24)`, uint8 or float in [0, 255]."""
        x = self.layers(pictures.to(self.place.dtype) / 127.5 - 1)  # (B, D, 3, 3)
        return torch.stack((x.amax((2, 3)), x.mean((2, 3))), 1) + self.place

    def encode(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Encode pictures `(B, 3, 24, 24)`, or hand on tokens `(B, 2, D)` that were made of them before.

        The second spares work where many questions are asked about one picture.
        """
        tokens = self(batch) if batch.ndim == 4 else batch
        return tokens, torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)


def cut_out(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return `(3, 24, 24)`: the part of a color picture `(H, W, 3)` that differs from its background, enlarged."""
    away = np.abs(pixels.astype(np.int16) - np.median(pixels, axis=(0, 1)).astype(np.int16)).max(2) > _DIFFERENT
    rows, columns = np.flatnonzero(away.any(1)), np.flatnonzero(away.any(0))
    if len(rows):
        pixels = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = Image.fromarray(pixels).resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(small, dtype=np.uint8).transpose(2, 0, 1))


def _conv(before: int, width: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, width, 3, 2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.GroupNorm(_GROUPS, width), nn.SiLU())

"""A small convolutional network that turns pictures into what fusion reads: features, depth and class of each place.

Any other network may stand in its place: fusion takes tensors (`lift.View`), not pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from trivium.pointcloud.detector.lift import DEPTH_BINS
from trivium.pointcloud.labels import CLASSES

__all__ = ["IMAGE_ALIGN", "IMAGE_STRIDE", "ImageBackbone", "ImageFeatures", "padded"]

IMAGE_STRIDE = 4
"""Pixels along one place of the features."""
IMAGE_ALIGN = 32
"""Sides of a picture are filled up to multiples of this."""
_WIDTHS = (24, 48, 80, 112, 128)
_DEPTHS = (0, 1, 2, 3, 2)
_MERGED = 64


@dataclass(frozen=True)
class ImageFeatures:
    """Of B pictures, at a quarter of their sides.

    Args:
        context: (B, C, h, w).
        depth: (B, `DEPTH_BINS`, h, w) before the softmax.
        classes: (B, 4, h, w) before the softmax: nothing, then `CLASSES`.
    """

    context: torch.Tensor
    depth: torch.Tensor
    classes: torch.Tensor


class ImageBackbone(nn.Module):
    """Five scales down, four back up (feature pyramid, arXiv 1612.03144).

    Args:
        channels: of the features.
    """

    def __init__(self, channels: int = 48) -> None:
        super().__init__()
        self.channels = channels
        before, stages, sides = 3, [], []
        for width, depth in zip(_WIDTHS, _DEPTHS, strict=True):
            stages.append(nn.Sequential(_conv(before, width, 2), *(_Block(width) for _ in range(depth))))
            before = width
        for width in _WIDTHS[1:]:
            sides.append(nn.Conv2d(width, _MERGED, 1))
        self.stages, self.sides = nn.ModuleList(stages), nn.ModuleList(sides)
        self.merge = _conv(_MERGED, _MERGED, 1)
        self.context = nn.Conv2d(_MERGED, channels, 1)
        self.depth = nn.Conv2d(_MERGED, DEPTH_BINS, 1)
        self.classes = nn.Conv2d(_MERGED, 1 + len(CLASSES), 1)

    def forward(self, pictures: torch.Tensor) -> ImageFeatures:
        """Read pictures (B, 3, H, W), 0..255, sides multiples of `IMAGE_ALIGN`."""
        x = (pictures.to(self.context.weight.dtype) / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        scales = []
        for stage in self.stages:
            x = stage(x)
            scales.append(x)
        merged = self.sides[-1](scales[-1])
        for side, scale in zip(reversed(self.sides[:-1]), reversed(scales[1:-1]), strict=True):
            merged = side(scale) + F.interpolate(merged, scale_factor=2.0)
        merged = self.merge(merged)
        return ImageFeatures(self.context(merged), self.depth(merged), self.classes(merged))


class _Block(nn.Module):
    """A convolution whose input is added to its output."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.norm(self.conv(x)))


def padded(pictures: torch.Tensor) -> torch.Tensor:
    """Fill pictures up to the right and below so that both sides are multiples of `IMAGE_ALIGN`."""
    high, wide = pictures.shape[-2:]
    return F.pad(pictures, (0, -wide % IMAGE_ALIGN, 0, -high % IMAGE_ALIGN))


def _conv(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )

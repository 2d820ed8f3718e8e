"""Descriptors of standard films that learn nothing from them: early blocks of an ImageNet network, and block means.

Five blocks of EfficientNet-Lite0 at 96 px; of the fourth the means over 4 x 4 places, of the fifth mean and maximum.
Each film is read in two tone scales (as it is, and with its histogram made flat) and with its mirror image.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from trivium.vision.descriptors import block_means
from trivium.vision.films import Film

__all__ = ["FrozenNet", "describe", "flat_histogram"]

RESOLUTION = 96
_BLOCKS = 5
_CHUNK = 8  # films at a time stay in the cache


class FrozenNet(nn.Module):
    """The first five blocks of EfficientNet-Lite0, held as they are."""

    def __init__(self) -> None:
        super().__init__()
        whole = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        self.conv_stem, self.bn1 = whole.conv_stem, whole.bn1
        self.blocks = nn.Sequential(*whole.blocks[:_BLOCKS])
        self.eval()

    @torch.no_grad()
    def forward(self, films: Tensor) -> Tensor:
        """Return descriptors `(B, 1504)` of films `(B, 1, 64, 64)` in [0, 1]."""
        x = F.interpolate(films, size=(RESOLUTION, RESOLUTION), mode="bicubic", align_corners=False).clamp(0, 1)
        x = self.bn1(self.conv_stem(((x - 0.5) / 0.5).expand(-1, 3, -1, -1)))
        for block in self.blocks[:-1]:
            x = block(x)
        grid = F.adaptive_avg_pool2d(x, 4).flatten(1)  # (B, 80 * 16)
        x = self.blocks[-1](x)
        return torch.cat([grid, x.mean((2, 3)), x.amax((2, 3))], 1)

    def for_reading(self) -> FrozenNet:
        """Return the network itself, made three times as fast on a CPU: norms inside convolutions, channels last.

        Its descriptors change by rounding alone; names of weights change, so that it cannot be saved any more.
        """
        _fuse(self)
        return self.to(memory_format=torch.channels_last)


def describe(net: FrozenNet, films: Film) -> NDArray[np.float32]:
    """Return descriptors `(N, 3520)` of standard films `(N, 64, 64)`: the network's and block means, in both tones."""
    parts = []
    for toned in (films, flat_histogram(films)):
        x = torch.from_numpy(np.ascontiguousarray(toned))[:, None].contiguous(memory_format=torch.channels_last)
        seen = [(net(chunk) + net(chunk.flip(3))) / 2 for chunk in x.split(_CHUNK)]
        parts += [torch.cat(seen).numpy(), block_means(toned)]
    return np.concatenate(parts, axis=1)


def flat_histogram(films: Film) -> Film:
    """Return films in which each pixel is its rank among the film's pixels, from 0 to 1."""
    flat = films.reshape(len(films), -1)
    ranks = np.argsort(np.argsort(flat, axis=1, kind="stable"), axis=1)
    return (ranks / (flat.shape[1] - 1)).reshape(films.shape).astype(np.float32)


def _fuse(module: nn.Module) -> None:
    """Put each batch norm that follows a convolution into it; what the norm applied after itself takes its place."""
    for child in module.children():
        _fuse(child)
    inside = module._modules
    for first, second in pairwise(list(inside)):
        convolution, norm = inside[first], inside[second]
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            inside[first] = fuse_conv_bn_eval(convolution, norm)
            inside[second] = getattr(norm, "act", nn.Identity())

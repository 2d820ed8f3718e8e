"""Descriptors of aligned films: two maps of an ImageNet network cell by cell, plain tones, and one score of opacity.

The first five blocks of EfficientNet-Lite0 at the films' own 64 px; of the fourth and the fifth all 4 x 4 cells, of the
fifth mean and maximum besides. After `alignment.py` a cell means the same part of the chest in every film. Beside them
stand 16 x 16 means of tones, and a linear score of the maps that tells pneumonia in PneumoniaMNIST's films of children:
what 2,428 films taught it ranks opacities of adults too (docs/experiments.md). Nothing here learns from the films that
findings are learned from.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from trivium.vision.films import SIDE, Film

__all__ = ["BLOCK", "DESCRIPTORS", "LEAST_VARIANCE", "MAPS", "TONES", "FrozenNet", "describe"]

_BLOCKS = 5
_CHUNK = 16  # films at a time stay in the cache
BLOCK = 4  # pixels of a mean of tones
LEAST_VARIANCE = 1e-6  # of a film's tones: a film of one tone has no descriptors of it
MAPS = (80 + 112) * 16 + 2 * 112
TONES = (SIDE // BLOCK) ** 2
DESCRIPTORS = MAPS + TONES + 1


class FrozenNet(nn.Module):
    """The first five blocks of EfficientNet-Lite0, held as they are, and the direction that tells pneumonia.

    Attributes:
        opacity: (MAPS,), zero until it is learned.
    """

    opacity: Tensor

    def __init__(self) -> None:
        super().__init__()
        whole = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        self.conv_stem, self.bn1 = whole.conv_stem, whole.bn1
        self.blocks = nn.Sequential(*whole.blocks[:_BLOCKS])
        self.register_buffer("opacity", torch.zeros(MAPS))
        self.eval()
        self.requires_grad_(False)

    def forward(self, films: Tensor) -> Tensor:
        """Return descriptors `(B, DESCRIPTORS)` of films `(B, 1, 64, 64)` in [0, 1]; gradients reach the films."""
        x = self.bn1(self.conv_stem(((films - 0.5) / 0.5).expand(-1, 3, -1, -1)))
        for block in self.blocks[:-1]:
            x = block(x)
        y = self.blocks[-1](x)  # (B, 112, 4, 4), as x has 80
        maps = torch.cat([x.flatten(1), y.flatten(1), y.mean((2, 3)), y.amax((2, 3))], 1)
        return torch.cat([maps, _tones(films), (maps @ self.opacity)[:, None]], 1)

    def for_reading(self) -> FrozenNet:
        """Return the network itself, made three times as fast on a CPU: norms inside convolutions, channels last.

        Its descriptors change by rounding alone; names of weights change, so that it cannot be saved any more.
        """
        _fuse(self)
        return self.to(memory_format=torch.channels_last)


@torch.no_grad()
def describe(net: FrozenNet, films: Film) -> NDArray[np.float32]:
    """Return descriptors `(N, DESCRIPTORS)` of aligned films `(N, 64, 64)`."""
    x = torch.from_numpy(np.ascontiguousarray(films))[:, None].contiguous(memory_format=torch.channels_last)
    return torch.cat([net(chunk) for chunk in x.split(_CHUNK)]).numpy()


def _tones(films: Tensor) -> Tensor:
    """Return means over blocks `(B, TONES)`, with mean 0 and spread 1 over each film."""
    means = functional.avg_pool2d(films, BLOCK).flatten(1)
    centred = means - means.mean(1, keepdim=True)
    return centred / (centred**2).mean(1, keepdim=True).clamp_min(LEAST_VARIANCE).sqrt()


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

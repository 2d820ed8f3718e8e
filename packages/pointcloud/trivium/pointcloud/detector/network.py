"""The picture seen from above to heat maps and boxes: three scales down, one scale up, one head."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from trivium.pointcloud.detector.config import DetectorConfig
from trivium.pointcloud.detector.pillars import STRIDE, Grid, PillarEncoder, sort_into_pillars
from trivium.pointcloud.labels import CLASSES

__all__ = ["BOX_CODE", "DetectorNetwork", "fold_norms", "halve"]

BOX_CODE = 10
"""Numbers that code a box: dx, dy, z above ground, log length, width, height, sin and cos of twice the yaw, whether the
yaw points forward, overlap expected."""


class DetectorNetwork(nn.Module):
    """Points of B frames to heat (B, 3, H / 2, W / 2) and codes (B, 10, H / 2, W / 2)."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.config = config
        self.pillars = PillarEncoder(config)
        self.fine = _stage(config.points, config.fine, config.depth[0])
        self.middle = _stage(config.fine, config.middle, config.depth[1])
        self.coarse = _stage(config.middle, config.coarse, config.depth[2])
        self.from_middle = nn.Conv2d(config.middle, config.fine, 1)
        self.from_coarse = nn.Conv2d(config.coarse, config.middle, 1)
        self.merge = _conv(config.fine, config.fine)
        self.head = _conv(config.fine, config.fine)
        self.heat = nn.Conv2d(config.fine, len(CLASSES), 1)
        self.code = nn.Conv2d(config.fine, BOX_CODE, 1)
        nn.init.constant_(self.heat.bias, -4.0)
        nn.init.normal_(self.code.weight, std=0.01)

    def forward(
        self, points: torch.Tensor, frame: torch.Tensor, frames: int, grid: Grid
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return heat before the sigmoid, codes, and z of the ground (B, H / 2, W / 2) that codes start from.

        Args:
            points: (N, 4).
            frame: (N,) int64.
            frames: B.
            grid: its shape is a multiple of 8.
        """
        pillars = sort_into_pillars(points, frame, frames, grid)
        shared = self.features(self.pillars(pillars, grid, frames))
        return self.heat(shared), self.code(shared), pillars.ground_map

    def features(self, picture: torch.Tensor, beside: torch.Tensor | None = None) -> torch.Tensor:
        """Return what the head reads, (B, C, H / 2, W / 2).

        Args:
            picture: (B, C, H, W) of pillars.
            beside: (B, fine, H / 2, W / 2) of another sensor, added after the first scale.
        """
        fine = self.fine(picture.to(self.heat.weight.dtype))
        fine = fine if beside is None else fine + beside
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = middle + F.interpolate(self.from_coarse(coarse), scale_factor=2.0)
        fine = fine + F.interpolate(self.from_middle(middle), scale_factor=2.0)
        return self.head(self.merge(fine))


class _Residual(nn.Module):
    """A convolution whose input is added to its output."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.norm(self.conv(x)))


def fold_norms(network: DetectorNetwork) -> DetectorNetwork:
    """Put every normalisation of a trained network into the layer before it, in place; results stay the same."""
    network.eval()
    for module in network.modules():
        if isinstance(module, _Residual):
            module.conv, module.norm = _folded(module.conv, module.norm), nn.Identity()
        elif isinstance(module, nn.Sequential):
            for at in range(len(module) - 1):
                if isinstance(module[at + 1], nn.BatchNorm2d):
                    module[at], module[at + 1] = _folded(module[at], module[at + 1]), nn.Identity()
    encoder = network.pillars
    for layer, norm in (("point", "norm"), ("pillar", "pillar_norm")):
        setattr(encoder, layer, _folded(getattr(encoder, layer), getattr(encoder, norm)))
        setattr(encoder, norm, nn.Identity())
    return network


def halve(network: DetectorNetwork) -> DetectorNetwork:
    """Put everything after the pillars into bfloat16, in place: faster where the processor multiplies it."""
    for name, module in network.named_children():
        if name != "pillars":
            module.to(torch.bfloat16)
    return network


def _folded(layer: nn.Module, norm: nn.Module) -> nn.Module:
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    weight = layer.weight * scale.view(-1, *[1] * (layer.weight.dim() - 1))
    layer.weight = nn.Parameter(weight.detach())
    layer.bias = nn.Parameter((norm.bias - norm.running_mean * scale).detach())
    return layer


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def _stage(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    return nn.Sequential(_conv(inputs, outputs, STRIDE), *(_Residual(outputs) for _ in range(depth)))

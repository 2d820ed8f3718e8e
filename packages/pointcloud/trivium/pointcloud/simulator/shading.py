"""Colors of what a camera sees: paint and cloth by chance, sun and sky, haze, exposure, noise.

A LiDAR's reflectance sets how bright a surface is; its hue is drawn by frame and owner. People and vehicles draw from
the same hues, but from stronger ones than the rest of the world: color hints at what is labelled, as paint and
clothes do in a street of plaster and asphalt. `docs/pointcloud.md` says so beside the figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from trivium.pointcloud.simulator.batch import SceneBatch
from trivium.pointcloud.simulator.chance import normal, uniform
from trivium.pointcloud.simulator.terrain import beside_road

__all__ = ["GROUND", "SKY", "Surfaces", "shade"]

GROUND, SKY = -1, -2
"""Parts that are no part."""

_HUE, _SUN, _AIR, _SOIL, _NOISE = 40, 50, 60, 70, 80
_GLASS = (0.10, 0.13, 0.16)
_LEAVES = (0.55, 0.85, 0.35)


@dataclass(frozen=True)
class Surfaces:
    """What each pixel meets, (B, H, W) each: depth; part (solids, then rounds, `GROUND`, `SKY`); face; owner."""

    depth: torch.Tensor
    part: torch.Tensor
    face: torch.Tensor
    owner: torch.Tensor


def shade(batch: SceneBatch, seen: Surfaces, directions: torch.Tensor) -> torch.Tensor:
    """Return (B, 3, H, W) uint8.

    Args:
        batch: scenes seen from the camera.
        seen: what its pixels meet.
        directions: (H, W, 3), 1 along x.
    """
    shape = seen.depth.shape
    frame = torch.arange(shape[0], device=seen.depth.device)[:, None, None].expand(shape)
    is_sky = (seen.part == SKY).flatten()
    depth = torch.where(is_sky, 200.0, seen.depth.flatten())
    places = depth[:, None] * directions.expand(*shape, 3).flatten(0, 2)
    frame, part, face = frame.flatten(), seen.part.flatten(), seen.face.flatten()
    owner = seen.owner.flatten()
    albedo = _ground_color(batch, places, frame)
    normals = torch.zeros_like(places)
    normals[:, 2] = 1.0
    _paint_parts(batch, part, face, owner, frame, places, albedo, normals)
    sun, warmth = _sun(batch)
    light = (normals * sun[frame]).sum(dim=1).clamp(min=0)
    color = albedo * (0.45 + 0.6 * light[:, None] * warmth[frame])
    air, reach, exposure = _air(batch)
    rise = (directions[..., 2].expand(shape).flatten() * 2).clamp(0, 1)[:, None]
    sky = air[frame] * (1.05 - 0.35 * rise * color.new_tensor([1.0, 0.7, 0.2]))
    haze = torch.exp(-depth / reach[frame])[:, None]
    color = torch.where(is_sky[:, None], sky, color * haze + air[frame] * (1 - haze))
    color = (color * exposure[frame][:, None]).clamp(min=0).sqrt()
    color = color.view(*shape, 3).permute(0, 3, 1, 2)
    place = torch.arange(color[0].numel(), device=color.device).view(color.shape[1:])
    color = color + 0.015 * normal(batch.seed[:, None, None, None], place, _NOISE)
    return (color.clamp(0, 1) * 255).round().to(torch.uint8)


def _paint_parts(
    batch: SceneBatch,
    part: torch.Tensor,
    face: torch.Tensor,
    owner: torch.Tensor,
    frame: torch.Tensor,
    places: torch.Tensor,
    albedo: torch.Tensor,
    normals: torch.Tensor,
) -> None:
    """Write color and outward normal of the pixels that meet parts, in place."""
    _, planes, passing, depth, reflectance, *_ = batch.solids
    solids = len(planes)
    pixel = ((part >= 0) & (part < solids)).nonzero()[:, 0]
    row, side = part[pixel], face[pixel]
    normals[pixel] = planes[row, side, :3]
    color = _tinted(batch, reflectance[row], depth[row] > 0, owner[pixel], row, frame[pixel], batch.solid_frame)
    glass = (
        color.new_tensor(_GLASS)
        * (
            0.5 + uniform(batch.seed[frame[pixel]], row - torch.searchsorted(batch.solid_frame, frame[pixel]), _HUE + 7)
        )[:, None]
    )
    albedo[pixel] = torch.where((passing[row, side] > 0.15)[:, None] & (depth[row] == 0)[:, None], glass, color)
    pixel = (part >= solids).nonzero()[:, 0]
    row = part[pixel] - solids
    centre, axes, _, is_tube, depth, reflectance, *_ = batch.rounds
    local = (axes[row] @ (places[pixel] - centre[row])[:, :, None])[..., 0]
    local[:, 2] = torch.where(is_tube[row], 0.0, local[:, 2])
    outward = (axes[row].transpose(1, 2) @ local[:, :, None])[..., 0]
    normals[pixel] = outward / outward.norm(dim=1, keepdim=True).clamp(min=1e-9)
    albedo[pixel] = _tinted(batch, reflectance[row], depth[row] > 0, owner[pixel], row, frame[pixel], batch.round_frame)
    # A face seen from behind, through glass, is lit from within.
    away = (normals * places).sum(dim=1) > 0
    normals[away] = -normals[away]


def _tinted(
    batch: SceneBatch,
    reflectance: torch.Tensor,
    is_leaf: torch.Tensor,
    owner: torch.Tensor,
    part: torch.Tensor,
    frame: torch.Tensor,
    part_frame: torch.Tensor,
) -> torch.Tensor:
    """Return (M, 3) colors of parts: hue by owner (or thing), brightness by reflectance."""
    seed = batch.seed[frame]
    first = torch.searchsorted(part_frame, frame)
    box_first = torch.searchsorted(batch.box_frame, frame)
    # Parts of an owner share a hue where they reflect alike (a body), not where they differ (coat and trousers).
    shade_of = (reflectance * 97).long()
    key = torch.where(owner >= 0, (owner - box_first) * 131 + shade_of, 100_003 + (part - first) // 6)
    strength = torch.where(owner >= 0, 0.75, 0.4) * uniform(seed, key, _HUE + 3)
    tint = torch.stack([1 - strength * uniform(seed, key, _HUE + channel) for channel in range(3)], dim=1)
    tint = torch.where(is_leaf[:, None], tint.new_tensor(_LEAVES) * (0.5 + 0.3 * tint), tint)
    return (0.04 + 0.8 * reflectance.clamp(max=1.0))[:, None] * tint


def _ground_color(batch: SceneBatch, places: torch.Tensor, frame: torch.Tensor) -> torch.Tensor:
    """Return (M, 3): asphalt, pavement, and grass or soil behind it."""
    terrain = batch.terrain[frame]
    beside = beside_road(terrain, places[:, 0], places[:, 1])
    seed = batch.seed

    def drawn(low: float, high: float, purpose: int) -> torch.Tensor:
        return (low + (high - low) * uniform(seed, torch.zeros_like(seed), _SOIL + purpose))[frame]

    road, slab = drawn(0.08, 0.28, 0), drawn(0.15, 0.4, 1)
    soil = torch.stack([drawn(0.05, 0.3, 2), drawn(0.1, 0.32, 3), drawn(0.03, 0.15, 4)], dim=1)
    grain = 1 + 0.08 * torch.sin(places[:, 0] * 2.1).mul(torch.sin(places[:, 1] * 2.7))
    gray = torch.where(beside < 0, road, slab)[:, None].expand(-1, 3)
    return torch.where((beside > terrain[:, 14])[:, None], soil, gray) * grain[:, None]


def _sun(batch: SceneBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the direction to the sun, (B, 3), and its color, (B, 3); behind clouds it is faint."""
    zero = torch.zeros_like(batch.seed)
    azimuth = 2 * math.pi * uniform(batch.seed, zero, _SUN)
    height = 0.2 + 1.0 * uniform(batch.seed, zero, _SUN + 1)
    strength = uniform(batch.seed, zero, _SUN + 2)
    direction = torch.stack((azimuth.cos() * height.cos(), azimuth.sin() * height.cos(), height.sin()), dim=1)
    return direction, strength[:, None] * direction.new_tensor([1.3, 1.2, 1.0])


def _air(batch: SceneBatch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return color of the air (B, 3), the way after which haze hides 1 - 1/e (B,), metres, and exposure (B,)."""
    zero = torch.zeros_like(batch.seed)
    gray = 0.5 + 0.5 * uniform(batch.seed, zero, _AIR)
    reach = (math.log(120) + 2.3 * uniform(batch.seed, zero, _AIR + 1)).exp()
    exposure = 0.6 + 0.9 * uniform(batch.seed, zero, _AIR + 2)
    return gray[:, None] * gray.new_tensor([0.9, 0.95, 1.0]), reach, exposure

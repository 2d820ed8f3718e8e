"""Which beams can meet which part: an interval of azimuth times an interval of elevation, then one row per pair.

The sensor's directions form a grid, so a part is tried on the beams of its own window only; a street of 400 parts costs
a few tries a beam instead of 400.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from trivium.pointcloud.simulator.batch import SceneBatch

__all__ = ["Pairs", "angles", "firing_times", "pair_up", "round_windows", "solid_windows"]

Windows = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
"""Azimuth from, width; elevation from, to: each (P,), radians."""


@dataclass(frozen=True)
class Pairs:
    """Part and beam of each try: (M,) each.

    Args:
        part: row in the table of parts.
        beam: number of the beam in the batch, ((frame * R) + row) * C + column.
        direction: (M, 3) unit vector.
        time_s: from the moment the boxes hold, seconds.
    """

    part: torch.Tensor
    beam: torch.Tensor
    direction: torch.Tensor
    time_s: torch.Tensor


def solid_windows(corners: torch.Tensor, slack: torch.Tensor) -> Windows:
    """Return the window of each leaning box: corners (P, 8, 3); it may be displaced by `slack` (P,) metres."""
    flat = corners[..., :2]
    centre = flat.mean(dim=1)
    middle = torch.atan2(centre[:, 1], centre[:, 0])
    turn = torch.atan2(flat[..., 1], flat[..., 0]) - middle[:, None]
    turn = torch.remainder(turn + math.pi, 2 * math.pi) - math.pi
    floor = torch.minimum(_nearest(flat[:, :4]), _nearest(flat[:, 4:])) - slack
    pad = (slack / floor.clamp(min=1e-3)).clamp(max=math.pi)
    low, high = turn.amin(dim=1) - pad, turn.amax(dim=1) + pad
    is_around = (floor <= 0.05) | (high - low >= math.pi * 0.98)
    low = torch.where(is_around, torch.full_like(low, -math.pi), low)
    high = torch.where(is_around, torch.full_like(high, math.pi), high)
    z = corners[..., 2]
    far = flat.norm(dim=2).amax(dim=1) + slack
    return middle + low, high - low, *_elevation_window(z.amin(dim=1), z.amax(dim=1), floor, far)


def round_windows(centre: torch.Tensor, reach: torch.Tensor, slack: torch.Tensor) -> Windows:
    """Return the window of each round body: centre (Q, 3), reach (Q, 2)."""
    distance = centre[:, :2].norm(dim=1)
    radius = reach[:, 0] + slack
    half = torch.where(
        radius < distance * 0.999,
        torch.asin((radius / distance.clamp(min=1e-6)).clamp(max=1)),
        torch.full_like(radius, math.pi),
    )
    middle = torch.atan2(centre[:, 1], centre[:, 0])
    low, high = centre[:, 2] - reach[:, 1], centre[:, 2] + reach[:, 1]
    return middle - half, 2 * half, *_elevation_window(low, high, distance - radius, distance + radius)


def pair_up(windows: Windows, frame: torch.Tensor, batch: SceneBatch) -> Pairs:
    """Return a pair for each part of `frame` (P,) and each beam of its window."""
    start, width, low, high = windows
    rows = batch.elevations.shape[1]
    step = 2 * math.pi / batch.columns
    first = batch.sensor[frame, 0]
    begin = ((start - first) / step - 0.5).ceil().long()
    count = ((start + width - first) / step - 0.5).floor().long() - begin + 1
    count = count.clamp(0, batch.columns)
    begin = begin.remainder(batch.columns)
    # A window that only begins after the last firing kept may still wrap around to the first one.
    is_late = (begin >= batch.fired) & (begin + count <= batch.columns)
    row_low = torch.searchsorted(batch.elevations[frame], low[:, None])[:, 0]
    row_high = torch.searchsorted(batch.elevations[frame], high[:, None], right=True)[:, 0]
    tall = (row_high - row_low).clamp(min=0)
    total = torch.where(is_late, torch.zeros_like(count), count * tall)
    part = torch.arange(len(frame), device=frame.device).repeat_interleave(total)
    table = torch.stack((total.cumsum(0) - total, count, begin, row_low, frame), dim=1).index_select(0, part)
    before, wide, begin, row_low, at = table.unbind(dim=1)
    place = torch.arange(len(part), device=frame.device) - before
    row = torch.div(place, wide, rounding_mode="trunc")
    column = begin + place - row * wide
    column = torch.where(column >= batch.columns, column - batch.columns, column)
    flat, tilt = at * batch.fired + column, at * rows + row + row_low
    if batch.fired < batch.columns:
        kept = (column < batch.fired).nonzero()[:, 0]
        part, flat, tilt, column = (one.index_select(0, kept) for one in (part, flat, tilt, column))
    azimuth, elevation = angles(batch)
    turn = torch.stack((azimuth.cos(), azimuth.sin(), firing_times(batch)), dim=2).flatten(0, 1).index_select(0, flat)
    lift = torch.stack((elevation.cos(), elevation.sin()), dim=2).flatten(0, 1).index_select(0, tilt)
    direction = torch.cat((turn[:, :2] * lift[:, :1], lift[:, 1:]), dim=1)
    return Pairs(part, tilt * batch.fired + column, direction, turn[:, 2])


def firing_times(batch: SceneBatch) -> torch.Tensor:
    """Return when each column fires, (B, C) seconds from the moment the sensor looks ahead; it turns clockwise."""
    azimuth, _ = angles(batch)
    turn = torch.remainder(azimuth + math.pi, 2 * math.pi) - math.pi
    return -turn / (2 * math.pi) * batch.sensor[:, 1:2]


def angles(batch: SceneBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return azimuth (B, C) and elevation (B, R)."""
    column = torch.arange(batch.fired, device=batch.elevations.device) + 0.5
    return batch.sensor[:, :1] + column * (2 * math.pi / batch.columns), batch.elevations


def _elevation_window(
    low: torch.Tensor, high: torch.Tensor, near: torch.Tensor, far: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    near = near.clamp(min=0.05)
    return torch.atan2(low, torch.where(low < 0, near, far)), torch.atan2(high, torch.where(high > 0, near, far))


def _nearest(outline: torch.Tensor) -> torch.Tensor:
    """Return how far the origin is from each convex outline (P, 4, 2), counterclockwise; 0 inside."""
    ahead = outline.roll(-1, dims=1) - outline
    share = -(outline * ahead).sum(dim=2) / (ahead**2).sum(dim=2).clamp(min=1e-12)
    foot = outline + share.clamp(0, 1)[..., None] * ahead
    is_left = ahead[..., 1] * outline[..., 0] - ahead[..., 0] * outline[..., 1] >= 0
    distance = foot.norm(dim=2).amin(dim=1)
    return torch.where(is_left.all(dim=1), torch.zeros_like(distance), distance)

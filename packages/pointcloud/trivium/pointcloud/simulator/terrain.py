"""Uneven ground with a road: its height anywhere, and where beams meet it.

Height is a slope, two waves, a kerb beside the road and a bank behind the pavement. Along one azimuth the height does
not depend on the beam, so each column of beams gets one profile, and every beam looks up where it first dips under it.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import torch

__all__ = ["Terrain", "beside_road", "ground_range", "ground_reach", "heights"]

_NEAR, _FAR, _SAMPLES = 1.2, 125.0, 160


@dataclass(frozen=True)
class Terrain:
    """The ground of one scene, in the sensor's frame; lengths in metres, angles in radians.

    Args:
        sensor_height: of the sensor above the ground under it.
        slope_x: rise over run.
        slope_y: rise over run.
        wave_1: height of the first wave.
        length_1: its length divided by 2 pi.
        heading_1: its direction.
        wave_2: height of the second wave.
        length_2: its length divided by 2 pi.
        heading_2: its direction.
        road_heading: direction of the road where it passes the sensor.
        road_offset: of the middle of the road, to the left of the sensor.
        road_curvature: one over the radius, positive to the left.
        road_half_width: to the kerb.
        kerb: its height; 0 for none.
        pavement: from the kerb to the bank.
        bank: rise over run behind the pavement.
    """

    sensor_height: float
    slope_x: float = 0.0
    slope_y: float = 0.0
    wave_1: float = 0.0
    length_1: float = 1.0
    heading_1: float = 0.0
    wave_2: float = 0.0
    length_2: float = 1.0
    heading_2: float = 0.0
    road_heading: float = 0.0
    road_offset: float = 0.0
    road_curvature: float = 0.0
    road_half_width: float = 4.0
    kerb: float = 0.0
    pavement: float = 3.0
    bank: float = 0.0

    def row(self) -> tuple[float, ...]:
        """Return the numbers in the order of the fields."""
        return astuple(self)


def heights(terrain: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return z of the ground at places in the sensor's frame.

    Args:
        terrain: (..., 16) rows of `Terrain`, broadcast against x and y.
        x: (...), metres.
        y: (...), metres.
    """
    (
        sensor_height, slope_x, slope_y, wave_1, length_1, heading_1, wave_2, length_2, heading_2,
        _, _, _, _, kerb, pavement, bank,
    ) = terrain.unbind(dim=-1)  # fmt: skip
    beside = beside_road(terrain, x, y)
    wave = wave_1 * ((x * heading_1.cos() + y * heading_1.sin()) / length_1).sin()
    wave = wave + wave_2 * ((x * heading_2.cos() + y * heading_2.sin()) / length_2).sin()
    step = kerb * (beside / 0.08).clamp(0, 1)
    return slope_x * x + slope_y * y + wave + step + bank * (beside - pavement).clamp(min=0) - sensor_height


def beside_road(terrain: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return how far places lie behind the kerb, negative on the road; arguments as in `heights`."""
    heading, offset, curvature, half_width = terrain[..., 9:13].unbind(dim=-1)
    along = x * heading.cos() + y * heading.sin()
    across = y * heading.cos() - x * heading.sin() - offset - curvature / 2 * along**2
    return across.abs() - half_width


def ground_range(terrain: torch.Tensor, elevation: torch.Tensor, azimuth: torch.Tensor) -> torch.Tensor:
    """Return the way of each beam to the ground, (B, R, C) metres; infinite where it meets none within 125 m.

    Args:
        terrain: (B, 16).
        elevation: (B, R), radians, rising.
        azimuth: (B, C), radians.
    """
    tangent = elevation.tan()[:, None].expand(-1, azimuth.shape[1], -1)  # (B, C, R)
    return ground_reach(terrain, tangent, azimuth).transpose(1, 2) / elevation.cos()[..., None]


def ground_reach(
    terrain: torch.Tensor, tangent: torch.Tensor, azimuth: torch.Tensor, *, ahead: float = 0.0, lift: float = 0.0
) -> torch.Tensor:
    """Return the way to the ground seen from above, (B, C, R) metres; infinite where none is met within 125 m.

    Args:
        terrain: (B, 16).
        tangent: (B, C, R) of the beams' elevation, in any order.
        azimuth: (B, C), radians.
        ahead: of the beams' start, along x from the sensor, metres.
        lift: of the beams' start, above the sensor.
    """
    steps = torch.linspace(0, 1, _SAMPLES, device=terrain.device)
    radius = _NEAR * (_FAR / _NEAR) ** steps  # (K,)
    x, y = azimuth.cos()[..., None] * radius + ahead, azimuth.sin()[..., None] * radius  # (B, C, K)
    profile = heights(terrain[:, None, None], x, y) - lift
    rise = (profile / radius).cummax(dim=2).values.contiguous()
    wanted = tangent.contiguous()
    after = torch.searchsorted(rise, wanted).clamp(min=1)
    is_met = after < _SAMPLES
    after = after.clamp(max=_SAMPLES - 1)
    above = radius[after - 1] * wanted - profile.gather(2, after - 1)
    below = profile.gather(2, after) - radius[after] * wanted
    share = (above / (above + below).clamp(min=1e-6)).clamp(0, 1)
    flat = radius[after - 1] + share * (radius[after] - radius[after - 1])
    return torch.where(is_met, flat, torch.full_like(flat, float("inf")))

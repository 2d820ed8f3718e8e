"""Size and reach of a detector."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["DetectorConfig"]


@dataclass(frozen=True)
class DetectorConfig:
    """What a network looks like; stored beside its weights.

    Args:
        cell: side of a pillar, metres. Boxes are found on a grid twice as coarse.
        reach: points farther from the sensor along x or y are not read, metres.
        points: width of the features of points and pillars.
        fine: channels at twice the pillar's side.
        middle: channels at four times.
        coarse: channels at eight times.
        depth: convolutions at each of the three after the first.
        painted: image features that come with each point; 0 for none.
    """

    cell: float = 0.32
    reach: float = 76.8
    points: int = 32
    fine: int = 48
    middle: int = 96
    coarse: int = 128
    depth: tuple[int, int, int] = (2, 4, 3)
    painted: int = 0

    def __post_init__(self) -> None:
        if not 0.05 <= self.cell <= 2:
            raise ValueError(f"cell is {self.cell:g} m; use 0.05 to 2")
        if self.reach < 16 * self.cell:
            raise ValueError(f"reach ({self.reach:g} m) must be at least 16 cells of {self.cell:g} m")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DetectorConfig:
        """Read what `as_dict` gave.

        Raises:
            ValueError: names the setting that this version does not know, or that is out of range.
        """
        known = {field.name for field in fields(cls)}
        if unknown := set(values) - known:
            raise ValueError(f"unknown setting {sorted(unknown)[0]!r} of a detector")
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**plain)

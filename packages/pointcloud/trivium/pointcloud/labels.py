"""What objects are called: three classes are learned; vehicles get KITTI's names by their size."""

from __future__ import annotations

__all__ = ["CLASSES", "label_of"]

CLASSES = ("Vehicle", "Pedestrian", "Cyclist")
"""What the simulator labels and the detector tells apart, in this order."""

_LORRY_LENGTH, _LORRY_HEIGHT, _VAN_HEIGHT = 6.5, 2.7, 1.75


def label_of(kind: str, length: float, height: float) -> str:
    """Return KITTI's name of an object of one of `CLASSES`; lengths in metres.

    A vehicle is a Truck (lorries, buses) above 6.5 m of length or 2.7 m of height, a Van above 1.75 m of height, else
    a Car.
    """
    if kind != "Vehicle":
        return kind
    if length > _LORRY_LENGTH or height > _LORRY_HEIGHT:
        return "Truck"
    return "Van" if height > _VAN_HEIGHT else "Car"

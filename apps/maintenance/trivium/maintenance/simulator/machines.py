"""What the sensors of one machine show: a load that moves with the day, what follows from it, and what a fault does.

The relations are simple on purpose (pressure falls with flow, current and temperature rise with load, temperatures
follow the weather); what matters is that sensors move together in normal operation, and that a fault breaks that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trivium.maintenance.registry import Asset, Tag
from trivium.maintenance.simulator.noise import slow_noise, white_noise

__all__ = ["FAULTS", "Fault", "Machine"]

_DAY_S = 86_400
_COLUMNS = ("speed", "flow", "suction", "discharge", "current", "winding", "bearing", "vibration")
_TAGS = {
    "speed": ("SI", "speed", "rpm", 0.0, 4000.0),
    "flow": ("FI", "flow", "m3/h", 0.0, 250.0),
    "suction": ("PI", "suction pressure", "barg", -1.0, 6.0),
    "discharge": ("PI", "discharge pressure", "barg", 0.0, 25.0),
    "current": ("II", "motor current", "A", 0.0, 120.0),
    "winding": ("TI", "winding temperature", "degC", -20.0, 180.0),
    "bearing": ("TI", "bearing temperature", "degC", -20.0, 150.0),
    "vibration": ("VI", "bearing vibration", "mm/s", 0.0, 30.0),
}
_NOISE = {
    "speed": 4.0, "flow": 0.8, "suction": 0.01, "discharge": 0.03, "current": 0.4, "winding": 0.3, "bearing": 0.2,
    "vibration": 0.08,
}  # fmt: skip
# What a fully grown fault adds to each sensor.
FAULTS = {
    "bearing": {"vibration": 4.5, "bearing": 16.0, "current": 1.0},
    "impeller": {"discharge": -2.0, "flow": -9.0, "current": -2.5},
    "fouling": {"winding": 18.0, "current": 3.0, "flow": -6.0},
    "stuck": {},
    "stopped": {},
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong, in seconds on the plant's own time.

    Args:
        kind: of `FAULTS`; `stuck` holds the bearing temperature, `stopped` is no fault but a stop.
        grow_s: until it is fully grown.
        end_s: when it is repaired.
    """

    kind: str
    start_s: int
    grow_s: int
    end_s: int

    def severity(self, times_s: np.ndarray) -> np.ndarray:
        """Return (N,) from 0 to 1."""
        grown = np.clip((times_s - self.start_s) / max(self.grow_s, 1), 0.0, 1.0)
        return np.where(times_s < self.end_s, grown, 0.0)


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine.

    Args:
        name: such as `P-101`; its number is in its tags.
        size: of flow, current and pressure, 1 for a middling pump.
        seed: of its load and noise.
    """

    name: str
    size: float
    seed: int

    @property
    def tag_names(self) -> tuple[str, ...]:
        """Names of its sensors, in the order of the columns of `readings`."""
        number = self.name.partition("-")[2]
        return tuple(f"{_TAGS[column][0]}-{number}{place}" for place, column in enumerate(_COLUMNS, 1))

    def asset(self) -> Asset:
        """Return it as a plant registers it."""
        tags = []
        for name, column in zip(self.tag_names, _COLUMNS, strict=True):
            _, description, unit, low, high = _TAGS[column]
            tags.append(Tag(name, self.name, description, unit, low, high, rate_s=2.0, staleness_s=60.0))
        return Asset(self.name, tuple(tags), running=f"`{self.tag_names[0]}` > 500", startup_s=900.0)

    def readings(
        self, times_s: np.ndarray, faults: Sequence[Fault] = (), plant_s: np.ndarray | None = None
    ) -> np.ndarray:
        """Return what its sensors show: (N, 8) float64.

        Args:
            times_s: (N,) int64, seconds since 1970.
            faults: that it has, on the plant's own time.
            plant_s: (N,) the plant's own time; `times_s` if not given.
        """
        own = times_s if plant_s is None else plant_s
        columns = self._normal(times_s)
        for fault in faults:
            grown = fault.severity(own)
            for column, change in FAULTS[fault.kind].items():
                columns[column] = columns[column] + change * grown * (self.size if column != "vibration" else 1.0)
        for place, column in enumerate(_COLUMNS):
            scale = _NOISE[column] * (self.size if column in ("flow", "current") else 1.0)
            columns[column] = columns[column] + scale * white_noise(self.seed * 64 + place, times_s)
        self._stop(columns, [one for one in faults if one.kind == "stopped"], own, times_s)
        for fault in faults:
            if fault.kind == "stuck":
                is_stuck = (own >= fault.start_s) & (own < fault.end_s)
                columns["bearing"] = np.where(is_stuck, 58.4, columns["bearing"])
        return np.round(np.column_stack([columns[name] for name in _COLUMNS]), 3)

    def _normal(self, times_s: np.ndarray) -> dict[str, np.ndarray]:
        load, warm = self._load(times_s), self._load(times_s - 600)
        day = np.sin(2 * np.pi * (times_s % _DAY_S) / _DAY_S - 1.9)
        weather = 14 + 4 * day + 3 * slow_noise(7, times_s, 2 * _DAY_S)  # the same for all machines
        speed = 2600 + 420 * load
        suction = 1.2 + 0.12 * slow_noise(self.seed * 64 + 20, times_s, 1800)
        return {
            "speed": speed,
            "flow": 118 * self.size * load,
            "suction": suction,
            "discharge": suction + 11.5 * (speed / 2950) ** 2 * self.size**0.3 - 2.4 * load**2,
            "current": (18 + 34 * load) * self.size,
            "winding": weather + 26 + 32 * warm,
            "bearing": weather + 24 + 13 * warm + 1.2 * slow_noise(self.seed * 64 + 21, times_s, 5400),
            "vibration": 1.5 + 0.7 * load + 0.12 * slow_noise(self.seed * 64 + 22, times_s, 900),
        }

    def _load(self, times_s: np.ndarray) -> np.ndarray:
        """0.45 to 1.05: what the process asks for."""
        day = np.sin(2 * np.pi * ((times_s + 3600 * (self.seed % 5)) % _DAY_S) / _DAY_S)
        slow = slow_noise(self.seed * 64 + 30, times_s, 4 * 3600)
        quick = slow_noise(self.seed * 64 + 31, times_s, 1200)
        return np.clip(0.76 + 0.05 * day + 0.09 * slow + 0.04 * quick, 0.45, 1.05)

    def _stop(
        self, columns: dict[str, np.ndarray], stops: Sequence[Fault], own: np.ndarray, times_s: np.ndarray
    ) -> None:
        for stop in stops:
            is_stopped = (own >= stop.start_s) & (own < stop.end_s)
            cold = np.exp(-np.maximum(own - stop.start_s, 0) / 2400)
            for column in ("speed", "flow", "current"):
                columns[column] = np.where(is_stopped, 0.0, columns[column])
            columns["discharge"] = np.where(is_stopped, columns["suction"], columns["discharge"])
            hum = 0.15 + 0.02 * white_noise(self.seed, times_s)
            columns["vibration"] = np.where(is_stopped, np.abs(hum), columns["vibration"])
            for column in ("winding", "bearing"):
                cooled = 16 + (columns[column] - 16) * cold
                columns[column] = np.where(is_stopped, cooled, columns[column])

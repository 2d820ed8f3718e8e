"""Units of measure: reading a unit's name and converting values to the unit that the registry keeps.

A unit is `value in base = value * factor + offset` within its dimension. Gauge and absolute pressure are dimensions of
their own: the air pressure between them is not known here. Not a general algebra of units; it holds what plants send.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

__all__ = ["Conversion", "Unit", "conversion", "find_unit"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit's dimension, and how its values become those of the dimension's base unit."""

    dimension: str
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Conversion:
    """`converted = value * factor + offset`."""

    factor: float
    offset: float

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing."""
        return self.factor == 1.0 and self.offset == 0.0


_PSI = 0.06894757293168361  # bar
_TABLE: dict[str, dict[str, tuple[float, float]]] = {
    "temperature": {
        "degc c celsius": (1, 0), "k kelvin": (1, -273.15), "degf f fahrenheit": (5 / 9, -160 / 9),
        "degr rankine": (5 / 9, -273.15),
    },
    "pressure, absolute": {
        "bar bara": (1, 0), "mbar mbara hpa": (1e-3, 0), "pa": (1e-5, 0), "kpa kpaa": (1e-2, 0), "mpa mpaa": (10, 0),
        "psia": (_PSI, 0), "atm": (1.01325, 0), "torr mmhg": (1.01325 / 760, 0), "kg/cm2a kgf/cm2a": (0.980665, 0),
    },
    "pressure, gauge": {
        "barg": (1, 0), "mbarg": (1e-3, 0), "kpag": (1e-2, 0), "mpag": (10, 0), "psig": (_PSI, 0),
        "kg/cm2g kgf/cm2g": (0.980665, 0),
    },
    "pressure": {"psi": (_PSI, 0), "inh2o": (2.4908891e-3, 0), "mmh2o": (9.80665e-5, 0),
                 "kg/cm2 kgf/cm2": (0.980665, 0)},
    "length": {"m": (1, 0), "mm": (1e-3, 0), "um micron": (1e-6, 0), "cm": (1e-2, 0), "km": (1e3, 0),
               "in inch": (0.0254, 0), "ft": (0.3048, 0), "mil mils": (2.54e-5, 0)},
    "speed": {"m/s": (1, 0), "mm/s": (1e-3, 0), "in/s ips": (0.0254, 0), "km/h": (1 / 3.6, 0),
              "ft/min fpm": (0.00508, 0)},
    "acceleration": {"m/s2": (1, 0), "g": (9.80665, 0), "mm/s2": (1e-3, 0)},
    "rotation": {"rpm 1/min r/min u/min min-1 转/分 转/分钟": (1, 0), "rad/s": (9.549296585513721, 0),
                 "rps": (60, 0)},
    "frequency": {"hz": (1, 0), "khz": (1e3, 0), "mhz": (1e6, 0)},
    "volume flow": {"m3/h": (1, 0), "m3/min": (60, 0), "m3/s": (3600, 0), "l/s": (3.6, 0), "l/min lpm": (0.06, 0),
                    "l/h": (1e-3, 0), "gpm usgpm": (0.2271247, 0), "ft3/min cfm": (1.699010796, 0),
                    "bbl/d bpd": (0.0066244705, 0)},
    "volume flow, normal": {"nm3/h": (1, 0), "nm3/min": (60, 0)},
    "mass flow": {"kg/s": (1, 0), "kg/h": (1 / 3600, 0), "t/h": (1 / 3.6, 0), "lb/h": (1.2599788e-4, 0)},
    "mass": {"kg": (1, 0), "t": (1e3, 0), "lb": (0.45359237, 0)},
    "power": {"kw": (1, 0), "w": (1e-3, 0), "mw": (1e3, 0), "hp": (0.745699872, 0)},
    "energy": {"kwh": (1, 0), "mwh": (1e3, 0), "j": (1 / 3.6e6, 0), "mj": (1 / 3.6, 0), "kj": (1 / 3600, 0)},
    "torque": {"nm n.m n*m": (1, 0), "knm": (1e3, 0), "lbf.ft ft.lbf ft-lb": (1.3558179483314, 0)},
    "force": {"n": (1, 0), "kn": (1e3, 0), "lbf": (4.4482216152605, 0)},
    "current": {"a": (1, 0), "ma": (1e-3, 0), "ka": (1e3, 0)},
    "voltage": {"v": (1, 0), "mv": (1e-3, 0), "kv": (1e3, 0)},
    "share": {"%": (1, 0), "fraction 1 -": (100, 0), "ppm": (1e-4, 0)},
    "time": {"s sec": (1, 0), "min": (60, 0), "h hr": (3600, 0), "ms": (1e-3, 0), "d": (86400, 0)},
    "volume": {"m3": (1, 0), "l": (1e-3, 0), "gal": (3.785411784e-3, 0)},
    "angle": {"deg": (1, 0), "rad": (57.29577951308232, 0)},
}  # fmt: skip
# Case tells these apart: milliwatt and megawatt, millivolt and megavolt, milli- and megahertz.
_EXACT = {
    "mW": Unit("power", 1e-6), "MW": Unit("power", 1e3), "mHz": Unit("frequency", 1e-3), "MHz": Unit("frequency", 1e6),
    "MV": Unit("voltage", 1e6), "mV": Unit("voltage", 1e-3), "mPa": Unit("pressure, absolute", 1e-8),
    "MA": Unit("current", 1e6), "mA": Unit("current", 1e-3), "MN": Unit("force", 1e6), "mN": Unit("force", 1e-3),
}  # fmt: skip
# `psi` alone is used for absolute and gauge pressure alike.
_LOOSE = {"pressure": ("pressure, absolute", "pressure, gauge")}


@functools.cache
def _units() -> dict[str, Unit]:
    return {
        name: Unit(dimension, factor, offset)
        for dimension, names in _TABLE.items()
        for group, (factor, offset) in names.items()
        for name in group.split()
    }


@functools.lru_cache(maxsize=4096)
def find_unit(name: str) -> Unit | None:
    """Return the unit of this name (`degC`, `°F`, `bar(g)`, `m³/h`), or None when it is unknown."""
    text = name.strip().replace("°", "deg").replace("³", "3").replace("²", "2").replace("µ", "u").replace("μ", "u")
    text = text.replace("℃", "degC").replace("℉", "degF").replace("(ü)", "g").replace("barü", "barg")
    text = re.sub(r"\(([ag])\)", r"\1", text, flags=re.IGNORECASE)
    text = re.sub(r"[\s_^]", "", text)
    return _EXACT.get(text) or _units().get(text.lower())


@functools.lru_cache(maxsize=4096)
def conversion(sent: str, kept: str) -> Conversion | None:
    """Return how values in one unit become values in another; None when they cannot.

    Names that are equal, or a unit that is not stated on either side, convert by taking the number as it is.
    """
    if not sent or not kept or sent == kept:
        return Conversion(1.0, 0.0)
    a, b = find_unit(sent), find_unit(kept)
    if a is None or b is None:
        return None
    is_same = a.dimension == b.dimension or b.dimension in _LOOSE.get(a.dimension, ()) or (
        a.dimension in _LOOSE.get(b.dimension, ())
    )  # fmt: skip
    if not is_same:
        return None
    return Conversion(a.factor / b.factor, (a.offset - b.offset) / b.factor)

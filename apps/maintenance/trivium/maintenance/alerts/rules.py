"""When an alert is raised and when it returns: the limits of each cause, on the clock of its model.

Hysteresis is twofold: an indicator has to be above `raise_at` for `raise_for` (what dips less than to `clear_at` goes
on counting), and below `clear_at`, which is lower, for `clear_for`. What is compared is a smoothed indicator, so that
one bad sample raises nothing. What is critical at once has to last for a fifth of the time. The defaults were chosen on
simulated plants of other seeds than those that `benchmarks/alarm_burden.py` reports; a plant may have levels of its own
(`alerts/thresholds.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["CRITICAL", "DEFAULTS", "MOST", "OUTPUTS", "WARNING", "Levels", "Rule", "rules_of"]

WARNING, CRITICAL = "warning", "critical"


class Levels(NamedTuple):
    """At which value of the smoothed indicator an alert is raised, is critical, and returns."""

    raise_at: float
    critical_at: float
    clear_at: float


@dataclass(frozen=True, slots=True)
class Rule:
    """What makes an alert of one cause.

    Args:
        cause: `anomaly` or `failure`; an asset has one open alert of each at most.
        output: of the model that is watched.
        raise_at, critical_at, clear_at: levels of the smoothed output.
        most: values above this count as this, so that one of them cannot raise an alert.
        smooth, raise_for, clear_for, cool_down: in `unit`; for so long after it returned, it is not raised again.
        unit: `s`, or `rows` for a model of cycles.

    Raises:
        ValueError: if the levels are not in order.
    """

    cause: str
    output: str
    raise_at: float
    critical_at: float
    clear_at: float
    most: float
    smooth: float
    raise_for: float
    clear_for: float
    cool_down: float
    unit: str

    def __post_init__(self) -> None:
        if not self.clear_at < self.raise_at < self.critical_at <= self.most:
            raise ValueError(
                f"{self.cause}: clear_at ({self.clear_at}) < raise_at ({self.raise_at}) < critical_at "
                f"({self.critical_at}) <= most ({self.most}) does not hold"
            )


DEFAULTS: dict[str, Levels] = {
    "anomaly": Levels(2.0, 4.0, 1.0),  # 1 is the limit of normal operation
    "failure": Levels(0.5, 0.8, 0.3),  # a calibrated probability
}
MOST: Mapping[str, float] = {"anomaly": 20.0, "failure": 1.0}
OUTPUTS: Mapping[str, str] = {"anomaly": "score", "failure": "p_fail"}
# smooth, raise_for, clear_for, cool_down: rows of a model of cycles; else seconds at least, and steps at least
_ROWS = {"anomaly": (5, 5, 20, 60), "failure": (2, 3, 10, 20)}
_SECONDS = {"anomaly": (600.0, 600.0, 1800.0, 3600.0), "failure": (60.0, 300.0, 900.0, 3600.0)}
_STEPS = {"anomaly": (5, 3, 10, 30), "failure": (3, 3, 10, 30)}


def rules_of(outputs: Sequence[str], step_s: float, levels: Mapping[str, Levels] | None = None) -> tuple[Rule, ...]:
    """Return the rules for a model with these outputs and this clock (0 when it counts rows).

    Args:
        levels: by cause, in place of the defaults.
    """
    cause = next((cause for cause, output in OUTPUTS.items() if output in outputs), None)
    if cause is None:
        return ()
    chosen = (levels or {}).get(cause, DEFAULTS[cause])
    lengths: list[float] = list(_ROWS[cause])
    if step_s > 0:
        lengths = [max(least, steps * step_s) for least, steps in zip(_SECONDS[cause], _STEPS[cause], strict=True)]
    smooth, raise_for, clear_for, cool_down = lengths
    unit = "s" if step_s > 0 else "rows"
    return (Rule(cause, OUTPUTS[cause], *chosen, MOST[cause], smooth, raise_for, clear_for, cool_down, unit),)

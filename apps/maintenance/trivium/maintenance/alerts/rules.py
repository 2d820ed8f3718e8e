"""When an alert is raised and when it returns: the limits of each cause, on the clock of its model.

Hysteresis is twofold: an indicator has to be above `raise_at` for `raise_for` (what dips less than to `clear_at` goes
on counting), and below `clear_at`, which is lower, for `clear_for`. What is compared is a smoothed indicator, so that
one bad sample raises nothing. What is critical at once has to last for a fifth of the time. The defaults were chosen on
simulated plants of other seeds than those that `benchmarks/alarm_burden.py` reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["CRITICAL", "WARNING", "Rule", "rules_of"]

WARNING, CRITICAL = "warning", "critical"


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


def rules_of(outputs: Sequence[str], step_s: float) -> tuple[Rule, ...]:
    """Return the rules for a model with these outputs and this clock (0 when it counts rows)."""
    if "score" in outputs:
        return (_anomaly(step_s),)
    return (_failure(step_s),) if "p_fail" in outputs else ()


def _anomaly(step_s: float) -> Rule:
    """1 is the limit of normal operation."""
    levels = ("anomaly", "score", 2.0, 4.0, 1.0, 20.0)
    if step_s <= 0:
        return Rule(*levels, smooth=5, raise_for=5, clear_for=20, cool_down=60, unit="rows")
    return Rule(
        *levels,
        smooth=max(600.0, 5 * step_s),
        raise_for=max(600.0, 3 * step_s),
        clear_for=max(1800.0, 10 * step_s),
        cool_down=max(3600.0, 30 * step_s),
        unit="s",
    )


def _failure(step_s: float) -> Rule:
    """A calibrated probability."""
    levels = ("failure", "p_fail", 0.5, 0.8, 0.3, 1.0)
    if step_s <= 0:
        return Rule(*levels, smooth=2, raise_for=3, clear_for=10, cool_down=20, unit="rows")
    return Rule(
        *levels,
        smooth=max(60.0, 3 * step_s),
        raise_for=max(300.0, 3 * step_s),
        clear_for=max(900.0, 10 * step_s),
        cool_down=max(3600.0, 30 * step_s),
        unit="s",
    )

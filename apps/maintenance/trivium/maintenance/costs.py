"""What each level of alerts would have cost on a plant's history: a failure that nobody saw, and a look for nothing.

The predictions of a backtest are followed again under levels from low to high, all in the same proportion. Cost is what
missed failures cost, and a look at the machine for each alert, right or false; alerts before a preventive order are not
judged. The cheapest level is chosen on the history that it is priced with, so that it flatters itself: with few
failures the curve is flat or leaps, and then the middle of the flat part is the better choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trivium.maintenance.alerts.rules import DEFAULTS, MOST, Levels
from trivium.maintenance.backtest import FALSE, RIGHT, Backtest, judged_again
from trivium.service.errors import InputError

__all__ = ["CostPoint", "cheapest", "cost_curve"]

_RAISE_AT: Mapping[str, tuple[float, ...]] = {
    "anomaly": (1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0),
    "failure": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
}


@dataclass(frozen=True, slots=True)
class CostPoint:
    """What came of one level.

    Args:
        cost: in the unit of the costs that were given.
    """

    cause: str
    levels: Levels
    missed: int
    right: int
    false: int
    cost: float


def cost_curve(found: Backtest, *, failure: float, alarm: float) -> list[CostPoint]:
    """Price levels of the cause that the backtest's model watches.

    Args:
        failure: cost of one that no alert came before.
        alarm: cost of looking at a machine once.

    Raises:
        InputError: if a cost is not above 0, or the history has no failure.
    """
    if not (failure > 0 and alarm > 0):
        raise InputError("costs have to be above 0", where="--cost-failure, --cost-alarm")
    if not found.num_failures:
        raise InputError("the time that was judged has no failure to price", where="costs", hint="give work orders")
    points = []
    for cause in found.causes:
        for raise_at in _RAISE_AT[cause]:
            again = judged_again(found, {cause: levels_at(cause, raise_at)})
            right, false = (sum(one.outcome == outcome for one in again.alerts) for outcome in (RIGHT, FALSE))
            cost = len(again.missed) * failure + (right + false) * alarm
            points.append(CostPoint(cause, levels_at(cause, raise_at), len(again.missed), right, false, cost))
    return points


def cheapest(points: Sequence[CostPoint]) -> CostPoint:
    """Return the cheapest point; of several that cost the same the one in their middle."""
    least = min(one.cost for one in points)
    same = [one for one in points if one.cost == least]
    return same[len(same) // 2]


def levels_at(cause: str, raise_at: float) -> Levels:
    """Return levels in the proportion of the defaults, within what the indicator can reach."""
    base, most = DEFAULTS[cause], MOST[cause]
    critical = raise_at * base.critical_at / base.raise_at
    if critical > most:
        critical = (raise_at + most) / 2
    return Levels(raise_at, round(critical, 4), round(raise_at * base.clear_at / base.raise_at, 4))

"""What alerts a plant would have had: history and work orders in, alerts, lead times and false alarms out.

The same functions as for live readings predict and raise; nothing is stored. An alert is right when a failure of its
asset follows within the horizon; one that is followed by a preventive order is not judged, because nobody knows what
would have come. Everything else is a false alarm. A failure without an alert in its horizon was missed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from trivium.maintenance.alerts.finding import Finding
from trivium.maintenance.alerts.rules import CRITICAL, Levels, rules_of
from trivium.maintenance.alerts.watch import Noted, watch
from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.frames import Frame, Reason, make_frames, reasons_at, times_of
from trivium.maintenance.ingest.moments import DAY_US
from trivium.maintenance.ingest.predict import Due, predict_all
from trivium.maintenance.registry import Asset
from trivium.maintenance.scorer import Family, Scorer, scorer_for
from trivium.maintenance.work_orders import FAILURE, PREVENTIVE, WorkOrder

__all__ = ["FALSE", "RIGHT", "UNJUDGED", "Backtest", "RaisedAlert", "Replayed", "backtest", "judged_again"]

RIGHT, FALSE, UNJUDGED = "right", "false", "unjudged"
MONTH_DAYS = 30.44


@dataclass(frozen=True, slots=True)
class RaisedAlert:
    """An alert that would have been raised.

    Args:
        returned_us: None when its cause holds to the end.
        outcome: `right`, `false` or `unjudged`.
        order: number of the work order that decided.
        lead_us: from the alert to the failure; None when there is none.
    """

    asset: str
    cause: str
    severity: str
    raised_us: int
    returned_us: int | None
    finding: Finding
    outcome: str
    order: str
    lead_us: int | None


@dataclass(frozen=True)
class Replayed:
    """What a model says of one asset's history."""

    scorer: Scorer
    asset: Asset
    frames: Sequence[Frame]
    predicted: AssetRows
    orders: Sequence[WorkOrder]


@dataclass
class Backtest:
    """What came of it.

    Args:
        from_us, to_us: time that was judged.
        horizon_us: within which a failure has to follow.
        scored_days: of all assets together, in which they ran and were scored.
        missed: failures without an alert.
        not_scored: assets without a model, or without readings.
        replayed: predictions of the others.
    """

    from_us: int
    to_us: int
    horizon_us: int
    scored_days: float = 0.0
    alerts: list[RaisedAlert] = field(default_factory=list)
    missed: list[WorkOrder] = field(default_factory=list)
    num_failures: int = 0
    not_scored: list[str] = field(default_factory=list)
    replayed: list[Replayed] = field(default_factory=list)

    @property
    def causes(self) -> tuple[str, ...]:
        """Causes that the models watch."""
        outputs = {output for one in self.replayed for output in one.scorer.outputs}
        return tuple({rule.cause: None for output in sorted(outputs) for rule in rules_of((output,), 0.0)})

    @property
    def lead_days(self) -> list[float]:
        """Of each failure that was foreseen, from its first alert on."""
        first: dict[str, int] = {}
        for one in self.alerts:
            if one.lead_us is not None:
                first[one.order] = max(first.get(one.order, 0), one.lead_us)
        return [lead / DAY_US for lead in first.values()]

    @property
    def false_a_month(self) -> float:
        """False alarms a month of one asset that runs all the time."""
        false = sum(one.outcome == FALSE for one in self.alerts)
        return false / self.scored_days * MONTH_DAYS if self.scored_days else float("nan")


def backtest(
    assets: Mapping[str, tuple[Asset, AssetRows]],
    model: Scorer | Family,
    orders: Sequence[WorkOrder],
    *,
    from_us: int,
    to_us: int,
    horizon_days: float = 30.0,
    outages: Mapping[str, Sequence[tuple[int, int]]] | None = None,
) -> Backtest:
    """Replay history through a model.

    Args:
        assets: with their readings; those before `from_us` are history for the model, and raise nothing.
        horizon_days: within which a failure has to follow.
    """
    found = Backtest(from_us, to_us, horizon_us=round(horizon_days * DAY_US))
    for name, (asset, rows) in assets.items():
        scorer = scorer_for(model, name)
        own = sorted((one for one in orders if one.asset == name), key=lambda one: one.from_us)
        one = None if scorer is None else _replayed(found, scorer, asset, rows, own, (outages or {}).get(name, ()))
        if one is None:
            found.not_scored.append(name)
        else:
            found.replayed.append(one)
            found.scored_days += _scored_days(one.predicted)
    return judged_again(found)


def judged_again(found: Backtest, levels: Mapping[str, Levels] | None = None) -> Backtest:
    """Follow the rules through the predictions of a backtest.

    Args:
        levels: by cause, in place of those of the assets.
    """
    again = replace(found, alerts=[], missed=[], num_failures=0)
    for one in found.replayed:
        asset = one.asset if levels is None else replace(one.asset, levels=levels)
        _, noted = watch(one.scorer, asset, one.frames, one.predicted, {})
        _judge(again, one, noted)
    again.alerts.sort(key=lambda alert: alert.raised_us)
    return again


def _replayed(
    found: Backtest,
    scorer: Scorer,
    asset: Asset,
    rows: AssetRows,
    orders: Sequence[WorkOrder],
    outages: Sequence[tuple[int, int]],
) -> Replayed | None:
    """Predict what is due of an asset; None where it has nothing."""
    if not len(rows.times_us):
        return None
    times = times_of(rows, scorer.step_s, asset.hold_s)
    times = times[times <= found.to_us]
    reasons = reasons_at(asset, rows, times, outages, is_beginning=True)
    frames = list(make_frames(asset, rows, times, scorer.sensors, found.from_us, is_grid=scorer.step_s > 0))
    is_due = times >= found.from_us
    if not frames:
        return None
    due = Due(times[is_due], reasons[is_due], frames)
    return Replayed(scorer, asset, frames, predict_all({asset.name: scorer}, {asset.name: due})[asset.name], orders)


def _judge(found: Backtest, one: Replayed, noted: Sequence[Noted]) -> None:
    """Add an asset's alerts and missed failures."""
    failures = [
        order for order in one.orders if order.kind == FAILURE and found.from_us <= order.from_us <= found.to_us
    ]
    name = one.asset.name
    for each in noted:
        if each.finding is None or each.change.what != "raised":
            continue
        later = [other for other in noted if other.at_us > each.at_us and other.cause == each.cause]
        returned = next((other.at_us for other in later if other.change.what == "returned"), None)
        is_worse = any(other.change.what == "worsened" and other.at_us < (returned or found.to_us) for other in later)
        severity = CRITICAL if is_worse else each.change.severity
        outcome, order, lead_us = _judged(each.at_us, one.orders, found.horizon_us)
        found.alerts.append(
            RaisedAlert(name, each.cause, severity, each.at_us, returned, each.finding, outcome, order, lead_us)
        )
    found.num_failures += len(failures)
    known = {alert.order for alert in found.alerts if alert.asset == name and alert.outcome == RIGHT}
    found.missed += [order for order in failures if order.number not in known]


def _scored_days(predicted: AssetRows) -> float:
    """Return how long an asset was scored: rows that are, times their usual distance."""
    times = predicted.times_us
    if len(times) < 2:
        return 0.0
    scored = int((predicted.quality[:, 0] == Reason.SCORED).sum())
    return scored * float(np.median(np.diff(times))) / DAY_US


def _judged(raised_us: int, orders: Sequence[WorkOrder], horizon_us: int) -> tuple[str, str, int | None]:
    """Return what became of an alert, by the first order within the horizon, or one that is being worked on."""
    for one in orders:
        if raised_us <= one.from_us <= raised_us + horizon_us:
            if one.kind == FAILURE:
                return RIGHT, one.number, one.from_us - raised_us
            if one.kind == PREVENTIVE:
                return UNJUDGED, one.number, None
    return FALSE, "", None

"""What alerts a plant would have had: history and work orders in, alerts, lead times and false alarms out.

The same functions as for live readings predict and raise; nothing is stored. An alert is right when a failure of its
asset follows within the horizon; one that is followed by a preventive order is not judged, because nobody knows what
would have come. Everything else is a false alarm. A failure without an alert in its horizon was missed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trivium.maintenance.alerts.finding import Finding
from trivium.maintenance.alerts.rules import CRITICAL
from trivium.maintenance.alerts.watch import watch
from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.frames import Reason, make_frames, reasons_at, times_of
from trivium.maintenance.ingest.predict import Due, predict_all
from trivium.maintenance.registry import Asset
from trivium.maintenance.scorer import Family, Scorer, scorer_for
from trivium.maintenance.work_orders import FAILURE, PREVENTIVE, WorkOrder

__all__ = ["FALSE", "RIGHT", "UNJUDGED", "Backtest", "RaisedAlert", "backtest"]

RIGHT, FALSE, UNJUDGED = "right", "false", "unjudged"
DAY_US = 86_400 * 1_000_000
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


@dataclass
class Backtest:
    """What came of it.

    Args:
        from_us, to_us: time that was judged.
        scored_days: of all assets together, in which they ran and were scored.
        missed: failures without an alert.
        not_scored: assets without a model, or without readings.
    """

    from_us: int
    to_us: int
    scored_days: float = 0.0
    alerts: list[RaisedAlert] = field(default_factory=list)
    missed: list[WorkOrder] = field(default_factory=list)
    num_failures: int = 0
    not_scored: list[str] = field(default_factory=list)

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
    found = Backtest(from_us, to_us)
    for name, (asset, rows) in assets.items():
        scorer = scorer_for(model, name)
        if scorer is None or not len(rows.times_us):
            found.not_scored.append(name)
            continue
        own = sorted((one for one in orders if one.asset == name), key=lambda one: one.from_us)
        _replay(found, scorer, asset, rows, own, (outages or {}).get(name, ()), round(horizon_days * DAY_US))
    found.alerts.sort(key=lambda one: one.raised_us)
    return found


def _replay(
    found: Backtest,
    scorer: Scorer,
    asset: Asset,
    rows: AssetRows,
    orders: Sequence[WorkOrder],
    outages: Sequence[tuple[int, int]],
    horizon_us: int,
) -> None:
    hold_s = max((tag.staleness_s for tag in asset.tags), default=0.0)
    times = times_of(rows, scorer.step_s, hold_s)
    times = times[times <= found.to_us]
    reasons = reasons_at(asset, rows, times, outages, is_beginning=True)
    frames = list(make_frames(asset, rows, times, scorer.sensors, found.from_us, is_grid=scorer.step_s > 0))
    is_due = times >= found.from_us
    if not frames:
        found.not_scored.append(asset.name)
        return
    predicted = predict_all({asset.name: scorer}, {asset.name: Due(times[is_due], reasons[is_due], frames)})[asset.name]
    found.scored_days += _scored_days(predicted)
    _, noted = watch(scorer, asset, frames, predicted, {})
    failures = [one for one in orders if one.kind == FAILURE and found.from_us <= one.from_us <= found.to_us]
    raised = [one for one in noted if one.finding is not None and one.change.what == "raised"]
    for one in raised:
        assert one.finding is not None
        later = [other for other in noted if other.at_us > one.at_us and other.cause == one.cause]
        returned = next((other.at_us for other in later if other.change.what == "returned"), None)
        is_worse = any(other.change.what == "worsened" and other.at_us < (returned or found.to_us) for other in later)
        severity = CRITICAL if is_worse else one.change.severity
        outcome, order, lead_us = _judged(one.at_us, orders, horizon_us)
        found.alerts.append(
            RaisedAlert(
                asset.name, one.cause, severity, one.at_us, returned, one.finding, outcome,
                order, lead_us,
            )
        )  # fmt: skip
    found.num_failures += len(failures)
    known = {one.order for one in found.alerts if one.asset == asset.name and one.outcome == RIGHT}
    found.missed += [one for one in failures if one.number not in known]


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

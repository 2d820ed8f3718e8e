"""A backtest as lines for a person, as a table of its alerts, and as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trivium.maintenance.alerts.wording import sentences
from trivium.maintenance.backtest import FALSE, RIGHT, UNJUDGED, Backtest, RaisedAlert
from trivium.maintenance.costs import CostPoint, cheapest
from trivium.maintenance.ingest.moments import DAY_US
from trivium.maintenance.ingest.stored import to_time
from trivium.service.errors import InputError
from trivium.service.text import catalogue

__all__ = ["alert_rows", "lines_of", "summary_of", "write_backtest"]

_COLUMNS = ("asset", "cause", "severity", "raised", "returned", "outcome", "order", "lead_days", "reasons")


def summary_of(found: Backtest, curve: Sequence[CostPoint] = ()) -> dict[str, Any]:
    """Return the numbers of a backtest, and what each level would have cost; a number that cannot be told is None."""
    best = cheapest(curve) if curve else None
    leads = found.lead_days
    counts = {outcome: sum(one.outcome == outcome for one in found.alerts) for outcome in (RIGHT, FALSE, UNJUDGED)}
    return {
        "from": to_time(found.from_us).isoformat(),
        "to": to_time(found.to_us).isoformat(),
        "scored_asset_days": round(found.scored_days, 3),
        "alerts": counts,
        "failures": found.num_failures,
        "failures_foreseen": len(leads),
        "failures_missed": [one.number for one in found.missed],
        "median_lead_days": round(float(np.median(leads)), 3) if leads else None,
        "false_alarms_a_month_and_asset": round(found.false_a_month, 3) if found.scored_days else None,
        "not_scored": found.not_scored,
        "costs": [
            {"cause": one.cause, "missed": one.missed, "right": one.right, "false": one.false, "cost": one.cost}
            | one.levels._asdict()
            | {"is_cheapest": one is best}
            for one in curve
        ],
    }


def lines_of(told: Mapping[str, Any], language: str) -> list[str]:
    """Return what a person wants to know first, from a summary."""
    texts, counts = catalogue("trivium.maintenance", language), told["alerts"]
    lines = [
        texts.say(
            "backtest.span", start=told["from"][:16], end=told["to"][:16], days=f"{told['scored_asset_days']:.1f}"
        ),
        texts.say("backtest.alerts", count=sum(counts.values()), **counts),
    ]
    if told["false_alarms_a_month_and_asset"] is not None:
        lines.append(texts.say("backtest.false", rate=f"{told['false_alarms_a_month_and_asset']:.2f}"))
    if told["failures"]:
        lead = "-" if told["median_lead_days"] is None else f"{told['median_lead_days']:.1f}"
        seen = told["failures_foreseen"]
        lines.append(texts.say("backtest.failures", seen=seen, count=told["failures"], lead=lead))
    costs = told.get("costs", ())
    for one in costs:
        if one["is_cheapest"]:
            numbers = {name: f"{one[name]:g}" for name in ("raise_at", "critical_at", "clear_at")}
            is_flat = len({other["cost"] for other in costs}) == 1
            key = "backtest.flat" if is_flat else "backtest.cheapest"
            lines.append(texts.say(key, cost=f"{one['cost']:,.0f}", **numbers))
    if told["failures_missed"]:
        lines.append(texts.say("backtest.missed", orders=", ".join(told["failures_missed"][:20])))
    if told["not_scored"]:
        lines.append(texts.say("backtest.not_scored", assets=", ".join(told["not_scored"][:20])))
    return lines


def alert_rows(found: Backtest, language: str) -> list[tuple[str, ...]]:
    """Return one row of text for each alert, in the order of `_COLUMNS`."""
    return [_row(one, language) for one in found.alerts]


def write_backtest(found: Backtest, folder: Path, language: str, curve: Sequence[CostPoint] = ()) -> None:
    """Write `alerts.csv` and `backtest.json` into a folder.

    Raises:
        InputError: if the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "alerts.csv").open("w", encoding="utf-8-sig", newline="") as file:
            out = csv.writer(file)
            out.writerow(_COLUMNS)
            out.writerows([_safe(cell) for cell in row] for row in alert_rows(found, language))
        told = summary_of(found, curve) | {"raised": [_told(one) for one in found.alerts]}
        text = json.dumps(told, indent=1, ensure_ascii=False)
        (folder / "backtest.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", where=str(folder), hint="give another --out"
        ) from error


def _row(one: RaisedAlert, language: str) -> tuple[str, ...]:
    returned = "" if one.returned_us is None else to_time(one.returned_us).isoformat()
    lead = "" if one.lead_us is None else f"{one.lead_us / DAY_US:.3f}"
    reasons = " ".join(sentences(one.finding, language, asset=one.asset))
    raised = to_time(one.raised_us).isoformat()
    return one.asset, one.cause, one.severity, raised, returned, one.outcome, one.order, lead, reasons


def _told(one: RaisedAlert) -> dict[str, Any]:
    names = ("asset", "cause", "severity", "raised_us", "returned_us", "outcome", "order", "lead_us")
    return {name: getattr(one, name) for name in names} | {"finding": one.finding.to_json()}


def _safe(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell

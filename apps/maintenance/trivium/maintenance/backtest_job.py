"""A backtest of what is stored of a plant, as a job: `maintenance.backtest`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from trivium.maintenance import tables
from trivium.maintenance.backtest import backtest
from trivium.maintenance.costs import cost_curve
from trivium.maintenance.ingest.codec import AssetRows
from trivium.maintenance.ingest.learn import before_failures, learn_asset
from trivium.maintenance.ingest.scorers import load_scorer
from trivium.maintenance.ingest.stored import read_readings
from trivium.maintenance.registry import Asset, Registry, read_registry
from trivium.maintenance.report.backtest import write_backtest
from trivium.maintenance.scorer import Family, Scorer
from trivium.maintenance.work_orders import WorkOrder, find_orders
from trivium.service.database import Database
from trivium.service.errors import InputError, NotFoundError
from trivium.service.evidence import Report, ReportFile
from trivium.service.phrase import Phrase
from trivium.service.runner import JobContext

__all__ = ["run_backtest"]

_MEDIA = {"alerts.csv": "text/csv", "backtest.json": "application/json"}


def run_backtest(context: JobContext, database: Database) -> Report:
    """Run the job; its request has `plant`, `learn` (share of the time; 0 for the active model), `horizon_days`,
    `step_s`, `cost_failure` and `cost_alarm` (0 prices nothing), and `language`.

    Raises:
        InputError: if the request cannot be used, or nothing could be learned.
        NotFoundError: if the plant has no readings.
    """
    plant, language, (learn, horizon_days, step_s, failure, alarm) = _checked(context.request)
    with database.read() as connection:
        registry = read_registry(connection, plant)
    context.progress("read", 0.0)
    orders = find_orders(database, plant)
    first, last = _span(database, plant)
    from_us = first if not learn else first + round(learn * (last - first))
    readings: dict[str, tuple[Asset, AssetRows]] = {}
    for place, (name, asset) in enumerate(registry.assets.items()):
        readings[name] = (asset, read_readings(database, plant, name, first, last))
        context.progress("read", 0.4 * (place + 1) / len(registry.assets))
    model = _learned(context, registry, readings, orders, from_us, step_s) if learn else _active(registry)
    context.progress("replay", 0.8)
    found = backtest(
        readings, model, orders, from_us=from_us, to_us=last, horizon_days=horizon_days, outages=registry.outages
    )  # fmt: skip
    curve = cost_curve(found, failure=failure, alarm=alarm) if (failure or alarm) and found.num_failures else []
    with tempfile.TemporaryDirectory(prefix="trivium-") as folder:
        write_backtest(found, Path(folder), language, curve)
        files = []
        for name, media_type in _MEDIA.items():
            blob = context.store.put_file(Path(folder) / name)
            files.append(ReportFile(name, media_type, blob.sha256, blob.size))
    return Report(plant, language, files=tuple(files))


def _checked(request: Mapping[str, Any]) -> tuple[str, str, list[float]]:
    """Return the request's plant, language and numbers, which came as JSON from outside."""
    try:
        numbers = [float(request.get(name, default)) for name, default, _, _ in _NUMBERS]
    except (TypeError, ValueError) as error:
        raise InputError(Phrase("is no number ({reason})", reason=error), where="request") from error
    for number, (name, _, low, high) in zip(numbers, _NUMBERS, strict=True):
        if not low <= number <= high:
            raise InputError(
                Phrase(
                    "{name} {value} is not from {low} to {high}",
                    name=name,
                    value=f"{number:g}",
                    low=f"{low:g}",
                    high=f"{high:g}",
                ),
                where="request",
            )
    language = request.get("language", "en")
    return str(request.get("plant", "")), language if language in ("en", "zh") else "en", numbers


_NUMBERS = (  # name, default, least, most
    ("learn", 0.4, 0.0, 0.95),
    ("horizon_days", 30.0, 0.01, 365.0),
    ("step_s", 10.0, 0.1, 86_400.0),
    ("cost_failure", 0.0, 0.0, 1e12),
    ("cost_alarm", 0.0, 0.0, 1e12),
)


def _span(database: Database, plant: str) -> tuple[int, int]:
    table = tables.block
    with database.read() as connection:
        query = select(func.min(table.c.from_us), func.max(table.c.to_us)).where(table.c.plant == plant)
        first, last = connection.execute(query).one()
    if first is None:
        raise NotFoundError("nothing is stored of this plant", where=plant, hint="import its history first")
    return int(first), int(last)


def _learned(
    context: JobContext,
    registry: Registry,
    readings: Mapping[str, tuple[Asset, AssetRows]],
    orders: list[WorkOrder],
    until_us: int,
    step_s: float,
) -> Family:
    monitors: dict[str, Scorer] = {}
    problem = ""
    for place, (name, (asset, rows)) in enumerate(readings.items()):
        outages = [*registry.outages.get(name, ()), *before_failures(orders, name)]
        found = learn_asset(asset, rows.until(until_us), outages, step_s=step_s)
        if found.monitor is not None:
            monitors[name] = found.monitor
        else:
            problem = Phrase("{where}: {what}", where=name, what=found.problem)
        context.progress("learn", 0.4 + 0.4 * (place + 1) / len(readings))
    if not monitors:
        hint = "the week before a failure is left out; choose a larger share of the time, or import more"
        raise InputError(
            Phrase("no asset could be learned ({reason})", reason=problem), where=registry.plant, hint=hint
        )
    return Family("backtest", monitors)


def _active(registry: Registry) -> Scorer | Family:
    if not registry.model:
        raise InputError("has no active model", where=registry.plant, hint="learn from a share of the time instead")
    return load_scorer(Path(registry.model))

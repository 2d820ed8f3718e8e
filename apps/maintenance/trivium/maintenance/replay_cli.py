"""`trivium maintenance replay`: which alerts there would have been, from files alone: no broker, no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trivium.maintenance.terminal import progress_bar, read_bytes
from trivium.service.errors import InputError

if TYPE_CHECKING:
    from trivium.maintenance.alerts.rules import Levels
    from trivium.maintenance.costs import CostPoint
    from trivium.maintenance.ingest.codec import AssetRows
    from trivium.maintenance.registry import Registry
    from trivium.maintenance.scorer import Family, Scorer
    from trivium.maintenance.work_orders import WorkOrder

__all__ = ["EPILOG", "replay"]

EPILOG = "Example: trivium maintenance replay 2025.csv.gz --tags tags.csv --orders orders.csv --out backtest"


def replay(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="History: CSV or NDJSON, wide or narrow; gzip is fine.")
    ],
    tags: Annotated[Path, typer.Option(help="CSV of tags, as for `trivium maintenance tags`.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for alerts.csv, backtest.json and a model.")
    ],
    orders: Annotated[Path | None, typer.Option(help="CSV of work orders; without it every alert is false.")] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="NAME=COLUMN", help="What a column of the orders is. Repeatable.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="MODEL_DIR", help="Model to replay; learned from the beginning if not given.")
    ] = None,
    learn: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Share of the time to learn from, when no model is given.")
    ] = 0.4,
    step_s: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks at an asset.")] = 10.0,
    horizon_days: Annotated[
        float, typer.Option(min=0.01, help="An alert is right when a failure follows within so many days.")
    ] = 30.0,
    zone: Annotated[str, typer.Option(help="IANA time zone of times without an offset.")] = "",
    time_format: Annotated[
        str, typer.Option(help="Of readings, as for strptime, when times are not read by themselves.")
    ] = "",
    orders_time_format: Annotated[str, typer.Option(help="The same, of the orders: '%m/%d/%Y %H:%M'.")] = "",
    lang: Annotated[str, typer.Option(help="Of the reasons: en or zh.")] = "en",
    raise_at: Annotated[float | None, typer.Option(help="Smoothed indicator that raises an alert.")] = None,
    critical_at: Annotated[float | None, typer.Option(help="From here on it is critical.")] = None,
    return_below: Annotated[
        float | None, typer.Option("--return-below", "--clear-at", help="Below it an alert returns.")
    ] = None,
    cost_failure: Annotated[float, typer.Option(min=0, help="Of a failure that nobody saw; prices levels.")] = 0.0,
    cost_alarm: Annotated[float, typer.Option(min=0, help="Of a look at a machine, in the same money.")] = 0.0,
) -> None:
    """Tell the alerts that there would have been: lead times, false alarms a month, failures that were missed."""
    if lang not in ("en", "zh"):
        raise typer.BadParameter(f"--lang {lang} is unknown; use en, zh")
    from trivium.maintenance.backtest import backtest
    from trivium.maintenance.costs import cost_curve
    from trivium.maintenance.ingest.moments import find_zone
    from trivium.maintenance.registry import Registry
    from trivium.maintenance.registry_csv import read_registry_csv
    from trivium.maintenance.report.backtest import lines_of, summary_of, write_backtest
    from trivium.maintenance.work_orders import read_orders

    assets = read_registry_csv(read_bytes(tags)).assets
    registry = Registry("replay", zone, 1, assets={asset.name: asset for asset in assets})
    columns = dict(one.partition("=")[::2] for one in column or ())
    known = (
        read_orders(read_bytes(orders), find_zone(zone), columns=columns, time_format=orders_time_format)
        if orders
        else []
    )
    rows = _read(files, registry, time_format)
    first = min(int(one.times_us[0]) for one in rows.values())
    last = max(int(one.times_us[-1]) for one in rows.values())
    from_us = first if model else first + round(learn * (last - first))
    scorer = _load(model) if model else _learn(registry, rows, known, first, from_us, step_s, out)
    levels = _levels(scorer, {"raise_at": raise_at, "critical_at": critical_at, "clear_at": return_below})
    readings = {name: (replace(registry.assets[name], levels=levels), one) for name, one in rows.items()}
    found = backtest(readings, scorer, known, from_us=from_us, to_us=last, horizon_days=horizon_days)
    curve = cost_curve(found, failure=cost_failure, alarm=cost_alarm) if cost_failure or cost_alarm else []
    write_backtest(found, out, lang, curve)
    for line in lines_of(summary_of(found, curve), lang):
        typer.echo(line)
    _print_costs(curve, lang)
    typer.echo(f"alerts: {out / 'alerts.csv'}")


def _read(files: list[Path], registry: Registry, time_format: str) -> dict[str, AssetRows]:
    """Return the rows of each asset, and say how many there are.

    Raises:
        InputError: if a file cannot be read, or none has a reading of a registered tag.
    """
    from trivium.maintenance.ingest.files import read_history
    from trivium.maintenance.ingest.formats import Options

    options = Options(zone=registry.zone, time_format=time_format)
    with progress_bar("Reading") as progress:
        rows, counts = read_history(files, registry, options=options, progress=progress)
    dropped = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count and name != "accepted")
    typer.echo(f"{counts['accepted']:,} rows of {len(rows)} assets" + (f" ({dropped})" if dropped else ""))
    if not rows:
        raise InputError("no reading of a registered tag", where=", ".join(map(str, files))[:200])
    return rows


def _levels(scorer: Scorer | Family, given: Mapping[str, float | None]) -> dict[str, Levels]:
    """Return the levels of the cause that a model watches: what is given, the defaults for the rest.

    Raises:
        InputError: if they are not in order.
    """
    from trivium.maintenance.alerts.rules import rules_of
    from trivium.maintenance.alerts.thresholds import checked
    from trivium.maintenance.scorer import Family

    members: Iterable[Scorer] = scorer.by_asset.values() if isinstance(scorer, Family) else (scorer,)
    causes = {rule.cause for one in members for rule in rules_of(one.outputs, one.step_s)}
    return {cause: checked(cause, given) for cause in causes}


def _print_costs(curve: list[CostPoint], lang: str) -> None:
    from trivium.service.text import catalogue

    texts = catalogue("trivium.maintenance", lang)
    for one in curve:
        counts = {"missed": one.missed, "right": one.right, "false": one.false}
        level, cost = f"{one.levels.raise_at:g}", f"{one.cost:,.0f}"
        typer.echo("  " + texts.say("backtest.point", level=level, cost=cost, **counts))


def _learn(
    registry: Registry,
    rows: dict[str, AssetRows],
    orders: list[WorkOrder],
    first: int,
    until: int,
    step_s: float,
    out: Path,
) -> Family:
    """Learn from the beginning of the history, and keep the model beside the result."""
    from trivium.maintenance.ingest.learn import before_failures, learn_asset
    from trivium.maintenance.ingest.monitor import load_monitor, save_family
    from trivium.maintenance.ingest.reference import Reference
    from trivium.maintenance.ingest.stored import to_time
    from trivium.maintenance.scorer import Family

    monitors, references = {}, list[Reference]()
    for name, one in rows.items():
        found = learn_asset(registry.assets[name], one.until(until), before_failures(orders, name), step_s=step_s)
        if found.monitor is None:
            typer.echo(f"{name}: not learned: {found.problem}", err=True)
        else:
            monitors[name] = found.monitor
            references += found.references
    if not monitors:
        raise InputError(
            "no asset could be learned",
            where="--learn",
            hint="the week before a failure is left out; give more history",
        )
    about = {"from": to_time(first).isoformat(), "to": to_time(until).isoformat(), "step_s": step_s}
    save_family(monitors, out / "model", about, references)
    typer.echo(f"learned {len(monitors)} assets from the time before {to_time(until):%Y-%m-%d %H:%M}Z: {out / 'model'}")
    loaded = load_monitor(out / "model")
    assert isinstance(loaded, Family)
    return loaded


def _load(folder: Path) -> Scorer | Family:
    from trivium.maintenance.ingest.scorers import load_scorer

    return load_scorer(folder)

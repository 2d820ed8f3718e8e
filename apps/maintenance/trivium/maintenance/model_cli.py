"""The commands for the models of a connected plant, and for the thresholds of its alerts."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from trivium.maintenance.terminal import moment_of
from trivium.service.errors import InputError
from trivium.service.terminal import opened_runtime

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
_Plant = Annotated[str, typer.Option(help="Name of the plant, as in its API key.")]
_OPERATOR = "operator"


@app.command(epilog="Example: trivium maintenance activate model --plant north")
def activate(
    folder: Annotated[str, typer.Argument(metavar="MODEL_DIR", help="Folder of a model; empty to score nothing.")],
    plant: _Plant,
) -> None:
    """Score a plant's readings with a model from the next batch on."""
    from trivium.maintenance import models

    path, version = _loaded(folder)
    with opened_runtime() as runtime:
        models.activate(runtime.audit, plant, path, version, actor=_OPERATOR)
    typer.echo(f"{plant}: {version or 'no model'}")


@app.command("models", epilog="Example: trivium maintenance models --plant north")
def list_models(plant: _Plant) -> None:
    """List which models scored a plant, and since when, newest first."""
    from trivium.maintenance import models

    with opened_runtime() as runtime:
        for one in models.changes_of(runtime.database, plant):
            what = one.what.replace("_", " ")
            typer.echo(
                f"{one.at:%Y-%m-%d %H:%M:%S}Z  {what:11}  {one.model or 'no model'}  {one.folder}  by {one.actor}"
            )
            for told in (one.learned, one.measures):
                if told:
                    shown = (
                        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                        for name, value in told.items()
                    )
                    typer.echo("    " + "; ".join(shown))


@app.command("rollback", epilog="Example: trivium maintenance rollback --plant north")
def roll_back(plant: _Plant) -> None:
    """Score a plant with the model that scored it before; again for the one before that."""
    from trivium.maintenance import models

    with opened_runtime() as runtime:
        found = models.roll_back(runtime.audit, plant, actor=_OPERATOR)
    typer.echo(f"{plant}: {found.model or 'no model'}  {found.folder}")


@app.command(epilog="Example: trivium maintenance shadow new_model --plant north")
def shadow(
    folder: Annotated[str, typer.Argument(metavar="MODEL_DIR", help="Folder of a model; empty to end it.")],
    plant: _Plant,
) -> None:
    """Let a second model score beside the active one and raise nothing; the page Models compares them."""
    from trivium.maintenance import models

    path, version = _loaded(folder)
    with opened_runtime() as runtime:
        models.set_shadow(runtime.audit, plant, path, version, actor=_OPERATOR)
    typer.echo(f"{plant}: {version or 'no model'} scores beside the active one")


@app.command(epilog="Example: trivium maintenance thresholds --plant north --class pump --cause anomaly --raise-at 3")
def thresholds(
    plant: _Plant,
    asset_class: Annotated[str, typer.Option("--class", help="Of assets; all of the plant if not given.")] = "",
    cause: Annotated[str, typer.Option(help="anomaly or failure.")] = "anomaly",
    raise_at: Annotated[float | None, typer.Option(help="Smoothed indicator that raises an alert.")] = None,
    critical_at: Annotated[float | None, typer.Option(help="From here on it is critical.")] = None,
    clear_at: Annotated[
        float | None, typer.Option("--clear-at", "--return-below", help="Below it an alert returns.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Go back to the plant's levels, or to the defaults.")] = False,
) -> None:
    """Show at which levels alerts are raised, or change them for a plant or a class of its assets."""
    from trivium.maintenance.alerts import thresholds as levels
    from trivium.maintenance.alerts.rules import DEFAULTS

    given = {"raise_at": raise_at, "critical_at": critical_at, "clear_at": clear_at}
    with opened_runtime() as runtime:
        if reset:
            levels.reset_threshold(runtime.audit, plant, asset_class, cause, actor=_OPERATOR)
        elif any(value is not None for value in given.values()):
            levels.change_threshold(runtime.audit, plant, asset_class, cause, given, actor=_OPERATOR)
        own = levels.own_levels(runtime.database, plant)
    for (name, what), one in ({("", what): one for what, one in DEFAULTS.items()} | own).items():
        note = "" if (name, what) in own else " (default)"
        shown = f"raised at {one.raise_at:g}, critical at {one.critical_at:g}, returns below {one.clear_at:g}"
        typer.echo(f"{name or 'all assets':20}  {what:8}  {shown}{note}")


@app.command(
    epilog="Example: trivium maintenance learn --plant north --from 2026-01-01T00:00Z --to 2026-03-01T00:00Z --out m"
)
def learn(
    plant: _Plant,
    start: Annotated[str, typer.Option("--from", help="Time with an offset.")],
    end: Annotated[str, typer.Option("--to", help="Time with an offset.")],
    out: Annotated[Path, typer.Option("--out", metavar="MODEL_DIR", help="Folder of the model; made if need be.")],
    step_s: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks at an asset.")] = 10.0,
) -> None:
    """Learn what is normal for each asset from stored readings; activate the folder, and it raises alerts."""
    from trivium.maintenance.ingest.learn import learn_plant
    from trivium.maintenance.ingest.moments import to_us
    from trivium.maintenance.ingest.monitor import save_family
    from trivium.maintenance.registry import Registries
    from trivium.maintenance.work_orders import find_orders

    first, last = to_us(moment_of(start, "--from")), to_us(moment_of(end, "--to"))
    with opened_runtime() as runtime:
        registry = Registries(runtime.database).of(plant)
        known = find_orders(runtime.database, plant)
        found = learn_plant(runtime.database, registry, first, last, step_s=step_s, orders=known)
    monitors = {one.asset: one.monitor for one in found if one.monitor is not None}
    for one in found:
        sensors = f"{len(one.monitor.sensors)} sensors" if one.monitor else f"not learned: {one.problem}"
        typer.echo(f"{one.asset}: {one.num_rows:,} rows, {sensors}")
    if not monitors:
        raise InputError("no asset could be learned", where=plant, hint="import more history, or choose other times")
    references = [reference for one in found for reference in one.references]
    digest = hashlib.sha256(" ".join(monitors[name].version for name in sorted(monitors)).encode()).hexdigest()
    about = {
        "plant": plant, "from": start, "to": end, "step_s": step_s, "assets": len(monitors),
        "rows": sum(one.num_rows for one in found if one.monitor is not None), "sha256": digest,
    }  # fmt: skip
    save_family(monitors, out, about, references)
    typer.echo(f"model: {out} ({len(monitors)} of {len(found)} assets)")
    typer.echo(f"next: trivium maintenance activate {out} --plant {plant}")


def _loaded(folder: str) -> tuple[str, str]:
    """Return the path and version of a model that can be loaded; two empty texts for no folder."""
    if not folder:
        return "", ""
    from trivium.maintenance.ingest.scorers import load_scorer

    path = Path(folder).resolve()
    return str(path), load_scorer(path).version

"""The commands for a connected plant: its registry, history, work orders, and what became of its batches.

They work on the deployment's database and broker (`TRIVIUM_HOME`), unlike `train` and `predict`, which need neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trivium.maintenance.terminal import moment_of, open_door, progress_bar, read_bytes
from trivium.service.errors import InputError, NotFoundError
from trivium.service.terminal import opened_runtime, say

if TYPE_CHECKING:
    from trivium.service.database import Database

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
_Plant = Annotated[str, typer.Option(help="Name of the plant, as in its API key.")]
_SHOWN = 10


@app.command(epilog="Example: trivium maintenance tags tags.csv --plant north --zone Europe/Berlin")
def tags(
    file: Annotated[Path, typer.Argument(help="CSV: tag, asset, description, unit, low, high, rate, deadband.")],
    plant: _Plant,
    zone: Annotated[str | None, typer.Option(help="IANA time zone of times without an offset.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Show the first 100 tags; keep nothing.")] = False,
) -> None:
    """Register a plant's assets and tags, or change them."""
    from trivium.maintenance.ingest.moments import find_zone
    from trivium.maintenance.registry import write_registry
    from trivium.maintenance.registry_csv import read_registry_csv

    found = read_registry_csv(read_bytes(file))
    find_zone(zone or "")
    for unit in found.unknown_units:
        say(f"unit {unit!r} converts to nothing; values must come in it")
    if preview:
        for tag in found.first():
            limits = f"{_shown(tag['low'])} to {_shown(tag['high'])} {tag['unit']}".strip()
            clock = f"every {_shown(tag['rate_s'])} s, held {_shown(tag['staleness_s'])} s"
            deadband = f"deadband {_shown(tag['deadband'])}"
            typer.echo(f"{tag['asset']}  {tag['name']}  {limits}  {clock}  {deadband}  {tag['description']}".rstrip())
        for asset in found.assets:
            if asset.running:
                typer.echo(f"{asset.name}  runs while {asset.running}; starts up for {_shown(asset.startup_s)} s")
        return
    with opened_runtime() as runtime:
        write_registry(runtime.database, plant, found.assets, zone=zone)
    typer.echo(f"{plant}: {len(found.assets)} assets, {sum(len(asset.tags) for asset in found.assets)} tags")


@app.command(
    epilog="Example: trivium maintenance outage P-101 --plant north --from 2026-03-01T00:00Z --to 2026-03-09T00:00Z"
)
def outage(
    asset: Annotated[str, typer.Argument(help="Name of the asset.")],
    plant: _Plant,
    start: Annotated[str, typer.Option("--from", help="Time with an offset.")],
    end: Annotated[str, typer.Option("--to", help="Time with an offset.")],
    reason: Annotated[str, typer.Option(help="Shown beside what is not scored.")] = "",
) -> None:
    """Score nothing of an asset for some time: a turnaround, an overhaul."""
    from trivium.maintenance.ingest.moments import to_us
    from trivium.maintenance.registry import add_outage

    first, last = moment_of(start, "--from"), moment_of(end, "--to")
    if first >= last:
        raise InputError(f"{start} is not before {end}", where="--from")
    with opened_runtime() as runtime:
        add_outage(runtime.database, plant, asset, to_us(first), to_us(last), reason)
    told = (f"{one.astimezone(UTC):%Y-%m-%d %H:%M}Z" for one in (first, last))
    typer.echo(f"{plant}: {asset} is not scored from {' to '.join(told)}")


@app.command(epilog="Example: trivium maintenance retire P-101 --plant north --why 'scrapped'")
def retire(
    asset: Annotated[str, typer.Argument(help="Name of the asset.")],
    plant: _Plant,
    why: Annotated[str, typer.Option(help="Kept in the audit log.")] = "",
) -> None:
    """Take nothing in for an asset any more; its history stays, and its tags, imported again, bring it back."""
    from trivium.maintenance.retiring import retire_asset

    with opened_runtime() as runtime:
        closed = retire_asset(runtime.audit, plant, asset, actor="operator", why=why)
    typer.echo(f"{plant}: {asset} is retired" + (f"; {closed} open alerts were closed" if closed else ""))


@app.command("import", epilog="Example: trivium maintenance import 2024.csv.gz 2025.csv.gz --plant north")
def import_history(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CSV or NDJSON, wide or narrow; gzip is fine.")
    ],
    plant: _Plant,
    zone: Annotated[
        str, typer.Option(help="IANA time zone of times without an offset; the plant's if not given.")
    ] = "",
    time_format: Annotated[str, typer.Option(help="As for strptime, when times are not read by themselves.")] = "",
    decimal: Annotated[str, typer.Option(help="Decimal sign, when it cannot be told.")] = "",
    quality: Annotated[str, typer.Option(help="Codes of the quality column: opc-ua or opc-da.")] = "",
    asset: Annotated[str, typer.Option(help="Asset of all rows, when no column says so.")] = "",
) -> None:
    """Import history behind all live readings, without alerts. Stopped, or done twice, it goes on where it was."""
    from trivium.maintenance.ingest import history
    from trivium.maintenance.ingest.formats import Options

    options = Options("", "", zone, time_format, decimal, quality, asset)
    failed = 0
    with opened_runtime() as runtime, open_door(runtime) as door:
        for path in files:
            try:
                with progress_bar(f"Sending {path.name}") as progress:
                    report = history.import_file(
                        path, plant, door=door, database=runtime.database, options=options, progress=progress
                    )
                with progress_bar(f"Storing {path.name}") as progress:
                    history.settle(runtime.database, plant, report, progress=progress)
            except InputError as error:
                say(error.line)
                failed += 1
                continue
            except KeyboardInterrupt:
                say(f"{path}: stopped; the same command goes on where it was")
                raise
            counts = ", ".join(f"{count:,} {name}" for name, count in report.verdicts.items() if count)
            typer.echo(
                f"{path}: {report.num_rows:,} rows ({counts}); {report.num_sent} of {len(report.batch_ids)} pieces new"
            )
            for issue in report.issues[:_SHOWN]:
                say(f"  {issue['verdict']}, {issue['rows']:,} rows: {issue['column']}: {issue['what']}")
    if failed:
        raise typer.Exit(1)


@app.command(epilog="Example: trivium maintenance watch /srv/drop --plant north")
def watch(
    folder: Annotated[Path, typer.Argument(help="Folder that CSV or NDJSON files are put into; gzip is fine.")],
    plant: _Plant,
    zone: Annotated[
        str, typer.Option(help="IANA time zone of times without an offset; the plant's if not given.")
    ] = "",
    time_format: Annotated[str, typer.Option(help="As for strptime, when times are not read by themselves.")] = "",
    decimal: Annotated[str, typer.Option(help="Decimal sign, when it cannot be told.")] = "",
    quality: Annotated[str, typer.Option(help="Codes of the quality column: opc-ua or opc-da.")] = "",
    asset: Annotated[str, typer.Option(help="Asset of all rows, when no column says so.")] = "",
    once: Annotated[bool, typer.Option("--once", help="Take in what lies there, and end.")] = False,
) -> None:
    """Take in files of readings as they come, and leave a receipt of each in done/ or failed/."""
    import time

    from trivium.maintenance.ingest.drop_folder import take_files
    from trivium.maintenance.ingest.formats import Options
    from trivium.service.errors import UpstreamError

    options = Options("", "", zone, time_format, decimal, quality, asset)
    failed = 0
    with opened_runtime() as runtime, open_door(runtime) as door:
        while True:
            try:
                for receipt in take_files(folder, plant, door=door, database=runtime.database, options=options):
                    failed += receipt["state"] == "failed"
                    counts = ", ".join(
                        f"{count:,} {name}" for name, count in receipt.get("verdicts", {}).items() if count
                    )
                    typer.echo(f"{receipt['file']}: {receipt.get('error') or counts}")
            except UpstreamError as error:
                if once:
                    raise
                say(error.line)
            if once:
                break
            time.sleep(2.0)
    if failed:
        raise typer.Exit(1)


@app.command(epilog="Example: trivium maintenance batches --plant north --state lost")
def batches(
    plant: _Plant,
    state: Annotated[str, typer.Option(help="accepted, done, dead or lost; all if not given.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
) -> None:
    """List a plant's batches, newest first, and what became of their rows."""
    from trivium.maintenance.ingest.ledger import find_batches

    if state not in ("", "accepted", "done", "dead", "lost"):
        raise typer.BadParameter(f"--state {state} is unknown; use accepted, done, dead, lost")
    with opened_runtime() as runtime:
        found = find_batches(runtime.database, plant, state=state, limit=limit)
        _say_none(runtime.database, plant, found)
        for one in found:
            counts = ", ".join(f"{count} {name}" for name, count in one["verdicts"].items() if count)
            typer.echo(f"{one['received_at'][:19]}Z  {one['state']:8}  {one['batch_id']}  {one['rows']} rows: {counts}")


@app.command("dead-letters", epilog="Example: trivium maintenance dead-letters --plant north --replay 17 --replay 18")
def dead_letters(
    plant: _Plant,
    replay: Annotated[list[int] | None, typer.Option(help="Number of a dead letter to work off again.")] = None,
    replay_since: Annotated[str, typer.Option(help="Work off again all that failed since this time.")] = "",
) -> None:
    """List parts of batches that could not be worked off, or work them off again."""
    from trivium.maintenance.ingest import dead_letters as letters
    from trivium.maintenance.stream import Streams

    with opened_runtime() as runtime:
        if replay or replay_since:
            since = moment_of(replay_since, "--replay-since") if replay_since else None
            streams = Streams.open(runtime.settings)
            count = letters.replay(runtime.database, streams, plant, ids=replay or (), since=since)
            typer.echo(f"{count} sent again")
            return
        found = letters.list_dead(runtime.database, plant)
        _say_none(runtime.database, plant, found)
        for one in found:
            typer.echo(f"{one['id']}  {one['failed_at'][:19]}Z  {one['batch_id']}  {one['reason']}")


@app.command(hidden=True)
def simulate(
    live_s: Annotated[int, typer.Option(min=1, help="Seconds between two batches.")] = 4,
    parent: Annotated[int, typer.Option(hidden=True)] = 0,
) -> None:
    """Post the readings of the demo's plant to the API, as a gateway would; kept running by `trivium demo`."""
    from trivium.maintenance.simulator.gateway import run_gateway
    from trivium.service.lifeline import follow_parent
    from trivium.service.settings import current_settings

    follow_parent(parent)
    run_gateway(current_settings(), every_s=live_s)


@app.command(epilog="Example: trivium maintenance orders orders.csv --plant north --column asset=Equipment")
def orders(
    file: Annotated[Path, typer.Argument(help="CSV: number, asset, start, end, kind, description.")],
    plant: _Plant,
    column: Annotated[
        list[str] | None, typer.Option(metavar="NAME=COLUMN", help="What a column of the file is. Repeatable.")
    ] = None,
    failure: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="A kind that means failure; others do not. Repeatable.")
    ] = None,
    zone: Annotated[str, typer.Option(help="Of times without an offset; the plant's if not given.")] = "",
    time_format: Annotated[
        str, typer.Option(help="As for strptime, when times are not read by themselves: '%m/%d/%Y %H:%M'.")
    ] = "",
    preview: Annotated[bool, typer.Option("--preview", help="Show what was understood; keep nothing.")] = False,
) -> None:
    """Take in work orders: failures, and what was replaced before it failed."""
    from trivium.maintenance import work_orders
    from trivium.maintenance.ingest.moments import find_zone
    from trivium.maintenance.ingest.stored import to_time
    from trivium.maintenance.registry import Registries

    columns = dict(one.partition("=")[::2] for one in column or ())
    with opened_runtime() as runtime:
        registry = Registries(runtime.database).of(plant)
        found = work_orders.read_orders(
            read_bytes(file), find_zone(zone or registry.zone), columns=columns, failures=failure or (),
            time_format=time_format,
        )  # fmt: skip
        if preview:
            for one in found[:100]:
                typer.echo(
                    f"{one.number}  {one.asset}  {one.kind}  {to_time(one.from_us):%Y-%m-%d %H:%M}Z  {one.description}"
                )
            return
        work_orders.write_orders(runtime.database, plant, found)
        strangers = sorted({one.asset for one in found} - set(registry.assets))
    counts = {kind: sum(one.kind == kind for one in found) for kind in ("failure", "preventive", "other")}
    typer.echo(f"{plant}: {len(found)} orders, " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    if strangers:
        say(f"not registered: {', '.join(strangers[:_SHOWN])}{' and others' if len(strangers) > _SHOWN else ''}")


def _say_none(database: Database, plant: str, found: Sequence[object]) -> None:
    """Say that there is none; that there is no such plant, where that is why."""
    from trivium.maintenance.registry import Registries

    if not found and not Registries(database).of(plant).version:
        raise NotFoundError("no plant is registered under this name", where=plant, hint="import its tags first")
    if not found:
        say(f"{plant}: none")


def _shown(value: object) -> str:
    return "-" if value is None else f"{value:g}"

"""The maintenance commands: sensor files in, a model or predictions out, in this process. No broker, no login."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trivium.maintenance import model_cli, plant_cli, replay_cli
from trivium.maintenance.app import needs_modules
from trivium.maintenance.inspection import cli as inspection_cli
from trivium.maintenance.mqtt import cli as mqtt_cli
from trivium.maintenance.terminal import read_bytes
from trivium.service.errors import TriviumError
from trivium.service.terminal import output_stream, refuse_input, say, stage_bar

if TYPE_CHECKING:
    from trivium.maintenance.report.predictions import Predictions
    from trivium.maintenance.work_orders import WorkOrder

app = typer.Typer(help="Failure probability and remaining useful life from sensor data.", no_args_is_help=True)
app.command(epilog=inspection_cli.EPILOG)(inspection_cli.inspect)
app.command(epilog=inspection_cli.WEAR_EPILOG)(inspection_cli.wear)
app.command(epilog=inspection_cli.PEOPLE_EPILOG)(inspection_cli.people)
app.command(epilog=replay_cli.EPILOG)(replay_cli.replay)
app.command(epilog=mqtt_cli.EPILOG)(mqtt_cli.mqtt)

_LAYOUTS = ("cmapss", "csv")


@app.command(epilog="Example: trivium maintenance train history.csv --format csv --out model")
def train(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Sensor data; gzip is fine.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="MODEL_DIR", help="Folder of the model; made if need be.")],
    layout: Annotated[str, typer.Option("--format", help="cmapss, or csv with a line of column names.")],
    asset: Annotated[str, typer.Option(metavar="COLUMN", help="Names the asset; found out if not given.")] = "",
    time: Annotated[str, typer.Option(metavar="COLUMN", help="Time or cycle; found out if not given.")] = "",
    label: Annotated[str, typer.Option(metavar="COLUMN", help="Marks failures; found out if not given.")] = "",
    failed: Annotated[
        list[str] | None, typer.Option(metavar="VALUE", help="Label value that means failure. Repeatable.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A feature although it looks like a leak. Repeatable.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="No feature. Repeatable.")] = None,
    unlabelled: Annotated[bool, typer.Option("--unlabelled", help="Learn what is normal; ignore labels.")] = False,
    name: Annotated[str, typer.Option(help="Of the model; that of the file if not given.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of every random choice.")] = 1,
    orders: Annotated[
        Path | None,
        typer.Option(help="CSV of work orders: they mark failures, and what was replaced before it failed."),
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="NAME=COLUMN", help="What a column of the orders is. Repeatable.")
    ] = None,
    orders_time_format: Annotated[str, typer.Option(help="Of the orders, as for strptime: '%m/%d/%Y %H:%M'.")] = "",
    also: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="More C-MAPSS assets of the kind, to learn from, not to judge. Repeatable."),
    ] = None,
) -> None:
    """Cross-validate, choose, fit, calibrate, and write the model with its card."""
    _refuse_unknown(layout)
    needs_modules("lightgbm", "pandas", "sklearn")
    from trivium.maintenance import pipeline
    from trivium.maintenance.parse.columns import Roles

    roles = Roles(asset, time, label, tuple(failed or ()), tuple(keep or ()), tuple(drop or ()))
    known = _read_orders(orders, column, orders_time_format)
    request = pipeline.TrainRequest(
        file, layout, roles, unlabelled, name, seed, tuple(also or ()), known, orders.name if orders else ""
    )
    with stage_bar("Training") as progress:
        model = pipeline.train(request, out, progress=progress)
    for refused, reason in model.description.refused:
        say(f"{refused} is no feature: {reason}")
    for measure, value in model.description.measures.items():
        typer.echo(f"{measure}: {value:.4g}")
    for note in model.description.notes:
        typer.echo(note)
    typer.echo(f"model: {out}")


@app.command(epilog="Example: trivium maintenance predict test_FD001.txt --out rul.csv")
def predict(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Sensor data; gzip is fine.", show_default=False)
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL_DIR", help="What train wrote; the shipped one, for C-MAPSS turbofans, if not given."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="F.csv", help="Where to write; standard output if not given.")
    ] = None,
    layout: Annotated[str, typer.Option("--format", help="cmapss or csv; that of the model if not given.")] = "",
    baseline: Annotated[
        int,
        typer.Option(min=0, metavar="ROWS", help="Anomaly models: the first ROWS of each asset are its normal state."),
    ] = 0,
    orders: Annotated[
        Path | None,
        typer.Option(help="CSV of work orders, for a model that learned with some: a repair begins a new life."),
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="NAME=COLUMN", help="What a column of the orders is. Repeatable.")
    ] = None,
    orders_time_format: Annotated[str, typer.Option(help="Of the orders, as for strptime: '%m/%d/%Y %H:%M'.")] = "",
) -> None:
    """Write remaining life, failure probability or anomaly score, whichever the model gives."""
    if layout:
        _refuse_unknown(layout)
    refuse_input(out, files)
    needs_modules("lightgbm", "pandas", "sklearn")
    from trivium.maintenance import pipeline

    known = _read_orders(orders, column, orders_time_format)
    found: list[tuple[Path, Predictions]] = []
    failed = 0
    with stage_bar("Predicting") as progress:
        for number, path in enumerate(files):
            progress(path.name, number / len(files))
            try:
                found.append((path, pipeline.predict(path, model, layout=layout, baseline=baseline, orders=known)))
            except TriviumError as error:
                say(error.line)
                failed += 1
    for path, predictions in found:
        for note in predictions.notes:
            say(f"{path}: {note}")
    if found:
        _write(out, *_joined(found, is_many=len(files) > 1))
    if failed:
        raise typer.Exit(1)


def _read_orders(file: Path | None, column: list[str] | None, time_format: str) -> tuple[WorkOrder, ...]:
    """Return the work orders of a file; none without one."""
    if file is None:
        return ()
    from trivium.maintenance.work_orders import read_orders

    columns = dict(one.partition("=")[::2] for one in column or ())
    return tuple(read_orders(read_bytes(file), UTC, columns=columns, time_format=time_format))


def _joined(found: Sequence[tuple[Path, Predictions]], *, is_many: bool) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return one table of all predictions; a column that one of them lacks stays empty there."""
    columns = list(
        dict.fromkeys(column for _, predictions in found for column in predictions.columns if column != "model")
    )
    columns.append("model")
    rows: list[tuple[str, ...]] = []
    for path, predictions in found:
        place = {column: index for index, column in enumerate(predictions.columns)}
        for row in predictions.rows:
            cells = tuple(row[place[column]] if column in place else "" for column in columns)
            rows.append((str(path), *cells) if is_many else cells)
    return (["file", *columns] if is_many else columns), rows


def _write(out: Path | None, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    from trivium.maintenance.report.predictions import write_csv

    with output_stream(out) as stream:
        write_csv(stream, columns, rows)


def _refuse_unknown(layout: str) -> None:
    if layout not in _LAYOUTS:
        raise typer.BadParameter(f"--format {layout} is unknown; use {', '.join(_LAYOUTS)}")


app.registered_commands += [*plant_cli.app.registered_commands, *model_cli.app.registered_commands]

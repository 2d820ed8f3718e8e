"""The pointcloud commands as part of `trivium`; `python -m trivium.pointcloud` has the same without Typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Points to boxes: evaluation.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `eval` a sub-command although it is the only one."""


@app.command("eval", epilog="Example: trivium pointcloud eval --gt label_2 --det results --out ap.json")
def evaluate(
    gt: Annotated[Path, typer.Option("--gt", metavar="DIR", help="KITTI label files, one per frame.")],
    det: Annotated[Path, typer.Option("--det", metavar="DIR", help="Result files of the same names.")],
    out: Annotated[Path, typer.Option("--out", metavar="F.json", help="File to write.")],
) -> None:
    """Write average precision R40 and R11 by class, metric and difficulty."""
    from trivium.pointcloud import commands

    commands.evaluate(gt, det, out, say=typer.echo, warn=lambda line: typer.echo(f"trivium: {line}", err=True))

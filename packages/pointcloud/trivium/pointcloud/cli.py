"""The pointcloud commands as part of `trivium`; `python -m trivium.pointcloud` has the same without Typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Points to boxes: detector, simulator, evaluation.", no_args_is_help=True)


@app.command(epilog="Example: trivium pointcloud detect 000000.bin scan.pcd.gz --out boxes")
def detect(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Clouds in metres: .bin .pcd .ply .npy .npz .xyz .csv; gzip is fine."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for FILE's stem with .json.")],
    min_score: Annotated[float, typer.Option(min=0.05, max=1.0, help="Leave out lesser objects.")] = 0.1,
    calib: Annotated[
        Path | None, typer.Option("--calib", metavar="CALIB.txt", help="KITTI calibration: write KITTI results too.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(metavar="F.safetensors", help="Another checkpoint.")] = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Pictures named as the clouds: look ahead with both (--calib).")
    ] = None,
) -> None:
    """Write vehicles, pedestrians and cyclists of each cloud (sensor frame, z up, metres) as JSON."""
    from trivium.pointcloud import commands

    is_done = commands.detect(
        files, out, say=typer.echo, warn=_warn, min_score=min_score, calibration=calib, weights=weights,
        pictures=pictures,
    )  # fmt: skip
    raise typer.Exit(0 if is_done else 1)


@app.command("eval", epilog="Example: trivium pointcloud eval --gt label_2 --det results --out ap.json")
def evaluate(
    gt: Annotated[Path, typer.Option("--gt", metavar="DIR", help="KITTI label files, one per frame.")],
    det: Annotated[Path, typer.Option("--det", metavar="DIR", help="Result files of the same names.")],
    out: Annotated[Path, typer.Option("--out", metavar="F.json", help="File to write.")],
) -> None:
    """Write average precision R40 and R11 by class, metric and difficulty."""
    from trivium.pointcloud import commands

    commands.evaluate(gt, det, out, say=typer.echo, warn=_warn)


@app.command(epilog="Example: trivium pointcloud simulate --out frames --frames 10 --seed 1")
def simulate(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for NNNNNN.bin and NNNNNN.json.")],
    frames: Annotated[int, typer.Option(min=1, help="How many.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the series; the same seed makes the same frames.")] = 0,
    pattern: Annotated[str, typer.Option(help="Beam pattern: hdl64 hdl32 vlp32 vlp16 os1_64 pandar40.")] = "hdl64",
    view: Annotated[float, typer.Option(help="Degrees kept, straight ahead; 360 for the whole turn.")] = 360.0,
    plants: Annotated[float, typer.Option(help="Share of frames in plants instead of streets, 0 to 1.")] = 0.0,
    camera: Annotated[bool, typer.Option("--camera", help="Write NNNNNN.png, too: the view of calib.txt.")] = False,
) -> None:
    """Make LiDAR frames (and pictures) of streets or plants with their exact truth."""
    from trivium.pointcloud import commands

    commands.simulate(
        out, frames=frames, seed=seed, say=typer.echo, pattern=pattern, view=view, plants=plants, camera=camera
    )


@app.command(epilog='Example: trivium pointcloud ask 000000.bin --question "how many vehicles are within 20 m?"')
def ask(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Clouds all around, as for detect.")],
    question: Annotated[list[str], typer.Option(metavar="TEXT", help="English or Chinese; may be given again.")],
) -> None:
    """Answer questions about what stands within 50 m: how many, is there any, which side, which is nearer."""
    from trivium.pointcloud.scenes.ask import ask as ask_clouds

    raise typer.Exit(0 if ask_clouds(files, question, say=typer.echo, warn=_warn) else 1)


def _warn(line: str) -> None:
    typer.echo(f"trivium: {line}", err=True)

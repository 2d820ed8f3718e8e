"""`python -m trivium.pointcloud eval --gt DIR --det DIR --out F.json`: the commands on a machine without Typer."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from trivium.pointcloud import commands
from trivium.service.errors import TriviumError

_ABOUT = "Points to boxes: detector, simulator, evaluation."


def main(arguments: list[str] | None = None) -> int:
    """Run one command; exit code 0 done, 1 could not, 2 wrong use."""
    parser = argparse.ArgumentParser(prog="python -m trivium.pointcloud", description=_ABOUT)
    subparsers = parser.add_subparsers(dest="command", required=True)
    evaluate = subparsers.add_parser("eval", help="average precision by class, metric and difficulty")
    evaluate.add_argument("--gt", type=Path, required=True, help="KITTI label files, one per frame")
    evaluate.add_argument("--det", type=Path, required=True, help="result files of the same names")
    evaluate.add_argument("--out", type=Path, required=True, help="JSON file to write")
    detect = subparsers.add_parser("detect", help="objects of clouds as JSON")
    detect.add_argument("files", type=Path, nargs="+", metavar="FILE", help="clouds in the sensor's frame, metres")
    detect.add_argument("--out", type=Path, required=True, help="folder for FILE's stem with .json")
    detect.add_argument("--min-score", type=float, default=0.1, help="leave out lesser objects")
    detect.add_argument("--calib", type=Path, help="KITTI calibration: write KITTI results too")
    detect.add_argument("--weights", type=Path, help="another checkpoint")
    detect.add_argument("--pictures", type=Path, help="pictures named as the clouds: look ahead with both (--calib)")
    simulate = subparsers.add_parser("simulate", help="LiDAR frames with their truth")
    simulate.add_argument("--out", type=Path, required=True, help="folder for NNNNNN.bin and NNNNNN.json")
    simulate.add_argument("--frames", type=int, default=10)
    simulate.add_argument("--seed", type=int, default=0)
    simulate.add_argument("--pattern", default="hdl64", help="beam pattern")
    simulate.add_argument("--view", type=float, default=360.0, help="degrees kept, straight ahead")
    simulate.add_argument("--plants", type=float, default=0.0, help="share of frames in plants")
    simulate.add_argument("--camera", action="store_true", help="write NNNNNN.png, too: the view of calib.txt")
    ask = subparsers.add_parser("ask", help="answers to questions about clouds, in English or Chinese")
    ask.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="clouds all around, in the sensor's frame, metres"
    )
    ask.add_argument("--question", action="append", required=True, metavar="TEXT", help="may be given again")
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except TriviumError as error:
        _warn(error.line)
        return 1


def _run(options: argparse.Namespace) -> int:
    if options.command == "eval":
        commands.evaluate(options.gt, options.det, options.out, say=print, warn=_warn)
        return 0
    if options.command == "simulate":
        commands.simulate(
            options.out, frames=options.frames, seed=options.seed, say=print,
            pattern=options.pattern, view=options.view, plants=options.plants, camera=options.camera,
        )  # fmt: skip
        return 0
    if options.command == "ask":
        from trivium.pointcloud.scenes.ask import ask

        return 0 if ask(options.files, options.question, say=print, warn=_warn) else 1
    is_done = commands.detect(
        options.files, options.out, say=print, warn=_warn,
        min_score=options.min_score, calibration=options.calib, weights=options.weights, pictures=options.pictures,
    )  # fmt: skip
    return 0 if is_done else 1


def _warn(line: str) -> None:
    print(f"trivium: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

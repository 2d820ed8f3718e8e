"""`python -m trivium.pointcloud eval --gt DIR --det DIR --out F.json`: the commands on a machine without Typer."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from trivium.pointcloud import commands
from trivium.service.errors import TriviumError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; exit code 0 done, 1 could not, 2 wrong use."""
    parser = argparse.ArgumentParser(prog="python -m trivium.pointcloud", description="Points to boxes: evaluation.")
    subparsers = parser.add_subparsers(dest="command", required=True)
    evaluate = subparsers.add_parser("eval", help="average precision by class, metric and difficulty")
    evaluate.add_argument("--gt", type=Path, required=True, help="KITTI label files, one per frame")
    evaluate.add_argument("--det", type=Path, required=True, help="result files of the same names")
    evaluate.add_argument("--out", type=Path, required=True, help="JSON file to write")
    options = parser.parse_args(arguments)
    try:
        commands.evaluate(options.gt, options.det, options.out, say=print, warn=_warn)
    except TriviumError as error:
        _warn(error.line)
        return 1
    return 0


def _warn(line: str) -> None:
    print(f"trivium: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

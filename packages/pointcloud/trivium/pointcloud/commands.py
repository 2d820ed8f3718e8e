"""What the commands of this package do, free of any command-line library: used by `cli` and by `python -m`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from trivium.pointcloud.evaluation.folders import evaluate_folders
from trivium.pointcloud.evaluation.kitti import CLASSES, METRICS
from trivium.service.errors import InputError

__all__ = ["evaluate"]


def evaluate(
    truth: Path, detections: Path, out: Path, *, say: Callable[[str], None], warn: Callable[[str], None]
) -> None:
    """Evaluate two folders of KITTI label files, write the figures as JSON and say them as a table.

    Args:
        truth: folder of ground truth.
        detections: folder of results.
        out: JSON file to write.
        say: takes each line of the table.
        warn: takes each line about what was missing or left out.

    Raises:
        InputError: if the folders cannot be evaluated or the file cannot be written.
    """
    report = evaluate_folders(truth, detections)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(report.figures, indent=1), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=str(out)) from error
    for note in report.notes:
        warn(note)
    say(f"{'AP R40, %':24}{'easy':>9}{'moderate':>10}{'hard':>9}")
    for name in CLASSES:
        for metric in METRICS:
            levels = report.figures["results"][f"{name}/{metric}"]
            easy, moderate, hard = (_percent(levels[level]["ap_r40"]) for level in ("easy", "moderate", "hard"))
            say(f"{f'{name}/{metric}':24}{easy:>9}{moderate:>10}{hard:>9}")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"

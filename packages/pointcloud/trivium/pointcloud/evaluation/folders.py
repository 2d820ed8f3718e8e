"""Evaluate folders of KITTI label files: which files belong together, what is missing, and the figures as JSON.

Rules, each said in `notes` and in the problems returned:
- the ground truth says which frames there are: every `NAME.txt` in its folder;
- a frame without a detection file, or with an empty one, has no detections: its objects are missed;
- a detection file without ground truth cannot be judged and is left out;
- detections and ground truth of classes that are not scored are left out (as KITTI does), and counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trivium.pointcloud.evaluation.kitti import CLASSES, DIFFICULTIES, METRICS, AveragePrecision, evaluate
from trivium.pointcloud.io.kitti import Labels, read_labels
from trivium.service.errors import InputError

__all__ = ["FolderReport", "evaluate_folders"]

# Named by KITTI, and handled by its rules without a score of their own.
_UNSCORED = {"dontcare", "van", "person_sitting"}
_FEW = 41


@dataclass(frozen=True)
class FolderReport:
    """What came out.

    Args:
        figures: JSON-ready; `results["car/3d"]["moderate"]` holds `ap_r40`, `ap_r11` and `precision`.
        notes: one line each about what was missing or left out.
    """

    figures: dict[str, Any]
    notes: tuple[str, ...]


def evaluate_folders(truth: str | Path, detections: str | Path) -> FolderReport:
    """Evaluate `detections/*.txt` against `truth/*.txt`.

    Raises:
        InputError: if a folder is missing, holds no label file, they share no frame, or a file is wrong.
    """
    real, found = _files(Path(truth), "ground truth"), _files(Path(detections), "detections")
    if not set(real) & set(found):
        raise InputError(
            f"no file name in common with {truth}", where=str(detections), hint="frames are matched by file name"
        )
    empty = Labels.from_table((), np.empty((0, 15)), has_scores=True)
    truth_frames = [read_labels(path) for path in real.values()]
    detection_frames = [read_labels(found[name], has_scores=True) if name in found else empty for name in real]
    missing = sorted(set(real) - set(found))
    extra = sorted(set(found) - set(real))
    figures = evaluate(truth_frames, detection_frames)
    notes = [
        *_note(missing, "without a detection file; counted as frames where nothing was detected"),
        *_note(extra, "with detections but no ground truth; left out"),
        *_strangers(truth_frames, "ground truth"),
        *_strangers(detection_frames, "detections"),
        *_thin(figures),
    ]
    return FolderReport(
        {
            "frames": len(real),
            "frames_without_detections": missing,
            "frames_without_ground_truth": extra,
            "min_overlap": dict(CLASSES),
            "results": _results(figures),
            "notes": notes,
        },
        tuple(notes),
    )


def _results(figures: dict[str, dict[str, dict[str, AveragePrecision | None]]]) -> dict[str, Any]:
    return {
        f"{name}/{metric}": {level: _entry(figures[name][metric][level]) for level in DIFFICULTIES}
        for name in figures
        for metric in METRICS
    }


def _entry(figure: AveragePrecision | None) -> dict[str, Any]:
    if figure is None:
        return {"ap_r40": None, "ap_r11": None, "precision": None, "ground_truth": 0}
    return {
        "ap_r40": figure.ap_r40,
        "ap_r11": figure.ap_r11,
        "precision": list(figure.precision),
        "ground_truth": figure.ground_truth,
    }


def _files(folder: Path, what: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"no such folder of {what}", where=str(folder))
    files = {path.stem: path for path in sorted(folder.glob("*.txt"))}
    if not files:
        raise InputError(f"holds no {what} (*.txt)", where=str(folder), hint="one KITTI label file per frame")
    return files


def _note(names: list[str], text: str) -> list[str]:
    if not names:
        return []
    shown = ", ".join(names[:3]) + (", .." if len(names) > 3 else "")
    return [f"{len(names)} frame{'s' if len(names) > 1 else ''} {text} ({shown})"]


def _strangers(frames: list[Labels], what: str) -> list[str]:
    counts = Counter(name for labels in frames for name in labels.types if name.lower() not in {*CLASSES, *_UNSCORED})
    return [f"{what}: {count} of class {name!r}, which is not scored" for name, count in sorted(counts.items())]


def _thin(figures: dict[str, dict[str, dict[str, AveragePrecision | None]]]) -> list[str]:
    notes = []
    for name, metrics in figures.items():
        counts = {level: figure.ground_truth if figure else 0 for level, figure in metrics["image"].items()}
        few = {level: count for level, count in counts.items() if 0 < count < _FEW}
        if few:
            listed = ", ".join(f"{level} {count}" for level, count in few.items())
            notes.append(f"{name}: fewer than {_FEW} objects ({listed}), so even perfect detections stay below 100")
    return notes

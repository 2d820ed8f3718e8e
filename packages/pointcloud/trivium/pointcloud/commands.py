"""What the commands of this package do, free of any command-line library: used by `cli` and by `python -m`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from trivium.pointcloud.evaluation.folders import evaluate_folders
from trivium.pointcloud.evaluation.kitti import CLASSES, METRICS
from trivium.pointcloud.io import read_points
from trivium.pointcloud.io.kitti import Calibration, read_calibration, read_sweep, write_labels, write_sweep
from trivium.pointcloud.io.source import stem
from trivium.pointcloud.records import PointCloud
from trivium.pointcloud.simulator.batch import Scene
from trivium.pointcloud.simulator.files import CALIBRATION, kitti_labels, truth_of
from trivium.service.errors import InputError, TriviumError
from trivium.service.phrase import Phrase

if TYPE_CHECKING:
    from trivium.pointcloud.detector.detect import Detection

__all__ = ["detect", "detector_points", "evaluate", "simulate"]

Say = Callable[[str], None]
Finder = Callable[[Path, float], "list[Detection]"]
"""Takes a cloud's file and the least score; gives what stands in it."""
SURE = 0.5
"""What a line for people counts: below, most are false alarms. Files hold lesser scores, too."""
_INTENSITY = ("intensity", "i", "scalar_Intensity", "scalar_intensity")
_NUSCENES = ".pcd.bin"
_BYTE = 1.5  # intensities above this were written as 0..255
# What a sensor sees lies around it: a cloud with less of itself within so many metres has another unit or origin.
_AROUND_M = 100.0
_LEAST_SHARE, _LEAST_POINTS = 0.01, 10


def evaluate(truth: Path, detections: Path, out: Path, *, say: Say, warn: Say) -> None:
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


def detect(
    files: Sequence[Path],
    out: Path,
    *,
    say: Say,
    warn: Say,
    min_score: float = 0.1,
    calibration: Path | None = None,
    weights: Path | None = None,
    pictures: Path | None = None,
) -> bool:
    """Find objects in each cloud and write `out/<file stem>.json`; one that cannot be read does not stop the rest.

    Args:
        files: clouds in the sensor's frame, metres: .bin .pcd .ply .npy .npz .xyz .csv, each also with .gz.
        out: folder, made if it is missing.
        say: takes one line per file.
        warn: takes one line per file that could not be done.
        min_score: lesser objects are left out.
        calibration: KITTI `calib.txt`; with it `out/<file stem>.txt` holds the same objects as KITTI results.
        weights: another checkpoint than the one that ships.
        pictures: folder of `<file stem>.png` or `.jpg` of the calibration's camera: both sensors are read, and what is
            ahead alone is searched; a cloud without a picture is read by itself.

    Returns:
        Whether every file was done.

    Raises:
        InputError: if the folder cannot be made or the calibration cannot be read.
        ModelError: if the checkpoint cannot be read.
    """
    camera = read_calibration(calibration) if calibration else None
    find = _lidar_finder(weights) if pictures is None else _fused_finder(weights, pictures, camera, warn)
    _make(out)
    is_done, names = True, set[str]()
    for path in files:
        try:
            name = stem(path)
            if name in names:
                raise InputError(f"another input is named {name!r} too", where=str(path), hint="use another --out")
            names.add(name)
            found = find(path, min_score)
            _write(out / f"{name}.json", json.dumps([asdict(one) for one in found], indent=1))
            if camera is not None:
                write_labels(out / f"{name}.txt", kitti_labels([asdict(one) for one in found], camera))
        except TriviumError as error:
            is_done = False
            warn(error.line)
            continue
        counts = Counter(one.label for one in found if one.score >= SURE)
        said = ", ".join(f"{count} {label}" for label, count in sorted(counts.items())) or "nothing"
        say(f"{path}: {said} with a score of {SURE} or more; {len(found)} objects written")
    return is_done


def _lidar_finder(weights: Path | None) -> Finder:
    """Return what finds objects in a cloud all around."""
    from trivium.pointcloud.detector.detect import Detector
    from trivium.pointcloud.detector.weights import SHIPPED

    detector = Detector.load(weights or SHIPPED)
    return lambda path, min_score: detector.detect(detector_points(path), min_score=min_score)


def _fused_finder(weights: Path | None, pictures: Path, camera: Calibration | None, warn: Say) -> Finder:
    """Return what finds objects ahead in a cloud and the picture of its name."""
    from trivium.pointcloud.detector.detect import named
    from trivium.pointcloud.detector.fusion import FusedDetector
    from trivium.pointcloud.detector.weights import SHIPPED_FUSED, load_fusion
    from trivium.pointcloud.io.pictures import find_picture, read_picture

    if camera is None:
        raise InputError("pictures need to know where their camera looks", hint="give --calib CALIB.txt too")
    detector = FusedDetector(load_fusion(weights or SHIPPED_FUSED))
    to_pixels = camera.projection @ camera.sensor_to_rectified

    def find(path: Path, min_score: float) -> list[Detection]:
        points, shown = detector_points(path), find_picture(pictures, stem(path))
        if shown is None:
            warn(f"{path}: no picture of that name in {pictures}; read without one")
            return named(detector.find(points, None, min_score=min_score))
        pixels, projection = read_picture(shown, to_pixels)
        return named(detector.find(points, torch.from_numpy(pixels), torch.from_numpy(projection), min_score=min_score))

    return find


def simulate(
    out: Path,
    *,
    frames: int,
    seed: int,
    say: Say,
    pattern: str = "hdl64",
    view: float = 360.0,
    plants: float = 0.0,
    camera: bool = False,
) -> None:
    """Make LiDAR frames with their truth: `NNNNNN.bin` (KITTI rows), `NNNNNN.json` (boxes), `labels/`, `calib.txt`.

    Boxes have the keys of `detect`, `points` instead of `score`, and only objects that were hit. `labels/NNNNNN.txt`
    has those ahead of the camera of `calib.txt` as KITTI labels. `frames.json` says how all was made.

    Args:
        out: folder, made if it is missing.
        frames: how many, numbered from 0; frame n is the same whatever `frames` is.
        seed: of the series.
        say: takes one line per frame.
        pattern: beam pattern.
        view: degrees kept, straight ahead.
        plants: share of frames in plants instead of streets.
        camera: also write `NNNNNN.png`, what the camera of `calib.txt` sees.

    Raises:
        InputError: if a value is out of range or a file cannot be written.
    """
    from trivium.pointcloud.simulator.frames import simulate as frames_of
    from trivium.pointcloud.simulator.scenes import SimulatorConfig, compose

    if frames < 1 or seed < 0:
        raise InputError(f"frames is {frames} and seed {seed}", hint="use at least 1 frame and a seed from 0 on")
    try:
        config = SimulatorConfig(pattern, view, plants)
    except ValueError as error:
        raise InputError(str(error)) from error
    about = {"seed": seed, "frames": frames, **asdict(config), "digest": config.digest()}
    _require_same_series(out / "frames.json", about)
    _make(out / "labels")
    _write(out / "calib.txt", CALIBRATION)
    calibration = read_calibration(out / "calib.txt")
    _write(out / "frames.json", json.dumps(about, indent=1))
    for number, frame in enumerate(frames_of(config, seed, 0, frames)):
        name = f"{number:06d}"
        points = frame.points.numpy()
        cloud = PointCloud(points[:, :3], {"intensity": points[:, 3]})
        try:
            write_sweep(out / f"{name}.bin", cloud)
        except OSError as error:
            raise InputError(f"cannot be written ({error.strerror or error})", where=str(out)) from error
        objects = truth_of(frame)
        _write(out / f"{name}.json", json.dumps(objects, indent=1))
        write_labels(out / "labels" / f"{name}.txt", kitti_labels(objects, calibration))
        if camera:
            _photograph(out / f"{name}.png", compose(config, seed, number))
        say(f"{name}: {len(points):,} points, {len(objects)} objects")


def _require_same_series(file: Path, about: Mapping[str, object]) -> None:
    """Refuse a folder whose frames are of another series, or more: they would stand among these and pass for them."""
    if not file.exists():
        return
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
        more = {name: value for name, value in before.items() if name != "frames" and about.get(name) != value}
        is_other = bool(more) or before["frames"] > about["frames"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        is_other = True
    if is_other:
        raise InputError(
            "holds frames of another series, or more of them", where=str(file.parent), hint="give another --out"
        )


def detector_points(path: Path) -> torch.Tensor:
    """Read a cloud as the detector takes it: (N, 4) float32, metres, intensity 0..1.

    Raises:
        InputError: if it cannot be read, or next to nothing of it lies around the sensor. To find nothing there would
            say that nothing stands there.
    """
    cloud = read_sweep(path, columns=5) if path.name.removesuffix(".gz").endswith(_NUSCENES) else read_points(path)
    _require_around(cloud, path)
    name = next((name for name in _INTENSITY if name in cloud.fields), None)
    with np.errstate(invalid="ignore"):  # a signalling NaN is as good as any
        values = np.asarray(np.zeros(len(cloud)) if name is None else cloud.fields[name], np.float64).reshape(-1)
    level = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    if len(level) and level.max() > _BYTE:
        level = level / 255
    return torch.from_numpy(np.column_stack((cloud.xyz, level.clip(0, 1))).astype(np.float32))


def _require_around(cloud: PointCloud, path: Path) -> None:
    known = cloud.xyz[np.isfinite(cloud.xyz).all(axis=1)]
    count = int((np.abs(known[:, :2]) < _AROUND_M).all(axis=1).sum())
    if count < max(_LEAST_POINTS, _LEAST_SHARE * len(known)):
        raise InputError(
            Phrase(
                "{count} of {whole} points lie within {around} m of the sensor",
                count=f"{count:,}",
                whole=f"{len(cloud):,}",
                around=f"{_AROUND_M:.0f}",
            ),
            where=str(path),
            hint="give coordinates in metres, in the frame of the sensor",
        )


def _photograph(path: Path, scene: Scene) -> None:
    """Write what the camera of `CALIBRATION` sees."""
    from trivium.pointcloud.io.png import png_bytes
    from trivium.pointcloud.simulator.batch import collate
    from trivium.pointcloud.simulator.camera import Camera, photograph

    colors = photograph(collate([scene]), Camera().scaled(2)).colors[0]
    try:
        path.write_bytes(png_bytes(colors.permute(1, 2, 0).contiguous().numpy()))
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=str(path)) from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made ({error.strerror or error})", where=str(folder)) from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror or error})", where=str(path)) from error


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"

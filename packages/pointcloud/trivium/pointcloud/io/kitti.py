"""KITTI object files: sweeps (.bin), calibration and labels, as the files have them.

Labels stay in KITTI's own terms here (rectified camera frame: x right, y down, z forward; location at the middle of
the box's floor); `trivium.pointcloud.boxes` turns them into ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trivium.pointcloud.io.source import MAX_BYTES, NotFinite, finish, load, save
from trivium.pointcloud.records import PointCloud
from trivium.service.errors import InputError

__all__ = ["Calibration", "Labels", "read_calibration", "read_labels", "read_sweep", "write_labels", "write_sweep"]

_COLUMNS = ("x", "y", "z", "intensity", "ring", "time")
_TRUTH, _RESULT = 15, 16


@dataclass(frozen=True)
class Calibration:
    """Where the camera is.

    Args:
        projection: (3, 4) rectified camera frame to pixels of the left colour camera (P2).
        rectification: (3, 3) camera frame to rectified camera frame (R0_rect).
        sensor_to_camera: (3, 4) LiDAR frame, metres, to camera frame (Tr_velo_to_cam).
    """

    projection: NDArray[np.float64]
    rectification: NDArray[np.float64]
    sensor_to_camera: NDArray[np.float64]

    @property
    def sensor_to_rectified(self) -> NDArray[np.float64]:
        """(4, 4): LiDAR frame to rectified camera frame."""
        pose = np.eye(4)
        pose[:3] = self.rectification @ self.sensor_to_camera
        return pose


@dataclass(frozen=True)
class Labels:
    """The objects of one frame, N of them.

    Args:
        types: class names as written.
        truncation: (N,) share outside the image, 0..1; -1 when not given.
        occlusion: (N,) 0 visible, 1 partly, 2 largely, 3 unknown; -1 when not given.
        alpha: (N,) observation angle, radians; -10 when not given.
        image_boxes: (N, 4) left, top, right, bottom, pixels.
        dimensions: (N, 3) height, width, length, metres.
        locations: (N, 3) middle of the floor of the box, rectified camera frame, metres.
        rotations: (N,) about the camera's y axis, radians.
        scores: (N,) or None for ground truth.
    """

    types: tuple[str, ...]
    truncation: NDArray[np.float64]
    occlusion: NDArray[np.float64]
    alpha: NDArray[np.float64]
    image_boxes: NDArray[np.float64]
    dimensions: NDArray[np.float64]
    locations: NDArray[np.float64]
    rotations: NDArray[np.float64]
    scores: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.types)

    @classmethod
    def from_table(cls, types: tuple[str, ...], table: NDArray[np.float64], *, has_scores: bool) -> Labels:
        """Make labels from the columns after the class name, (N, 14) or (N, 15)."""
        parts = (table[:, 0], table[:, 1], table[:, 2], table[:, 3:7], table[:, 7:10], table[:, 10:13], table[:, 13])
        return cls(types, *parts, table[:, 14] if has_scores else None)


def read_sweep(
    path: str | Path, *, columns: int = 4, not_finite: NotFinite = "drop", limit: int = MAX_BYTES
) -> PointCloud:
    """Read a `.bin` of float32 rows; gzip is fine.

    Args:
        columns: 4 for KITTI (x, y, z, intensity), 5 for nuScenes (and ring).

    Raises:
        InputError: if the size is no whole number of rows.
    """
    data = load(path, limit=limit)
    if len(data) % (4 * columns):
        raise InputError(
            f"{len(data):,} bytes are no whole number of rows of {columns} float32", where=str(path), hint="cut short?"
        )
    table = np.frombuffer(data, "<f4").reshape(-1, columns)
    fields = {name: table[:, at] for at, name in enumerate(_COLUMNS[:columns]) if at > 2}
    return finish(table[:, :3], fields, not_finite, str(path))


def write_sweep(path: str | Path, cloud: PointCloud) -> None:
    """Write x, y, z and intensity (0 where the cloud has none) as float32."""
    intensity = cloud.fields.get("intensity", np.zeros(len(cloud)))
    save(path, np.column_stack([cloud.xyz, np.asarray(intensity)]).astype("<f4").tobytes())


def read_calibration(path: str | Path) -> Calibration:
    """Read `calib.txt` of the object benchmark.

    Raises:
        InputError: if an entry is missing or has the wrong number of values.
    """
    entries: dict[str, np.ndarray] = {}
    for line in load(path, limit=1 << 20).decode("ascii", "replace").splitlines():
        name, colon, rest = line.partition(":")
        if colon:
            try:
                entries[name.strip()] = np.array(rest.split(), dtype=np.float64)
            except ValueError:
                continue  # raw calibration files carry dates
    wanted = {"P2": ("P2",), "R0_rect": ("R0_rect", "R_rect"), "Tr_velo_to_cam": ("Tr_velo_to_cam", "Tr_velo_cam")}
    shapes = {"P2": (3, 4), "R0_rect": (3, 3), "Tr_velo_to_cam": (3, 4)}
    found = []
    for name, spellings in wanted.items():
        values = next((entries[one] for one in spellings if one in entries), None)
        rows, columns = shapes[name]
        if values is None or values.size != rows * columns or not np.isfinite(values).all():
            raise InputError(f"needs {name} with {rows * columns} numbers", where=str(path))
        found.append(values.reshape(rows, columns))
    return Calibration(*found)


def read_labels(path: str | Path, *, has_scores: bool = False) -> Labels:
    """Read a label file; an empty one holds no object.

    Args:
        has_scores: lines end in a score, as results do; without, a score is allowed and not read.

    Raises:
        InputError: names the line with too few values or one that is not a number.
    """
    where = str(path)
    try:
        text = Path(path).read_bytes() if Path(path).stat().st_size == 0 else load(path, limit=1 << 26)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", where=where) from error
    lines = [(at, line.split()) for at, line in enumerate(text.decode("utf-8", "replace").splitlines(), 1)]
    lines = [(at, words) for at, words in lines if words]
    width = _RESULT if has_scores else _TRUTH
    rows = []
    for at, words in lines:
        place = f"{where}, line {at}"
        if len(words) not in (width, _RESULT):
            hint = "results end in a score" if has_scores else ""
            raise InputError(f"{len(words)} values, not {width}", where=place, hint=hint)
        try:
            row = [float(word) for word in words[1:width]]
        except ValueError:
            raise InputError("a value is not a number", where=place) from None
        if not all(map(math.isfinite, row)):
            raise InputError("a value is not finite", where=place)
        rows.append(row)
    types = tuple(words[0] for _, words in lines)
    table = np.array(rows).reshape(len(rows), width - 1)
    return Labels.from_table(types, table, has_scores=has_scores)


def write_labels(path: str | Path, labels: Labels) -> None:
    """Write a label file; with scores it is a result file."""
    lines = []
    for at, name in enumerate(labels.types):
        numbers = [*labels.image_boxes[at], *labels.dimensions[at], *labels.locations[at], labels.rotations[at]]
        words = [name, f"{labels.truncation[at]:.2f}", f"{labels.occlusion[at]:.0f}", f"{labels.alpha[at]:.4f}"]
        words += [f"{value:.4f}" for value in numbers]
        words += [] if labels.scores is None else [f"{labels.scores[at]:.6f}"]
        lines.append(" ".join(words) + "\n")
    save(path, "".join(lines).encode())

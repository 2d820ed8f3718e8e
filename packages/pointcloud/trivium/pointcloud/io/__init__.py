"""Readers and writers of clouds, meshes and KITTI files: numpy alone, and nothing a file says is believed unchecked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trivium.pointcloud.io import delimited, kitti, npy, npz, pcd, ply, stl
from trivium.pointcloud.io.source import MAX_BYTES, NotFinite
from trivium.pointcloud.records import Mesh, PointCloud
from trivium.service.errors import InputError
from trivium.service.phrase import Phrase

__all__ = ["read_mesh", "read_points", "write_mesh", "write_points"]

_POINTS: dict[str, Callable[..., PointCloud]] = {
    ".pcd": pcd.read,
    ".ply": ply.read_points,
    ".xyz": delimited.read,
    ".txt": delimited.read,
    ".csv": delimited.read,
    ".asc": delimited.read,
    ".bin": kitti.read_sweep,
    ".npy": npy.read,
    ".npz": npz.read,
}
_MESHES: dict[str, Callable[..., Mesh]] = {".stl": stl.read, ".ply": ply.read_mesh}


def read_points(path: str | Path, *, not_finite: NotFinite = "drop", limit: int = MAX_BYTES) -> PointCloud:
    """Read a cloud by the ending of its name: .pcd .ply .xyz .txt .asc .csv .bin .npy .npz .stl, each also with .gz.

    The points of an STL file are its vertices.

    Raises:
        InputError: if the ending is unknown or the file is not what it says.
    """
    ending = _ending(path)
    if ending == ".stl":
        return PointCloud(stl.read(path, limit=limit).vertices)
    if ending not in _POINTS:
        _refuse(path, ending, [*_POINTS, ".stl"])
    return _POINTS[ending](path, not_finite=not_finite, limit=limit)


def read_mesh(path: str | Path, *, limit: int = MAX_BYTES) -> Mesh:
    """Read a mesh by the ending of its name: .stl .ply, each also with .gz.

    Raises:
        InputError: if the ending is unknown or the file is not what it says.
    """
    ending = _ending(path)
    if ending not in _MESHES:
        _refuse(path, ending, [*_MESHES])
    return _MESHES[ending](path, limit=limit)


def write_points(path: str | Path, cloud: PointCloud) -> None:
    """Write a cloud by the ending of its name: .pcd .ply .xyz .txt .csv .bin, each also with .gz.

    Raises:
        InputError: if the ending is unknown or the format cannot hold a field.
    """
    writers: dict[str, Callable[[str | Path, PointCloud], None]] = {
        ".pcd": pcd.write,
        ".ply": ply.write,
        ".bin": kitti.write_sweep,
    }
    writers |= dict.fromkeys((".xyz", ".txt", ".csv"), delimited.write)
    ending = _ending(path)
    if ending not in writers:
        _refuse(path, ending, [*writers])
    writers[ending](path, cloud)


def write_mesh(path: str | Path, mesh: Mesh) -> None:
    """Write a mesh by the ending of its name: .stl .ply, each also with .gz.

    Raises:
        InputError: if the ending is unknown.
    """
    writers: dict[str, Callable[[str | Path, Mesh], None]] = {".stl": stl.write, ".ply": ply.write}
    ending = _ending(path)
    if ending not in writers:
        _refuse(path, ending, [*writers])
    writers[ending](path, mesh)


def _ending(path: str | Path) -> str:
    return Path(str(path).removesuffix(".gz")).suffix.lower()


def _refuse(path: str | Path, ending: str, known: list[str]) -> None:
    raise InputError(
        Phrase("files that end in '{ending}' are not read here", ending=ending),
        where=str(path),
        hint=Phrase("known: {choices}", choices=" ".join(known)),
    )

"""Feed one door's forged files to its reader, in a process of its own whose memory is limited.

    python tests/security/child.py DOOR FOLDER

Prints one JSON line a case: what was raised, its line, and the bytes that were read from files. The limit is what the
process has mapped once the reader is imported, and `ROOM` on top.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

ROOM = 900 << 20
_MOST_S = 10  # of processor time, beyond what it had used when the readers were there

Case = tuple[str, Callable[[], Any]]


def finance(folder: Path) -> Iterator[Case]:
    from tests.security import forged_files as forged

    from trivium.finance.parse.reader import read_source

    bombs = [("gzip-bomb", forged.gzip_bomb(160))]
    for name, data in itertools.chain(
        forged.wrong_kinds(), forged.broken_gzip(), forged.xml(), forged.zips(), forged.jsons(), bombs
    ):
        yield name, lambda name=name, data=data: read_source(name, data)


def medical(folder: Path) -> Iterator[Case]:
    from tests.security import forged_dicom, forged_files

    from trivium.medical.parse.reader import read_bytes

    bombs = [("gzip-bomb", forged_files.gzip_bomb(240))]
    for name, data in itertools.chain(
        forged_files.wrong_kinds(), forged_files.broken_gzip(), forged_files.pictures(), forged_dicom.dicoms(), bombs
    ):
        yield name, lambda name=name, data=data: read_bytes(name, data)


def points(folder: Path) -> Iterator[Case]:
    from tests.security import forged_files, forged_points

    from trivium.pointcloud.io import kitti, read_mesh, read_points

    def points_within_limit(path: Path) -> object:
        return read_points(path, limit=32 << 20)

    wrong = list(forged_files.wrong_kinds())
    bomb = forged_files.gzip_bomb(64)
    doors = (
        (read_points, [(n, d, _ending(n, ".pcd")) for n, d in [*wrong, *forged_points.clouds()]]),
        (read_mesh, [(n, d, _ending(n, ".stl")) for n, d in [*wrong, *forged_points.meshes()]]),
        (kitti.read_sweep, [(n, d, ".bin") for n, d in forged_points.sweeps()]),
        (kitti.read_labels, [(n, d, ".txt") for n, d in forged_points.labels()]),
        (kitti.read_calibration, [(n, d, ".txt") for n, d in forged_points.calibrations()]),
        (points_within_limit, [("limited-gzip-bomb", bomb, ".pcd.gz")]),
    )
    for read, cases in doors:
        kind = read.__name__.removeprefix("read_").removesuffix("_within_limit")
        for name, data, ending in cases:
            yield f"{kind} {name}", _on_disk(read, folder / f"{kind}-{name}{ending}", data)


def sensors(folder: Path) -> Iterator[Case]:
    from tests.security import forged_batches, forged_files, forged_models

    from trivium.maintenance.ingest.envelope import decompress, format_of
    from trivium.maintenance.ingest.formats import Options, read_sheet
    from trivium.maintenance.ingest.moments import find_zone
    from trivium.maintenance.model_folder import load_model
    from trivium.maintenance.parse.reader import read_file
    from trivium.maintenance.registry_csv import read_registry_csv

    def take(body: bytes, media: str, encoding: str) -> None:
        content = decompress(body, encoding)
        read_sheet(content, format_of(media, content), Options(), lambda name: find_zone(name or "UTC"))

    for name, data in itertools.chain(forged_files.wrong_kinds(), forged_files.broken_gzip()):
        yield f"file {name}", _on_disk(read_file, folder / f"{name}.csv", data)
    for name, body, media, encoding in forged_batches.batches():
        yield f"batch {name}", lambda args=(body, media, encoding): take(*args)
    for name, data in forged_batches.registries():
        yield name, lambda data=data: read_registry_csv(data)
    for name, files in forged_models.maintenance_models():
        yield name, _folder(load_model, folder / name, files)


def models(folder: Path) -> Iterator[Case]:
    from tests.security import forged_files, forged_models

    from trivium.core_model.checkpoint import from_pretrained
    from trivium.vision.question_files import read_questions

    for name, files in forged_models.checkpoints():
        yield name, _folder(from_pretrained, folder / name, files)
    for name, data in itertools.chain(forged_files.wrong_kinds(), forged_files.jsons(), forged_files.broken_gzip()):
        yield f"questions {name}", _on_disk(read_questions, folder / f"{name}.json", data)


DOORS = {door.__name__: door for door in (finance, medical, points, sensors, models)}


def main() -> None:
    door, folder = DOORS[sys.argv[1]], Path(sys.argv[2])
    cases = list(door(folder))
    spent = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(spent.ru_utime + spent.ru_stime) + _MOST_S + len(cases) // 5
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + ROOM, mapped + ROOM))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    for name, act in cases:
        before, began = _bytes_read(), time.process_time()
        try:
            act()
            kind, line, is_ours = "nothing", "", False
        except BaseException as error:  # also SystemExit, which code of a pickle would raise
            kind, line, is_ours = type(error).__name__, getattr(error, "line", str(error)), hasattr(error, "reference")
        told = {
            "name": name,
            "kind": kind,
            "line": line,
            "is_ours": is_ours,
            "read": _bytes_read() - before,
            "took_s": round(time.process_time() - began, 2),
        }
        print(json.dumps(told), flush=True)


def _on_disk(read: Callable[[Path], Any], path: Path, data: bytes) -> Callable[[], Any]:
    path.write_bytes(data)
    return lambda: read(path)


def _folder(read: Callable[[Path], Any], folder: Path, files: dict[str, bytes]) -> Callable[[], Any]:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return lambda: read(folder)


def _ending(name: str, usual: str) -> str:
    kind = name.partition("-")[0]
    return f".{kind}" if kind in ("pcd", "ply", "stl", "xyz") else usual


def _bytes_read() -> int:
    return int(Path("/proc/self/io").read_text().split()[1])


if __name__ == "__main__":
    main()

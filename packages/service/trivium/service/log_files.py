"""The log files of a suite's processes: what a process prints is added to its file, which never grows without end.

A file that has become large is copied beside it (`web.log.1`, in place of an older copy) and emptied where it lies:
processes write to it all the time, and go on at its new end. A line written between the two is lost.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import structlog

__all__ = ["LARGEST_BYTES", "last_line", "rotate", "rotate_all"]

log = structlog.get_logger(__name__)

LARGEST_BYTES = 20 * 1024 * 1024


def rotate_all(folder: Path) -> None:
    """Rotate the large logs of a folder. One that cannot be, as on a full disk, is named and ends nothing."""
    for path in sorted(folder.glob("*.log")):
        try:
            rotate(path)
        except OSError as error:
            log.warning("log.not_rotated", file=path.name, error=error.strerror)


def rotate(path: Path, *, largest_bytes: int = LARGEST_BYTES) -> bool:
    """Begin a log anew if it is large, and keep what it held; return whether it was."""
    try:
        if path.stat().st_size <= largest_bytes:
            return False
    except FileNotFoundError:
        return False
    beside = path.with_name(f"{path.name}.1")
    shutil.copyfile(path, beside)
    beside.chmod(path.stat().st_mode & 0o777)
    with path.open("r+b") as file:
        file.truncate(0)
    return True


def last_line(path: Path) -> str:
    """Return the last line, for an error, and where the others are."""
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"{lines[-1][:300] if lines else 'no output'}; see {path}"

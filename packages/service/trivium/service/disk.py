"""How full the disk is, and the refusal of what would fill it: warn at 85 %, take nothing new from 95 % on.

The rest is kept for what is on its way already: results of running jobs, the audit log, the broker's log. Shares are
counted as `df` does: used, of what this user could use. Standard library only, but for the errors.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trivium.service.errors import UpstreamError
from trivium.service.phrase import Phrase

__all__ = ["FULL_AT", "WARN_AT", "DiskFullError", "Usage", "require_space", "space_errors", "usage_of"]

WARN_AT, FULL_AT = 0.85, 0.95
_HINT = "free some space, or ask whoever runs this server to; nothing of it was kept"


class DiskFullError(UpstreamError):
    """There is no room for something new; what is there stays and can be read."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Room on a disk, in bytes: used, and free for this user."""

    used: int
    free: int

    @property
    def share(self) -> float:
        """Share in use, 0 to 1."""
        return self.used / (self.used + self.free) if self.used + self.free else 1.0

    @property
    def is_low(self) -> bool:
        """Whether somebody should look at it."""
        return self.share >= WARN_AT

    @property
    def is_full(self) -> bool:
        """Whether nothing new is taken."""
        return self.share >= FULL_AT


def usage_of(folder: Path) -> Usage:
    """Return the room on the disk of a folder, or of the first of its parents that is there."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if hasattr(os, "statvfs"):
        status = os.statvfs(there)
        return Usage((status.f_blocks - status.f_bfree) * status.f_frsize, status.f_bavail * status.f_frsize)
    room = shutil.disk_usage(there)
    return Usage(room.used, room.free)


def require_space(folder: Path, num_bytes: int = 0) -> None:
    """Refuse what would fill the disk.

    Args:
        num_bytes: size of what comes, as far as it is known.

    Raises:
        DiskFullError: if the disk is full to 95 % or would be afterwards.
    """
    usage = usage_of(folder)
    if usage.is_full:
        what = Phrase(
            "the server's disk is {share} % full, and takes nothing new from {limit} % on",
            share=f"{100 * usage.share:.0f}",
            limit=f"{100 * FULL_AT:.0f}",
        )
        raise DiskFullError(what, hint=_HINT)
    if Usage(usage.used + num_bytes, max(usage.free - num_bytes, 0)).is_full:
        what = Phrase(
            "{size} bytes would fill the server's disk, which has {free} bytes left",
            size=f"{num_bytes:,}",
            free=f"{usage.free:,}",
        )
        raise DiskFullError(what, hint=_HINT)


@contextmanager
def space_errors() -> Iterator[None]:
    """Name the error of a write for which there was no room.

    Raises:
        DiskFullError: in place of the system's own error.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFullError("the server's disk is full", hint=_HINT) from error

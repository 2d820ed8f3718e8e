"""What the commands share: a bar of progress, the bytes of a file or one line that says why not, the door."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from trivium.service.errors import InputError

if TYPE_CHECKING:
    from trivium.maintenance.ingest.door import Door
    from trivium.service.runtime import Runtime

__all__ = ["moment_of", "open_door", "progress_bar", "read_bytes"]


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show progress on stderr of a terminal; what is yielded takes how much is done, and of how much."""
    with typer.progressbar(length=1000, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield lambda done, whole: bar.update(round(1000 * done / max(whole, 1)) - bar.pos)


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from error


@contextmanager
def open_door(runtime: Runtime) -> Iterator[Door]:
    """Open the door that batches come in by, in this process."""
    from trivium.maintenance.ingest.door import Door
    from trivium.maintenance.ingest.ledger import NoteTaker
    from trivium.maintenance.ingest.sweep import waker
    from trivium.maintenance.registry import Registries
    from trivium.maintenance.stream import Limits, Streams

    notes = NoteTaker(runtime.database)
    limits = Limits(backlog_bytes=runtime.settings.ingest_backlog_mib * 1024 * 1024)
    streams = Streams.open(runtime.settings)
    try:
        yield Door(
            runtime.database, streams, Registries(runtime.database), notes, wake=waker(runtime.settings), limits=limits
        )
    finally:
        notes.close()


def moment_of(text: str, where: str) -> datetime:
    """Return a time that has an offset.

    Args:
        where: option that it is from.

    Raises:
        InputError: if it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no time", where=where, hint="as in 2026-03-01T12:00:00Z") from error
    if moment.tzinfo is None:
        raise InputError(f"{text} has no offset", where=where, hint="as in 2026-03-01T12:00:00Z")
    return moment

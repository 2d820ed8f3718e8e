"""What the commands share on a terminal: a bar of progress, and the bytes of a file or one line that says why not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from trivium.service.errors import InputError

__all__ = ["progress_bar", "read_bytes"]


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

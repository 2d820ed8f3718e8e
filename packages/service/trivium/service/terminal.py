"""What commands share: a bar with stages, lines that are not the result, where a table goes, the deployment."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from trivium.service.errors import InputError

if TYPE_CHECKING:
    from trivium.service.runtime import Runtime

__all__ = ["list_lines", "opened_runtime", "output_stream", "say", "stage_bar"]


@contextmanager
def stage_bar(label: str) -> Iterator[Callable[[str, float], None]]:
    """Show a bar on stderr of a terminal; yields what takes (stage, share of the whole)."""
    with typer.progressbar(length=1000, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def progress(stage: str, share: float) -> None:
            bar.label = f"{label} ({stage})"
            bar.update(round(share * 1000) - bar.pos)

        yield progress


@contextmanager
def output_stream(out: Path | None) -> Iterator[TextIO]:
    """Open the file that a result goes to; standard output for none.

    Raises:
        InputError: if it cannot be written.
    """
    if out is None:
        yield sys.stdout
        return
    try:
        with out.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(out), hint="give another path") from error


@contextmanager
def opened_runtime() -> Iterator[Runtime]:
    """Open the deployment (`TRIVIUM_HOME`), whose database has to be of this release; log lines go to stderr."""
    from trivium.service import logs, migrate
    from trivium.service.runtime import open_runtime
    from trivium.service.settings import current_settings

    settings = current_settings()
    logs.configure(settings.log_level)
    runtime = open_runtime(settings)
    try:
        migrate.check(runtime.database)
        yield runtime
    finally:
        runtime.close()


def list_lines(lines: Iterable[str], *, none: str) -> None:
    """Print a list; where it is empty, say so on stderr, because silence could be a failure, too."""
    is_empty = True
    for line in lines:
        typer.echo(line)
        is_empty = False
    if is_empty:
        say(none)


def say(line: str) -> None:
    """Tell something that is not the result."""
    typer.echo(line, err=True)

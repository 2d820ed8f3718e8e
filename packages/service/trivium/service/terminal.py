"""What commands share: a bar with stages, lines that are not the result, where a table goes, the deployment."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from trivium.service.errors import InputError

if TYPE_CHECKING:
    from trivium.service.runtime import Runtime

__all__ = ["list_lines", "opened_runtime", "output_stream", "refuse_input", "say", "stage_bar"]


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
    """Open what a result goes to: standard output, or a file that is replaced once all is written, and not before.

    Raises:
        InputError: if it cannot be written; what lay there before is still there.
    """
    if out is None:
        yield sys.stdout
        return
    target = out.resolve()  # a link stays a link
    part = target if _is_written_in_place(target) else target.with_name(f".trivium-{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        if part != target:
            if target.exists():
                shutil.copymode(target, part)
            os.replace(part, target)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(out), hint="give another path") from error
    finally:
        if part != target:
            part.unlink(missing_ok=True)


def _is_written_in_place(target: Path) -> bool:
    """Whether a path is a folder, a device or a pipe, or a file that may be written in a folder that may not."""
    if not target.exists():
        return False
    return not target.is_file() or not (os.access(target, os.W_OK) and os.access(target.parent, os.W_OK))


def refuse_input(out: Path | None, inputs: Iterable[Path]) -> None:
    """Refuse to write a result over a file that it is made from; exit code 2.

    Raises:
        typer.BadParameter: if `out` is one of the inputs, by whatever path.
    """
    if out is not None and out.exists() and any(one.exists() and out.samefile(one) for one in inputs):
        raise typer.BadParameter(f"--out {out} is one of the inputs; give another path")


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

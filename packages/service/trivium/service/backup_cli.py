"""`trivium backup` and `trivium restore`: save a deployment as one consistent set, put it back, rehearse it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from trivium.service.errors import InputError
from trivium.service.terminal import opened_runtime

__all__ = ["backup", "restore"]


def backup(out: Annotated[Path, typer.Option(help="New folder to write; best on another disk.")]) -> None:
    """Save database, blobs, audit head and key while the suite runs.

    Example: trivium backup --out /backup/trivium-2026-01-31
    """
    from trivium.service.backup import make_backup

    with opened_runtime() as runtime:
        made = make_backup(runtime, out.absolute(), progress=_progress)
    num_rows = sum(made.rows.values())
    typer.echo(f"Saved {num_rows:,} rows and {made.num_blobs:,} blobs, {made.num_bytes:,} bytes, in {made.folder}.")
    typer.echo("It holds everything, the key of the audit log too: keep it as you keep the home folder.")
    typer.echo(f"Rehearse it with: trivium restore {out} --drill")
    for line in made.warnings:
        typer.echo(f"trivium: {line}", err=True)


def restore(
    folder: Annotated[Path, typer.Argument(help="Folder that `trivium backup` wrote.")],
    drill: Annotated[bool, typer.Option("--drill", help="Restore into a temporary place, compare, remove it.")] = False,
) -> None:
    """Put a backup into an empty TRIVIUM_HOME (and TRIVIUM_DATABASE_URL), and compare counts and hashes.

    Example: TRIVIUM_HOME=/srv/trivium trivium restore /backup/trivium-2026-01-31
    """
    from trivium.service import logs
    from trivium.service import restore as restoring
    from trivium.service.settings import current_settings

    if not folder.is_dir():
        raise InputError("there is no such folder", where=str(folder))
    settings = current_settings()
    logs.configure(settings.log_level)
    work = restoring.drill if drill else restoring.restore
    done = work(settings, folder.absolute(), progress=_progress)
    what = f"{done.num_rows:,} rows of {done.num_tables} tables, {done.num_blobs:,} blobs, "
    what += f"{done.num_audited:,} rows of the audit log"
    if drill:
        typer.echo(f"The backup can be restored: {what} came back as they were saved. Nothing of it was kept.")
    else:
        typer.echo(f"Restored {what}, all as they were saved, into {settings.home}. Everybody has to log in again.")
        typer.echo(
            "Accounts, roles and keys are those of then: look for what was revoked since. Start with: trivium up"
        )
    for line in done.warnings:
        typer.echo(f"trivium: when the backup was made: {line}", err=True)


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty() and (done % 50 == 0 or done == of):
        print(f"\r{done:,} of {of:,} blobs", end="\n" if done == of else "", file=sys.stderr, flush=True)

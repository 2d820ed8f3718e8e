"""`trivium audit`: look at the log of who did what, prove that it is whole, sign how far it has come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trivium.service.errors import InputError
from trivium.service.terminal import list_lines

if TYPE_CHECKING:
    from trivium.service.database import Database
    from trivium.service.settings import Settings

__all__ = ["app"]

app = typer.Typer(name="audit", help="The log of who did what.", no_args_is_help=True)
_Key = Annotated[str, typer.Option(metavar="BASE64", help="Public key to trust; this deployment's own when empty.")]


@app.command("verify")
def verify_log(
    head: Annotated[Path | None, typer.Option(help="A signed head from earlier, which the log must contain.")] = None,
    key: _Key = "",
) -> None:
    """Check every row of the log; name the first that was changed, is missing, was put in or moved.

    Example: trivium audit verify --head head.json
    """
    import os
    import threading

    from trivium.service import audit_head
    from trivium.service.audit_verify import verify

    if key and head is None:
        raise InputError("is of use with a head only", where="--key", hint="give --head FILE too")
    with _opened() as (settings, database):
        known = audit_head.read_head(head, key or _own_key(settings)) if head else None
        with database.read() as connection:
            processes = (os.cpu_count() or 1) if threading.active_count() == 1 and hasattr(os, "fork") else 1
            verdict = verify(connection, known.mark if known else None, processes=processes)
    if verdict.fault is not None:
        place = f"{verdict.seq} rows before it are whole" if verdict.seq else "no row before it"
        raise InputError(f"{verdict.fault.text} ({verdict.fault.kind}; {place})", where="audit log")
    against = f", with row {known.seq} as the head of {known.at} names it" if known else ""
    typer.echo(f"The audit log is whole: {verdict.seq} rows{against}; last hash {verdict.hash}.")


@app.command()
def show(
    actor: Annotated[str, typer.Option(help="Only what this account, plant or operator did.")] = "",
    action: Annotated[str, typer.Option(help="Only this action, such as key.revoked, or all of key.")] = "",
    subject: Annotated[str, typer.Option(help="Only what was done to this: KIND, or KIND:ID.")] = "",
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="UTC.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many, the newest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, hashes included.")] = False,
) -> None:
    """Show the newest rows, the last one last.

    Example: trivium audit show --action key --since 2026-01-31
    """
    from datetime import UTC

    from trivium.service.audit import Audit
    from trivium.service.people import account_id_of

    kind, _, subject_id = subject.partition(":")
    with _opened() as (_settings, database):
        with database.read() as connection:
            actor_id = account_id_of(connection, actor) if actor else None
        rows = Audit(database).rows(
            actor=actor_id or actor,
            action=action,
            subject_kind=kind,
            subject_id=subject_id,
            since=since.replace(tzinfo=UTC) if since else None,
            limit=limit,
        )
        lines = (json.dumps(dict(row._mapping), ensure_ascii=False) if as_json else _line(row) for row in rows)
        list_lines(lines, none="The log has no such row.")


@app.command()
def head(out: Annotated[Path, typer.Option(help="File to write; keep it where the log is not.")]) -> None:
    """Write the number and hash of the last row, signed, so that rows cut off later are missed.

    A head that is in the file already is replaced only while the log still contains it.

    Example: trivium audit head --out head-2026-01-31.json
    """
    from trivium.service import audit_head
    from trivium.service.audit_chain import time_text
    from trivium.service.audit_verify import verify
    from trivium.service.database import utc_now

    with _opened() as (settings, database):
        earlier = audit_head.read_head(out, _own_key(settings)) if out.exists() else None
        with database.read() as connection:
            verdict = verify(connection, earlier.mark if earlier else None)
        if verdict.fault is not None:
            raise InputError(f"{verdict.fault.text}; nothing was signed", where="audit log", hint="keep the database")
        key = audit_head.signing_key(settings.home)
        text = audit_head.signed_head(audit_head.Head(verdict.seq, verdict.hash, time_text(utc_now())), key)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(out)) from error
    typer.echo(f"Signed row {verdict.seq} into {out}. Public key: {audit_head.public_key(key)}")


@contextmanager
def _opened() -> Iterator[tuple[Settings, Database]]:
    from trivium.service import logs, migrate
    from trivium.service.database import Database
    from trivium.service.settings import current_settings

    settings = current_settings()
    settings.prepare_home()
    logs.configure(settings.log_level)
    database = Database(settings.database)
    try:
        migrate.check(database)
        yield settings, database
    finally:
        database.close()


def _own_key(settings: Settings) -> str:
    from trivium.service import audit_head

    path = settings.home / audit_head.KEY_FILE
    if not path.exists():
        raise InputError("this deployment has signed no head", where=str(path), hint="give the public key with --key")
    return audit_head.public_key(audit_head.signing_key(settings.home))


def _line(row: Any) -> str:
    version = f"@{row.subject_version[:12]}" if row.subject_version else ""
    subject = f"{row.subject_kind}:{row.subject_id}{version}"
    detail = row.detail if row.detail != "{}" else ""
    return f"{row.seq:>7}  {row.at[:19]}Z  {row.actor}  {row.action}  {subject}  {detail}".rstrip()

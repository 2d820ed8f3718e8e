"""A backup: database, blobs, head of the audit log and its key, as they belong together, in one folder.

    manifest.json       what is here: SHA-256 and size of every file, rows of every table, the log's head
    database.sqlite3    or database/<table>.copy from PostgreSQL
    blobs/ab/cd/...     the store, hashed anew while it was copied
    audit-head.json     signed, as `trivium audit head` writes it; audit-key.pem is the key

Made while the suite runs: first the database, at one moment, then the blobs, which are written before the rows that
refer to them; retention takes none away meanwhile. The folder appears when it is whole. Not in it: what waits in the
broker (readings that were acknowledged and not stored yet are counted and named), logs, and the broker's password.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy import Connection

from trivium.service import audit_head, backup_database, migrate, retention
from trivium.service.audit import Entry
from trivium.service.audit_chain import time_text
from trivium.service.audit_verify import verify
from trivium.service.broker import broker_url, connect
from trivium.service.database import utc_now
from trivium.service.disk import space_errors
from trivium.service.errors import InputError, TriviumError, UpstreamError
from trivium.service.runtime import Runtime
from trivium.service.security_log import OPERATOR

__all__ = ["DATABASE", "FORMAT", "HEAD_FILE", "MANIFEST", "Backup", "copy_hashed", "make_backup", "read_manifest"]

FORMAT = "trivium-backup/1"
MANIFEST, DATABASE, HEAD_FILE = "manifest.json", "database", "audit-head.json"
_CHUNK = 1 << 20
_HOLD_S = 600.0
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written: blobs, bytes in all, rows by table, and what somebody should know."""

    folder: Path
    num_blobs: int
    num_bytes: int
    rows: Mapping[str, int]
    warnings: tuple[str, ...]


def make_backup(runtime: Runtime, out: Path, *, progress: Progress = lambda done, of: None) -> Backup:
    """Write a backup into a new folder.

    Args:
        progress: called with the number of blobs copied, and of all.

    Raises:
        InputError: if the folder is there already or cannot be written.
        UpstreamError: if the database cannot be read, the log is not whole, or another backup or purge runs.
    """
    if out.exists() and any(out.iterdir()):
        raise InputError("is there already", where=str(out), hint="name a new folder")
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    holder = f"backup:{os.getpid()}"
    if not runtime.jobs.hold(retention.BLOBS_LEASE, holder, seconds=_HOLD_S):
        raise UpstreamError("another backup or a purge runs", where="backup", hint="try again when it has ended")
    try:
        with space_errors():
            made = _write(runtime, part, holder, progress)
            if out.exists():
                out.rmdir()
            part.replace(out)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(out)) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        runtime.jobs.release(retention.BLOBS_LEASE, holder)
    digest = hashlib.sha256((out / MANIFEST).read_bytes()).hexdigest()
    runtime.audit.record(Entry("backup.made", OPERATOR, "backup", out.name, digest, {"blobs": made.num_blobs}))
    return Backup(out, made.num_blobs, made.num_bytes, made.rows, made.warnings)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what a backup says it holds.

    Raises:
        InputError: if the folder is no backup, or of a release that wrote it otherwise.
    """
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        given = manifest["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "is no backup", where=str(folder), hint="make one with: trivium backup --out FOLDER"
        ) from error
    if given != FORMAT:
        raise InputError(f"has the format {given}, and this release reads {FORMAT}", where=str(path))
    return manifest


def copy_hashed(source: Path, target: Path) -> tuple[str, int]:
    """Copy a file, readable by its owner alone; return the SHA-256 of what was copied, and its size."""
    digest, size = hashlib.sha256(), 0
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with source.open("rb") as read, os.fdopen(descriptor, "wb") as written:
        while chunk := read.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            written.write(chunk)
    return digest.hexdigest(), size


def _write(runtime: Runtime, part: Path, holder: str, progress: Progress) -> Backup:
    (part / DATABASE).mkdir(mode=0o700, parents=True)
    part.chmod(0o700)
    with backup_database.dumped(runtime.database, part / DATABASE) as copied:
        rows = backup_database.counts(copied)
        head = _head(copied)
        wanted = retention.needed_blobs(copied)
    warnings = list(_warn_of_waiting(runtime))
    blobs, damaged = _copy_blobs(runtime, part, holder, progress)
    if damaged:
        warnings.append(f"{len(damaged)} blobs are damaged in the store and were left out, the first {damaged[0]}")
    if lost := sorted(wanted - set(blobs)):
        warnings.append(f"{len(lost)} blobs that rows refer to are not in the store, the first {lost[0]}")
    key = audit_head.signing_key(runtime.settings.home)
    (part / HEAD_FILE).write_text(audit_head.signed_head(head, key), encoding="utf-8")
    copy_hashed(runtime.settings.home / audit_head.KEY_FILE, part / audit_head.KEY_FILE)
    files = {str(path.relative_to(part).as_posix()): _described(path) for path in _others(part)}
    manifest = {
        "format": FORMAT,
        "made_at": head.at,
        "release": version("trivium"),
        "database": runtime.database.engine.dialect.name,
        "schema": migrate.heads(runtime.database),
        "public_key": audit_head.public_key(key),
        "rows": rows,
        "files": files,
        "blobs": blobs,
        "warnings": warnings,
    }
    (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    num_bytes = sum(blobs.values()) + sum(int(size) for _, size in files.values())
    return Backup(part, len(blobs), num_bytes, rows, tuple(warnings))


def _head(connection: Connection) -> audit_head.Head:
    verdict = verify(connection)
    if verdict.fault is not None:
        hint = "look at it with: trivium audit verify; the database was left as it is"
        raise UpstreamError(f"is not whole: {verdict.fault.text}", where="audit log", hint=hint)
    return audit_head.Head(verdict.seq, verdict.hash, time_text(utc_now()))


def _copy_blobs(runtime: Runtime, part: Path, holder: str, progress: Progress) -> tuple[dict[str, int], list[str]]:
    """Copy the store; return the sizes by hash, and the blobs that are not what their names say."""
    found, copied, damaged = list(runtime.store.hashes()), {}, []
    for number, sha256 in enumerate(found):
        if number % 100 == 0 and not runtime.jobs.hold(retention.BLOBS_LEASE, holder, seconds=_HOLD_S):
            raise UpstreamError("took too long between two blobs", where="backup", hint="start it again")
        target = part / "blobs" / sha256[:2] / sha256[2:4] / sha256
        given, size = copy_hashed(runtime.store.path(sha256), target)
        if given == sha256:
            copied[sha256] = size
        else:
            target.unlink()
            damaged.append(sha256)
        progress(number + 1, len(found))
    return copied, damaged


def _warn_of_waiting(runtime: Runtime) -> Iterator[str]:
    """Say how much waits in the broker, which is no part of a backup."""
    try:
        client = connect(broker_url(runtime.settings))
        waiting = sum(int(client.xlen(name)) for name in client.scan_iter(_type="stream"))
    except (TriviumError, RedisError, OSError):
        yield "the broker does not answer: readings that wait there, if any, are not in this backup"
        return
    if waiting:
        yield f"{waiting} batches of readings wait in the broker to be stored, and are not in this backup"


def _others(part: Path) -> list[Path]:
    files = (path for path in part.rglob("*") if path.is_file())
    return sorted(path for path in files if path.relative_to(part).parts[0] != "blobs")


def _described(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size

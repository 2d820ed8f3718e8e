"""Put a backup back where nothing is, and prove that what came back is what was saved.

Every file is hashed before anything is written, the database comes last, and then rows are counted, the audit log is
verified against the signed head, and every blob that rows refer to is looked for. Sessions and login links of then are
ended: somebody may have been shut out since. A drill does the same in a temporary place and leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import delete, text
from sqlalchemy.engine import make_url

from trivium.service import audit_head, backup_database, migrate, retention
from trivium.service.audit import Audit, Entry
from trivium.service.audit_verify import verify
from trivium.service.backup import DATABASE, HEAD_FILE, MANIFEST, copy_hashed, read_manifest
from trivium.service.database import Database
from trivium.service.disk import require_space, space_errors
from trivium.service.errors import InputError
from trivium.service.security_log import OPERATOR
from trivium.service.settings import Settings
from trivium.service.store import BlobStore
from trivium.service.tables import login_token, session

__all__ = ["Restored", "check_files", "drill", "restore"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back and compared: rows, tables, blobs, rows of the audit log; and what the backup warned of."""

    num_rows: int
    num_tables: int
    num_blobs: int
    num_audited: int
    warnings: tuple[str, ...]


def restore(settings: Settings, folder: Path, *, progress: Progress = lambda done, of: None) -> Restored:
    """Put a backup into the home folder and the database that the settings name, and bring it to this release.

    Raises:
        InputError: if a file of the backup is damaged or missing, something is there already, or what came back is not
            what was saved.
    """
    manifest = read_manifest(folder)
    _check_place(settings, manifest)
    check_files(folder, manifest)
    with space_errors():
        settings.prepare_home()
        require_space(settings.home, sum(manifest["blobs"].values()))
        _put_blobs(settings, folder, manifest, progress)
        database = Database(settings.database)
        try:
            if manifest["database"] == "postgresql":
                migrate.upgrade(database, targets=manifest["schema"])
            backup_database.load(database, folder / DATABASE)
            restored = _compare(settings, database, folder, manifest)
            migrate.upgrade(database)
            _end_sessions(database, folder)
        finally:
            database.close()
    copy_hashed(folder / audit_head.KEY_FILE, settings.home / audit_head.KEY_FILE)
    return restored


def drill(settings: Settings, folder: Path, *, progress: Progress = lambda done, of: None) -> Restored:
    """Restore into a temporary folder (and, for PostgreSQL, a schema of its own), compare, and take it away again.

    Raises:
        InputError: as for `restore`.
    """
    manifest = read_manifest(folder)
    with tempfile.TemporaryDirectory(prefix="trivium-drill-") as home, _drill_database(settings, manifest) as url:
        there = settings.model_copy(update={"home": Path(home) / "home", "database_url": SecretStr(url)})
        return restore(there, folder, progress=progress)


def check_files(folder: Path, manifest: dict[str, Any]) -> None:
    """Hash every file of a backup anew.

    Raises:
        InputError: naming the first that is missing, damaged, or not in the list.
    """
    listed = {name: tuple(described) for name, described in manifest["files"].items()}
    listed |= {_blob_name(sha256): (sha256, size) for sha256, size in manifest["blobs"].items()}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
    if strangers := sorted(there - set(listed)):
        raise InputError(f"is not of this backup, with {len(strangers) - 1} others", where=str(folder / strangers[0]))
    for name, (sha256, size) in listed.items():
        path = folder / name
        if name not in there:
            raise InputError("is missing from the backup", where=str(path))
        with path.open("rb") as file:
            if path.stat().st_size != size or hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise InputError("is damaged: it is not what was saved", where=str(path), hint="use another backup")


def _check_place(settings: Settings, manifest: dict[str, Any]) -> None:
    """Refuse a database that is there already, or of another kind."""
    url = make_url(settings.database)
    kind = url.get_backend_name()
    if kind != manifest["database"]:
        what = f"the backup is of {manifest['database']}, and TRIVIUM_DATABASE_URL names {kind}"
        raise InputError(what, hint="name a database of the same kind")
    if kind == "sqlite" and not Path(str(url.database)).parent.exists():
        return
    database = Database(settings.database)
    try:
        if not backup_database.is_empty(database):
            hint = "restore into another TRIVIUM_HOME, or an empty database"
            raise InputError("is there already, and nothing is overwritten", where=url.render_as_string(), hint=hint)
    finally:
        database.close()


def _put_blobs(settings: Settings, folder: Path, manifest: dict[str, Any], progress: Progress) -> None:
    store = BlobStore(settings.home / "blobs")
    for number, sha256 in enumerate(manifest["blobs"]):
        blob = store.put_file(folder / _blob_name(sha256))
        if blob.sha256 != sha256:
            raise InputError("changed while it was read", where=str(folder / _blob_name(sha256)))
        progress(number + 1, len(manifest["blobs"]))


def _compare(settings: Settings, database: Database, folder: Path, manifest: dict[str, Any]) -> Restored:
    """Hold what came back against what was saved."""
    head = audit_head.read_head(folder / HEAD_FILE, manifest["public_key"])
    with database.read() as connection:
        rows = backup_database.counts(connection)
        verdict = verify(connection, head.mark)
        wanted = retention.needed_blobs(connection)
    for name, count in manifest["rows"].items():
        if rows.get(name) != count:
            raise InputError(f"has {rows.get(name)} rows, and {count} were saved", where=name, hint=_RETRY)
    if verdict.fault is not None or verdict.seq != head.seq:
        found = verdict.fault.text if verdict.fault else f"it ends at row {verdict.seq}, the head at {head.seq}"
        raise InputError(f"is not the one that was saved: {found}", where="audit log", hint=_RETRY)
    store = BlobStore(settings.home / "blobs")
    if lost := sorted(sha256 for sha256 in wanted if sha256 in manifest["blobs"] and sha256 not in store):
        raise InputError(f"{len(lost)} blobs did not come back", where=lost[0], hint=_RETRY)
    tables = len(manifest["rows"])
    return Restored(sum(rows.values()), tables, len(manifest["blobs"]), head.seq, tuple(manifest["warnings"]))


_RETRY = "nothing was started; restore again into an empty place"


def _end_sessions(database: Database, folder: Path) -> None:
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    with database.write(is_durable=True) as connection:
        connection.execute(delete(session))
        connection.execute(delete(login_token))
        Audit(database).append(connection, Entry("backup.restored", OPERATOR, "backup", folder.name, digest))


@contextmanager
def _drill_database(settings: Settings, manifest: dict[str, Any]) -> Iterator[str]:
    """Yield the URL of a database to restore into: empty for SQLite in the home folder, else a schema of its own."""
    if manifest["database"] != "postgresql":
        yield ""
        return
    url, name = make_url(settings.database), f"trivium_drill_{secrets.token_hex(4)}"
    database = Database(settings.database)
    try:
        with database.write() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        place = url.update_query_dict({"options": f"-csearch_path={name}"})
        yield place.render_as_string(hide_password=False)
    finally:
        with database.write() as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {name} CASCADE"))
        database.close()


def _blob_name(sha256: str) -> str:
    return f"blobs/{sha256[:2]}/{sha256[2:4]}/{sha256}"

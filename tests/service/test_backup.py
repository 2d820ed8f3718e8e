"""Backup and restore of a deployment as one set, on SQLite and on PostgreSQL, and all that must stop a restore."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest
from pydantic import SecretStr
from sqlalchemy import func, insert, select
from tests.service.conftest import TOY
from tests.service.postgres import database as new_database

from trivium.service import audit_head, backup, tables
from trivium.service.backup import make_backup
from trivium.service.database import Database, utc_now
from trivium.service.errors import InputError, UpstreamError
from trivium.service.evidence import ReportFile
from trivium.service.jobs import JobInput
from trivium.service.restore import drill, restore
from trivium.service.retention import BLOBS_LEASE
from trivium.service.runtime import open_runtime


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


@pytest.fixture
def filled(runtime):
    """A deployment with two jobs, one of them done, seven blobs, a session, and rows in the audit log."""
    for number in range(2):
        source = runtime.store.put(f"source {number}".encode())
        inputs = (JobInput("a.htm", source.sha256, source.size),)
        job = runtime.jobs.submit(app="toy", kind="count", owner="ann", request={"n": number}, inputs=inputs)
    held = runtime.jobs.claim(job.id, "w")
    result, report = runtime.store.put(b"<h1>1</h1>"), runtime.store.put(b"{}")
    file = ReportFile("r.html", "text/html", result.sha256, result.size)
    runtime.jobs.finish(held, title="Done", report_sha256=report.sha256, files=(file,))
    for number in range(3):
        runtime.store.put(f"of nobody {number}".encode())
    with runtime.database.write() as connection:
        row = {"token_hash": "0" * 64, "subject": "ann", "created_at": utc_now(), "seen_at": utc_now()}
        connection.execute(insert(tables.session).values(**row, expires_at=utc_now()))
    return runtime


@pytest.fixture
def empty_place(database_kind, settings, tmp_path, request):
    """Settings of a machine where nothing is yet."""
    place = settings.model_copy(update={"home": tmp_path / "elsewhere"})
    if database_kind == "sqlite":
        yield place
        return
    with new_database(request.getfixturevalue("postgres")) as url:
        yield place.model_copy(update={"database_url": SecretStr(url)})


def test_what_was_saved_comes_back(filled, empty_place, tmp_path):
    before = filled.jobs.recent()
    made = make_backup(filled, tmp_path / "backup")
    assert (made.num_blobs, made.rows["service_job"], made.rows["service_job_file"]) == (7, 2, 1)
    assert made.warnings == ("the broker does not answer: readings that wait there, if any, are not in this backup",)
    restored = restore(empty_place, tmp_path / "backup")
    assert (restored.num_blobs, restored.num_rows, restored.num_audited) == (7, sum(made.rows.values()), 2)
    there = open_runtime(empty_place, apps=(TOY,), publish=lambda *message: None)
    assert [(job.id, job.state, job.title) for job in there.jobs.recent()] == [
        (job.id, job.state, job.title) for job in before
    ]
    done = next(job for job in before if job.title == "Done")
    assert there.store.read(there.jobs.get(done.id).files[0].sha256) == b"<h1>1</h1>"
    with there.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(tables.session)).scalar_one() == 0
    assert [row.action for row in there.audit.rows()] == ["job.submitted", "job.submitted", "backup.restored"]
    # numbers that the database counts by itself go on
    there.jobs.cancel(next(job for job in before if job.id != done.id).id)
    key = audit_head.KEY_FILE
    assert (empty_place.home / key).read_bytes() == (filled.settings.home / key).read_bytes()
    assert (empty_place.home / key).stat().st_mode & 0o077 == 0
    there.close()
    manifest = hashlib.sha256((tmp_path / "backup" / "manifest.json").read_bytes()).hexdigest()
    assert filled.audit.rows()[-1].subject_version == manifest


def test_nothing_is_overwritten(filled, empty_place, tmp_path):
    make_backup(filled, tmp_path / "backup")
    restore(empty_place, tmp_path / "backup")
    with pytest.raises(InputError, match="is there already, and nothing is overwritten"):
        restore(empty_place, tmp_path / "backup")
    with pytest.raises(InputError, match="is there already; name a new folder"):
        make_backup(filled, tmp_path / "backup")


def test_a_drill_leaves_nothing(filled, tmp_path):
    make_backup(filled, tmp_path / "backup")
    before = _all_tables(filled)
    assert drill(filled.settings, tmp_path / "backup").num_blobs == 7
    assert _all_tables(filled) == before


def test_every_damaged_or_missing_file_stops_a_restore(filled, empty_place, database_kind, tmp_path):
    make_backup(filled, tmp_path / "backup")
    files = sorted(path for path in (tmp_path / "backup").rglob("*") if path.is_file() and path.name != "manifest.json")
    assert len(files) > 9
    for path in files if database_kind == "sqlite" else files[::9]:  # of two files a table; each try asks the server
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if content else b"x")
        with pytest.raises(InputError, match="is damaged: it is not what was saved"):
            restore(empty_place, tmp_path / "backup")
        path.unlink()
        with pytest.raises(InputError, match="is missing from the backup"):
            restore(empty_place, tmp_path / "backup")
        path.write_bytes(content)
    (tmp_path / "backup" / "more").write_text("")
    with pytest.raises(InputError, match="is not of this backup"):
        restore(empty_place, tmp_path / "backup")
    assert not (empty_place.home / "trivium.db").exists()


def test_a_manifest_that_counts_otherwise_is_found(filled, empty_place, tmp_path):
    make_backup(filled, tmp_path / "backup")
    path = tmp_path / "backup" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["rows"]["service_job"] = 3
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="service_job: has 2 rows, and 3 were saved"):
        restore(empty_place, tmp_path / "backup")


def test_what_is_wrong_in_the_store_is_said_and_the_rest_saved(filled, tmp_path):
    blob = filled.store.put(b"of nobody 0")
    filled.store.path(blob.sha256).write_bytes(b"rotten")
    filled.store.path(filled.jobs.recent()[0].inputs[0].sha256).unlink()
    made = make_backup(filled, tmp_path / "backup")
    assert made.num_blobs == 5
    assert made.warnings[1].startswith(f"1 blobs are damaged in the store and were left out, the first {blob.sha256}")
    assert made.warnings[2].startswith("1 blobs that rows refer to are not in the store")
    assert drill(filled.settings, tmp_path / "backup").warnings == made.warnings


def test_a_purge_and_a_backup_do_not_meet(filled, tmp_path):
    assert filled.jobs.hold(BLOBS_LEASE, "purge:1", seconds=60)
    with pytest.raises(UpstreamError, match="another backup or a purge runs"):
        make_backup(filled, tmp_path / "backup")
    filled.jobs.release(BLOBS_LEASE, "purge:1")
    assert make_backup(filled, tmp_path / "backup").num_blobs == 7
    assert filled.jobs.hold(BLOBS_LEASE, "purge:1", seconds=60)  # given back


def test_a_backup_that_fails_leaves_nothing(filled, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(backup, "copy_hashed", fail)
    with pytest.raises(InputError, match=r"backup: cannot be written \(Input/output error\)"):
        make_backup(filled, tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("backup")] == []


def test_a_changed_audit_log_is_not_saved_as_if_it_were_whole(filled, tmp_path):
    with filled.database.write() as connection:
        connection.execute(tables.audit.update().where(tables.audit.c.seq == 1).values(actor="mallory"))
    with pytest.raises(UpstreamError, match="audit log: is not whole: row 1 was changed"):
        make_backup(filled, tmp_path / "backup")


def test_another_kind_of_database_is_refused(filled, settings, database_kind, tmp_path):
    make_backup(filled, tmp_path / "backup")
    url = "postgresql+psycopg://nowhere/x" if database_kind == "sqlite" else ""
    other = settings.model_copy(update={"home": tmp_path / "other", "database_url": SecretStr(url)})
    with pytest.raises(InputError, match=f"the backup is of {database_kind}"):
        restore(other, tmp_path / "backup")
    shutil.rmtree(tmp_path / "backup")
    (tmp_path / "backup").mkdir()
    with pytest.raises(InputError, match="is no backup"):
        restore(other, tmp_path / "backup")


def _all_tables(runtime):
    opened = Database(runtime.settings.database)
    with opened.read() as connection:
        found = backup.backup_database.counts(connection)
    opened.close()
    return found, sorted(path.name for path in runtime.settings.home.iterdir())

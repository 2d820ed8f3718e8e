"""Retention: what is old goes with its blobs, what anything else needs stays. On SQLite and on PostgreSQL."""

import os
import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from trivium.service import holds, retention, sweeper, tables
from trivium.service.app_spec import AppSpec
from trivium.service.errors import InputError, NotFoundError
from trivium.service.evidence import ReportFile
from trivium.service.jobs import Job, JobInput
from trivium.service.keys import ApiKeys
from trivium.service.retention import Purged, purge
from trivium.service.roles import LOCAL_USER


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


def put(runtime, content: bytes) -> str:
    """Store a blob that nobody has touched for two days."""
    sha256 = runtime.store.put(content).sha256
    moment = time.time() - 2 * 86400
    os.utime(runtime.store.path(sha256), (moment, moment))
    return sha256


def finished(runtime, source: bytes, result: bytes) -> Job:
    """A job that is done: one input, one file, a report."""
    inputs = (JobInput("a.htm", put(runtime, source), len(source)),)
    job = runtime.jobs.submit(app="toy", kind="count", owner="ann", request={}, inputs=inputs)
    held = runtime.jobs.claim(job.id, "w")
    file = ReportFile("r.html", "text/html", put(runtime, result), len(result))
    runtime.jobs.finish(held, title="", report_sha256=put(runtime, b"report " + result), files=(file,))
    return runtime.jobs.get(job.id)


def after(clock, days: float):
    return clock.time + timedelta(days=days)


def test_off_means_off(runtime, clock):
    job = finished(runtime, b"s", b"r")
    assert purge(runtime, days=0, now=after(clock, 9999)) == Purged(0, 0, 0)
    assert runtime.jobs.get(job.id).files


def test_old_jobs_go_with_history_files_and_blobs(runtime, clock):
    old = finished(runtime, b"12345", b"123")
    blobs = [old.inputs[0].sha256, old.files[0].sha256, old.report_sha256]
    clock.forward(5 * 86400)
    young = finished(runtime, b"abcde", b"abc")
    would = purge(runtime, days=3, is_dry_run=True, now=clock.time)
    assert would == Purged(1, 3, 5 + 3 + 10)
    assert runtime.jobs.get(old.id).files
    assert purge(runtime, days=3, now=clock.time) == would
    with pytest.raises(NotFoundError):
        runtime.jobs.get(old.id)
    assert runtime.jobs.events(old.id) == []
    assert [sha256 in runtime.store for sha256 in blobs] == [False] * 3
    assert runtime.store.read(young.files[0].sha256) == b"abc"
    assert purge(runtime, days=3, now=clock.time) == Purged(0, 0, 0)


def test_what_another_job_needs_stays_until_that_one_goes(runtime, clock):
    first = finished(runtime, b"same", b"first")
    clock.forward(86400)
    second = finished(runtime, b"same", b"second")
    assert purge(runtime, days=3, is_dry_run=True, now=after(clock, 2.5)) == Purged(1, 2, 5 + 12)
    assert purge(runtime, days=3, now=after(clock, 2.5)) == Purged(1, 2, 5 + 12)
    assert first.inputs[0].sha256 in runtime.store
    assert purge(runtime, days=3, now=after(clock, 3.5)) == Purged(1, 3, 4 + 6 + 13)
    assert second.inputs[0].sha256 not in runtime.store


def test_what_waits_or_runs_is_never_old(runtime, clock):
    waiting = runtime.jobs.submit(app="toy", kind="count", owner="ann", request={})
    running = runtime.jobs.submit(app="toy", kind="count", owner="ann", request={})
    runtime.jobs.claim(running.id, "w")
    assert purge(runtime, days=1, now=after(clock, 9999)) == Purged(0, 0, 0)
    assert {job.id for job in runtime.jobs.recent()} == {waiting.id, running.id}


def test_a_replay_keeps_the_files_of_a_job_that_goes(runtime, clock):
    old = finished(runtime, b"12345", b"123")
    again = runtime.jobs.replay(old.id)
    assert purge(runtime, days=3, now=after(clock, 4)) == Purged(1, 2, 3 + 10)
    assert runtime.store.read(runtime.jobs.get(again.id).inputs[0].sha256) == b"12345"


def test_blobs_wanted_today_wait_for_another_day(runtime, clock):
    old = finished(runtime, b"12345", b"123")
    runtime.store.put(b"12345")  # someone uploads the same file, and has not submitted yet
    assert purge(runtime, days=3, now=after(clock, 4)) == Purged(1, 2, 3 + 10)
    assert old.inputs[0].sha256 in runtime.store
    put(runtime, b"12345")
    assert purge(runtime, days=3, now=after(clock, 4)) == Purged(0, 1, 5)


def test_blobs_of_a_purge_that_was_killed_go_with_the_next(runtime, clock, monkeypatch):
    finished(runtime, b"12345", b"123")
    monkeypatch.setattr(retention, "_purge_blobs", lambda runtime: [])
    assert purge(runtime, days=3, now=after(clock, 4)) == Purged(1, 0, 0)
    monkeypatch.undo()
    assert purge(runtime, days=3, now=after(clock, 4)) == Purged(0, 3, 18)
    with runtime.database.read() as connection:
        assert connection.execute(select(tables.blob_expiry)).all() == []


def test_what_an_apps_table_refers_to_stays(runtime, clock, monkeypatch):
    old = finished(runtime, b"12345", b"123")
    spec = AppSpec(name="toy", help="", package="trivium.service", blobs="some:function")
    monkeypatch.setattr(retention, "installed_apps", lambda: (spec,))
    monkeypatch.setattr(retention, "resolve", lambda dotted: lambda connection: [old.files[0].sha256])
    assert purge(runtime, days=3, is_dry_run=True, now=after(clock, 4)) == Purged(1, 2, 5 + 10)
    assert purge(runtime, days=3, now=after(clock, 4)) == Purged(1, 2, 5 + 10)
    assert runtime.store.read(old.files[0].sha256) == b"123"


def test_more_than_a_batch(runtime, clock, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 2)
    for number in range(5):
        finished(runtime, f"source {number}".encode(), f"result {number}".encode())
    assert purge(runtime, days=3, now=after(clock, 4)).jobs == 5


def test_the_sweeper_purges_when_told_to(runtime, clock):
    finished(runtime, b"12345", b"123")
    assert sweeper.purge_in_background(runtime, "s") is None
    settings = runtime.settings.model_copy(update={"job_retention_days": 1})
    object.__setattr__(runtime, "settings", settings)
    sweeper.purge_in_background(runtime, "s").join()
    assert runtime.jobs.recent() == []  # the clock of these jobs stands in the past
    assert sweeper.purge_in_background(runtime, "another") is None


@pytest.mark.parametrize("scope", holds.SCOPES)
def test_what_a_legal_hold_is_on_stays_until_it_is_released(runtime, people, clock, scope):
    job = finished(runtime, b"12345", b"123")
    subject = {"job": job.id, "owner": "ann", "app": "toy"}[scope]
    hold_id, num_jobs = holds.place(runtime, scope, subject, reason=" case 26-114 ", actor="operator")
    people.add("bob", actor="operator")
    holds.place(runtime, "owner", "bob", reason="another case", actor="operator")
    assert num_jobs == 1
    assert [(row.subject, row.reason, row.num_jobs) for row in holds.active(runtime)] == [
        (subject, "case 26-114", 1),
        ("bob", "another case", 0),
    ]
    assert purge(runtime, days=3, is_dry_run=True, now=after(clock, 4)) == Purged(0, 0, 0)
    assert purge(runtime, days=3, now=after(clock, 4)) == Purged(0, 0, 0)
    assert runtime.store.read(job.files[0].sha256) == b"123"
    holds.release(runtime, hold_id, actor="operator")
    with pytest.raises(NotFoundError, match="no such hold"):
        holds.release(runtime, hold_id, actor="operator")
    assert purge(runtime, days=3, now=after(clock, 4)) == Purged(1, 3, 18)
    placed, released = (runtime.audit.rows(action=f"hold.{what}")[0] for what in ("placed", "released"))
    assert (placed.subject_kind, placed.subject_id, released.subject_id) == (scope, subject, subject)
    assert '"reason":"case 26-114"' in placed.detail


def test_a_hold_needs_a_reason_a_scope_and_a_job(runtime):
    with pytest.raises(InputError, match="needs a reason"):
        holds.place(runtime, "app", "toy", reason=" ", actor="operator")
    with pytest.raises(InputError, match="'folder' is no scope of a hold; use job, owner, app"):
        holds.place(runtime, "folder", "toy", reason="x", actor="operator")
    for scope, missing in (("job", "job"), ("owner", "account"), ("app", "app")):
        with pytest.raises(NotFoundError, match=f"^nobody: no such {missing}; see: trivium"):
            holds.place(runtime, scope, "nobody", reason="x", actor="operator")
    assert list(holds.active(runtime)) == []


def test_a_hold_on_a_name_is_on_the_account_that_has_it(runtime, people, roles):
    """The first user's jobs are kept under an id from before they chose a name; a plant's under its own."""
    people.ensure_first()
    people.set_password(LOCAL_USER, "giraffe-lamp-seven", actor=LOCAL_USER, name="Rita")
    runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={})
    assert holds.place(runtime, "owner", "RITA", reason="x", actor="operator")[1] == 1
    ApiKeys(runtime.database, roles).create("north", ["toy.read"], actor="operator")
    assert holds.place(runtime, "owner", "plant:north", reason="x", actor="operator")[1] == 0
    assert [(row.subject, row.name) for row in holds.active(runtime)] == [(LOCAL_USER, "rita"), ("plant:north", None)]


def test_no_blob_goes_while_a_backup_is_made(runtime, clock):
    finished(runtime, b"12345", b"123")
    assert runtime.jobs.hold(retention.BLOBS_LEASE, "backup:1", seconds=60)
    assert purge(runtime, days=3, now=after(clock, 4)) == Purged(1, 0, 0)
    runtime.jobs.release(retention.BLOBS_LEASE, "backup:1")
    assert purge(runtime, days=3, now=after(clock, 4)) == Purged(0, 3, 18)

"""The audit log: rows that hang together, written with their act, by many at once; on SQLite and PostgreSQL."""

import hashlib
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from trivium.service import audit_chain, tables
from trivium.service.audit import Audit, Entry
from trivium.service.audit_verify import verify
from trivium.service.errors import NotFoundError, UpstreamError
from trivium.service.retention import purge


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


@pytest.fixture
def audit(runtime, clock):
    return Audit(runtime.database, now=clock)


def rows(runtime):
    with runtime.database.read() as connection:
        return connection.execute(select(tables.audit).order_by(tables.audit.c.seq)).all()


def acts(runtime):
    return [(row.actor, row.action, row.subject_kind, row.subject_id, row.subject_version) for row in rows(runtime)]


def verified(database):
    with database.read() as connection:
        return verify(connection)


def sizes_of_commits(monkeypatch):
    """Return a list that grows by the number of entries with every call of `append`."""
    sizes, append = [], Audit.append

    def counted(self, connection, *entries):
        sizes.append(len(entries))
        append(self, connection, *entries)

    monkeypatch.setattr(Audit, "append", counted)
    return sizes


@contextmanager
def held_up(audit):
    """Let nobody commit for the length of the block, as if somebody else did."""
    audit._is_committing = True
    yield
    with audit._changed:
        audit._is_committing = False
        audit._changed.notify_all()


def test_the_hash_is_that_of_nine_lines(runtime, audit):
    """The lines are written out here by hand, as an auditor with `sha256sum` would."""
    audit.record(Entry("report.signed", "ann", "report", "r7", "3", {"b": "\u00e9", "a": 1}))
    audit.record(Entry("report.opened", "bob", "report", "r7"))
    first, second = rows(runtime)
    lines = ["0" * 64, "1", "2026-01-02T03:04:05.000000Z", "ann", "report.signed", "report", "r7", "3"]
    lines.append('{"a":1,"b":"\\u00e9"}')
    assert first.hash == hashlib.sha256("\n".join(lines).encode()).hexdigest()
    lines = [first.hash, "2", "2026-01-02T03:04:05.000000Z", "bob", "report.opened", "report", "r7", "", "{}"]
    assert second.hash == hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert verified(runtime.database).fault is None


def test_a_record_stands_or_falls_with_its_act(runtime, audit):
    lease = {"name": "n", "holder": "h", "until": datetime.now(UTC)}
    with pytest.raises(IntegrityError), runtime.database.write(is_durable=True) as connection:  # noqa: PT012 - one act
        connection.execute(insert(tables.lease).values(lease))
        audit.append(connection, Entry("lease.taken", "ann", "lease", "n"))
        connection.execute(insert(tables.lease).values(lease))
    assert rows(runtime) == []
    with runtime.database.write(is_durable=True) as connection:
        connection.execute(insert(tables.lease).values(lease))
        audit.append(connection, Entry("lease.taken", "ann", "lease", "n"), Entry("lease.kept", "ann", "lease", "n"))
    assert [(row.seq, row.action) for row in rows(runtime)] == [(1, "lease.taken"), (2, "lease.kept")]


def test_a_commit_that_does_not_wait_for_the_disk_is_refused(runtime, audit):
    with pytest.raises(ValueError, match="is_durable=True"), runtime.database.write() as connection:
        audit.append(connection, Entry("a.b", "ann", "a", "1"))


def test_what_would_break_a_line_is_replaced_and_what_is_too_long_is_cut(runtime, audit):
    audit.record(Entry("a.b", "ann\nbob", "file", "r\x00\u2028\ud800 \u4e2d.html", "v" * 70, {"path": "a\nb"}))
    (row,) = rows(runtime)
    assert (row.actor, row.subject_id) == ("ann\ufffdbob", "r\ufffd\ufffd\ufffd \u4e2d.html")
    assert (row.subject_version, row.detail) == ("v" * 64, '{"path":"a\\nb"}')
    assert verified(runtime.database).seq == 1


def test_times_are_kept_in_utc_and_sort_as_text():
    beijing = datetime(2026, 1, 1, 7, 59, 59, 7, tzinfo=timezone(timedelta(hours=8)))
    assert audit_chain.time_text(beijing) == "2025-12-31T23:59:59.000007Z"


def test_threads_keep_one_chain_and_share_commits(runtime, clock, monkeypatch):
    audit, commits = Audit(runtime.database, now=clock), sizes_of_commits(monkeypatch)

    def work(name):
        for number in range(15):
            audit.record(Entry("t.done", name, "t", str(number)))

    with held_up(audit):
        threads = [threading.Thread(target=work, args=(f"t{index}",)) for index in range(8)]
        for thread in threads:
            thread.start()
        while len(audit._waiting) < 8:
            pass
    for thread in threads:
        thread.join()
    assert commits[0] == 8  # those who waited share one commit
    assert sum(commits) == 120
    assert verified(runtime.database).seq == 120
    for index in range(8):  # each thread's own order is kept
        mine = [row.subject_id for row in rows(runtime) if row.actor == f"t{index}"]
        assert mine == [str(number) for number in range(15)]


def test_a_group_is_at_most_fifty(runtime, audit, monkeypatch):
    sizes = sizes_of_commits(monkeypatch)
    with held_up(audit):
        threads = [threading.Thread(target=audit.record, args=(Entry("t.done", "a", "t", "1"),)) for _ in range(60)]
        for thread in threads:
            thread.start()
        while len(audit._waiting) < 60:
            pass
    for thread in threads:
        thread.join()
    assert sizes == [50, 10]
    assert verified(runtime.database).seq == 60


def test_everyone_who_waits_learns_that_nothing_was_recorded(runtime, audit, monkeypatch):
    seen = []

    def away(*_arguments, **_options):
        raise UpstreamError("the database could not be used")

    def work():
        try:
            audit.record(Entry("t.done", "a", "t", "1"))
        except UpstreamError as error:
            seen.append(error.what)

    monkeypatch.setattr(runtime.database, "write", away)
    with held_up(audit):
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        while len(audit._waiting) < 3:
            pass
    for thread in threads:
        thread.join()
    assert seen == ["the database could not be used"] * 3
    monkeypatch.undo()
    assert rows(runtime) == []


@pytest.mark.slow
def test_processes_keep_one_chain(runtime):
    code = (
        "import sys; from trivium.service.database import Database; from trivium.service.audit import Audit, Entry\n"
        "database = Database(sys.argv[1]); audit = Audit(database)\n"
        "for number in range(40):\n"
        "    if number % 2: audit.record(Entry('p.done', sys.argv[2], 'p', str(number)))\n"
        "    else:\n"
        "        with database.write(is_durable=True) as connection:\n"
        "            audit.append(connection, Entry('p.done', sys.argv[2], 'p', str(number)))\n"
    )
    url = runtime.database.engine.url.render_as_string(hide_password=False)
    started = [
        subprocess.Popen([sys.executable, "-c", code, url, name], stderr=subprocess.PIPE) for name in ("x", "y", "z")
    ]
    assert [process.communicate()[1] for process in started] == [b"", b"", b""]
    assert verified(runtime.database).seq == 120
    for name in ("x", "y", "z"):
        mine = [row.subject_id for row in rows(runtime) if row.actor == name]
        assert mine == [str(number) for number in range(40)]


def test_sqlite_waits_for_the_disk_for_these_commits_only(migrated, runtime):
    """2 is FULL, 1 is NORMAL; PostgreSQL turns its own switch on where somebody turned it off."""
    is_sqlite = runtime.database.engine.dialect.name == "sqlite"
    ask = text("PRAGMA synchronous" if is_sqlite else "SHOW synchronous_commit")
    with runtime.database.write(is_durable=True) as connection:
        runtime.audit.append(connection, Entry("a.b", "ann", "a", "1"))
        assert connection.execute(ask).scalar() == (2 if is_sqlite else "on")
    with runtime.database.write() as connection:
        assert connection.execute(ask).scalar() == (1 if is_sqlite else "off")


def test_rows_are_found_by_who_what_whom_and_when(runtime, audit, clock):
    for actor, action, subject in (("ann", "key.created", "k1"), ("bob", "key.revoked", "k1"), ("ann", "keys", "k2")):
        audit.record(Entry(action, actor, "key", subject))
        clock.forward(60)

    def found(**which):
        return [row.seq for row in audit.rows(**which)]

    assert found() == [1, 2, 3]
    assert found(limit=2) == [2, 3]
    assert found(actor="ann") == [1, 3]
    assert found(action="key") == [1, 2]
    assert found(action="key.revoked") == [2]
    assert found(subject_kind="key", subject_id="k1") == [1, 2]
    assert found(subject_kind="job") == []
    assert found(since=clock.time - timedelta(seconds=120)) == [2, 3]


# -- what is recorded -----------------------------------------------------------------------------------------------


def test_jobs_are_recorded_with_the_version_that_was_acted_on(runtime, clock):
    runtime.jobs.submit(app="toy", kind="count", owner="ann", request={}, idempotency_key="k")
    job = runtime.jobs.submit(app="toy", kind="count", owner="ann", request={}, idempotency_key="k")  # found, not made
    runtime.jobs.claim(job.id, "w")
    runtime.jobs.cancel(job.id, owner="ann")
    runtime.jobs.cancel(job.id, owner="ann")  # asked already
    runtime.jobs.stop(runtime.jobs.get(job.id))
    runtime.jobs.retry(job.id)
    runtime.jobs.retry(job.id)  # waits already
    again = runtime.jobs.replay(job.id, owner="ann")
    runtime.jobs.cancel(again.id)
    clock.forward(2 * 86400)
    purge(runtime, days=1, now=clock.time)
    assert acts(runtime) == [
        ("ann", "job.submitted", "job", job.id, "1"),
        ("ann", "job.cancelled", "job", job.id, "3"),  # 2 was claimed
        ("operator", "job.retried", "job", job.id, "5"),  # 4 was stopped
        ("ann", "job.replayed", "job", again.id, "1"),
        ("operator", "job.cancelled", "job", again.id, "2"),
        ("retention", "job.purged", "job", again.id, "2"),
    ]
    assert json.loads(rows(runtime)[1].detail) == {"was": "running"}
    assert verified(runtime.database).fault is None


def test_what_was_refused_is_not_recorded(runtime):
    job = runtime.jobs.submit(app="toy", kind="count", owner="ann", request={})
    with pytest.raises(NotFoundError):
        runtime.jobs.cancel(job.id, owner="bob")
    assert [act[1] for act in acts(runtime)] == ["job.submitted"]


def test_people_sessions_and_keys_are_recorded(runtime, people, sessions, roles, clock):
    from trivium.service.keys import ApiKeys

    people.add("boss", ["admin"], actor="operator")
    people.add("ann", actor="boss", password="correct horse battery")
    people.set_roles("ann", ["toy:player"], actor="boss")
    sessions.start("ann", via="password", address="10.0.0.9")
    sessions.start("boss", via="break-glass")
    keys = ApiKeys(runtime.database, roles, now=clock)
    key, _secret = keys.create("plant-7", ["toy.post"], actor="boss")
    successor, _secret = keys.rotate(key.id, actor="boss")
    keys.revoke(key.id, actor="operator")
    people.set_disabled("ann", True, actor="boss")
    assert [act[:4] for act in acts(runtime)] == [
        ("operator", "account.created", "account", "boss"),
        ("boss", "account.created", "account", "ann"),
        ("boss", "roles.changed", "account", "ann"),
        ("ann", "login.done", "account", "ann"),
        ("boss", "login.break_glass", "account", "boss"),
        ("boss", "key.created", "key", key.id),
        ("boss", "key.rotated", "key", successor.id),
        ("operator", "key.revoked", "key", key.id),
        ("boss", "account.disabled", "account", "ann"),
    ]
    assert json.loads(rows(runtime)[3].detail) == {"address": "10.0.0.9", "via": "password"}
    with runtime.database.read() as connection:
        log = "".join(connection.execute(select(tables.audit.c.detail)).scalars())
    assert "correct horse" not in log
    assert _secret not in log

"""The database's rules, and migrations up, down and up again, on SQLite and on a real PostgreSQL."""

import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import IntegrityError
from tests.service.postgres import database as empty_database

from trivium.service import migrate, tables
from trivium.service.database import Database
from trivium.service.errors import InputError, UpstreamError
from trivium.service.jobs import Jobs


@pytest.fixture(params=["sqlite", "postgresql"])
def database(settings, request):
    """An empty database without any table."""
    settings.prepare_home()
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = settings.database
        else:
            url = stack.enter_context(empty_database(request.getfixturevalue("postgres")))
        opened = Database(url)
        yield opened
        opened.close()


def names(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def test_sqlite_rules_are_on(settings):
    settings.prepare_home()
    database = Database(settings.database)
    with database.read() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    database.close()


def test_up_down_and_up_again_without_drift(database):
    migrate.upgrade(database)
    assert {"service_job", "service_session"} <= names(database)
    assert migrate.drift(database) == []
    migrate.downgrade(database, "base")
    assert names(database) == {"service_alembic_version"}
    migrate.upgrade(database)
    assert migrate.pending(database) == []
    assert migrate.drift(database) == []


def test_jobs_of_the_previous_schema_keep_their_history(database):
    migrate.upgrade(database)
    migrate.downgrade(database, "service_0001")
    now = "2026-01-02 03:04:05+00:00" if database.engine.dialect.name == "postgresql" else "2026-01-02 03:04:05"
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO service_job (id, app, kind, queue, owner, idempotency_key, title, request, inputs, state, "
                "created_at) VALUES ('j', 'toy', 'count', 'toy', 'ann', 'j', 'Two', '{}', '[]', 'queued', :now)"
            ),
            {"now": now},
        )
        for what, detail in (("queued", ""), ("running", "host:7"), ("stage", "parse")):
            connection.execute(
                text("INSERT INTO service_job_event (job_id, at, what, detail) VALUES ('j', :now, :what, :detail)"),
                {"now": now, "what": what, "detail": detail},
            )
    history = text("SELECT what, detail, stage, worker FROM service_job_event ORDER BY id")
    for _ in range(2):
        migrate.upgrade(database)
        jobs = Jobs(database, publish=lambda *message: None, queue_of=lambda app, kind: app)
        assert jobs.get("j").state == "queued"
        with database.read() as connection:
            assert connection.execute(history).all() == [
                ("queued", "", "", ""), ("running", "", "", "host:7"), ("stage", "", "parse", ""),
            ]  # fmt: skip
        migrate.downgrade(database, "service_0001")
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM service_job")).scalar() == 1
        details = connection.execute(text("SELECT detail FROM service_job_event ORDER BY id")).scalars().all()
    assert details == ["", "host:7", "parse"]
    migrate.upgrade(database)
    assert Jobs(database, publish=print, queue_of=lambda app, kind: app).claim("j", "w").attempts == 1


def test_drift_names_what_differs(database):
    migrate.upgrade(database)
    with database.write() as connection:
        connection.execute(text("ALTER TABLE service_lease ADD COLUMN stray TEXT"))
    assert any("stray" in line for line in migrate.drift(database))


def test_an_older_schema_is_refused(database):
    with pytest.raises(InputError, match=r"it lacks .*service_0006.*; run: trivium db upgrade"):
        migrate.check(database)
    migrate.upgrade(database)
    migrate.check(database)


def test_foreign_keys_are_enforced(database):
    migrate.upgrade(database)
    row = {"job_id": "none", "at": datetime.now(UTC), "what": "queued", "detail": ""}
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(tables.job_event).values(row))


def test_times_come_back_aware_and_in_utc(database):
    migrate.upgrade(database)
    beijing = datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=8)))
    with database.write() as connection:
        connection.execute(insert(tables.lease).values(name="a", holder="b", until=beijing))
    with database.read() as connection:
        assert connection.execute(select(tables.lease.c.until)).scalar_one().isoformat() == "2026-01-01T00:00:00+00:00"


def test_naive_times_are_refused(database):
    migrate.upgrade(database)
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the point of the test
    with pytest.raises(Exception, match="naive time"), database.write() as connection:
        connection.execute(insert(tables.lease).values(name="a", holder="b", until=naive))


def test_writers_wait_for_each_other(database):
    migrate.upgrade(database)
    with database.write() as connection:
        connection.execute(insert(tables.lease).values(name="n", holder="0", until=datetime.now(UTC)))

    def add_one() -> None:
        for _ in range(20):
            with database.write() as connection:
                value = int(connection.execute(select(tables.lease.c.holder).with_for_update()).scalar_one())
                connection.execute(tables.lease.update().values(holder=str(value + 1)))

    threads = [threading.Thread(target=add_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.execute(select(tables.lease.c.holder)).scalar_one() == "80"


def test_readers_see_one_state(database):
    migrate.upgrade(database)
    with database.read() as reader:
        assert reader.execute(select(tables.lease)).all() == []
        with database.write() as writer:
            writer.execute(insert(tables.lease).values(name="n", holder="0", until=datetime.now(UTC)))
        assert reader.execute(select(tables.lease)).all() == []


@pytest.mark.slow
def test_two_that_upgrade_at_once_upgrade_once(database):
    """Not SQLite's own lock alone: on PostgreSQL the second would make the same tables."""
    # Alembic keeps its running context in a module, so two upgrades at once are two processes.
    code = "import sys; from trivium.service import migrate as m, database as d; m.upgrade(d.Database(sys.argv[1]))"
    url = database.engine.url.render_as_string(hide_password=False)
    started = [subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE) for _ in range(2)]
    assert [process.communicate()[1] for process in started] == [b"", b""]
    assert [process.returncode for process in started] == [0, 0]
    assert migrate.pending(database) == []


def test_reading_changes_nothing(database):
    migrate.upgrade(database)
    with database.read() as connection:
        connection.execute(insert(tables.lease).values(name="n", holder="0", until=datetime.now(UTC)))
    with database.read() as connection:
        assert connection.execute(select(tables.lease)).all() == []


def test_a_server_that_is_away(tmp_path):
    database = Database(f"postgresql://trivium:kettle@/none?host={tmp_path}")
    with pytest.raises(UpstreamError, match="could not be used") as refused, database.read():
        pass
    assert "kettle" not in refused.value.line


def test_a_database_of_another_kind_is_refused():
    with pytest.raises(InputError, match="TRIVIUM_DATABASE_URL: mysql is no database of ours; use sqlite or postgres"):
        Database("mysql://root@localhost/trivium")


def test_a_missing_driver_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(InputError, match=r"needs the module psycopg; pip install 'trivium\[postgres\]'"):
        Database("postgresql+psycopg://localhost/trivium")


def test_a_database_that_cannot_be_opened(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/none/trivium.db")
    with pytest.raises(UpstreamError, match="could not be used"), database.read():
        pass

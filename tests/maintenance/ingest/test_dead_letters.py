"""Poison: a batch that cannot be worked off is set aside with its reason, and those behind it go on."""

from __future__ import annotations

import json

import pytest
import structlog
from tests.maintenance.ingest.conftest import PLANT, at, pump

from trivium.maintenance import scoring
from trivium.maintenance.ingest.dead_letters import list_dead, replay
from trivium.service.errors import InputError, NotFoundError
from trivium.service.phrase import translate


def send(plant, name: str, second: int) -> None:
    assert plant.send(json.dumps([{"asset": "P1", "time": at(second), "temp": 20}]), batch_id=name).status == 202


def test_bytes_that_are_no_batch(plant):
    plant.register(pump("P1"))
    plant.streams.append("live/1/north", b"garbage")
    send(plant, "good", 0)
    plant.drain()
    (letter,) = list_dead(plant.database, PLANT)
    assert letter["reason"].startswith("cannot be read: payload: is no packed batch")
    assert plant.told("good")["state"] == "done"


def test_a_batch_that_our_code_cannot_take_is_found_among_others_and_replayed(plant, monkeypatch):
    plant.register(pump("P1"))
    real = scoring.advance

    def advance(connection, registry, name, state, parts, *scorers, **options):
        if any((rows.times_us == rows_bad).any() for rows in parts):
            raise ArithmeticError("cannot")
        return real(connection, registry, name, state, parts, *scorers, **options)

    for second in range(3):
        send(plant, f"b{second}", second)
    rows_bad = 1_772_362_801_000_000  # second 1
    monkeypatch.setattr(scoring, "advance", advance)
    monkeypatch.setattr(scoring, "log", structlog.testing.CapturingLogger())  # drawing a trace takes seconds
    plant.drain()
    assert [plant.told(f"b{n}")["state"] for n in range(3)] == ["done", "dead", "done"]
    (letter,) = list_dead(plant.database, PLANT)
    assert (letter["batch_id"], letter["reason"]) == ("b1", "ArithmeticError: cannot")
    monkeypatch.setattr(scoring, "advance", real)
    assert replay(plant.database, plant.streams, PLANT, ids=[letter["id"]]) == 1
    plant.drain()
    told = plant.told("b1")
    assert (told["state"], told["verdicts"]["late"], told["stored_readings"]) == ("done", 1, 1)
    assert list_dead(plant.database, PLANT) == []


def test_a_batch_that_ends_its_drainer_is_set_aside_after_three_deliveries(plant):
    plant.register(pump("P1"))
    send(plant, "killer", 0)
    send(plant, "behind", 1)
    stream = "live/1/north"
    assert len(plant.streams.take(stream, 10)) == 2  # a drainer took both, and ended
    for deliveries in (2, 3):
        assert plant.streams.left_over(stream).deliveries == deliveries  # alone now, and ended again
    plant.drain()
    assert plant.told("killer")["state"] == "dead"
    assert plant.told("behind")["state"] == "done"
    reason = list_dead(plant.database, PLANT)[0]["reason"]
    assert (reason, translate(reason, "zh")) == ("its drainer ended 3 times", "处理进程已中断 3 次")


def test_replay_wants_to_know_what(plant):
    with pytest.raises(InputError, match="says neither which dead letters nor of what time; give ids or since"):
        replay(plant.database, plant.streams, PLANT)
    with pytest.raises(NotFoundError, match="north: no such dead letter waits"):
        replay(plant.database, plant.streams, PLANT, ids=[7])


def test_what_was_committed_but_not_acknowledged_is_not_done_twice(plant, monkeypatch):
    plant.register(pump("P1"))
    send(plant, "a", 0)
    monkeypatch.setattr(plant.streams, "acknowledge", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        plant.drain()
    monkeypatch.undo()
    assert sum(plant.streams.lengths().values()) == 1
    plant.drain()
    assert sum(plant.streams.lengths().values()) == 0
    told = plant.told("a")
    assert (told["state"], told["stored_readings"], told["verdicts"]["duplicate"]) == ("done", 1, 0)


def test_an_old_drainer_writes_nothing(plant):
    from trivium.maintenance.ingest import leases

    plant.register(pump("P1"))
    send(plant, "a", 0)
    old = leases.claim(plant.database, "1/north", "old")
    assert leases.claim(plant.database, "1/north", "new") is None
    leases.release(plant.database, old)
    new = leases.claim(plant.database, "1/north", "new")
    assert new.fence == old.fence + 1
    with pytest.raises(leases.LeaseLostError), plant.database.write() as connection:
        leases.check(connection, old)


def test_a_database_that_is_away_makes_no_batch_poison(plant, monkeypatch):
    from trivium.service.errors import UpstreamError

    plant.register(pump("P1"))
    send(plant, "a", 0)
    real = plant.drainer._work
    monkeypatch.setattr(
        plant.drainer, "_work", lambda *_: (_ for _ in ()).throw(UpstreamError("is away", where="database"))
    )
    for _ in range(6):
        with pytest.raises(UpstreamError, match="database: is away"):
            plant.drain()
    monkeypatch.setattr(plant.drainer, "_work", real)
    plant.drain()
    assert plant.told("a")["state"] == "done"


def test_a_lease_is_kept_while_a_group_takes_long(plant, monkeypatch):
    import threading

    from trivium.maintenance.ingest import leases

    monkeypatch.setattr(leases, "_RENEW_S", 0.01)
    lease = leases.claim(plant.database, "1/north", "one")
    with plant.database.write() as connection:
        connection.exec_driver_sql("UPDATE maintenance_shard SET until = '2020-01-01'")
    renewed = threading.Event()
    with leases.renewing(plant.database, lease, renewed.set):
        assert renewed.wait(10)
        assert leases.claim(plant.database, "1/north", "two") is None
    leases.release(plant.database, lease)
    assert leases.claim(plant.database, "1/north", "two").fence == 2

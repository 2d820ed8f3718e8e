"""Alerts of a plant, from readings to what people do: in the scoring transaction, one open at a time, on the record."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import numpy as np
import pytest
from sqlalchemy import select, update
from tests.maintenance.ingest.conftest import NOW, PLANT, Plant, at, pump

from trivium.maintenance import tables
from trivium.maintenance.alerts import book, outbox
from trivium.maintenance.alerts.wording import sentences
from trivium.maintenance.claims import claims_of, resolve
from trivium.maintenance.ingest.moments import to_us
from trivium.maintenance.ingest.monitor import fit_monitor
from trivium.maintenance.ingest.stored import read_readings
from trivium.service.audit import Audit
from trivium.service.database import utc_now
from trivium.service.errors import InputError, NotFoundError

SENSORS = ("temp", "press", "speed")
SECRET = "a secret of the tests"
START_US = to_us(NOW - timedelta(hours=1))


def signal(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    load = np.sin(np.arange(count) / 400) + 0.05 * rng.normal(size=count)
    return np.column_stack([60 + 5 * load, 8 + load, 3000 + 200 * load]) + rng.normal(size=(count, 3)) * [0.5, 0.1, 9]


def send(plant: Plant, values: np.ndarray, start: int, asset: str = "P1", lane: str = "live") -> None:
    rows = [
        {"asset": asset, "time": at(start + place), **dict(zip(SENSORS, row.tolist(), strict=True))}
        for place, row in enumerate(values)
    ]
    assert plant.send(json.dumps(rows), batch_id=f"{asset}-{lane}-{start}", lane=lane).status == 202
    plant.drain()


@pytest.fixture
def faulty(plant: Plant) -> Plant:
    """A plant with one alert: the pressure of P1 falls away from temperature and speed from second 600 on."""
    plant.register(pump("P1"))
    plant.scorer = fit_monitor(signal(4000, seed=1), SENSORS, step_s=1.0, window=10)
    values = signal(1200, seed=2)
    values[600:, 1] -= 1.5
    for start in range(0, 1200, 300):
        send(plant, values[start : start + 300], start)
    return plant


def only(plant: Plant) -> book.Alert:
    (found,) = book.find_alerts(plant.database, PLANT)
    return found


def end_fault(plant: Plant) -> None:
    plant.clock.time = NOW + timedelta(hours=2)
    send(plant, signal(5800, seed=3), 1200)


def test_an_alert_says_what_is_wrong_in_plant_words_and_its_claims_lead_back_to_readings(faulty):
    alert = only(faulty)
    assert (alert.asset, alert.cause, alert.state, alert.is_active, alert.count) == (
        "P1",
        "anomaly",
        "unacknowledged",
        True,
        1,
    )
    assert START_US + 600_000_000 <= alert.since_us < START_US + 640_000_000
    assert alert.raised_us - alert.since_us >= 120_000_000
    (sensor,) = alert.finding.sensors
    assert (sensor.tag, sensor.unit) == ("press", "barg")
    assert sensor.value < sensor.low
    english = sentences(alert.finding, "en", asset="P1")
    assert english[0].startswith("The readings are ")
    usual = f"{sensor.low:.2f} to {sensor.high:.2f} at this load"
    since = f"{datetime.fromtimestamp(alert.since_us / 1e6, UTC):%Y-%m-%d %H:%M} UTC"
    assert english[1] == f"press {sensor.value:.2f} barg, below the usual {usual}, since {since}."
    assert sentences(alert.finding, "zh", asset="P1")[1].startswith(f"press {sensor.value:.2f} barg，低于")
    (evidence,) = claims_of(alert.finding, "P1").claims["s0.value"].evidence
    rows = read_readings(faulty.database, PLANT, "P1", sensor.from_us - 60_000_000, sensor.to_us)
    assert resolve(evidence, pump("P1"), rows, 1.0) == pytest.approx(sensor.value, abs=1e-9)
    rows.values[-3, rows.tags.index("press")] += 1
    with pytest.raises(NotFoundError, match="no longer those of the claim"):
        resolve(evidence, pump("P1"), rows, 1.0)


def test_the_same_fault_in_the_lane_of_history_raises_nothing(plant):
    plant.register(pump("P1"))
    plant.scorer = fit_monitor(signal(4000, seed=1), SENSORS, step_s=1.0, window=10)
    values = signal(1200, seed=2)
    values[600:, 1] -= 1.5
    send(plant, values, 0, lane="history")
    assert book.find_alerts(plant.database, PLANT) == []


def test_acknowledged_then_returned_is_closed_and_on_the_record(faulty):
    audit = Audit(faulty.database)
    alert = book.acknowledge(audit, PLANT, only(faulty).id, actor="ann", note="valve checked")
    assert (alert.state, alert.actor, alert.why) == ("acknowledged", "ann", "valve checked")
    with pytest.raises(InputError, match="is acknowledged, so that it cannot be acknowledged") as refused:
        book.acknowledge(audit, PLANT, alert.id, actor="bob")
    number = only(faulty).id
    assert refused.value.line_in("zh") == f"报警 {number}：当前状态为“已确认”，不能改为“已确认”"
    end_fault(faulty)
    closed = only(faulty)
    assert (closed.state, closed.is_active) == ("closed", False)
    assert [one["what"] for one in book.events_of(faulty.database, alert.id)] == ["raised", "acknowledged", "returned"]
    (row,) = audit.rows(subject_kind="alert")
    assert (row.action, row.actor, row.subject_id) == ("alert.acknowledged", "ann", str(alert.id))
    with pytest.raises(NotFoundError):
        book.acknowledge(audit, "south", alert.id, actor="ann")


def test_returned_without_anybody_waits_to_be_acknowledged(faulty):
    end_fault(faulty)
    assert only(faulty).state == "returned"
    assert book.acknowledge(Audit(faulty.database), PLANT, only(faulty).id, actor="ann").state == "closed"


def test_a_shelf_ends_by_itself_or_by_hand_and_wants_a_reason(faulty):
    audit, alert = Audit(faulty.database), only(faulty)
    soon = utc_now() + timedelta(hours=1)
    with pytest.raises(InputError, match="gives no reason"):
        book.shelve(audit, PLANT, alert.id, actor="ann", why=" ", until=soon)
    with pytest.raises(InputError, match="within the next 7 days"):
        book.shelve(audit, PLANT, alert.id, actor="ann", why="x", until=soon + timedelta(days=8))
    with pytest.raises(InputError, match="was changed meanwhile"):
        book.shelve(audit, PLANT, alert.id, actor="ann", why="x", until=soon, version=alert.version + 1)
    shelved = book.shelve(audit, PLANT, alert.id, actor="ann", why="pump is swapped", until=soon, version=alert.version)
    assert (shelved.state, shelved.why, shelved.until) == ("shelved", "pump is swapped", soon)
    assert book.put_back(audit, PLANT, alert.id, actor="bob").state == "unacknowledged"
    book.shelve(audit, PLANT, alert.id, actor="ann", why="again", until=soon)
    with faulty.database.write() as connection:
        connection.execute(update(tables.alert).values(until=utc_now() - timedelta(seconds=1)))
    assert book.end_shelves(faulty.database, ()) == [alert.id]
    assert only(faulty).state == "unacknowledged"


def test_out_of_service_keeps_silent_and_no_second_alert_opens(faulty):
    audit, alert = Audit(faulty.database), only(faulty)
    book.take_out_of_service(audit, PLANT, alert.id, actor="ann", why="transmitter removed")
    end_fault(faulty)
    values = signal(1200, seed=5)
    values[:, 1] -= 1.5
    faulty.clock.time = NOW + timedelta(hours=4)
    send(faulty, values, 10_500)
    again = only(faulty)
    assert (again.id, again.state, again.is_active, again.count) == (alert.id, "out_of_service", True, 2)


def test_a_model_that_cannot_explain_loses_no_reading(plant, monkeypatch):
    plant.register(pump("P1"))
    plant.scorer = fit_monitor(signal(4000, seed=1), SENSORS, step_s=1.0, window=10)
    monkeypatch.setattr(type(plant.scorer), "explain", lambda *_: 1 / 0)
    values = signal(1200, seed=2)
    values[600:, 1] -= 1.5
    send(plant, values, 0)
    assert book.find_alerts(plant.database, PLANT) == []
    assert len(read_readings(plant.database, PLANT, "P1", 0, 2**62).times_us) == 1200
    monkeypatch.undo()
    plant.clock.time = NOW + timedelta(hours=1)
    values = signal(900, seed=3)
    values[:, 1] -= 1.5
    send(plant, values, 1200)
    assert only(plant).state == "unacknowledged"  # told late, but told


class Receiver(BaseHTTPRequestHandler):
    """A system that takes webhooks: the first one it refuses."""

    taken: ClassVar[list[tuple[str, bytes]]] = []
    refuses: ClassVar[int] = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if type(self).refuses:
            type(self).refuses -= 1
            self.send_response(500)
        else:
            self.taken.append((self.headers["x-trivium-signature"], body))
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    Receiver.taken.clear()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    server.server_close()


def test_webhooks_are_signed_and_sent_until_they_are_taken(plant, receiver):
    plant.drainer._webhooks = (receiver,)
    Receiver.refuses = 1
    plant.register(pump("P1"))
    plant.scorer = fit_monitor(signal(4000, seed=1), SENSORS, step_s=1.0, window=10)
    values = signal(1200, seed=2)
    values[300:, 1] -= 1.5
    send(plant, values, 0)
    assert outbox.is_due(plant.database)
    assert outbox.deliver(plant.database, SECRET, (receiver,)) == 0  # refused: again in ten seconds
    assert outbox.waiting(plant.database) == {"waiting": 1, "given_up": 0}
    with plant.database.write() as connection:
        (error, attempts) = connection.execute(select(tables.outbox.c.error, tables.outbox.c.attempts)).one()
        connection.execute(update(tables.outbox).values(due_at=utc_now()))
    assert (error, attempts) == ("answered 500", 1)
    assert outbox.deliver(plant.database, SECRET, (receiver,)) == 1
    assert outbox.deliver(plant.database, SECRET, (receiver,)) == 0
    ((header, body),) = Receiver.taken
    assert outbox.verify(header, body, SECRET)
    assert not outbox.verify(header, body + b" ", SECRET)
    assert not outbox.verify(header, body, SECRET, now=utc_now().timestamp() + 301)
    told = json.loads(body)
    assert (told["event"], told["alert"]["asset"], told["alert"]["state"]) == ("alert.raised", "P1", "unacknowledged")
    assert "press" in told["alert"]["text"]["zh"][1]
    assert told["alert"]["page"] == f"/maintenance/p/{PLANT}/alerts/{told['alert']['id']}"


def test_addresses_are_the_operators_and_plain():
    assert outbox.urls_of(" https://a.example/x , http://10.0.0.1:8080/ ") == (
        "https://a.example/x",
        "http://10.0.0.1:8080/",
    )
    for url in ("file:///etc/passwd", "ftp://a", "http://user:word@a/", "a.example"):
        with pytest.raises(InputError, match="no http or https address"):
            outbox.urls_of(url)

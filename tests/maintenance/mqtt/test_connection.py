"""With a real broker, mosquitto: nothing is lost and nothing doubled when the broker or the bridge goes."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from tests.maintenance.ingest.conftest import NOW, PLANT, at, pump
from tests.maintenance.mqtt.mosquitto import Mosquitto, wait_for
from tests.service.suite import running

from trivium.maintenance.ingest.ledger import find_batches
from trivium.maintenance.ingest.stored import read_readings
from trivium.maintenance.mqtt.bridge import Bridge
from trivium.maintenance.mqtt.connection import Connection, Tls, read_url
from trivium.maintenance.mqtt.payload import read_payload
from trivium.maintenance.mqtt.topics import Pattern
from trivium.maintenance.registry import write_registry
from trivium.service.broker import connect
from trivium.service.database import Database
from trivium.service.errors import InputError, UpstreamError

SUBSCRIPTIONS = ("spBv1.0/#", "site/+/+")


@pytest.fixture
def mosquitto(tmp_path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    yield broker
    broker.stop()


class Listener:
    """A bridge in a thread."""

    def __init__(self, plant, port: int, **options) -> None:
        self._ending = threading.Event()
        self.connection = Connection(read_url(f"mqtt://127.0.0.1:{port}"), SUBSCRIPTIONS, client_id="bridge", **options)
        self.bridge = Bridge(
            plant.door, plant.registries, PLANT, patterns=[Pattern("site/{asset}/{tag}")],
            rebirth=self.connection.ask_for_rebirth, is_ending=self._ending.is_set, sleep=lambda seconds: None,
        )  # fmt: skip
        self.connection.open()
        self._thread = threading.Thread(target=self.connection.work, args=(self.take, self._ending.is_set))
        self._thread.start()

    def take(self, topic, payload, arrival) -> bool:
        return self.bridge.take(topic, payload, NOW)

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(10)
        self.connection.close()


@pytest.fixture
def publisher(mosquitto) -> Iterator[paho.Client]:
    client = paho.Client(CallbackAPIVersion.VERSION2, "gateway", False)
    client.reconnect_delay_set(1, 1)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def stored(plant, asset: str = "P1") -> list[float]:
    plant.drain()
    found = read_readings(plant.database, PLANT, asset, 0, 2**62)
    return found.values[:, 0].tolist() if len(found.times_us) else []


def reading(number: int) -> str:
    return json.dumps({"value": number, "time": at(number)})


def test_nothing_is_lost_or_doubled_when_the_broker_goes_and_comes_back(plant, mosquitto, publisher):
    plant.register(pump("P1"))
    listener = Listener(plant, mosquitto.port)
    for number in range(60):
        publisher.publish("site/P1/temp", reading(number), qos=1)
        if number in (20, 40):
            mosquitto.stop()
            time.sleep(0.1)
            mosquitto.start()
    wait_for(lambda: len(stored(plant)) == 60)
    listener.stop()
    assert stored(plant) == [float(number) for number in range(60)]


def test_what_comes_while_the_bridge_is_away_waits_at_the_broker(plant, mosquitto, publisher):
    plant.register(pump("P1"))
    Listener(plant, mosquitto.port).stop()
    for number in range(10):
        publisher.publish("site/P1/temp", reading(number), qos=1).wait_for_publish(5)
    listener = Listener(plant, mosquitto.port)
    wait_for(lambda: len(stored(plant)) == 10)
    listener.stop()
    assert stored(plant) == [float(number) for number in range(10)]


def test_what_was_not_stored_is_not_acknowledged(plant, mosquitto, publisher, monkeypatch):
    plant.register(pump("P1"))
    real = plant.door.take

    def refuse(*arguments, **options):
        raise UpstreamError("is away", where="broker")

    listener = Listener(plant, mosquitto.port)
    monkeypatch.setattr(plant.door, "take", refuse)
    publisher.publish("site/P1/temp", reading(1), qos=1).wait_for_publish(5)
    wait_for(lambda: listener.bridge.counts["messages"] == 1)
    listener.stop()
    monkeypatch.setattr(plant.door, "take", real)
    listener = Listener(plant, mosquitto.port)
    wait_for(lambda: len(stored(plant)) > 0)
    listener.stop()
    assert stored(plant) == [1.0]


def test_a_gap_has_the_node_born_anew_and_the_host_tells_its_state(plant, mosquitto, publisher, encode):
    plant.register(pump("P1"))
    commands: queue.Queue[bytes] = queue.Queue()
    states: queue.Queue[dict] = queue.Queue()
    publisher.message_callback_add("spBv1.0/works/NCMD/edge", lambda *given: commands.put(given[2].payload))
    publisher.message_callback_add("spBv1.0/STATE/plant", lambda *given: states.put(json.loads(given[2].payload)))
    publisher.subscribe([("spBv1.0/works/NCMD/edge", 1), ("spBv1.0/STATE/plant", 1)])
    listener = Listener(plant, mosquitto.port, host_id="plant")
    assert states.get(timeout=5)["online"] is True
    t = round(NOW.timestamp() * 1000)
    metric = {"name": "temp", "alias": 7, "datatype": 10, "double_value": 60, "timestamp": t}
    publisher.publish("spBv1.0/works/NBIRTH/edge", encode(timestamp=t, seq=0, metrics=[]), qos=0)
    publisher.publish("spBv1.0/works/DBIRTH/edge/P1", encode(timestamp=t, seq=1, metrics=[metric]), qos=0)
    lost = {"alias": 7, "double_value": 62, "timestamp": t + 2000}
    publisher.publish("spBv1.0/works/DDATA/edge/P1", encode(timestamp=t, seq=3, metrics=[lost]), qos=0)
    (command,) = read_payload(commands.get(timeout=5)).metrics
    assert (command.name, command.as_type(command.datatype)) == ("Node Control/Rebirth", 1)
    wait_for(lambda: stored(plant) == [60.0, 62.0])
    listener.stop()
    assert states.get(timeout=5)["online"] is False


@pytest.mark.slow
def test_the_command_listens_until_it_is_stopped_and_keeps_what_nodes_said(
    mosquitto, publisher, encode, broker_url, empty_file, tmp_path
):
    connect(broker_url).flushdb()
    (tmp_path / "trivium.db").write_bytes(empty_file.read_bytes())
    database = Database(f"sqlite:///{tmp_path / 'trivium.db'}")
    write_registry(database, PLANT, [pump("P1")])
    url = f"mqtt://127.0.0.1:{mosquitto.port}"
    options = {"TRIVIUM_APPS": "maintenance", "TRIVIUM_REDIS_URL": broker_url}
    with running("maintenance", "mqtt", "--broker", url, "--plant", PLANT, home=tmp_path, **options) as bridge:
        lines = iter(bridge.stdout.readline, "")
        assert next(line for line in lines if "listens to" in line).startswith(
            "north: listens to spBv1.0/# at 127.0.0.1"
        )
        now = round(time.time() * 1000)
        metric = {"name": "temp", "alias": 7, "datatype": 10, "double_value": 60, "timestamp": now}
        publisher.publish("spBv1.0/works/NBIRTH/edge", encode(timestamp=now, seq=0, metrics=[]), qos=1)
        publisher.publish("spBv1.0/works/DBIRTH/edge/P1", encode(timestamp=now, seq=1, metrics=[metric]), qos=1)
        wait_for(lambda: find_batches(database, PLANT))
        bridge.terminate()
        assert "1 batches, 2 messages" in "".join(lines)
        assert bridge.wait(10) == 0
    database.close()
    kept = json.loads((tmp_path / "mqtt" / "north.json").read_text())
    assert kept["works/edge"]["aliases"]["P1"] == [[7, "temp"]]


def test_a_broker_that_is_not_there_yet_is_told_once_and_listened_to_when_it_comes(plant, mosquitto, publisher):
    plant.register(pump("P1"))
    mosquitto.stop()
    told: list[str] = []
    listener = Listener(plant, mosquitto.port, tell=told.append)
    time.sleep(1.5)  # two tries
    mosquitto.start()
    wait_for(lambda: len(told) == 2)
    publisher.publish("site/P1/temp", reading(1), qos=1).wait_for_publish(5)
    wait_for(lambda: stored(plant) == [1.0])
    listener.stop()
    assert "cannot be reached" in told[0]
    assert "is the broker running" in told[0]
    assert told[1] == f"listens to spBv1.0/#, site/+/+ at 127.0.0.1:{mosquitto.port}"


def test_a_refused_subscription_is_told_once_and_asked_for_again(monkeypatch):
    told: list[str] = []
    connection = Connection(read_url("mqtt://broker"), ["a", "b"], client_id="bridge", tell=told.append)
    asked: list[list] = []
    monkeypatch.setattr(connection._client, "subscribe", asked.append)
    monkeypatch.setattr("trivium.maintenance.mqtt.connection._RETRY_S", (0, 0))
    answers = iter([[0, 128], [0, 128], [0, 0]])

    def is_ending() -> bool:
        codes = next(answers, None)
        if codes is not None:
            connection._subscribed(None, None, 1, [SimpleNamespace(is_failure=code == 128) for code in codes], None)
        return codes is None

    connection.work(lambda *given: True, is_ending)
    assert asked == [[("a", 1), ("b", 1)]] * 2
    assert told[0].startswith("broker:1883: refuses the subscription to b; may this user read these topics?")
    assert told[1:] == ["listens to a, b at broker:1883"]


@pytest.mark.parametrize("url", ["http://host", "mqtt://", "host:1883", "mqtt://host:99999999"])
def test_what_is_no_address(url):
    with pytest.raises(InputError, match="is no address"):
        read_url(url)


def test_an_address():
    found = read_url("mqtts://ann:a%40b@broker", tls=Tls("ca.pem"))
    assert (found.host, found.port, found.is_secure, found.user, found.password) == ("broker", 8883, True, "ann", "a@b")
    assert read_url("mqtt://ann:x@broker", password="y").password == "y"

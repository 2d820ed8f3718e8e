"""What Prometheus is told, through the real door: who may ask, and that the figures are those of the database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from redis.exceptions import ConnectionError as AwayError
from tests.service.conftest import TOY

from trivium.service import celery_app, metrics
from trivium.service.access import open_access
from trivium.service.database import utc_now
from trivium.service.job import JobState
from trivium.service.roles import LOCAL_USER
from trivium.service.tables import job
from trivium.service.web import create_web

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Broker:
    """Three queues with 2, 1 and 0 messages, and a stream with seven entries."""

    is_away = False

    def llen(self, name):
        if self.is_away:
            raise AwayError("nobody answers")
        return {"toy": 2, "toy.low": 1}.get(name, 0)

    def scan_iter(self, _type):
        return [b"ingest:3"]

    def xlen(self, key):
        return 7

    def info(self, section):
        return {"used_memory": 1234}


@pytest.fixture
def broker(monkeypatch):
    opened = Broker()
    monkeypatch.setattr(metrics, "broker_url", lambda settings: "redis://nowhere")
    monkeypatch.setattr(metrics, "connect", lambda url: opened)
    return opened


@pytest.fixture
def client(runtime, broker):
    return TestClient(create_web(runtime), base_url="http://127.0.0.1:7860")


@pytest.fixture
def key(runtime):
    access = open_access(runtime.settings, runtime.apps, runtime.database)
    access.first()
    return access.keys.create("prometheus", ["service.metrics"], actor="operator")[1]


def scrape(client, key):
    answer = client.get("/metrics", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_strangers_and_people_without_the_permission_get_nothing(client, runtime, key):
    assert client.get("/metrics").status_code == 401
    access = open_access(runtime.settings, runtime.apps, runtime.database)
    other = access.keys.create("p7", ["toy.post"], actor="operator")[1]
    assert client.get("/metrics", headers={"x-api-key": other}).status_code == 404


def test_figures_are_those_of_database_broker_and_disk(client, runtime, key, clock):
    clock.time = utc_now() - timedelta(seconds=100)
    for _ in range(3):
        made = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={})
    held = runtime.jobs.claim(made.id, "somebody:1")  # its lease ran out long ago
    assert held is not None
    client.get("/healthz")
    found = scrape(client, key)
    assert found["trivium_jobs", "queued", "toy"] == 2
    assert found["trivium_jobs", "running", "toy"] == 1
    assert found["trivium_job_leases_expired",] == 1
    assert 100 <= found["trivium_job_oldest_wait_seconds", "toy"] < 160
    assert found["trivium_queue_messages", "toy"] == 2
    assert found["trivium_queue_messages", "toy.low"] == 1
    assert found["trivium_stream_entries", "ingest:3"] == 7
    assert found["trivium_broker_memory_bytes",] == 1234
    assert found["trivium_audit_rows_total",] == len(runtime.audit.rows(limit=1000))
    assert 0 < found["trivium_disk_used_ratio",] < 1
    assert (found["trivium_up", "database"], found["trivium_up", "broker"]) == (1, 1)
    assert found["trivium_http_request_seconds_count", "2xx", "GET"] == 1
    assert scrape(client, key)["trivium_http_request_seconds_count", "2xx", "GET"] == 2


def test_a_broker_that_is_away_is_a_figure_and_the_rest_stays(client, broker, key):
    broker.is_away = True
    found = scrape(client, key)
    assert (found["trivium_up", "database"], found["trivium_up", "broker"]) == (1, 0)
    assert "trivium_audit_rows_total" in {name for name, *_ in found}


def test_no_label_names_a_person_a_file_or_a_path(client, runtime, key):
    runtime.jobs.submit(app="toy", kind="count", owner="ann.smith", request={}, title="secret.htm")
    client.get("/files/0123/secret.htm")
    client.request("HACK", "/x")
    text = client.get("/metrics", headers={"x-api-key": key}).text
    assert "ann.smith" not in text
    assert "secret" not in text
    assert "HACK" not in text
    assert JobState.QUEUED in text
    assert job.name not in text


def test_the_request_id_travels_with_the_message(settings, monkeypatch):
    sent = []

    class App:
        def send_task(self, task, **options):
            sent.append(options["headers"])

    publish = celery_app.publisher(settings)
    monkeypatch.setattr(publish, "_app", lambda: App())
    with celery_app.structlog.contextvars.bound_contextvars(request_id="r-1"):
        publish("toy.count", "j", "toy")
    publish("toy.count", "j", "toy")
    assert [headers["trivium_request_id"] for headers in sent] == ["r-1", ""]
    assert TOY.queues[0].name == "toy"

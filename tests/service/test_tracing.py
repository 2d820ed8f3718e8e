"""One trace from a click to the stages of its job, over a real message; nothing at all unless it is asked for."""

from __future__ import annotations

import sys

import gradio
import pytest
from celery.contrib.testing.worker import start_worker
from fastapi.testclient import TestClient
from starlette.requests import Request
from tests.service.conftest import TOY
from tests.service.suite import wait_for

from trivium.service import celery_app, tracing, visitor
from trivium.service.access import open_access
from trivium.service.errors import InputError
from trivium.service.evidence import Report
from trivium.service.jobs import JobState
from trivium.service.roles import LOCAL_USER
from trivium.service.runner import run_job
from trivium.service.runtime import open_runtime
from trivium.service.settings import load_settings
from trivium.service.web import create_web

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
HOST = "http://127.0.0.1:7860"


@pytest.fixture
def spans():
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()
    tracing.configure("", exporter=exporter)
    yield exporter
    tracing.stop()


@pytest.fixture
def live(migrated, monkeypatch):
    """A runtime whose messages go to a worker through a broker in memory."""
    monkeypatch.setattr(celery_app, "broker_url", lambda settings: "memory://")
    runtime = open_runtime(migrated, apps=(TOY,))
    app = celery_app.create_celery("memory://", [TOY])
    app.conf.update(include=[], broker_transport_options={})

    @app.task(name="toy.count", shared=False)
    def count(job_id):
        def work(context):
            context.progress("parse", 0.1)
            context.progress("analyze", 0.5)
            return Report("Counted", "en")

        run_job(job_id, work, runtime=runtime)

    with start_worker(app, perform_ping_check=False, pool="solo", queues=["toy"]):
        yield runtime
    runtime.close()


def visiting(runtime):
    access = open_access(runtime.settings, runtime.apps, runtime.database)
    access.first()
    client = TestClient(create_web(runtime), base_url=HOST)
    assert client.get("/login", params={"token": access.sessions.make_link_token(LOCAL_USER)}).status_code == 200
    return client


@pytest.mark.slow
def test_a_click_is_one_trace_down_to_its_stages(spans, live):
    client = visiting(live)
    spans.clear()
    answer = client.post(
        "/api/jobs",
        json={"app": "toy", "kind": "count", "title": "Smith, John"},
        headers={"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"},  # what a client claims is not believed
    )
    job = wait_for(lambda: (found := live.jobs.get(answer.json()["id"])).state == JobState.DONE and found, seconds=10)
    wait_for(lambda: "job.run" in [span.name for span in spans.get_finished_spans()], seconds=5)
    found = {span.name: span for span in spans.get_finished_spans()}
    parents = {
        "job.submit": "request",
        "job.message": "job.submit",
        "job.run": "job.message",
        "stage.start": "job.run",
        "stage.parse": "job.run",
        "stage.analyze": "job.run",
    }
    assert {name: span.parent and span.parent.span_id for name, span in found.items()} == {"request": None} | {
        name: found[parent].context.span_id for name, parent in parents.items()
    }
    assert len({span.context.trace_id for span in found.values()}) == 1
    assert found["request"].context.trace_id != int("1" * 32, 16)
    assert dict(found["request"].attributes) == {
        "http.request.method": "POST",
        "request.id": answer.headers["x-request-id"],
        "http.response.status_code": 201,
        "http.route": "/api/jobs",
    }
    assert dict(found["job.run"].attributes) == {"job.id": job.id, "job.task": "toy.count", "job.attempt": 1}
    assert "Smith" not in "".join(span.to_json() for span in found.values())


def test_a_start_after_a_workers_death_goes_on_with_the_trace(spans, runtime, clock):
    with tracing.span("request", {}) as click:
        job = runtime.jobs.submit(app="toy", kind="count", owner="ann", request={})
    runtime.jobs.claim(job.id, "elsewhere:1")  # never heard of again
    clock.forward(60)
    assert [again.id for again in runtime.jobs.recover()] == [job.id]
    tracing.take_up({})  # what the worker is told by a message of the sweeper
    run_job(job.id, lambda context: Report("Counted", "en"), runtime=runtime)
    found = {span.name: span for span in spans.get_finished_spans()}
    assert found["job.run"].context.trace_id == click.context.trace_id
    assert found["job.run"].parent.span_id == found["job.submit"].context.span_id
    assert found["job.run"].attributes["job.attempt"] == 2


def test_a_retry_belongs_to_the_click_that_asked_for_it(spans, runtime):
    with tracing.span("request", {}):
        job = runtime.jobs.submit(app="toy", kind="count", owner="ann", request={})
    runtime.jobs.cancel(job.id)
    with tracing.span("request", {}) as second:
        runtime.jobs.retry(job.id)
    tracing.take_up({})
    run_job(job.id, lambda context: Report("Counted", "en"), runtime=runtime)
    found = {span.name: span for span in spans.get_finished_spans()}
    assert found["job.run"].context.trace_id == second.context.trace_id
    tracing.take_up({})


def test_a_gradio_handler_goes_on_with_its_request(spans):
    """Gradio calls handlers from a loop of its own, so that what a request had in its context is not there."""
    with tracing.span("request", {}) as click:
        ids = {"request_id": "r-1", **tracing.headers()}
    request = Request({"type": "http", "state": {"ids": ids}, "headers": [], "query_string": b"", "path": "/"})
    with pytest.raises(visitor.NotFoundError):  # nobody is logged in, and the line that says so has the id
        visitor.require(gradio.Request(request), "toy.run")
    with tracing.span("job.submit", {}) as submitted:
        pass
    assert submitted.parent.span_id == click.context.span_id
    assert celery_app.structlog.contextvars.get_contextvars()["request_id"] == "r-1"
    celery_app.structlog.contextvars.clear_contextvars()
    tracing.take_up({})


def test_of_an_error_a_trace_has_the_kind_alone(spans):
    with pytest.raises(InputError), tracing.span("job.submit", {}):
        raise InputError("is empty", where="Smith, John.htm")
    (found,) = spans.get_finished_spans()
    assert dict(found.attributes) == {"error.type": "InputError"}
    assert found.status.status_code.name == "ERROR"
    assert "Smith" not in found.to_json()


def test_nothing_is_traced_unless_it_is_asked_for():
    tracing.configure("")
    with tracing.span("request", {}) as span:
        assert (span, tracing.headers()) == (None, {})


def test_the_setting_is_an_address_and_needs_the_extra(monkeypatch):
    for bad in ("collector:4318", "http://ann:secret@collector:4318/v1/traces"):
        monkeypatch.setenv("TRIVIUM_TRACES_URL", bad)
        with pytest.raises(InputError, match=r"^TRIVIUM_TRACES_URL: not an address such as http://127\.0\.0\.1:4318"):
            load_settings()
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(InputError, match=r"needs the module opentelemetry\.sdk\.trace; pip install 'trivium\[otel\]'"):
        tracing.configure("http://127.0.0.1:4318/v1/traces")

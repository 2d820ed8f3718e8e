"""The shell around the apps: home page, language, readiness, what browsers keep, the test app's real Gradio page."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs
from tests.service.web.conftest import HOST, HTML

from trivium.service.errors import UpstreamError
from trivium.service.footprint import Part
from trivium.service.runtime import LOCAL_USER

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # gradio and httpx clients under test


def test_home_shows_apps_and_greys_what_is_missing(visitor):
    text = visitor.get("/", headers=HTML).text
    assert '<a class="button" href="/toy/">Open Toy</a>' in text
    assert "pip install &#39;trivium[absent]&#39;" in text
    assert 'href="/absent/"' not in text


def test_language_is_kept(visitor):
    chinese = visitor.get("/?lang=zh", headers=HTML)
    assert '<html lang="zh-CN">' in chinese.text
    assert "打开玩具" in chinese.text
    assert "任务" in visitor.get("/jobs", headers=HTML).text
    assert "Jobs" in visitor.get("/jobs?lang=en", headers=HTML).text


def test_an_apps_page_fetches_the_bar_and_can_follow_jobs(visitor):
    page = visitor.get("/toy/").text
    assert "/static/bar.js" in page
    assert "/static/polling.js" in page
    assert visitor.get("/bar?lang=en").text.startswith('<header class="bar">')


def test_pages_may_load_nothing_from_elsewhere(visitor, job):
    for path in ("/", "/jobs", f"/jobs/{job.id}"):
        answer = visitor.get(path, headers=HTML)
        assert answer.headers["content-security-policy"].startswith("default-src 'none';")
        assert not re.search(r"(src|href)=\"(https?:)?//", answer.text)


def test_a_crash_is_a_page_with_a_reference_that_the_log_has(visitor):
    with capture_logs() as logged:
        answer = visitor.get("/toy-crash", headers=HTML)
    reference = next(line["reference"] for line in logged if line["event"] == "request.crashed")
    assert answer.status_code == 500
    assert f"Reference {reference}" in answer.text
    assert "secret detail" not in answer.text


def test_ready_means_database_and_broker(visitor, monkeypatch):
    def away(settings):
        raise UpstreamError("no broker runs")

    monkeypatch.setattr("trivium.service.web.broker_url", away)
    answer = visitor.get("/readyz")
    told = answer.json()
    assert (answer.status_code, told["database"], told["broker"]) == (503, "ok", "not available")


def test_readiness_tells_memory_beside_its_plan(visitor, monkeypatch):
    found = [Part("toy", "light", 2, 150.4, 400), Part("priors", "light", 1, 90.0, 400)]
    told = visitor.get("/readyz").json()["memory_mib"]
    assert told == {"web": {"planned": 600, "largest": None}, "light": {"planned": 400, "largest": None}}
    monkeypatch.setattr("trivium.service.footprint.running", lambda home, specs: found)
    assert visitor.get("/readyz").json()["memory_mib"]["light"] == {"planned": 400, "largest": 150}


def test_an_app_submits_in_its_visitors_name(visitor, runtime):
    """The whole way of a click: Gradio's queue, behind the door, knows who is there."""
    page = visitor.get("/toy/")
    assert page.status_code == 200
    with visitor:
        started = visitor.post("/toy/gradio_api/call/submit", json={"data": [4]})
        stream = visitor.get(f"/toy/gradio_api/call/submit/{started.json()['event_id']}").text
    job_id = re.search(r'data: \["([0-9a-f]{16})"\]', stream).group(1)
    assert runtime.jobs.get(job_id, owner=LOCAL_USER).request == {"to": 4}


def test_a_mounted_page_is_for_its_apps_roles_with_all_its_routes(site, access):
    """The door asks for `toy.read` in front of Gradio; the handler behind it for `toy.run`."""
    access.people.add("wim", ["watcher"], actor="test")
    access.people.add("nil", ["admin"], actor="test")
    wim, nil = (TestClient(site[1], base_url=HOST, raise_server_exceptions=False) for _ in range(2))
    for client, name in ((wim, "wim"), (nil, "nil")):
        client.cookies.set("trivium_session_7860", access.sessions.start(name, via="password"))
    for path in (
        "/toy",
        "/toy/",
        "/toy/config",
        "/toy/theme.css",
        "/toy/gradio_api/info",
        "/toy/gradio_api/file=/etc/passwd",
    ):
        assert nil.get(path).status_code == 404
    assert nil.post("/toy/gradio_api/upload", files={"files": b"a"}).status_code == 404
    assert 'href="/toy/"' not in nil.get("/", headers=HTML).text
    assert wim.get("/toy/").status_code == 200
    with wim:
        started = wim.post("/toy/gradio_api/call/submit", json={"data": [4]})
        stream = wim.get(f"/toy/gradio_api/call/submit/{started.json()['event_id']}").text
    assert "event: error" in stream
    assert access.people.get("wim").id not in [job.owner for job in site[0].jobs.recent()]


def test_a_browser_keeps_what_a_page_links(visitor):
    style = re.search(r'href="(/static/trivium\.css\?v=[0-9a-f]{12})"', visitor.get("/jobs", headers=HTML).text)[1]
    bar = re.search(r"(/static/bar\.js\?v=[0-9a-f]{12})\W", visitor.get("/toy/").text)[1]
    for address in (style, bar):
        assert visitor.get(address).headers["cache-control"] == "private, max-age=31536000, immutable"
        assert "immutable" not in visitor.get(f"{address}0").headers.get("cache-control", "")
    assert visitor.get("/jobs", headers=HTML).headers["cache-control"] == "no-store"

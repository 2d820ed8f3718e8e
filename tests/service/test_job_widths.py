"""How the list of jobs looks in a real browser: on a telephone, a tablet and a desk, in both languages."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from trivium.service.access import open_access
from trivium.service.errors import InputError
from trivium.service.evidence import Report
from trivium.service.runner import run_job
from trivium.service.runtime import LOCAL_USER
from trivium.service.web import create_web

HOST = "http://127.0.0.1:7860"
LINES = """() => [...document.querySelectorAll("th, .state, time, .button")].filter(one => one.checkVisibility())
  .map(one => { const text = document.createRange(); text.selectNodeContents(one.firstChild);
    return [text.toString(), new Set([...text.getClientRects()].map(line => Math.round(line.bottom))).size] })"""
BEYOND = (
    """() => [...document.querySelectorAll(".wide, html")].filter(one => one.scrollWidth > one.clientWidth).length"""
)
pytestmark = pytest.mark.browser


@pytest.fixture
def visitor(runtime, browser):
    """A person with jobs in every state, and a browser whose every request the server of this process answers."""
    access = open_access(runtime.settings, runtime.apps, runtime.database)
    access.first()
    client = TestClient(create_web(runtime), base_url=HOST)
    client.get("/login", params={"token": access.sessions.make_link_token(LOCAL_USER)})

    def fail(_context):
        raise InputError("is empty", where="a.htm")

    for work, title in (
        (lambda _context: Report("", "en"), "Brackenford Bancorp, Inc., Sorrelgate Insurance Group, Inc.: FY2022"),
        (fail, "四方科技股份有限公司与安靠智电股份有限公司的比较：2019 年度"),
    ):
        job = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={}, title=title)
        run_job(job.id, work, runtime=runtime)
    runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={}, title="Waits")

    def answer(route):
        path = route.request.url.removeprefix(HOST)
        got = client.get(path, headers={"accept": "text/html"})
        route.fulfill(status=got.status_code, body=got.content, content_type=got.headers["content-type"])

    context = browser.new_context()
    context.route("**/*", answer)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_short_texts_stay_on_one_line_and_nothing_is_beyond_the_edge(visitor, language, width):
    visitor.set_viewport_size({"width": width, "height": 800})
    visitor.goto(f"{HOST}/jobs?lang={language}")
    lines = visitor.evaluate(LINES)
    assert {"en": "done", "zh": "已完成"}[language] in [text for text, _count in lines]
    assert [text for text, count in lines if count > 1] == []
    assert visitor.evaluate(BEYOND) == 0

"""The script that follows jobs, in a browser, against answers of our own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trivium import service

pytestmark = pytest.mark.browser
STATIC = Path(next(iter(service.__path__))) / "static"
PAGE = """<!doctype html><script src="/static/polling.js" defer></script><script src="/static/jobs.js" defer></script>
<a href="/elsewhere">elsewhere</a>
<div data-job="1" data-reload><span class="state queued" data-field="state_text">waits</span>
<progress max="1" value="0" data-field="progress"></progress>
<button data-if="can_cancel">stop</button><button data-if="can_retry" hidden>again</button></div>"""


class Site:
    """Answers a tab; counts how often the job's page was loaded and its state asked for."""

    def __init__(self, context) -> None:
        self.loads, self.asked, self.tags = 0, 0, []
        self.job = {"state": "running", "state_text": "runs", "progress": 0.4, "is_final": False, "can_cancel": True}
        self.held = None  # the request for the other page, which is not answered yet
        context.route("**/*", self._answer)

    def end(self) -> None:
        self.job = {"state": "done", "state_text": "is done", "progress": 1.0, "is_final": True}

    def _answer(self, route) -> None:
        path = route.request.url.removeprefix("http://suite.test")
        if path == "/jobs/1":
            self.loads += 1
            route.fulfill(body=PAGE, content_type="text/html")
        elif path.startswith("/static/"):
            route.fulfill(path=STATIC / path.removeprefix("/static/"), content_type="text/javascript")
        elif path == "/api/jobs/1":
            self.asked += 1
            tag = f'"{self.job["state"]}"'
            self.tags.append(route.request.headers.get("if-none-match", ""))
            if self.tags[-1] == tag:
                route.fulfill(status=304, headers={"ETag": tag})
            else:
                route.fulfill(body=json.dumps(self.job), headers={"ETag": tag}, content_type="application/json")
        else:
            self.held = route


@pytest.fixture
def site(browser):
    context = browser.new_context()
    site = Site(context)
    site.tab = context.new_page()
    site.tab.goto("http://suite.test/jobs/1")
    yield site
    context.close()


def _wait(site, is_so) -> None:
    for _ in range(100):
        if is_so():
            return
        site.tab.wait_for_timeout(50)
    pytest.fail("still not so after five seconds")


def test_a_job_is_followed_to_its_end_and_its_page_loaded_anew(site):
    state = site.tab.locator("[data-field=state_text]")
    state.get_by_text("runs").wait_for()
    assert state.get_attribute("class") == "state running"
    assert site.tab.locator("progress").get_attribute("value") == "0.4"
    _wait(site, lambda: site.asked == 2)
    assert site.tags == ["", '"running"']
    site.end()
    _wait(site, lambda: site.loads == 2)


def test_what_a_job_offers_follows_its_state(site):
    offered = site.tab.locator("button:visible")
    site.tab.evaluate("() => document.querySelector('[data-job]').removeAttribute('data-reload')")  # as in a list
    site.tab.locator("[data-field=state_text]").get_by_text("runs").wait_for()
    assert offered.all_inner_texts() == ["stop"]
    site.job = {"state": "failed", "state_text": "failed", "progress": 0.4, "is_final": True, "can_retry": True}
    site.tab.locator("[data-field=state_text]").get_by_text("failed").wait_for()
    assert offered.all_inner_texts() == ["again"]


def test_who_follows_another_job_is_told_no_more_of_the_first(site):
    site.tab.locator("[data-field=state_text]").get_by_text("runs").wait_for()
    site.tab.evaluate(
        "() => { window.told = []; window.mine = 1;"
        " followJob('1', (job, clock) => told.push([job.state, clock > 0]), () => mine === 1) }"
    )
    _wait(site, lambda: site.tab.evaluate("told.length") == 1)
    site.tab.evaluate("() => { window.mine = 2; document.querySelector('[data-job]').removeAttribute('data-reload') }")
    site.end()
    site.tab.locator("[data-field=state_text]").get_by_text("is done").wait_for()
    site.tab.wait_for_timeout(600)  # in which it would ask
    assert site.tab.evaluate("told") == [["running", True]]


def test_the_end_of_a_job_does_not_undo_a_click(site):
    site.tab.locator("[data-field=state_text]").get_by_text("runs").wait_for()
    site.tab.get_by_role("link").click(no_wait_after=True)
    _wait(site, lambda: site.held is not None)
    site.end()
    asked = site.asked
    _wait(site, lambda: site.asked > asked)
    site.tab.wait_for_timeout(300)  # in which the page would be loaded anew
    site.held.fulfill(body="<h1>here</h1>", content_type="text/html")
    site.tab.get_by_role("heading", name="here").wait_for()
    assert site.loads == 1

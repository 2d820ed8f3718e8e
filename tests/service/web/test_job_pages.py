"""The pages of jobs: permanent, in two languages, with forms that work without a script."""

from __future__ import annotations

import html
import itertools
import re
from datetime import timedelta

import pytest
from tests.service.web.conftest import HTML

from trivium.service.database import utc_now
from trivium.service.errors import InputError
from trivium.service.runner import run_job
from trivium.service.runtime import LOCAL_USER

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # gradio and httpx clients under test


def test_a_jobs_page_is_permanent_and_escaped(visitor, job):
    text = visitor.get(f"/jobs/{job.id}", headers=HTML).text
    assert "<h1>Counted &lt;to&gt; 3</h1>" in text
    assert f'href="/toy/?job={job.id}"' in text
    assert f'href="/files/{job.id}/r%C3%A9sum%C3%A9%201.html?inline=1"' in text
    assert f'href="/jobs/{job.id}"' in visitor.get("/jobs", headers=HTML).text


def button(text: str, action: str) -> bool:
    return re.search(rf'<form method="post" action="{re.escape(action)}"(?![^>]* hidden)', text) is not None


def test_forms_cancel_retry_and_replay_without_a_script(visitor, runtime):
    job = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={"to": 2}, title="Two")
    url = f"/jobs/{job.id}"
    waiting = visitor.get(url, headers=HTML).text
    assert [button(waiting, f"{url}/{verb}") for verb in ("cancel", "retry", "replay")] == [True, False, False]
    listed = visitor.get("/jobs", headers=HTML).text
    assert [button(listed, f"{url}/{verb}") for verb in ("cancel", "retry")] == [True, False]
    answer = visitor.post(f"{url}/cancel", headers=HTML, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, url)
    ended = visitor.get(url, headers=HTML).text
    assert [button(ended, f"{url}/{verb}") for verb in ("cancel", "retry", "replay")] == [False, True, True]
    assert button(visitor.get("/jobs", headers=HTML).text, f"{url}/retry")
    assert "tried again by its owner" in visitor.post(f"{url}/retry", headers=HTML).text
    assert runtime.jobs.get(job.id).state == "queued"


def test_a_double_click_on_replay_gives_one_job(visitor, runtime, job):
    page = visitor.get(f"/jobs/{job.id}", headers=HTML).text
    key = re.search(r'name="key" value="([0-9a-f]{32})"', page).group(1)
    places = {
        visitor.post(f"/jobs/{job.id}/replay", data={"key": key}, follow_redirects=False).headers["location"]
        for _ in range(2)
    }
    assert len(places) == 1
    again = visitor.get(places.pop(), headers=HTML).text
    assert f'<a href="/jobs/{job.id}">A replay of an earlier job</a>' in again


@pytest.mark.parametrize("verb", ["cancel", "retry", "replay"])
def test_forms_of_other_sites_and_for_other_owners_do_nothing(visitor, runtime, verb):
    other = runtime.jobs.submit(app="toy", kind="count", owner="ann", request={})
    own = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={})
    assert visitor.post(f"/jobs/{other.id}/{verb}").status_code == 404
    assert visitor.post(f"/jobs/{own.id}/{verb}", headers={"origin": "http://evil.example"}).status_code == 403
    assert visitor.post(f"/api/jobs/{other.id}/{verb}").status_code == 404
    assert {runtime.jobs.get(other.id).version, runtime.jobs.get(own.id).version} == {1}


def test_history_is_told_in_the_visitors_language(visitor, runtime):
    job = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={})
    held = runtime.jobs.claim(job.id, "w-1")
    runtime.jobs.report_progress(held, "counting", 0.5, is_new_stage=True)
    runtime.jobs.cancel(job.id)
    text = " ".join(re.sub(r"<[^>]+>", " ", visitor.get(f"/jobs/{job.id}?lang=zh", headers=HTML).text).split())
    assert "UTC 等待中" in text
    assert "UTC 运行中 w-1" in text
    assert "UTC 阶段 计数" in text
    assert "UTC 已请求停止" in text


def test_a_failed_job_shows_its_line_and_reference(visitor, runtime):
    def work(context):
        raise InputError("is empty", where="a.htm")

    job = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={})
    run_job(job.id, work, runtime=runtime)
    text = visitor.get(f"/jobs/{job.id}", headers=HTML).text
    assert "a.htm: is empty" in text
    assert f"Reference {runtime.jobs.get(job.id).error_reference}" in text


def test_a_job_that_was_set_aside_names_its_stage_as_the_app_does(visitor, runtime, monkeypatch):
    hours = itertools.count()
    job = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={})
    monkeypatch.setattr(runtime.jobs, "_now", lambda: utc_now() + timedelta(hours=next(hours)))  # every lease is over
    for _ in range(runtime.jobs.policy.max_attempts):
        held = runtime.jobs.claim(job.id, "w-1")
        runtime.jobs.report_progress(held, "counting", 0.5, is_new_stage=True)
        runtime.jobs.recover()
    for language, line in (
        ("zh", "3 次，最近一次在“计数”阶段"),
        ("en", "ran this job, the last time in the stage 'Counting'"),
    ):
        assert line in html.unescape(visitor.get(f"/jobs/{job.id}?lang={language}", headers=HTML).text)
        assert line in visitor.get(f"/api/jobs/{job.id}").json()["error_text"]

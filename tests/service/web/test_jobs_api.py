"""Jobs by the web shell's API: state by polling, submitting, replaying, how long is left."""

from __future__ import annotations

import pytest
from tests.service.web.conftest import HTML

from trivium.service.estimate import Estimate
from trivium.service.evidence import Report
from trivium.service.pages import remaining_text
from trivium.service.runner import run_job
from trivium.service.runtime import LOCAL_USER

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # gradio and httpx clients under test


def test_state_by_polling_costs_nothing_while_nothing_changes(visitor, runtime):
    job = runtime.jobs.submit(app="toy", kind="count", owner=LOCAL_USER, request={}, title="Two")
    first = visitor.get(f"/api/jobs/{job.id}")
    assert (first.json()["state"], first.json()["title"], first.json()["is_final"]) == ("queued", "Two", False)
    same = visitor.get(f"/api/jobs/{job.id}", headers={"if-none-match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    held = runtime.jobs.claim(job.id, "w")
    runtime.jobs.report_progress(held, "counting", 0.25, is_new_stage=True)
    changed = visitor.get(f"/api/jobs/{job.id}?lang=zh", headers={"if-none-match": first.headers["etag"]}).json()
    assert (changed["state_text"], changed["stage_text"], changed["progress"]) == ("运行中", "计数", 0.25)
    assert visitor.post(f"/api/jobs/{job.id}/cancel").json()["cancel_requested"] is True


def test_a_job_by_api(visitor, runtime):
    sha256 = visitor.post("/api/uploads?name=a.htm", content=b"abc").json()["sha256"]
    body = {"app": "toy", "kind": "count", "request": {"to": 2}, "inputs": [{"name": "a.htm", "sha256": sha256}]}
    first = visitor.post("/api/jobs", json=body, headers={"idempotency-key": "k"})
    again = visitor.post("/api/jobs", json=body, headers={"idempotency-key": "k"})
    assert (first.status_code, again.json()["id"]) == (201, first.json()["id"])
    job = runtime.jobs.get(first.json()["id"], owner=LOCAL_USER)
    assert (job.request, job.inputs[0].size) == ({"to": 2}, 3)
    assert job.id in [found["id"] for found in visitor.get("/api/jobs").json()]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"app": "nose"}, 400, "no app is called 'nose'; enabled: toy, absent"),
        ({"inputs": [{"name": "a", "sha256": "0" * 64}]}, 404, "0000000000000000: no such content in the store"),
        ({"inputs": [{"name": "a", "sha256": "../x"}]}, 422, "body.inputs.0.sha256: does not have the form ^"),
        ({"kind": "../x"}, 422, "body.kind: does not have the form ^"),
    ],
)
def test_a_wrong_job_is_refused_in_one_line(visitor, change, status, message):
    answer = visitor.post("/api/jobs", json={"app": "toy", "kind": "count", "request": {}} | change)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(message)


def test_what_is_someone_elses_is_not_there(visitor, runtime):
    job = runtime.jobs.submit(app="toy", kind="count", owner="ann", request={})
    for path in (f"/jobs/{job.id}", f"/api/jobs/{job.id}", f"/files/{job.id}/a.html"):
        assert visitor.get(path).status_code == 404
    assert visitor.post(f"/api/jobs/{job.id}/cancel").status_code == 404
    assert job.id not in visitor.get("/jobs", headers=HTML).text


def test_a_done_job_is_replayed_by_api_but_not_retried(visitor, runtime, job):
    refused = visitor.post(f"/api/jobs/{job.id}/retry")
    assert refused.status_code == 400
    assert refused.json()["error"].endswith("the job is done; replay it to do the same work as a new job")
    again = visitor.post(f"/api/jobs/{job.id}/replay", headers={"idempotency-key": "again"})
    assert (again.status_code, again.json()["origin"]) == (201, job.id)


def test_the_remaining_time_is_told_once_three_jobs_are_done(visitor, runtime):
    for _ in range(3):
        earlier = runtime.jobs.submit(app="toy", kind="wait", owner=LOCAL_USER, request={})
        run_job(earlier.id, lambda context: Report("", "en"), runtime=runtime)
    job = runtime.jobs.submit(app="toy", kind="wait", owner=LOCAL_USER, request={})
    state = visitor.get(f"/api/jobs/{job.id}")
    assert state.json()["remaining_text"] == "takes about 10 s once it starts"
    assert 0 <= state.json()["remaining_s"] < 5
    assert visitor.get(f"/api/jobs/{job.id}", headers={"if-none-match": state.headers["etag"]}).status_code == 304
    assert "开始后约需 10 秒" in visitor.get(f"/jobs/{job.id}?lang=zh", headers=HTML).text
    visitor.get("/?lang=en")


@pytest.mark.parametrize(
    ("seconds", "is_late", "text"),
    [
        (0.0, False, "about 10 s left"),
        (41.0, False, "about 50 s left"),
        (60.1, False, "about 2 min left"),
        (3601.0, False, "about 2 h left"),
        (5.0, True, "takes longer than usual, at least 10 s more"),
    ],
)
def test_times_are_rounded_up(runtime, seconds, is_late, text):
    job = runtime.jobs.claim(runtime.jobs.submit(app="toy", kind="count", owner="ann", request={}).id, "w")
    assert remaining_text(job, Estimate(seconds, 3, is_late=is_late), "en") == text

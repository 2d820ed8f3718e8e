"""Running a job: the one place where an error becomes a state."""

import errno
import json
import time
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from trivium.service.database import utc_now
from trivium.service.errors import InputError
from trivium.service.evidence import Claim, Evidence, FactAnchor, Report, ReportFile, Sentence
from trivium.service.jobs import JobPolicy, JobState
from trivium.service.phrase import translate
from trivium.service.runner import report_to_json, run_job

CLAIM = Claim("c1", Decimal("1.50"), "USD", (Evidence("d" * 64, FactAnchor("", "f-1")),))


def submit(runtime, **fields):
    values = {"app": "toy", "kind": "count", "owner": "ann", "request": {"to": 3}} | fields
    return runtime.jobs.submit(**values)


def test_a_report_is_stored_with_its_files(runtime):
    def work(context):
        context.progress("parse", 0.5)
        blob = context.store.put(b"<p>3</p>")
        file = ReportFile("report.html", "text/html", blob.sha256, blob.size)
        return Report(
            f"Counted to {context.request['to']}", "en", {"c1": CLAIM}, (Sentence("It is 1.50.", ("c1",)),), (file,)
        )

    job = submit(runtime)
    run_job(job.id, work, runtime=runtime)
    done = runtime.jobs.get(job.id)
    assert (done.state, done.title) == (JobState.DONE, "Counted to 3")
    assert runtime.store.read(done.files[0].sha256) == b"<p>3</p>"
    report = json.loads(runtime.store.read(done.report_sha256))
    assert report["claims"][0]["value"] == "1.50"
    assert report["claims"][0]["evidence"][0]["fact_id"] == "f-1"
    assert report["sentences"] == [{"text": "It is 1.50.", "claim_ids": ["c1"]}]


def test_a_users_error_is_shown_with_the_reference_that_the_log_has(runtime):
    def work(context):
        raise InputError("is empty", where="a.htm", hint="give a filing")

    job = submit(runtime)
    with capture_logs() as logged:
        run_job(job.id, work, runtime=runtime)
    failed = runtime.jobs.get(job.id)
    assert (failed.state, failed.error) == (JobState.FAILED, "a.htm: is empty; give a filing")
    assert [line["reference"] for line in logged if line["event"] == "job.failed"] == [failed.error_reference]


def test_our_own_error_hides_its_details_from_the_page(runtime):
    job = submit(runtime)
    with capture_logs() as logged:
        run_job(job.id, lambda context: 1 / 0, runtime=runtime)
    failed = runtime.jobs.get(job.id)
    assert failed.state == JobState.FAILED
    assert "zero" not in failed.error
    crash = next(line for line in logged if line["event"] == "job.crashed")
    assert (crash["reference"], crash["exc_info"]) == (failed.error_reference, True)


def test_a_message_for_a_job_that_ended_is_dropped(runtime):
    job = submit(runtime)
    run_job(job.id, lambda context: Report("once", "en"), runtime=runtime)
    run_job(job.id, lambda context: pytest.fail("ran twice"), runtime=runtime)
    assert runtime.jobs.get(job.id).attempts == 1


def test_progress_is_written_for_each_stage_but_not_for_each_call(runtime):
    def work(context):
        for step in range(1000):
            context.progress("parse" if step < 500 else "analyze", step / 1000)
        return Report("", "en")

    job = submit(runtime)
    run_job(job.id, work, runtime=runtime)
    assert [event.stage for event in runtime.jobs.events(job.id) if event.what == "stage"] == ["parse", "analyze"]
    assert runtime.jobs.get(job.id).version < 20


def test_cancel_stops_the_work_at_its_next_sign_of_progress(runtime):
    runtime.jobs.policy = JobPolicy(renew_s=0.02)

    def work(context):
        runtime.jobs.cancel(context.job.id)
        for step in range(1000):
            time.sleep(0.01)
            context.progress("parse", step / 1000)
        pytest.fail("was not stopped")

    job = submit(runtime)
    run_job(job.id, work, runtime=runtime)
    assert runtime.jobs.get(job.id).state == JobState.CANCELLED


def test_a_worker_that_lost_its_lease_stops_and_writes_nothing(runtime, clock):
    runtime.jobs.policy = JobPolicy(renew_s=0.02)

    def work(context):
        for step in range(1000):
            clock.forward(7)
            runtime.jobs.recover()  # finds nothing when the lease was renewed between the two, so again
            time.sleep(0.01)
            context.progress("parse", step / 1000)
        pytest.fail("was not stopped")

    job = submit(runtime)
    run_job(job.id, work, runtime=runtime)
    assert runtime.jobs.get(job.id).state == JobState.QUEUED


def test_the_lease_is_renewed_while_the_work_takes_longer_than_it(runtime):
    runtime.jobs._now = utc_now
    runtime.jobs.policy = JobPolicy(lease_s=0.3, renew_s=0.05)

    def work(context):
        time.sleep(0.6)
        assert runtime.jobs.recover() == []
        return Report("long", "en")

    job = submit(runtime)
    run_job(job.id, work, runtime=runtime)
    assert runtime.jobs.get(job.id).title == "long"


def test_a_disk_that_fills_up_while_a_job_works_is_told(runtime):
    def work(context):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/half.xlsx")

    job = submit(runtime)
    run_job(job.id, work, runtime=runtime)
    ended = runtime.jobs.get(job.id)
    assert ended.state == JobState.FAILED
    assert translate(ended.error, "en").startswith("the server's disk is full; free some space")
    assert translate(ended.error, "zh").startswith("服务器磁盘已满；请清理磁盘")


def test_text_claims_are_marked():
    claim = Claim("t", "Acme", "", CLAIM.evidence)
    assert report_to_json(Report("", "en", {"t": claim}))["claims"][0]["is_text"] is True
